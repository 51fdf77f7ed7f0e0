"""Run-length masks as the Severstal CSV writes them; knows nothing of files, frames or classes.

A mask is `start length start length ...`: pixels counted from 1, column by column, top to bottom
(Kaggle, "Severstal: Steel Defect Detection", 2019, page Evaluation). Sound is the empty string.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def encode(mask: Mask) -> str:
    """Write a mask (H, W) bool as runs; the exact inverse of `decode`."""
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat.astype(np.int8), prepend=0, append=0))
    runs = edges.reshape(-1, 2)  # first pixel of a run, first pixel past it; from 0
    pairs = np.stack([runs[:, 0] + 1, runs[:, 1] - runs[:, 0]], axis=1)
    return " ".join(map(str, pairs.ravel()))


def decode(text: str, height_px: int, width_px: int) -> Mask:
    """Read runs into a mask (height_px, width_px) bool.

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
    order = np.argsort(first, kind="stable")
    first, past = first[order], (first + length)[order]
    _refuse(np.append(past[:-1] > first[1:], np.zeros(min(len(past), 1), bool)), pairs[order], "overlaps the next one")
    steps = np.zeros(size + 1, np.int8)  # +1 where a run starts, -1 just past it; touching runs cancel out
    np.add.at(steps, first, 1)
    np.add.at(steps, past, -1)
    flat = np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
    return flat.reshape((height_px, width_px), order="F")


def _numbers(text: str) -> npt.NDArray[np.int64]:
    words = text.split()
    try:
        numbers = np.array(words, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"run-length mask: {error}; expected whole numbers, 'start length start length ...'") from None
    if len(numbers) % 2:
        raise ValueError(f"run-length mask: found {len(numbers)} numbers; expected pairs of start and length. Cut off?")
    return numbers


def _refuse(bad: Mask, pairs: npt.NDArray[np.int64], why: str) -> None:
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"run-length mask: run {at + 1} of {len(pairs)} ({pairs[at, 0]} {pairs[at, 1]}) {why}")
