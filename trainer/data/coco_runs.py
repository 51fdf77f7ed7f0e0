"""Run-length masks as COCO's JSON writes them; knows nothing of files, frames or classes.

A mask is a list of counts, column by column, top to bottom: pixels sound and pixels defect, alternating, beginning
with sound. Compressed, the counts are text: from the fourth on each is the difference to the one before last; each is
cut in groups of five bits, lowest first, one character (48 + group, + 32 where another follows) each, the last group's
top bit its sign (P. Dollar, T.-Y. Lin, "COCO API", 2014, maskApi).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.data.rle import Mask, fill_runs

SHORT = 16
"""Characters of compressed counts that a mask without a pixel may take."""


def decode(counts: Sequence[int] | str, height_px: int, width_px: int) -> Mask:
    """Read counts, compressed or not, into a mask (height_px, width_px) bool, column-major in memory.

    Raises:
        ValueError: text that is no compressed mask, a count below 0, or counts for more or fewer pixels.
    """
    lengths = expand(counts) if isinstance(counts, str) else counts
    if any(length < 0 for length in lengths):
        raise ValueError(f"the counts hold {min(lengths)}; expected 0 or more")
    if sum(lengths) != height_px * width_px:
        raise ValueError(
            f"the counts are of {sum(lengths)} px; expected {height_px * width_px}, those of a "
            f"{width_px} x {height_px} px frame. Is the frame's size right?"
        )
    return fill_runs(np.asarray(lengths, np.int64)).reshape((height_px, width_px), order="F")


def is_empty(counts: Sequence[int] | str) -> bool:
    """Say whether counts are of a mask without a pixel; broken ones are not, for they are named when they are drawn."""
    if isinstance(counts, str):
        if len(counts) > SHORT:
            return False
        try:
            counts = expand(counts)
        except ValueError:
            return False
    return not any(counts[1::2])


def expand(text: str) -> list[int]:
    """Return the counts that a compressed mask stands for.

    Raises:
        ValueError: a character that none has, or a text cut off.
    """
    counts: list[int] = []
    value = shift = 0
    for at, character in enumerate(text, 1):
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            raise ValueError(f"character {at} of the compressed counts, {character!r}, belongs to no mask. Damaged?")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError(f"the compressed counts end inside count {len(counts) + 1}. Cut off?")
    return counts
