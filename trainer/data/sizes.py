"""Frames of any size, as a line's network takes them: the larger in tiles; the smaller are padded when assessed.

Knows sizes; must not know formats or networks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from inspector.words import counted
from trainer.data.samples import Derived, Frames, Plane, Sample
from trainer.errors import DataError

Size = tuple[int, int]
"""Height and width, pixels."""

LEAST_PX = 32
"""A recipe's smallest side."""
MOST_PX = 2**22
"""Pixels of a frame beyond which the others are surely not meant to be padded to it."""

NAMED = 3
"""Sizes that are listed where words have little room."""


class CutFrames(Derived):
    """Frames no larger than a size, made of frames of any: one that is larger becomes several, side by side."""

    def __init__(self, frames: Frames, size_px: Size) -> None:
        self._frames, self._size_px = frames, size_px
        self._places = [
            (index, top, left)
            for index in range(len(frames))
            for (height, width) in (frames.size(index),)
            for top in range(0, height, size_px[0])
            for left in range(0, width, size_px[1])
        ]
        self._last: tuple[int, Sample] | None = None

    @property
    def base(self) -> Frames:
        """The set that they are made of."""
        return self._frames

    def __len__(self) -> int:
        return len(self._places)

    def at(self, index: int) -> tuple[Frames, int]:
        """Return the set, and the index of the frame that this one is cut from."""
        return self._frames, self._places[index][0]

    def __getitem__(self, index: int) -> Sample:
        whole, top, left = self._places[index]
        if self._last is None or self._last[0] != whole:  # tiles of a frame follow one another
            self._last = whole, self._frames[whole]
        sample = self._last[1]
        tile = np.s_[top : top + self._size_px[0], left : left + self._size_px[1]]
        return replace(sample, name=self.name(index), pixels=sample.pixels[tile], labels=sample.labels[tile])

    def name(self, index: int) -> str:
        """Return the frame's name, and which part of it this is where there are several."""
        whole, top, left = self._places[index]
        name, size = self._frames.name(whole), self._frames.size(whole)
        return f"{name}@{left},{top}" if exceeds(size, self._size_px) else name

    def grey(self, index: int) -> Plane:
        """Read a frame's grey levels (H, W) uint8."""
        return self[index].pixels

    def size(self, index: int) -> Size:
        """Return a frame's height and width, pixels."""
        whole, top, left = self._places[index]
        height, width = self._frames.size(whole)
        return min(self._size_px[0], height - top), min(self._size_px[1], width - left)


def check_sizes(frames: Frames) -> list[Size]:
    """Return every frame's size.

    Raises:
        DataError: images that cannot be used, or whose size contradicts their labels; all of them.
    """
    sizes: list[Size] = []
    faults: list[str] = []
    for index in range(len(frames)):
        try:
            sizes.append(frames.size(index))
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(*faults)
    return sizes


def line_size(sizes: Sequence[Size], stated: Size | None) -> Size:
    """Return the size of the line's frames: as stated, or the one that all fit into.

    Raises:
        DataError: none was stated, and frames differ so much that the largest cannot be meant.
    """
    if stated:
        return stated
    height, width = (max(LEAST_PX, *(size[side] for size in sizes)) for side in (0, 1))
    if len(set(sizes)) > 1 and height * width > MOST_PX:
        raise DataError(
            f"frames are of {len(set(sizes))} sizes, up to {width} x {height} px; expected the size of the line's "
            "frames, to pad the smaller and cut the larger. Give --size HEIGHTxWIDTH."
        )
    return height, width


def exceeds(size: Size, most: Size) -> bool:
    """Say whether a frame of one size does not fit into another."""
    return size[0] > most[0] or size[1] > most[1]


def size_words(sizes: Iterable[Size]) -> str:
    """Return the sizes of frames in words: the most common first, and how many others there are."""
    common = [f"{width} x {height} px" for (height, width), _ in Counter(sizes).most_common()]
    others = len(common) - NAMED
    return ", ".join(common[:NAMED]) + (f" and {counted(others, 'other size')}" if others > 0 else "")


def fit_words(frames: Frames, size_px: Size) -> str:
    """Return in words what becomes of frames that a recipe of this size looks at; empty where all are of it.

    Raises:
        DataError: images that cannot be used; all of them.
    """
    sizes = check_sizes(frames)
    larger = sum(exceeds(size, size_px) for size in sizes)
    smaller = sum(size != size_px for size in sizes) - larger
    words = [f"{counted(smaller, 'smaller frame is', 'smaller ones are')} padded with black"] if smaller else []
    if larger:
        words.append(f"{counted(larger, 'larger frame is', 'larger ones are')} cut into tiles, as on the line")
    height, width = size_px
    return f"the recipe takes {width} x {height} px: {', '.join(words)}" if words else ""


def cut_larger(frames: Frames, size_px: Size) -> Frames:
    """Return frames that fit into a size, each by itself, the same where they do; what is counted by frame is not cut.

    Raises:
        DataError: an image that cannot be used.
    """
    return CutFrames(frames, size_px) if any(exceeds(size, size_px) for size in check_sizes(frames)) else frames
