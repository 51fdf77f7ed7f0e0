"""How each class would fare at every setting, counted from one run of the network. Pure.

A setting is a confidence and an area; of a class whose defects have a probability, also a confidence and a probability.

The pixel threshold, which draws a defect's outline, stays as the recipe has it; what a setting decides is which of the
outlined regions are called defects, and that the line decides when a defect is complete. So a sweep over one run's
defects, reported when no setting held any back, is exact (areas to 0.1 mm2, as they are reported), but for frames
where more specks lie near each other than the line lists: it looks at each alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from inspector.records.recipe import Certainty, DefectClass, Recipe
from trainer.assessment.coil import Scale
from trainer.assessment.labelled_strip import AssessedStrip


def _probabilities(log_odds: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(probability), 6) for probability in 1 / (1 + np.exp(-log_odds))]


class Setting(NamedTuple):
    """What decides whether an outlined region of a class is a defect."""

    min_confidence: float
    min_area_mm2: float
    min_probability: float = 0.0


CONFIDENCES = [0.0, *_probabilities(np.arange(0, 10.5, 0.25))]
"""Candidates for the highest confidence, all below 1: in log-odds, for true and false ones lie close at the top."""
AREAS_MM2 = (5.0, 20.0, 40.0, 80.0, 120.0, 160.0, 200.0, 300.0)
"""Candidates for the smallest defect. A true defect that is smaller counts as not found: none is defined away."""
FINE_PX_MM2 = 0.1
"""A pixel of less than this is a fine one: of it, 5 mm2 are no speck but more than fifty."""


def areas_mm2(scale: Scale) -> list[float]:
    """Return the candidates at a scale: where pixels are fine also none, and areas of as many pixels as usual."""
    fine = scale.mm_per_px * scale.mm_per_row / FINE_PX_MM2
    return sorted({*AREAS_MM2, 0.0, *(round(area * fine, 1) for area in AREAS_MM2)} if fine < 1 else AREAS_MM2)


def plain(scale: Scale) -> list[Setting]:
    """Return every pair of a confidence and an area."""
    return [Setting(confidence, area_mm2) for confidence in CONFIDENCES for area_mm2 in areas_mm2(scale)]


def probable(scale: Scale) -> list[Setting]:
    """Return every probability, and the confidences that keep a line from gathering what will not be reported."""
    return [
        Setting(confidence, areas_mm2(scale)[0], probability)
        for probability in _probabilities(np.arange(-4, 10.5, 0.25))
        for confidence in (0.0, *_probabilities(np.arange(0, 6.0, 1)))
    ]


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
    min_probability: float = 0.0
    outlined: int = 0
    """Of the true ones, those that something of the class is outlined at, however small and unsure."""

    @property
    def setting(self) -> Setting:
        """What was set."""
        return Setting(self.min_confidence, self.min_area_mm2, self.min_probability)


class Sweep:
    """Sums over strips as they come. For one thread."""

    def __init__(self, classes: Sequence[DefectClass], scale: Scale) -> None:
        """Count these classes; one that has a certainty gets settings of probability too."""
        pairs = plain(scale)
        self._settings = [pairs + probable(scale) if kind.certainty else pairs for kind in classes]
        self._kinds = [
            [_with(kind, setting) for setting in settings]
            for kind, settings in zip(classes, self._settings, strict=True)
        ]
        self._found = [np.zeros(len(settings), np.int64) for settings in self._settings]
        self._false = [np.zeros(len(settings), np.int64) for settings in self._settings]
        self._missed_shares = [np.zeros(len(settings)) for settings in self._settings]
        self._planted, self._strips, self._outlined = np.zeros((3, len(classes)), np.int64)

    def add(self, strip: AssessedStrip) -> None:
        """Count a strip whose defects were reported when no setting held any back."""
        hits = strip.hits()
        is_lonely = np.asarray(~hits.any(axis=0), np.bool_)
        planted_class = np.array([planted.class_id for planted in strip.planted], np.int64)
        names = np.array([defect.name for defect in strip.reported], object)
        sizes = [(defect.area_mm2, defect.length_mm, defect.confidence) for defect in strip.reported]
        facts = np.array(sizes, np.float64).reshape(-1, 3)
        for place, kinds in enumerate(self._kinds):
            mine = names == kinds[0].name
            area_mm2, _, confidence = facts[mine].T
            deciding = np.array([kinds[0].deciding(*defect) for defect in facts[mine].tolist()])
            held = [kind.may_report(area_mm2, confidence) & (deciding >= kind.min_probability) for kind in kinds]
            passes = np.stack(held, axis=1)  # (reported, settings)
            self._false[place] += passes[is_lonely[mine]].sum(axis=0)
            of_class = hits[planted_class == kinds[0].id][:, mine]
            if not len(of_class):
                continue
            found = sum((passes[hit].any(axis=0) for hit in of_class), np.zeros(passes.shape[1], np.int64))
            self._found[place] += found
            self._outlined[place] += of_class.any(axis=1).sum()
            self._missed_shares[place] += 1 - found / len(of_class)
            self._planted[place] += len(of_class)
            self._strips[place] += 1

    def table(self) -> list[list[SettingOutcome]]:
        """Return every class at every setting."""
        return [
            [
                SettingOutcome(
                    setting.min_confidence,
                    setting.min_area_mm2,
                    int(self._found[place][number]),
                    int(self._planted[place]),
                    int(self._false[place][number]),
                    float(self._missed_shares[place][number] / max(1, self._strips[place])),
                    int(self._strips[place]),
                    setting.min_probability,
                    int(self._outlined[place]),
                )
                for number, setting in enumerate(settings)
            ]
            for place, settings in enumerate(self._settings)
        ]


def outcomes(card: Recipe, strips: Iterable[AssessedStrip]) -> list[list[SettingOutcome]]:
    """Count every class at every setting: by the probabilities that the card's classes have, where they have them.

    The strips are all of one scale.
    """
    seen = list(strips)
    sweep = Sweep(card.classes, seen[0].scale if seen else Scale())
    for strip in seen:
        sweep.add(strip)
    return sweep.table()


def _with(kind: DefectClass, setting: Setting) -> DefectClass:
    """Return a class with a setting, as the line applies it."""
    return msgspec.structs.replace(kind, **setting._asdict())


def with_settings(card: Recipe, settings: Sequence[tuple[float, float] | Setting]) -> Recipe:
    """Return the card with the setting of each class replaced; a pair is a confidence and an area in mm2."""
    pairs = zip(card.classes, settings, strict=True)
    return msgspec.structs.replace(card, classes=tuple(_with(kind, Setting(*setting)) for kind, setting in pairs))


def with_certainty(card: Recipe, fitted: Sequence[Certainty | None]) -> Recipe:
    """Return the card with the certainty of each class replaced."""
    pairs = zip(card.classes, fitted, strict=True)
    classes = tuple(msgspec.structs.replace(kind, certainty=certainty) for kind, certainty in pairs)
    return msgspec.structs.replace(card, classes=classes)


def wide_open(card: Recipe) -> Recipe:
    """Return the card with settings that hold no defect back, and whose defects are as certain as their best pixel."""
    opened = with_settings(card, [(0.0, 0.0)] * len(card.classes))
    return with_certainty(opened, [None] * len(card.classes))
