"""Run-length masks as the Severstal CSV writes them; knows nothing of files, frames or classes.

A mask is `start length start length ...`: pixels counted from 1, column by column, top to bottom
(Kaggle, "Severstal: Steel Defect Detection", 2019, page Evaluation). Sound is the empty string.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def encode(mask: Mask) -> str:
    """Write a mask (H, W) bool as runs; the exact inverse of `decode`."""
    mask = np.ascontiguousarray(mask, dtype=bool)
    height_px, width_px = mask.shape
    changed = np.empty(mask.shape, bool)  # from the pixel above; at the top, from the last one of the column before
    np.not_equal(mask[1:], mask[:-1], out=changed[1:])
    np.not_equal(mask[0, 1:], mask[-1, :-1], out=changed[0, 1:])
    changed[0, 0] = mask[0, 0]
    rows, columns = np.divmod(np.flatnonzero(changed), width_px)
    edges = np.sort(columns * height_px + rows)  # found row by row, which spares turning the whole mask
    numbers = np.append(edges, [mask.size] * (len(edges) % 2)).astype(np.int64)
    numbers[1::2] -= numbers[::2]  # first pixel past a run, to its length
    numbers[::2] += 1
    return " ".join(map(str, numbers.tolist()))


def decode(text: str, height_px: int, width_px: int) -> Mask:
    """Read runs into a mask (height_px, width_px) bool, column-major in memory.

    Runs may stand in any order and may touch.

    Raises:
        ValueError: not whole numbers, an odd count of them, a run of no pixels, one before the first pixel or
            past the last, or two that overlap; the message names the run, counted from 1.
    """
    pairs = _numbers(text).reshape(-1, 2)
    first, length = pairs[:, 0] - 1, pairs[:, 1]
    size = height_px * width_px
    frame = f"a {width_px} x {height_px} px frame"
    _refuse(length < 1, pairs, f"is of no pixels; expected a length of 1 or more in {frame}")
    _refuse(first < 0, pairs, "starts before the first pixel; expected starts counted from 1")
    _refuse(length > size - first, pairs, f"ends past the last pixel, {size}, of {frame}. Is the frame's size right?")
    if (first[1:] < first[:-1]).any():
        order = np.argsort(first, kind="stable")
        pairs, first, length = pairs[order], first[order], length[order]
    past = first + length
    _refuse(past[:-1] > first[1:], pairs, "overlaps the next one")
    edges = np.concatenate(([0], np.stack([first, past], axis=1).ravel(), [size]))
    return fill_runs(np.diff(edges)).reshape((height_px, width_px), order="F")


def fill_runs(lengths: Numbers) -> Mask:
    """Return pixels (sum of lengths,) bool, alternating unset and set for each length."""
    values = np.zeros(len(lengths), bool)
    values[1::2] = True
    return np.repeat(values, lengths)


def _numbers(text: str) -> Numbers:
    words = text.split()
    try:
        numbers = np.array(words, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"run-length mask: {error}; expected whole numbers, 'start length start length ...'") from None
    if len(numbers) % 2:
        raise ValueError(f"run-length mask: found {len(numbers)} numbers; expected pairs of start and length. Cut off?")
    return numbers


def _refuse(bad: Mask, pairs: Numbers, why: str) -> None:
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"run-length mask: run {at + 1} of {len(pairs)} ({pairs[at, 0]} {pairs[at, 1]}) {why}")
