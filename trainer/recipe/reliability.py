"""Whether a probability means what it says: of the pixels called a class with 0.9, are nine in ten of that class?

The deployed graph tells a probability only where a pixel reaches its class's threshold, in 255 codes: so this speaks of
labelled pixels alone, and of nothing below the threshold. Neighbouring pixels are no independent trials: no bounds are
given. Memory does not grow with the frames.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from inspector.records.confidence import Encoding, probabilities
from inspector.records.frame import Bytes2D

STEPS = 256  # of the confidence maps
BIN = 0.05


class Bin(msgspec.Struct, frozen=True):
    """Labelled pixels, or defects, of about the same probability."""

    low: float
    high: float
    pixels: int
    """How many there are, defects too."""
    confidence: float
    """Mean probability that the network gave."""
    right: float
    """Share that truly is of the class."""


class Reliability:
    """Counts over frames as they come. For one thread."""

    def __init__(self, classes: int, encoding: Encoding) -> None:
        """`encoding` of the confidence that is added."""
        self._probabilities = probabilities(encoding)
        self._total: npt.NDArray[np.int64] = np.zeros((classes, STEPS), np.int64)
        self._right: npt.NDArray[np.int64] = np.zeros((classes, STEPS), np.int64)

    def add(self, labels: Bytes2D, confidence: Bytes2D, truth: Bytes2D) -> None:
        """Count one frame's labelled pixels; all (H, W) uint8."""
        at = labels > 0
        found, sureness, right = labels[at].astype(np.intp) - 1, confidence[at], labels[at] == truth[at]
        cells = found * STEPS + sureness
        size, shape = self._total.size, self._total.shape
        self._total += np.bincount(cells, minlength=size).reshape(shape)
        self._right += np.bincount(cells[right], minlength=size).reshape(shape)

    def bins(self, class_id: int | None = None) -> list[Bin]:
        """Return the bins that hold pixels, of one class or of all."""
        rows = slice(None) if class_id is None else slice(class_id - 1, class_id)
        total, right = self._total[rows].sum(axis=0), self._right[rows].sum(axis=0)
        sureness = self._probabilities
        number = np.minimum((sureness / BIN + 1e-9).astype(int), round(1 / BIN) - 1)
        return [
            Bin(
                low=round(place * BIN, 2),
                high=round((place + 1) * BIN, 2),
                pixels=int(total[inside].sum()),
                confidence=float((total * sureness)[inside].sum() / total[inside].sum()),
                right=float(right[inside].sum() / total[inside].sum()),
            )
            for place in range(round(1 / BIN))
            if total[inside := number == place].any()
        ]


def bins_of(probability: npt.NDArray[np.float64], is_right: npt.NDArray[np.bool_], count: int = 10) -> list[Bin]:
    """Return the bins that hold something, of things (N,) each with its probability and whether it is right."""
    place = np.minimum((probability * count).astype(int), count - 1)
    return [
        Bin(
            low=round(number / count, 2),
            high=round((number + 1) / count, 2),
            pixels=int(inside.sum()),
            confidence=float(probability[inside].mean()),
            right=float(is_right[inside].mean()),
        )
        for number in range(count)
        if (inside := place == number).any()
    ]


def calibration_error(bins: list[Bin]) -> float | None:
    """Return the mean distance of probability and share, weighted by pixels; None without any (ECE, Naeini 2015)."""
    pixels = sum(cell.pixels for cell in bins)
    return sum(cell.pixels * abs(cell.confidence - cell.right) for cell in bins) / pixels if pixels else None
