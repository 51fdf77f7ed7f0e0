"""Regions that a recipe reports of one engine's maps and of which another's show nothing. Pure: maps in, counts out.

All else that is compared is shares of pixels, in which a defect of few pixels is next to nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inspector.analysis.regions import regions
from inspector.records.recipe import Maps, Recipe
from inspector.simulator.sheet import MM_PER_PX

Counts = NDArray[np.int64]


def chance_of(count: int, trials: int, share: float) -> float:
    """Return how probable `count` or more of independent trials are, each of which is one with probability `share`."""
    logs = (
        math.lgamma(trials + 1)
        - math.lgamma(number + 1)
        - math.lgamma(trials - number + 1)
        + number * math.log(share)
        + (trials - number) * math.log1p(-share)
        for number in range(count)
    )
    return 1 - sum(map(math.exp, logs))


class ReportedRegions:
    """Counts over frames as they come. A region is of one frame; tiles and neighbours are not put together."""

    def __init__(self, card: Recipe) -> None:
        """`card` has the settings; where it states no scale, that of procedural steel is taken."""
        self._classes, self._probabilities = card.classes, card.probabilities
        self._mm = card.mm_per_px or MM_PER_PX
        self._wanted = np.arange(256) > 0
        self.reported: Counts = np.zeros((2, len(card.classes)), np.int64)
        """By side (reference, engine) and class."""
        self.unseen: Counts = np.zeros((2, len(card.classes)), np.int64)
        """How many of them have not one pixel of their class in the other's maps."""

    def add(self, found: Maps, expected: Maps) -> None:
        """Add one batch: what the engine says, and its reference."""
        for place in range(len(found.labels)):
            planes = [(maps.labels[place], maps.confidence[place]) for maps in (expected, found)]
            for side in range(2):
                self._add(side, *planes[side], planes[1 - side][0])

    def figures(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Return what `Parity` has of them, without the classes of which neither reports any."""
        names = [kind.name for kind in self._classes]
        pairs = list(zip(names, self.reported.T.tolist(), self.unseen.T.tolist(), strict=True))
        return {
            "reported": {name: (reported[0], reported[1]) for name, reported, _ in pairs if any(reported)},
            "unseen": {name: (unseen[0], unseen[1]) for name, reported, unseen in pairs if any(reported)},
        }

    def _add(
        self, side: int, labels: NDArray[np.uint8], confidence: NDArray[np.uint8], other: NDArray[np.uint8]
    ) -> None:
        """Add one frame's regions of one side."""
        outlined = regions(labels, confidence, self._wanted)
        runs, width = outlined.runs, labels.shape[1]
        alike = np.concatenate(([0], np.cumsum((labels == other).reshape(-1))))
        shared = alike[runs.row * width + runs.right] - alike[runs.row * width + runs.left]
        seen = np.bincount(outlined.number, weights=shared, minlength=len(outlined.label)) > 0
        areas_mm2, lengths_mm = outlined.area * self._mm**2, (outlined.bottom - outlined.top) * self._mm
        for place, label in enumerate(outlined.label.tolist()):
            size = float(areas_mm2[place]), float(lengths_mm[place])
            if self._classes[label - 1].reports(*size, float(self._probabilities[outlined.peak[place]])):
                self.reported[side, label - 1] += 1
                self.unseen[side, label - 1] += not seen[place]
