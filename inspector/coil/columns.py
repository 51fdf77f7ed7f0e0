"""A coil's defects as columns: 200 000 of them in 15 MB, and counted without a loop.

Knows: numbers of each defect. Must not know: where they come from, what they are good for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from inspector.config.severity import SEVERITIES, SeveritySection
from inspector.records.events import Defect

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
SIDES = ("top", "bottom")
FACTS = 5
"""Numbers of each defect that are no sizes."""


class Columns:
    """Defects in the order in which they were added; classes and cameras by number, positions in millimetres."""

    def __init__(self, defects: Iterable[Defect] = ()) -> None:
        self.names: list[str] = []
        """Classes, by number."""
        self.cameras: list[str] = []
        self.recipes: list[str] = []
        self._facts = array("d")
        self._kinds = array("q")
        for defect in defects:
            self.add(defect)

    def __len__(self) -> int:
        return len(self._kinds) // FACTS

    def add(self, defect: Defect) -> None:
        """Take in a defect."""
        facts = (defect.start_mm, defect.end_mm, defect.left_mm, defect.right_mm, defect.area_mm2, defect.confidence)
        self._facts.extend(facts)
        side = SIDES.index(defect.side) if defect.side in SIDES else 0
        level = SEVERITIES.index(defect.severity) if defect.severity in SEVERITIES else 0
        numbers = _number(self.names, defect.name), side, _number(self.cameras, defect.camera)
        self._kinds.extend((*numbers, _number(self.recipes, defect.recipe), level))

    def freeze(self) -> None:
        """Make the columns readable by name: all defects are in."""
        facts = np.frombuffer(self._facts, np.float64).reshape(-1, 6)
        kinds = np.frombuffer(self._kinds, np.int64).reshape(-1, FACTS)
        self.start_mm: Floats = facts[:, 0]
        self.end_mm: Floats = facts[:, 1]
        self.left_mm: Floats = facts[:, 2]
        self.right_mm: Floats = facts[:, 3]
        self.area_mm2: Floats = facts[:, 4]
        self.confidence: Floats = facts[:, 5]
        self.kind: Ints = kinds[:, 0]
        self.side: Ints = kinds[:, 1]
        self.camera: Ints = kinds[:, 2]
        self.recipe: Ints = kinds[:, 3]
        self.reported: Ints = kinds[:, 4]
        """Severities as reported."""

    @property
    def length_mm(self) -> Floats:
        """Sizes along the travel."""
        return self.end_mm - self.start_mm

    @property
    def width_mm(self) -> Floats:
        """Sizes across."""
        return self.right_mm - self.left_mm

    def of(self, names: Sequence[str]) -> Bools:
        """Which are of one of these classes; all where none is named."""
        if not names:
            return np.ones(len(self), np.bool_)
        numbers = [number for number, name in enumerate(self.names) if name in names]
        return np.isin(self.kind, numbers)

    def severities(self, rules: Sequence[SeveritySection]) -> Ints:
        """How severe each is, as its place in SEVERITIES: by the rules; without any as it was reported."""
        if not rules:
            return self.reported
        levels = np.zeros(len(self), np.int64)
        for rule in rules:
            met = (
                self.of(rule.classes)
                & at_least(self.length_mm, rule.min_length_mm)
                & at_least(self.width_mm, rule.min_width_mm)
                & at_least(self.area_mm2, rule.min_area_mm2)
            )
            levels[met] = np.maximum(levels[met], SEVERITIES.index(rule.level))
        return levels


def at_least(values: Floats, limit: float) -> Bools:
    """Which reach a limit; sizes are differences of positions that were rounded to a tenth of a millimetre."""
    return np.round(values, 3) >= limit


def _number(words: list[str], word: str) -> int:
    if word not in words:
        words.append(word)
    return words.index(word)
