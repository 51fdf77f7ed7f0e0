"""How well what was planted was found: the one rule by which `compare`, the demo, the tests and the trainer count.

A planted defect is *found* when a reported defect of its class overlaps its box on the coil, *confused* when
only defects of other classes do, else *missed*. A reported defect that overlaps nothing planted is *false*.
What was planted below the minimum area, or mostly where the strip was not inspected, is counted apart as
*small* and *unseen*, reported or not: what is counted must not depend on what was found.

Knows: boxes on one coil, seen by one camera. Must not know: frames, pixels, sockets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.records.events import Defect, Missed
from inspector.records.extent import Extent
from inspector.records.recipe import DefectClass
from inspector.simulator.sheet import Planted

Verdict = Literal["found", "confused", "missed", "small", "unseen"]

TOLERANCE_MM = 5.0
"""Boxes this close still overlap: the network's edges are good to a few pixels of 0.6 mm."""
LEAST_PX = 4.0
"""And this close on coarse pixels, of which 5 mm are one or two: two of the squares in which recipes decide."""
TOLERANCE_PX = 16.0
"""And no farther off than this: 5 mm are another place where a pixel is 0.05 mm."""


class ClassScore(msgspec.Struct, frozen=True, kw_only=True):
    """The count of one defect class; `planted` = `found` + `confused` + `missed`."""

    name: str
    planted: int
    found: int
    confused: int
    missed: int
    false: int
    """Reported under this class where nothing was planted."""
    small: int
    """Planted below the recipe's minimum area; not among `planted`."""
    unseen: int
    """Planted where the strip was not inspected; not among `planted`."""

    @property
    def recall(self) -> float | None:
        """Share of the planted that was found; None when none was planted."""
        return self.found / self.planted if self.planted else None


class PlantedOutcome(msgspec.Struct, frozen=True):
    """What became of one planted defect."""

    planted: Planted
    verdict: Verdict
    seen_as: tuple[str, ...]
    """Names under which it was reported, sorted; empty when it was not."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The count of a coil by class, and the defects behind it."""

    metres: float
    """Strip inspected, metres."""
    classes: tuple[ClassScore, ...]
    """Counts by class, in the order of class ids."""
    outcomes: tuple[PlantedOutcome, ...]
    """What became of every planted defect, along the coil."""
    found: tuple[Defect, ...]
    """Reported defects that overlap something planted, along the coil."""
    false: tuple[Defect, ...]
    """Reported defects that do not, along the coil."""

    @property
    def total(self) -> ClassScore:
        """All classes together."""
        fields = ("planted", "found", "confused", "missed", "false", "small", "unseen")
        sums = {field: sum(getattr(kind, field) for kind in self.classes) for field in fields}
        return ClassScore(name="all", **sums)

    @property
    def recall(self) -> float | None:
        """Share of all planted that was found; None when none was planted."""
        return self.total.recall

    @property
    def false_per_100m(self) -> float | None:
        """False defects per 100 m inspected; None when nothing was inspected."""
        return 100 * len(self.false) / self.metres if self.metres else None

    def planted(self, verdict: Verdict) -> tuple[Planted, ...]:
        """Planted defects with this verdict, along the coil."""
        return tuple(outcome.planted for outcome in self.outcomes if outcome.verdict == verdict)


def score(
    reported: Iterable[Defect],
    planted: Iterable[Planted],
    classes: Sequence[DefectClass],
    metres: float,
    missed: Iterable[Missed] = (),
    *,
    tolerance_mm: float = TOLERANCE_MM,
) -> Score:
    """Compare what was reported of one coil by one camera with what was planted on it.

    Of reports with the same id the last one counts, and none that became a part of another. `metres` of strip
    were inspected, `missed` was not. Class ids of the planted are those of `classes`; both count
    positions from the coil's head and pixel column 0.
    """
    last = {defect.id: defect for defect in reported}
    defects = sorted((defect for defect in last.values() if not defect.part_of), key=lambda defect: defect.start_mm)
    targets = sorted(planted, key=lambda target: (target.start_mm, target.number))
    overlap = overlaps(targets, defects, tolerance_mm)
    gaps = [(gap.start_mm, gap.end_mm) for gap in missed]
    outcomes = []
    for target, hits in zip(targets, overlap, strict=True):
        seen_as = tuple(sorted({defects[hit].name for hit in np.flatnonzero(hits)}))
        kind = classes[target.class_id - 1]
        given = verdict(target, seen_as, kind.name, gaps, is_large=kind.is_large(target.area_mm2))
        outcomes.append(PlantedOutcome(target, given, seen_as))
    true = {index for hits in overlap for index in np.flatnonzero(hits).tolist()}
    false = tuple(defect for index, defect in enumerate(defects) if index not in true)
    return Score(
        metres=metres,
        classes=tuple(_count(kind, outcomes, false) for kind in classes),
        outcomes=tuple(outcomes),
        found=tuple(defect for index, defect in enumerate(defects) if index in true),
        false=false,
    )


def overlaps(
    planted: Sequence[Extent],
    reported: Sequence[Defect],
    tolerance_mm: float = TOLERANCE_MM,
    *,
    across_mm: float | None = None,
) -> list[NDArray[np.bool_]]:
    """Say of each planted defect which of the reported (B,) overlap its box, whatever their class.

    `across_mm`: the tolerance across the strip, where it is not that along it.
    """
    return _overlap(_boxes(planted), _boxes(reported), tolerance_mm, tolerance_mm if across_mm is None else across_mm)


def tolerance_mm(mm_per_px: float) -> float:
    """Return how far apart boxes may lie that still overlap, on pixels of this size."""
    return min(max(TOLERANCE_MM, LEAST_PX * mm_per_px), TOLERANCE_PX * mm_per_px)


def verdict(
    target: Extent, seen_as: Collection[str], name: str, gaps: Iterable[tuple[float, float]], *, is_large: bool
) -> Verdict:
    """Say what became of a planted defect of class `name` that was reported under the names `seen_as`.

    `gaps` are from where to where nobody inspected, millimetres, and may overlap; `is_large` whether its class asks
    for no more area.
    """
    if not is_large:
        return "small"
    unseen_mm, reached_mm = 0.0, target.start_mm
    for start_mm, end_mm in sorted(gaps):
        to_mm = min(end_mm, target.end_mm)
        unseen_mm += max(0.0, to_mm - max(start_mm, reached_mm))
        reached_mm = max(reached_mm, to_mm)
    if unseen_mm > target.length_mm / 2:
        return "unseen"
    if name in seen_as:
        return "found"
    return "confused" if seen_as else "missed"


def _count(kind: DefectClass, outcomes: Sequence[PlantedOutcome], false: Sequence[Defect]) -> ClassScore:
    given = Counter(outcome.verdict for outcome in outcomes if outcome.planted.class_id == kind.id)
    return ClassScore(
        name=kind.name,
        planted=given["found"] + given["confused"] + given["missed"],
        found=given["found"],
        confused=given["confused"],
        missed=given["missed"],
        false=sum(defect.name == kind.name for defect in false),
        small=given["small"],
        unseen=given["unseen"],
    )


def _boxes(extents: Sequence[Extent]) -> NDArray[np.float64]:
    """Return (N, 4): start, end, left, right, millimetres."""
    sides = [(extent.start_mm, extent.end_mm, extent.left_mm, extent.right_mm) for extent in extents]
    return np.array(sides, np.float64).reshape(-1, 4)


def _overlap(
    a: NDArray[np.float64], b: NDArray[np.float64], along_mm: float, across_mm: float
) -> list[NDArray[np.bool_]]:
    """Say of each box of `a` which boxes of `b` (B,) overlap it, or lie no farther off than the tolerances."""
    a, b = a[:, None], b[None]
    along = (a[..., 0] <= b[..., 1] + along_mm) & (b[..., 0] <= a[..., 1] + along_mm)
    across = (a[..., 2] <= b[..., 3] + across_mm) & (b[..., 2] <= a[..., 3] + across_mm)
    return list(along & across)
