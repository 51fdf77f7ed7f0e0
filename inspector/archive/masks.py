"""Masks of a crop: from runs to what a file holds, and back. Pure.

The file's form is COCO's uncompressed run lengths: pixels column by column, top to bottom, not of the mask and of it
alternating, beginning with those that are not (T.-Y. Lin et al., "Microsoft COCO", 2014).

Knows: pixels. Must not know: files, classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
"""(H, W): which pixels are of it."""


def draw(runs: NDArray[np.int32], height: int, width: int) -> Mask:
    """Fill runs (R, 3), each a row, its first column and the column after its last, into a mask (height, width)."""
    steps = np.zeros((height, width + 1), np.int32)
    np.add.at(steps, (runs[:, 0], runs[:, 1]), 1)
    np.add.at(steps, (runs[:, 0], runs[:, 2]), -1)
    filled: Mask = np.cumsum(steps, axis=1)[:, :width] > 0
    return filled


def to_counts(mask: Mask) -> tuple[int, ...]:
    """Write a mask (H, W) as run lengths."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()
    return (0, *lengths) if flat[0] else tuple(lengths)


def from_counts(counts: Sequence[int], height: int, width: int) -> Mask:
    """Read run lengths into a mask (height, width).

    Raises: ValueError when they are of another number of pixels.
    """
    if sum(counts) != height * width or min(counts, default=0) < 0:
        raise ValueError(f"runs of {sum(counts)} pixels; expected {height * width}")
    values = np.zeros(len(counts), np.bool_)
    values[1::2] = True
    return np.repeat(values, counts).reshape((height, width), order="F")


def box(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, width and height of the box around a mask that is not empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top
