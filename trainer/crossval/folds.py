"""The folds of a cross-validation: one run each, then its held-out frames assessed once.

Its folder: `crossval.json` (what was asked), a run for each fold in `fold-1` and so on with `assessed.jsonl` (what its
network found on each frame that it never saw), then `report.json` and `report.md`. Killed at any moment, the same call
goes on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
from rich.console import Console

from trainer.crossval import table
from trainer.crossval.assess import Assessed, assess
from trainer.crossval.pooled import pool
from trainer.data.split import parse_fold
from trainer.files import replace_file
from trainer.learn import checkpoint
from trainer.learn.series import finish, keep_alike
from trainer.settings import Settings


def crossval(settings: Settings, folds: int, folder: Path, console: Console, *, flips: bool, edges_px: int) -> None:
    """Train and assess every fold that is not done yet, and write the report of all frames.

    `flips`: each frame is also assessed as the mean of its four flips. `edges_px`: how far from a true outline a found
    one may lie and still be right, in the figures that allow for it.

    Raises:
        DataError: data that cannot be used, or a folder that holds another cross-validation.
        UserError: as `trainer.learn.train.fit`.
        Stopped: a signal ended it; the same call goes on.
    """
    parse_fold(f"1/{folds}")  # refuses a count that cannot be
    keep_alike(replace(settings, fold=f"*/{folds}"), folder / "crossval.json")
    by_fold: list[list[Assessed]] = []
    for number in range(1, folds + 1):
        run = folder / f"fold-{number}"
        finish(replace(settings, fold=f"{number}/{folds}"), run, console)
        by_fold.append(assess(run, flips=flips, edges_px=edges_px))
        class_names = checkpoint.load(run / "last.pt")[0].class_names
        console.print(table.progress(pool(by_fold, draws=0)), soft_wrap=True)
    report = pool(by_fold)
    text = table.markdown(report, class_names)
    _write(folder / "report.json", msgspec.json.format(msgspec.json.encode(report), indent=1))
    _write(folder / "report.md", text.encode())
    console.print(text, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{folder / 'report.md'}, {folder / 'report.json'}")


def _write(path: Path, content: bytes) -> None:
    with replace_file(path) as temporary:
        temporary.write_bytes(content)
