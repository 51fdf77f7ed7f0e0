"""`trainer compare`: the paper's Table 1 for one's own data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import convert
from rich.console import Console

from inspector.errors import EXIT_INTERRUPTED
from trainer.commands import fit
from trainer.commands.arguments import DATA_HELP, count
from trainer.errors import UserError
from trainer.learn.stop import RunStopped
from trainer.presets import PRESETS
from trainer.settings import ENCODERS, PAPER_ENCODERS, Settings

EDGES_PX = 5
"""As `trainer crossval` allows an outline to lie off, unless it is asked otherwise."""


def add_arguments(compare: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    compare.add_argument("data", nargs="+", metavar="DATA", help=DATA_HELP + "; several are joined")
    compare.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="of the runs and the table; asked again, it goes on"
    )
    compare.add_argument(
        "--encoders",
        nargs="+",
        choices=ENCODERS,
        default=PAPER_ENCODERS,
        metavar="ENCODER",
        help="(default: the paper's three)",
    )
    compare.add_argument(
        "--folds", type=count, metavar="N", help="cross-validate each: every frame measured once, with intervals"
    )
    compare.add_argument(
        "--jobs", type=count, default=1, metavar="N", help="folds that learn at the same time (default: %(default)s)"
    )
    fit.add_division(compare)
    fit.add_training(compare)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.files import hold_folder
    from trainer.paper.compare import compare

    settings = convert({**PRESETS["best"], **fit.asked(given), "folds": None}, Settings)
    if given.folds and (settings.validate or settings.split or settings.fold):
        raise UserError("--folds stands next to --validate, --split or --fold, which say otherwise what is held out")
    encoders = list(dict.fromkeys(given.encoders))
    try:
        with hold_folder(given.out):
            fit.warn_of_data(settings, console := Console())
            if given.folds:
                compare_folds(settings, encoders, given.out, console, folds=given.folds, at_once=given.jobs)
            else:
                compare(settings, encoders, given.out, console)
    except (KeyboardInterrupt, RunStopped) as stopped:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return stopped.exit_code if isinstance(stopped, RunStopped) else EXIT_INTERRUPTED
    return 0


def compare_folds(
    settings: Settings, encoders: Sequence[str], folder: Path, console: Console, *, folds: int, at_once: int
) -> None:
    """Cross-validate each encoder in a folder of its name, and write the table; asked again, it goes on."""
    from trainer.crossval.folds import crossval, without_patience
    from trainer.learn.series import keep_alike
    from trainer.paper.compare import measure_folds, write_tables

    settings = without_patience(settings, console)
    keep_alike(replace(settings, fold=f"*/{folds}"), folder / "compare.json", own=("encoder",))
    runs, pooled, frames = {}, {}, 0
    for encoder in encoders:
        report = crossval(
            replace(settings, encoder=encoder),
            folds,
            folder / encoder,
            console,
            flips=False,
            edges_px=EDGES_PX,
            at_once=at_once,
        )
        runs[encoder] = [folder / encoder / f"fold-{number}" for number in range(1, folds + 1)]
        pooled[encoder] = {
            name: (figure.value, figure.low, figure.high) for name, figure in report.plain.pooled.items()
        }
        frames = report.frames
    write_tables(*measure_folds(runs, pooled, frames), folder, console)
