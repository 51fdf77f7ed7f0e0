"""The paper's experiment: encoders trained alike, on one split, and their figures next to the paper's.

Its folder: `compare.json` (what was asked), `split.csv` (made once, followed by all), a run for each encoder in a
folder of its name, `table.md` and `table.csv`. A run is done when its `finished.json` names the step that its `last.pt`
is of.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from trainer.data.split import KEPT, keep_split, open_data
from trainer.errors import UserError
from trainer.files import replace_file
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.origin import keep_teaching, refuse_measured
from trainer.learn.series import finish, keep_alike
from trainer.metrics import CONVENTIONS
from trainer.paper import table
from trainer.paper.cost import Stopwatch, count_gflop, count_parameters
from trainer.paper.table import ComparisonBasis, EncoderFigures
from trainer.settings import Settings

Interval = tuple[float | None, float | None, float | None]
"""A figure and the bounds of its interval; None where nothing measures it."""


def compare(settings: Settings, encoders: Sequence[str], folder: Path, console: Console) -> None:
    """Train each encoder as `settings` say, unless it is done already, and write the tables.

    Called again after an interruption it goes on: with the next encoder, or within one from its `last.pt`.

    Raises:
        DataError: data that cannot be used, or a folder that holds a comparison of something else.
        UserError: as `trainer.learn.train.fit`.
    """
    is_new = keep_alike(settings, folder / "compare.json", own=("encoder",))
    settings = share_split(settings, folder / "split.csv", console, is_new=is_new)
    for encoder in encoders:
        finish(replace(settings, encoder=encoder), folder / encoder, console)
    write_tables(*measure([folder / encoder for encoder in encoders]), folder, console)


def write_tables(rows: Sequence[EncoderFigures], basis: ComparisonBasis, folder: Path, console: Console) -> None:
    """Write and print the table."""
    _write(folder / "table.md", table.markdown(rows, basis))
    _write(folder / "table.csv", table.to_csv(rows))
    console.print(table.on_terminal(rows))
    for note in table.notes(basis):
        console.print(f"- {note}")
    console.print(f"{folder / 'table.md'}, {folder / 'table.csv'}")


def share_split(settings: Settings, path: Path, console: Console, *, is_new: bool) -> Settings:
    """Return settings that follow the comparison's own split, written where there is none or no run has begun.

    Raises:
        DataError: data that cannot be used, or that a network has learnt from where the user says what measures: here
            still by the file that he named.
    """
    if settings.validate:
        return settings
    if is_new or not path.is_file():
        parts = open_data(settings, taught=keep_teaching(settings, console))
        if settings.split or settings.fold:
            refuse_measured(settings, parts[1])
        if kept := keep_split(path, *parts):
            console.print(KEPT.format(path, kept), soft_wrap=True, markup=False, highlight=False)
    return replace(settings, split=str(path), fold=None)


def measure(runs: Sequence[Path]) -> tuple[list[EncoderFigures], ComparisonBasis]:
    """Return the figures of finished runs, and what they rest on; frames a second are measured now, side by side."""
    cards, speeds, device = _timed({run.name: run / "best.pt" for run in runs})
    rows = [
        EncoderFigures(run.name, {**read_figures(run, cards[run.name]), "frames_per_s": speeds[run.name]})
        for run in runs
    ]
    parts = _parts(runs[0])
    return rows, ComparisonBasis(parts["train"], parts["validation"], device, _loss(cards[runs[0].name]))


def measure_folds(
    folds: Mapping[str, Sequence[Path]], pooled: Mapping[str, Mapping[str, Interval]], frames: int
) -> tuple[list[EncoderFigures], ComparisonBasis]:
    """Return the figures of cross-validated encoders: `folds` are the runs of each, `pooled` what all frames gave."""
    cards, speeds, device = _timed({encoder: runs[0] / "last.pt" for encoder, runs in folds.items()})
    rows = []
    for encoder, runs in folds.items():
        ends = [_ends(_lines(run)) for run in runs]
        figures = {
            **{name: value for name, (value, _, _) in pooled[encoder].items()},
            "epochs": max(line["epoch"] for line in _lines(runs[0]).values()),
            "minutes_per_epoch": median(_minutes_per_epoch(of_run) for of_run in ends),
            "parameters": count_parameters(cards[encoder]),
            "gflop": count_gflop(cards[encoder]),
            "frames_per_s": speeds[encoder],
        }
        bounds = {
            name: (low, high)
            for name, (_, low, high) in pooled[encoder].items()
            if low is not None and high is not None
        }
        rows.append(EncoderFigures(encoder, figures, bounds))
    first = next(iter(folds.values()))
    learned = round(sum(_parts(run)["train"] for run in first) / len(first))
    return rows, ComparisonBasis(learned, frames, device, _loss(next(iter(cards.values()))), len(first))


def _timed(checkpoints: Mapping[str, Path]) -> tuple[dict[str, Card], dict[str, float], str]:
    """Return cards and frames a second of networks, timed side by side, and in words what they were timed on."""
    cards, unets = {}, {}
    for name, path in checkpoints.items():
        cards[name], weights, _ = checkpoint.load(path)
        unets[name] = checkpoint.build(cards[name])
        unets[name].load_state_dict(weights)
    watch = Stopwatch(next(iter(cards.values())).settings.precision)
    return cards, watch.frames_per_s(unets), f"{watch.device}, {watch.precision}, batch {watch.batch}"


def _parts(run: Path) -> Counter[str]:
    with (run / "split.csv").open(encoding="utf-8", newline="") as file:
        return Counter(row["part"] for row in csv.DictReader(file))


def _loss(card: Card) -> str:
    loss = card.settings.loss
    return "softmax cross-entropy" + ("" if loss == "cross_entropy" else f" plus {loss}")


def read_figures(run: Path, best: Card) -> dict[str, float | None]:
    """Return what a run's folder says of it; `best` is the card of its `best.pt`.

    Raises:
        UserError: no epoch of the best network in `metrics.jsonl`.
    """
    lines = _lines(run)
    if best.step not in lines:
        raise UserError(
            f"{run / 'metrics.jsonl'}: no line of step {best.step}, which best.pt is of. Remove {run}, train it again."
        )
    return {
        "loss": lines[best.step].get("validation_loss"),
        **{f"{ratio}_{name}": best.scores.get(f"{ratio}_{name}") for ratio in ("iou", "dice") for name in CONVENTIONS},
        "epochs": max(line["epoch"] for line in lines.values()),
        "best_epoch": lines[best.step]["epoch"],
        "minutes_per_epoch": _minutes_per_epoch(_ends(lines)),
        "parameters": count_parameters(best),
        "gflop": count_gflop(best),
    }


def _lines(run: Path) -> dict[int, dict[str, Any]]:
    """Return what a run wrote down of its epochs, by their last steps."""
    return {line["step"]: line for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())}


def _ends(lines: Mapping[int, Mapping[str, Any]]) -> list[tuple[int, float]]:
    return [(0, 0.0), *((step, lines[step]["elapsed_s"]) for step in sorted(lines))]


def _minutes_per_epoch(ends: Sequence[tuple[int, float]]) -> float:
    """Return the median over epochs of full length, given each one's last step and seconds since the run began."""
    epochs = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(ends)]
    steps = max(steps for steps, _ in epochs)  # the last one is shorter where the clock ended the run
    return median(seconds for length, seconds in epochs if length == steps) / 60


def _write(path: Path, text: str) -> None:
    with replace_file(path) as temporary:
        temporary.write_text(text, "utf-8")
