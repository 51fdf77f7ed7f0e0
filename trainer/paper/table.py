"""Table 1 of the paper, compared with the same figures of our own runs, as Markdown, CSV and on a terminal.

Knows what each figure is of and says it; must not know how anything was trained or measured. A figure that nobody
measured is a dash.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from trainer.metrics import CONVENTIONS

PAPER_CONVENTION = "meter"
DASH = "-"
PAPER: Mapping[str, Mapping[str, float]] = {
    "resnet18": {"loss": 0.0109, "iou": 0.5216, "dice": 0.7526, "epochs": 23, "minutes_per_epoch": 17.6},
    "resnet34": {"loss": 0.0067, "iou": 0.5930, "dice": 0.8148, "epochs": 23, "minutes_per_epoch": 20.3},
    "resnet50": {"loss": 0.0078, "iou": 0.5650, "dice": 0.7910, "epochs": 21, "minutes_per_epoch": 29.6},
}
"""Repin & Kupriyanov, "Algorithms based on neural network for segmentation of defects on metal sheet images", T. 1."""
PAPER_IMAGES = 12568


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """One encoder's figures."""

    encoder: str
    figures: Mapping[str, float | None]
    """`loss` of the validation frames, `dice_` and `iou_` by convention, `epochs` trained, `best_epoch`,
    `minutes_per_epoch`, `parameters`, `gflop`, `frames_per_s`; None or nan where it was not measured."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Of those that a cross-validation measured: 95 % of the resampled sets of frames."""


@dataclass(frozen=True, slots=True)
class ComparisonBasis:
    """What our figures rest on."""

    learned_frames: int
    measured_frames: int
    device: str
    """That frames a second were measured on, with precision and batch."""
    loss: str
    """What the loss is, in words."""
    folds: int = 0
    """Of a cross-validation: every frame was measured once; 0: on one split."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One figure of all encoders."""

    name: str
    key: str
    digits: int
    paper: str = ""
    """Its key among the paper's figures; empty where the paper has none."""
    scale: float = 1.0


TABLE_ROWS = (
    TableRow("loss", "loss", 4, "loss"),
    *(
        TableRow(f"{title}, {name}", f"{ratio}_{name}", 4, ratio if name == PAPER_CONVENTION else "")
        for ratio, title in (("iou", "IoU"), ("dice", "Dice"))
        for name in CONVENTIONS
    ),
    TableRow("epochs", "epochs", 0, "epochs"),
    TableRow("figures are of epoch", "best_epoch", 0),
    TableRow("minutes per epoch", "minutes_per_epoch", 2, "minutes_per_epoch"),
    TableRow("parameters, millions", "parameters", 1, scale=1e-6),
    TableRow("GFLOP a 1600 x 256 frame", "gflop", 1),
    TableRow("frames a second", "frames_per_s", 2),
)


def cells(rows: Sequence[EncoderFigures]) -> list[list[str]]:
    """Return the table's lines, the head first: a name, then for each encoder ours and the paper's."""
    lines = [["", *(words for row in rows for words in (f"{row.encoder}, ours", f"{row.encoder}, paper"))]]
    for line in TABLE_ROWS:
        texts = [line.name]
        for row in rows:
            paper = PAPER.get(row.encoder, {}).get(line.paper)
            texts += [_cell(row.figures.get(line.key), line, row.intervals.get(line.key)), _cell(paper, line)]
        lines.append(texts)
    return lines


def markdown(rows: Sequence[EncoderFigures], basis: ComparisonBasis) -> str:
    """Return the table and what its figures are of."""
    head, *body = cells(rows)
    ruler = ["---", *("---:" for _ in head[1:])]
    lines = [f"| {' | '.join(line)} |" for line in (head, ruler, *body)]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes(basis))]) + "\n"


def to_csv(rows: Sequence[EncoderFigures]) -> str:
    """Return one line for each encoder and source, the figures unrounded; empty where none was measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["encoder", "source", *(line.key for line in TABLE_ROWS)])
    for row in rows:
        ours = [row.figures.get(line.key) for line in TABLE_ROWS]
        paper = [PAPER.get(row.encoder, {}).get(line.paper) for line in TABLE_ROWS]
        for source, figures in (("ours", ours), ("paper", paper)):
            writer.writerow([row.encoder, source, *("" if _missing(figure) else figure for figure in figures)])
    return text.getvalue()


def on_terminal(rows: Sequence[EncoderFigures]) -> Table:
    """Return the table for a rich console."""
    head, *body = cells(rows)
    table = Table(title="Table 1")
    for number, words in enumerate(head):
        table.add_column(words.replace(", ", "\n"), justify="right" if number else "left")
    for line in body:
        table.add_row(*line)
    return table


def notes(basis: ComparisonBasis) -> list[str]:
    """Return what every figure is of."""
    return [
        *(_of_folds(basis) if basis.folds else _of_one_split(basis)),
        "kaggle: mean over (frame, class), both empty = 1. meter: per frame, classes flattened, both empty = 1; IoU "
        "where a defect is. micro: pixels summed over all frames, classes pooled. micro_mean: the same for each class "
        "that is there, then the mean. present: mean over the (frame, class) pairs with a defect.",
        f"The paper does not name its conventions. Its figures stand at {PAPER_CONVENTION}, the one of these that a "
        "Dice above 2 IoU / (1 + IoU), as the paper has it, can come from.",
        "Minutes per epoch: the median of whole epochs, measuring included, on the machine that trained.",
        "GFLOP: convolutions; a multiply-add counts 2.",
        f"Frames a second: the network in PyTorch on 1600 x 256 px, {basis.device}; not the daemon's engine.",
    ]


def _of_one_split(basis: ComparisonBasis) -> list[str]:
    return [
        f"Ours rest on {basis.measured_frames} frames measured and {basis.learned_frames} learned from, the same for "
        f"every encoder; the paper's on {PAPER_IMAGES} images, split 80:20.",
        "Ours are of the epoch with the highest mean of the classes' micro Dice, whose network `trainer export` takes; "
        "the loss is of the same epoch.",
        f"loss: ours is {basis.loss}, on the frames measured; the paper's is a softmax loss, it is not known here on "
        "which frames.",
    ]


def _of_folds(basis: ComparisonBasis) -> list[str]:
    return [
        f"Ours rest on {basis.measured_frames} frames, each measured once, by the network of its fold (of "
        f"{basis.folds}), which learned from {basis.learned_frames} or so and saw neither it nor its near-duplicates; "
        f"folds are the same for every encoder. The paper's rest on {PAPER_IMAGES} images, split 80:20.",
        "In brackets: 95 % of resampled sets of these frames. Ours are of each network's last step.",
        f"loss: what taught ours, {basis.loss}, is not measured on the frames held out.",
    ]


def _missing(figure: float | None) -> bool:
    return figure is None or math.isnan(figure)


def _cell(figure: float | None, line: TableRow, interval: tuple[float, float] | None = None) -> str:
    if figure is None or math.isnan(figure):
        return DASH
    bounds = " to ".join(f"{bound * line.scale:.{line.digits}f}" for bound in interval or ())
    return f"{figure * line.scale:.{line.digits}f}" + (f" ({bounds})" if bounds else "")
