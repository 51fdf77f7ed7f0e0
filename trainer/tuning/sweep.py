"""How each class would fare at every setting of confidence and area, counted from one run of the network. Pure.

The pixel threshold, which draws a defect's outline, stays as the recipe has it; what a setting decides is which of the
outlined regions are called defects, and that the line decides when a defect is complete. So a sweep over one run's
defects, reported when no setting held any back, is exact (areas to 0.1 mm2, as they are reported). Memory does not grow
with the strips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from inspector.records.recipe import DefectClass, Recipe
from inspector.score import overlaps
from trainer.assessment.labelled_strip import AssessedStrip

CONFIDENCES = np.concatenate(
    (
        (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.984, 0.988, 0.992),
        (0.996, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 0.99997),
    )
)
"""Candidates for the highest confidence, all below 1: finer ones at the top, where log-odds tell them apart."""
AREAS_MM2 = np.array((5.0, 20.0, 40.0, 80.0, 120.0, 160.0, 200.0, 300.0))
"""Candidates for the smallest defect. A true defect that is smaller counts as not found: none is defined away."""

SETTINGS = [
    [
        DefectClass(1, "any", 0.5, min_area_mm2=float(area_mm2), min_confidence=float(confidence))
        for area_mm2 in AREAS_MM2
    ]
    for confidence in CONFIDENCES
]
"""Every pair of candidates, as the line would apply it."""


class SettingOutcome(msgspec.Struct, frozen=True):
    """One class at one setting, summed over the strips."""

    min_confidence: float
    min_area_mm2: float
    found: int
    planted: int
    false: int
    miss_rate: float = 0.0
    """Share missed of a strip's defects of the class, mean over the strips that have any."""
    strips: int = 0
    """That have a defect of the class."""


class Sweep:
    """Sums over strips as they come. For one thread."""

    def __init__(self, classes: int) -> None:
        shape = (classes, len(CONFIDENCES), len(AREAS_MM2))
        self._found, self._false = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._missed_shares = np.zeros(shape)
        self._planted, self._strips = np.zeros(classes, np.int64), np.zeros(classes, np.int64)

    def add(self, strip: AssessedStrip, class_ids: dict[str, int]) -> None:
        """Count a strip whose defects were reported when no setting held any back; classes by name."""
        reported_class = np.array([class_ids[defect.name] for defect in strip.reported], np.int64)
        confidence = np.array([defect.confidence for defect in strip.reported])
        area_mm2 = np.array([defect.area_mm2 for defect in strip.reported])
        grid = [[setting.reports(area_mm2, confidence) for setting in row] for row in SETTINGS]
        passes = np.moveaxis(np.array(grid, bool), -1, 0)  # (reported, confidences, areas)
        hits = np.array(overlaps(strip.planted, strip.reported), bool).reshape(len(strip.planted), len(strip.reported))
        lonely = ~hits.any(axis=0)
        planted_class = np.array([planted.class_id for planted in strip.planted], np.int64)
        for place in range(len(self._planted)):
            self._false[place] += passes[lonely & (reported_class == place + 1)].sum(axis=0)
            of_class = hits[planted_class == place + 1] & (reported_class == place + 1)
            if not len(of_class):
                continue
            found = sum((passes[hit].any(axis=0) for hit in of_class), np.zeros(passes.shape[1:], np.int64))
            self._found[place] += found
            self._missed_shares[place] += 1 - found / len(of_class)
            self._planted[place] += len(of_class)
            self._strips[place] += 1

    def table(self) -> list[list[SettingOutcome]]:
        """Return every class at every setting."""
        return [
            [
                SettingOutcome(
                    float(confidence),
                    float(area_mm2),
                    int(self._found[place, i, j]),
                    int(self._planted[place]),
                    int(self._false[place, i, j]),
                    float(self._missed_shares[place, i, j] / max(1, self._strips[place])),
                    int(self._strips[place]),
                )
                for i, confidence in enumerate(CONFIDENCES)
                for j, area_mm2 in enumerate(AREAS_MM2)
            ]
            for place in range(len(self._planted))
        ]


def outcomes(card: Recipe, strips: Iterable[AssessedStrip]) -> list[list[SettingOutcome]]:
    """Count every class at every setting."""
    sweep = Sweep(len(card.classes))
    class_ids = {kind.name: kind.id for kind in card.classes}
    for strip in strips:
        sweep.add(strip, class_ids)
    return sweep.table()


def with_settings(card: Recipe, settings: Sequence[tuple[float, float]]) -> Recipe:
    """Return the card with (minimum confidence, minimum area in mm2) of each class replaced."""
    classes = tuple(
        msgspec.structs.replace(kind, min_confidence=confidence, min_area_mm2=area_mm2)
        for kind, (confidence, area_mm2) in zip(card.classes, settings, strict=True)
    )
    return msgspec.structs.replace(card, classes=classes)


def wide_open(card: Recipe) -> Recipe:
    """Return the card with settings that hold no defect back, and whose defects are as certain as their best pixel."""
    opened = with_settings(card, [(0.0, 0.0)] * len(card.classes))
    plain = tuple(msgspec.structs.replace(kind, certainty=None) for kind in opened.classes)
    return msgspec.structs.replace(opened, classes=plain)
