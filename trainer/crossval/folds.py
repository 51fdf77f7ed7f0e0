"""The folds of a cross-validation: one run each, then its held-out frames assessed once.

Its folder: `crossval.json` (what was asked), a run for each fold in `fold-1` and so on with `assessed.jsonl` (what its
network found on each frame that it never saw), then `report.json` and `report.md`. Killed at any moment, the same call
goes on.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console

from trainer.crossval import table
from trainer.crossval.assess import Assessed, assess
from trainer.crossval.jobs import run_jobs
from trainer.crossval.pooled import PooledReport, pool
from trainer.data import sources
from trainer.data.split import parse_fold
from trainer.errors import DataError, UserError
from trainer.files import replace_file
from trainer.learn import checkpoint
from trainer.learn.origin import ASKED, doubts, refuse_measured, refuse_taught
from trainer.learn.series import finish, keep_alike
from trainer.settings import Settings

LEAK = "the fold that is held out would say when its network is best, and is what the figures are of"


def crossval(
    settings: Settings, folds: int, folder: Path, console: Console, *, flips: bool, edges_px: int, at_once: int = 1
) -> PooledReport:
    """Train and assess every fold that is not done yet; write the report of all frames, and return it.

    `flips`: each frame is also assessed as the mean of its four flips. `edges_px`: how far from a true outline a found
    one may lie and still be right, in the figures that allow for it. `at_once`: folds that learn at the same time.

    Raises:
        DataError: data that cannot be used, a folder that holds another cross-validation, or a network to begin with
            that has learnt from DATA.
        UserError: as `trainer.learn.train.fit`, or patience (see `without_patience`).
        Stopped: a signal ended it; the same call goes on.
    """
    parse_fold(f"1/{folds}")  # refuses a count that cannot be
    if settings.patience:
        raise UserError(f"--patience {settings.patience}: {LEAK}. Leave it out.")
    is_new = keep_alike(replace(settings, fold=f"*/{folds}"), folder / ASKED)
    by_fold: list[list[Assessed]] = []
    runs = {number: folder / f"fold-{number}" for number in range(1, folds + 1)}
    each = {
        number: partial(one_fold, of_fold(settings, number, folds), run, flips, edges_px)
        for number, run in runs.items()
    }
    if is_new:
        refuse_early(settings, folds)
    if at_once > 1:
        run_jobs([(each[number], run.with_suffix(".log")) for number, run in runs.items()], at_once, console)
    for number, run in runs.items():
        by_fold.append(each[number](console))
        class_names = checkpoint.load(run / "last.pt")[0].class_names
        console.print(table.progress(pool(by_fold, draws=0)), soft_wrap=True)
    report = pool(by_fold)
    text = "\n\n".join([*doubts(settings), table.markdown(report, class_names)])
    _write(folder / "report.json", msgspec.json.format(msgspec.json.encode(report), indent=1))
    _write(folder / "report.md", text.encode())
    console.print(text, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{folder / 'report.md'}, {folder / 'report.json'}")
    return report


def without_patience(settings: Settings, console: Console) -> Settings:
    """Return settings that end a fold's network by its budget alone, and say so: the paper's preset has patience."""
    if settings.patience:
        words = f"--patience {settings.patience} is left out: {LEAK}. --epochs or --minutes end each"
        console.print(words, soft_wrap=True, markup=False, highlight=False)
    return replace(settings, patience=0)


def one_fold(settings: Settings, run: Path, flips: bool, edges_px: int, console: Console) -> list[Assessed]:
    """Train a fold's network unless that is done, and return its held-out frames assessed."""
    finish(settings, run, console)
    return assess(run, flips=flips, edges_px=edges_px)


def of_fold(settings: Settings, number: int, folds: int) -> Settings:
    """Return a fold's settings; where it starts from or is taught by another cross-validation, by that one's fold.

    Raises:
        DataError: a network that has seen, or may have seen, frames that are held out from it.
    """
    settings = replace(settings, fold=f"{number}/{folds}")
    return replace(
        settings,
        start=settings.start and _fold_of("--start", settings.start, settings),
        teacher=settings.teacher and _fold_of("--teacher", settings.teacher, settings),
    )


def refuse_early(settings: Settings, folds: int) -> None:
    """Raise DataError before the first fold where a later one would be refused, which may be after hours.

    Each frame is measured in some fold, so that a network by itself may have learnt from none; another cross-validation
    has one for each fold.
    """
    for option, origin in (("--start", settings.start), ("--teacher", settings.teacher)):
        if not origin or not (Path(origin) / ASKED).is_file():
            continue
        runs = [f"fold-{number}" for number in range(1, folds + 1)]
        if lacking := [run for run in runs if not (Path(origin) / run / "last.pt").is_file()]:
            raise DataError(
                f"{option} {origin}: its {lacking[0]} has no last.pt; expected one in each fold. Give its own command "
                "again, which goes on, or name another."
            )
    if settings.start or settings.teacher:
        frames = sources.frames(settings.data, settings.only, window=settings.grey_window, size=settings.size)
        refuse_measured(replace(settings, fold=f"*/{folds}"), frames)


def _fold_of(option: str, origin: str, settings: Settings) -> str:
    """Return the network of `origin` that has not seen what `settings.fold` holds out."""
    path = Path(origin)
    number, folds = parse_fold(settings.fold or "")
    if (path / ASKED).is_file():
        before = json.loads((path / ASKED).read_text())
        same = (list(settings.data), settings.only, settings.seed, f"*/{folds}")
        if (before["data"], before["only"], before["seed"], before["fold"]) != same:
            raise DataError(
                f"{option} {origin}: its folds are others; expected the same DATA, --only, --seed and --folds"
            )
        return str(path / f"fold-{number}" / "last.pt")
    refuse_taught(option, origin, settings)
    return origin


def _write(path: Path, content: bytes) -> None:
    with replace_file(path) as temporary:
        temporary.write_bytes(content)
