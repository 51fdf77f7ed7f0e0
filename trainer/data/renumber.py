"""Frames whose class numbers are made those of a network, by the classes' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainer.data.samples import CLASS_NAMES, Frames, Plane, Sample
from trainer.faults import DataError

ABSENT = 255
"""No class's number: there are 254 at most."""


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A set of frames under other class numbers."""

    source: Frames
    class_names: tuple[str, ...]
    table: Plane
    """(256,) uint8: the new number of each old one, ABSENT where there is none; 0 is sound in both."""
    whose: str
    """Classes they are, for an error's words."""

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Sample:
        sample = self.source[index]
        labels = self.table[sample.labels]
        if (labels == ABSENT).any():
            odd = sorted({self.source.class_names[number - 1] for number in np.unique(sample.labels[labels == ABSENT])})
            raise DataError(
                f"{sample.name}: has the class {', '.join(odd)}; expected the classes of {self.whose}: "
                f"{', '.join(self.class_names)}. Rename the classes of DATA, leave the frame out, or train on all."
            )
        return replace(sample, labels=labels)

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return self.source.name(index)

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, None where only reading it would tell."""
        present = self.source.classes(index)
        return None if present is None else frozenset(int(self.table[number]) for number in present) - {ABSENT}

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels, None where there is none."""
        return self.source.image(index)


def renumber(frames: Frames, class_names: Sequence[str], whose: str) -> Frames:
    """Return the frames with the class numbers of `class_names`; `whose` they are is for an error's words.

    A set may declare classes that are not among them; reading a frame that has one raises DataError.
    """
    wanted = tuple(class_names)
    if frames.class_names in (wanted, ()):
        return frames
    if frames.class_names == CLASS_NAMES and not set(wanted) & set(CLASS_NAMES):
        return frames  # index masks and Kaggle's table have numbers alone: the names were this trainer's guess
    table = np.full(256, ABSENT, np.uint8)
    table[0] = 0  # and UNKNOWN, which no set of named classes has, stays what it is
    for number, name in enumerate(frames.class_names, 1):
        if name in wanted:
            table[number] = 1 + wanted.index(name)
    return Renumbered(frames, wanted, table, whose)
