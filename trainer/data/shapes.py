"""Outlines of true defects whose frames are not at hand, by class.

Knows masks as Severstal's CSV has them; must not know crops, or what is drawn within an outline.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from trainer.data import rle
from trainer.data.samples import Plane
from trainer.data.severstal import read_masks
from trainer.errors import DataError


class Shapes:
    """Outlines by class id, decoded when they are drawn: six thousand masks take 15 MB."""

    def __init__(self, runs: Mapping[int, Sequence[str]], size_px: tuple[int, int]) -> None:
        self._runs = runs
        self._size_px = size_px

    def draw(self, class_id: int, chance: np.random.Generator) -> Plane | None:
        """Return (H, W) uint8, 1 within one connected outline of the class; None where the class has none."""
        runs = self._runs.get(class_id)
        if not runs:
            return None
        mask = rle.decode(runs[int(chance.integers(len(runs)))], *self._size_px).view(np.uint8)
        count, regions, boxes, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask), connectivity=8)
        number = int(chance.integers(1, count))
        left, top, width, height = (int(side) for side in boxes[number, :4])
        return np.asarray(regions[top : top + height, left : left + width] == number, np.uint8)


def read_shapes(path: Path, class_count: int, size_px: tuple[int, int]) -> Shapes:
    """Read a CSV (or .csv.gz) of masks as Severstal's `train.csv` has them, of frames of `size_px` (H, W).

    Classes are numbered as those of the data that the outlines are for.

    Raises:
        DataError: it cannot be read, a class that is none of 1..`class_count`, or runs that no such frame has.
    """
    rows, faults = read_masks(path, class_count)
    runs: dict[int, list[str]] = defaultdict(list)
    for of_image in rows.values():
        for row in of_image:
            try:
                rle.decode(row.text, *size_px)
            except ValueError as error:
                faults.append(f"{row.where}: {error}")
            runs[row.class_id].append(row.text)
    if faults:
        raise DataError(*faults)
    if not runs:
        raise DataError(f"{path}: has no mask; expected runs of pixels in some row")
    return Shapes(runs, size_px)
