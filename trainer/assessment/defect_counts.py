"""Defects counted against the truth: what was found, missed, taken for another class, invented. Pure, memory-bounded.

A true defect counts once: as found when a reported defect of its class overlaps it, else as the class of the most
confident one that does, else as missed. A reported defect counts once: as right when it overlaps a true one of its
class, else as confused when it overlaps any, else as false. Those below a minimum area are counted like all others.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from inspector.records.recipe import DefectClass
from inspector.words import counted
from trainer.assessment.bounds import count_at_most, rate_at_least
from trainer.assessment.labelled_strip import AssessedStrip


class ClassCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One class's count, and what it says with 95 % confidence; rates of nothing are None."""

    name: str
    true: int
    """Defects that are truly there."""
    found: int
    confused: int
    """True ones that were reported under other classes only."""
    missed: int
    small: int
    """True ones below the recipe's minimum area: found or not, they are among the above."""
    reported: int
    right: int
    """Reported ones that overlap a true one of their class."""
    false: int
    """Reported ones that overlap nothing true."""
    recall: float | None
    recall_at_least: float | None
    precision: float | None
    precision_at_least: float | None
    false_per_100m: float | None
    false_per_100m_at_most: float | None

    @property
    def promise(self) -> str:
        """What the recipe may say of itself."""
        if self.recall_at_least is None:
            return "not measured: no defect"
        return f"recall >= {self.recall_at_least:.2f} with 95 % confidence on {counted(self.true, 'defect')}"


class Errors(msgspec.Struct, frozen=True):
    """What was wrong in one strip: the numbers of the true and the reported defects concerned."""

    missed: tuple[int, ...]
    confused: tuple[int, ...]
    """True ones reported under other classes only."""
    false: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.missed) + len(self.confused) + len(self.false)


class DefectCounts:
    """Counts over strips as they come. For one thread."""

    def __init__(self, kinds: Sequence[DefectClass]) -> None:
        self._kinds = kinds
        self._ids = {kind.name: kind.id for kind in kinds}
        self.metres = 0.0
        self.confusion: npt.NDArray[np.int64] = np.zeros((len(kinds) + 1, len(kinds) + 1), np.int64)
        """(true class, reported class): row 0 is nothing true (false defects), column 0 nothing reported (missed)."""
        self._right, self._reported, self._small = np.zeros((3, len(kinds) + 1), np.int64)

    def add(self, strip: AssessedStrip) -> Errors:
        """Count a strip as it was reported; say what was wrong."""
        self.metres += strip.metres
        reported_class = np.array([self._ids[defect.name] for defect in strip.reported], np.int64)
        confidence = np.array([defect.confidence for defect in strip.reported])
        hits = strip.hits()
        same = np.array([planted.class_id for planted in strip.planted], np.int64)[:, None] == reported_class
        missed: list[int] = []
        confused: list[int] = []
        for number, (planted, hit) in enumerate(zip(strip.planted, hits, strict=True)):
            seen_as = 0
            if hit.any():
                own = (hit & same[number]).any()
                seen_as = (
                    planted.class_id if own else int(reported_class[np.flatnonzero(hit)[confidence[hit].argmax()]])
                )
            self.confusion[planted.class_id, seen_as] += 1
            self._small[planted.class_id] += not self._kinds[planted.class_id - 1].is_large(planted.area_mm2)
            if seen_as != planted.class_id:
                (confused if seen_as else missed).append(number)
        right, lonely = (hits & same).any(axis=0), ~hits.any(axis=0)
        for counts, chosen in (
            (self._reported, np.ones_like(right)),
            (self._right, right),
            (self.confusion[0], lonely),
        ):
            np.add.at(counts, reported_class[chosen], 1)
        return Errors(tuple(missed), tuple(confused), tuple(np.flatnonzero(lonely).tolist()))

    def classes(self) -> list[ClassCounts]:
        """Return every class's count so far."""
        return [self._count(kind.name, np.array([kind.id])) for kind in self._kinds]

    def total(self) -> ClassCounts:
        """Return the count of all classes together."""
        return self._count("all", np.arange(1, len(self._kinds) + 1))

    def _count(self, name: str, ids: npt.NDArray[np.int64]) -> ClassCounts:
        true = int(self.confusion[ids].sum())
        found, missed = int(self.confusion[ids, ids].sum()), int(self.confusion[ids, 0].sum())
        reported, right = int(self._reported[ids].sum()), int(self._right[ids].sum())
        false, hundreds_m = int(self.confusion[0, ids].sum()), self.metres / 100
        return ClassCounts(
            name=name,
            true=true,
            found=found,
            confused=true - found - missed,
            missed=missed,
            small=int(self._small[ids].sum()),
            reported=reported,
            right=right,
            false=false,
            recall=found / true if true else None,
            recall_at_least=rate_at_least(found, true) if true else None,
            precision=right / reported if reported else None,
            precision_at_least=rate_at_least(right, reported) if reported else None,
            false_per_100m=false / hundreds_m if hundreds_m else None,
            false_per_100m_at_most=count_at_most(false) / hundreds_m if hundreds_m else None,
        )
