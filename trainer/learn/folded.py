"""A run that learns from all of its frames, and the networks that measure it.

Where frames are few, each that is held out to be measured on is missed in learning, and those few measure nothing. So
the run's own network learns from all of them. Others, taught alike in `fold-1` and so on, each learn from all but one
part: what they find there, put together, says of every frame what such a network finds that never saw it.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from trainer.data.split import parse_fold
from trainer.errors import UserError
from trainer.learn.checkpoint import Card
from trainer.learn.origin import refuse_taught
from trainer.learn.series import finish
from trainer.learn.stop import RunStopped
from trainer.learn.train import AGAIN, fit, next_commands
from trainer.settings import Settings


def fold_folders(run: Path, settings: Settings) -> list[Path]:
    """Return the folders of the networks that measure a run; none where it has frames of its own for that."""
    return [run / f"fold-{number}" for number in range(1, (settings.folds or 0) + 1)]


def of_fold(settings: Settings, number: int) -> Settings:
    """Return the settings of one of those networks."""
    return replace(settings, folds=None, fold=f"{number}/{settings.folds}", minutes=settings.own_minutes)


def fit_folded(settings: Settings, run: Path, console: Console, resume: bool = False) -> Card:
    """Teach the run's network, then those that measure it; return the card of the former.

    What is finished is not done again: with `resume` the same call goes on wherever it was stopped.

    Raises:
        UserError: as `trainer.learn.train.fit`, or settings that need frames to measure on.
        RunStopped: a signal ended it.
    """
    _refuse(settings)
    card = fit(settings, run, console, resume)
    for number, folder in enumerate(fold_folders(run, card.settings), 1):
        try:
            finish(of_fold(card.settings, number), folder, console)
        except RunStopped as stopped:
            again = AGAIN.format(shlex.quote(str(run)))
            raise RunStopped(f"stopped in {folder.name}; go on with: {again}", stopped.exit_code - 128) from stopped
    console.print(f"{run}: next: {next_commands(run)}", soft_wrap=True)
    return card


def _refuse(settings: Settings) -> None:
    parse_fold(f"1/{settings.folds}")
    if settings.fold:
        raise UserError(f"--fold {settings.fold} stands next to --folds, which makes them all. Leave one out.")
    if settings.patience:
        raise UserError("--patience needs frames to measure on, and with --folds all of them teach. Leave one out.")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("--folds: under torchrun a network at a time is taught. Run it without torchrun.")
    for option, origin in (("--start", settings.start), ("--teacher", settings.teacher)):
        if origin:
            refuse_taught(option, origin, settings)
