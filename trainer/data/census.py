"""What a set of labelled frames holds, found by reading every frame once; knows no format and prints nothing."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from inspector.words import counted
from trainer.data.labelled import LabelledFrames
from trainer.data.samples import Derived, Frames
from trainer.errors import DataError


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one frame that can be read."""

    index: int
    """In the set."""
    height_px: int
    width_px: int
    class_px: tuple[int, ...]
    """Pixels of classes 1, 2, ..."""
    digest: bytes
    """Of size and grey levels: equal where two frames are the same, whatever their files are."""


@dataclass(frozen=True, slots=True)
class Census:
    """Of a set: the frames that can be read, and what is wrong with the others."""

    facts: tuple[Facts, ...]
    faults: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """What is odd but stops nothing."""
    oddities: tuple[str, ...] = ()
    """What was done to images, a line for each kind."""
    overlapping: int = 0
    """Frames in which some pixels are of several classes."""

    def sizes(self) -> list[tuple[tuple[int, int], int]]:
        """Return ((height, width), frames), the most common first; pixels."""
        return Counter((frame.height_px, frame.width_px) for frame in self.facts).most_common()

    def sound(self) -> int:
        """Return how many frames have no defect."""
        return sum(not any(frame.class_px) for frame in self.facts)

    def having(self, class_id: int) -> list[Facts]:
        """Return the frames that have a class, those with fewest pixels of it first."""
        some = [frame for frame in self.facts if frame.class_px[class_id - 1]]
        return sorted(some, key=lambda frame: frame.class_px[class_id - 1])

    def pixel_share(self, class_id: int) -> float:
        """Return a class's share of all pixels."""
        all_px = sum(frame.height_px * frame.width_px for frame in self.facts)
        return sum(frame.class_px[class_id - 1] for frame in self.facts) / max(1, all_px)

    def copies(self) -> list[tuple[int, ...]]:
        """Return groups of two or more frames that are the same to the last pixel, by index."""
        groups: dict[bytes, list[int]] = defaultdict(list)
        for frame in self.facts:
            groups[frame.digest].append(frame.index)
        return [tuple(group) for group in groups.values() if len(group) > 1]


def take_census(frames: Frames, indices: Iterable[int]) -> Census:
    """Read these frames of a set, one in memory at a time."""
    facts: list[Facts] = []
    faults: list[str] = []
    warnings: list[str] = []
    odd: dict[str, list[str]] = defaultdict(list)
    overlapping = 0
    for index in indices:
        try:
            sample = frames[index]
        except DataError as error:
            faults += error.faults
            continue
        warnings += sample.warnings
        for words in sample.oddities:
            odd[words].append(sample.name)
        overlapping += bool(sample.warnings)
        class_px = tuple(int(np.count_nonzero(sample.labels == i)) for i in range(1, len(frames.class_names) + 1))
        digest = hashlib.blake2b(repr(sample.pixels.shape).encode() + sample.pixels.tobytes(), digest_size=16)
        height_px, width_px = sample.pixels.shape
        facts.append(Facts(index, height_px, width_px, class_px, digest.digest()))
    return Census(tuple(facts), tuple(faults), tuple(warnings), tuple(say_oddities(odd)), overlapping)


def check_labels(*parts: Frames) -> None:
    """Draw the labels of all frames once: what a run would else meet hours later.

    Raises:
        DataError: those that cannot be read or do not fit their image; all of them.
    """
    faults: list[str] = []
    for of, at in _from_files(parts):
        try:
            of.check_labels(at)
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(*faults)


def _from_files(parts: Iterable[Frames]) -> Iterator[tuple[LabelledFrames, int]]:
    """Yield the frames that lie in files: each in its own set, and its index there."""
    for frames in parts:
        for index in range(len(frames)):
            of, at = frames, index
            while isinstance(of, Derived):
                of, at = of.at(at)
            if isinstance(of, LabelledFrames):
                yield of, at


def find_oddities(*parts: Frames) -> list[str]:
    """Return what was done to images that their owner should know, a line for each kind; reads their headers alone."""
    odd: dict[str, list[str]] = defaultdict(list)
    for of, at in _from_files(parts):
        with suppress(DataError):  # whoever reads its pixels says so
            for words in of.oddities(at):
                odd[words].append(of.name(at))
    return say_oddities(odd)


def say_oddities(odd: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each kind of oddity, of which the names of all such frames are given."""
    return [
        f"{names[0]}: {words}" + (f"; and {counted(len(names) - 1, 'more frame')}" if len(names) > 1 else "")
        for words, names in odd.items()
    ]


def find_overlaps(frames: Frames) -> list[str]:
    """Return the remarks on frames in which some pixels are of several classes, a line a frame at least.

    Reads only the frames that have more than one class: 427 of Severstal's 12 568.

    Raises:
        DataError: one of them cannot be read.
    """
    several = [index for index in range(len(frames)) if len(frames.classes(index) or ()) > 1]
    return [warning for index in several for warning in frames[index].warnings]


def say_overlaps(warnings: Sequence[str]) -> list[str]:
    """Return what a run says of overlaps: one line, or none."""
    return [
        f"{counted(len(warnings), 'mask')} with pixels that several classes claim, as {warning}; "
        "`trainer check` lists them all"
        for warning in warnings[:1]
    ]
