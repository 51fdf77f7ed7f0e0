"""Two recipes on the same labelled frames: what each finds, and how far chance may have moved the difference. Pure.

Recipes may name classes differently. What is counted for any class needs no names: a defect is found where anything
is reported there, and a report is false where nothing is. A class is compared where both recipes have its name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from inspector.records.frame import Bytes2D
from inspector.records.recipe import Recipe
from trainer.assessment.bounds import LEAST_RESAMPLED
from trainer.assessment.labelled_strip import AssessedStrip

DRAWS = 2000
CONFIDENCE = 0.95
SEED = 0
ANY = "any class"
FIGURES = ("recall", "precision", "false_per_100m", "dice")
TITLES = dict(zip(FIGURES, ("recall", "precision", "invented per 100 m", "Dice of what is reported"), strict=True))
TRUE, FOUND, REPORTED, RIGHT, FALSE, COMMON_PX, REPORTED_PX, TRUE_PX, COLUMNS = range(9)

Sums = npt.NDArray[np.float64]


class Difference(msgspec.Struct, frozen=True):
    """One figure of both recipes; None where it was not measured, or the other has no such class."""

    figure: str
    """`recall`, `precision`, `false_per_100m`, or `dice`: of the pixels reported, summed over all frames."""
    own: float | None
    other: float | None
    low: float | None = None
    """Of own less other, on the same frames: 95 % of their resamplings lie from here; None where too few measure it."""
    high: float | None = None
    """To here."""


class ComparedClass(msgspec.Struct, frozen=True):
    """Both recipes on the defects of one class, or of any."""

    name: str
    defects: int
    """Truly there."""
    differences: tuple[Difference, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe against another on the same frames."""

    recipe: str
    other: str
    other_sha256: str
    frames: int
    confidence: float = CONFIDENCE
    draws: int = DRAWS
    rows: tuple[ComparedClass, ...]
    """Any class first."""


class RecipeTally:
    """Sums by frame, for one recipe. For one thread."""

    def __init__(self, card: Recipe, class_names: Sequence[str]) -> None:
        """`class_names` are the data's; what the recipe calls otherwise counts for any class alone."""
        numbers = {name.casefold(): number for number, name in enumerate(class_names, 1)}
        self.card = card
        self.known = frozenset(
            number for kind in card.classes if (number := numbers.get(kind.name.casefold())) is not None
        )
        """The data's classes, by number, whose names the recipe has."""
        self._numbers = {kind.name: numbers.get(kind.name.casefold(), 0) for kind in card.classes}
        self._table = np.zeros(256, np.uint8)
        for kind in card.classes:
            self._table[kind.id] = self._numbers[kind.name]
        self._classes = len(class_names)
        self._frames: list[Sums] = []
        self._metres: list[float] = []

    def add(self, strip: AssessedStrip, truth: Bytes2D, reported: Bytes2D) -> None:
        """Count a frame: as a strip of its own, its labels (H, W), and what of its pixels is reported (H, W)."""
        hits = strip.hits()
        planted = np.array([defect.class_id for defect in strip.planted], np.int64)
        called = np.array([self._numbers[defect.name] for defect in strip.reported], np.int64)
        lonely, own = ~hits.any(axis=0), self._table[reported]
        sums = np.zeros((1 + self._classes, COLUMNS))
        sums[0] = [
            len(planted),
            hits.any(axis=1).sum(),
            len(called),
            (~lonely).sum(),
            lonely.sum(),
            ((reported > 0) & (truth > 0)).sum(),
            (reported > 0).sum(),
            (truth > 0).sum(),
        ]
        for number in range(1, 1 + self._classes):
            mine = hits[planted == number][:, called == number]
            sums[number] = [
                (planted == number).sum(),
                mine.any(axis=1).sum(),
                (called == number).sum(),
                mine.any(axis=0).sum(),
                (lonely & (called == number)).sum(),
                ((own == number) & (truth == number)).sum(),
                (own == number).sum(),
                (truth == number).sum(),
            ]
        self._frames.append(sums)
        self._metres.append(strip.metres)

    def sums(self) -> tuple[Sums, Sums]:
        """Return (frames, 1 + classes, columns), any class first, and the frames' metres (frames,)."""
        return np.array(self._frames).reshape(-1, 1 + self._classes, COLUMNS), np.array(self._metres)


def compare(own: RecipeTally, other: RecipeTally, class_names: Sequence[str]) -> Comparison:
    """Return both recipes' figures on the frames that both tallies are of, with paired bootstrap intervals.

    The frames are resampled, the same for both (Efron, "Bootstrap methods", Annals of Statistics 7, 1979).
    """
    sides = own.sums()[0], other.sums()[0]
    metres = own.sums()[1]
    frames, total = len(metres), float(metres.sum())
    chance = np.random.default_rng(SEED)
    drawn = chance.multinomial(frames, np.full(frames, 1 / max(1, frames)), DRAWS).astype(np.float64)
    drawn_metres = drawn @ metres
    rows = []
    for number, name in enumerate((ANY, *class_names)):
        has_both = number == 0 or number in other.known
        values = [_figures(side[:, number].sum(0)[None], np.array([total])) for side in sides]
        draws = [_figures(drawn @ side[:, number], drawn_metres) for side in sides]
        known = [_figures(side[:, number], metres) for side in sides]
        differences = tuple(
            Difference(
                figure,
                _number(values[0][figure][0]),
                _number(values[1][figure][0]) if has_both else None,
                *(_interval(draws[0][figure] - draws[1][figure]) if has_both and _enough(known, figure) else ()),
            )
            for figure in FIGURES
        )
        rows.append(ComparedClass(name, int(sides[0][:, number, TRUE].sum()), differences))
    return Comparison(
        recipe=str(own.card), other=str(other.card), other_sha256=other.card.sha256, frames=frames, rows=tuple(rows)
    )


def comparison_lines(comparison: Comparison) -> list[str]:
    """Return the comparison for a terminal, a line a class and figure that both recipes have."""
    lines = [f"{comparison.recipe} against {comparison.other}, the difference with its 95 % interval:"]
    for row in comparison.rows:
        if row.defects and row.differences[0].other is None:
            lines.append(f"{row.name:12} {comparison.other} has no such class")
        for part in row.differences:
            if part.own is None or part.other is None:
                continue
            interval = (
                "no interval" if part.low is None or part.high is None else f"{part.low:+.3f} to {part.high:+.3f}"
            )
            words = f"{part.own:7.3f} {part.other:7.3f}  {part.own - part.other:+.3f} ({interval})"
            lines.append(f"{row.name:12} {TITLES[part.figure]:24} {words}")
    return lines


def _enough(by_frame: Sequence[Mapping[str, Sums]], figure: str) -> bool:
    """Whether enough frames have what a figure is of, for either recipe."""
    return all(np.count_nonzero(~np.isnan(side[figure])) >= LEAST_RESAMPLED for side in by_frame)


def _figures(sums: Sums, metres: Sums) -> Mapping[str, Sums]:
    """Return the figures of sums (N, columns) over `metres` (N,), nan where there is nothing to measure."""
    true, found, reported, right, false, common_px, reported_px, true_px = sums.T
    return {
        "recall": _ratio(found, true),
        "precision": _ratio(right, reported),
        "false_per_100m": _ratio(100 * false, metres),
        "dice": _ratio(2 * common_px, reported_px + true_px),
    }


def _ratio(part: Sums, whole: Sums) -> Sums:
    result = np.full(len(whole), math.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _interval(differences: Sums) -> tuple[float, float] | tuple[()]:
    known = differences[~np.isnan(differences)]
    if not len(known):
        return ()
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, (tail, 1 - tail)).tolist()
    return low, high


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
