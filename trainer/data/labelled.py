"""Frames in image files with annotations of any format: how they are put together, and what can be wrong with one.

Knows frames and planes of class ids; must not know where annotations are written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from inspector.records.recipe import Window
from trainer.data.classes import NOBODY, NOTHING, ClassList, Stated, lookup, taken_by_place
from trainer.data.samples import Plane, Sample, read_grey, read_head, read_picture
from trainer.errors import DataError

USUAL_FRAMES = 64
"""Images, at most about, whose headers tell which size is usual."""


class Annotation(Protocol):
    """Labels of a frame, or some of them."""

    @property
    def where(self) -> str:
        """The file and its line or record, for messages."""

    def classes(self) -> frozenset[int]:
        """Return the defect classes in it.

        Raises:
            DataError: without `where`, it cannot be read.
        """

    def draw(self, height_px: int, width_px: int) -> Plane:
        """Return class ids (height_px, width_px) uint8, 0 where it says nothing.

        Raises:
            DataError: without `where`, it cannot be read or does not fit such a frame.
        """


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame as a format's reader found it."""

    name: str
    """Unique within its set: `source/frame`."""
    image: Path
    annotations: Sequence[Annotation] = ()
    """None: sound."""
    size_px: tuple[int, int] | None = None
    """Height and width, where the labels say them."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a reader found: the frames, and all that is wrong with the files that describe them."""

    entries: Sequence[Entry]
    faults: Sequence[str]
    classes: ClassList
    stated: Stated = NOTHING
    is_sized: bool = True
    """Whether the labels say which size of image they are for, or are images of that size themselves."""
    warnings: Sequence[str] = ()
    """What lies there and is not read."""


class LabelledFrames:
    """Frames put together from image files and annotations, when asked for; class ids are places in `class_names`."""

    def __init__(self, found: Listing, class_names: tuple[str, ...], window: Window | None, *, any_size: bool) -> None:
        self.class_names, self.window = class_names, window
        self._entries = found.entries
        self._table, self._own_names = lookup(found.classes, class_names), found.classes.names
        self.by_place = taken_by_place(found.classes, class_names)
        self._classes: dict[int, frozenset[int]] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._has_one_size = not (found.is_sized or any_size or found.stated.size)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        entry = self._entries[index]
        head, pixels = read_picture(entry.image, self.window)
        height_px, width_px = pixels.shape
        faults = self._odd_size(entry, (height_px, width_px))
        planes: list[tuple[str, Plane]] = []
        for annotation in () if faults else entry.annotations:
            try:
                drawn = annotation.draw(height_px, width_px)
                self._refuse_strangers(drawn)
                planes.append((annotation.where, self._table[drawn]))
            except DataError as error:
                faults += _placed(annotation, error)
        if faults:
            raise DataError(*faults)
        labels, warnings = _join(planes, np.zeros_like(pixels), entry.name, self.class_names)
        return Sample(entry.name, pixels, labels, warnings, head.oddities())

    def check_labels(self, index: int) -> None:
        """Draw a frame's labels, for whose size the image's header is enough.

        Raises:
            DataError: they cannot be read, do not fit the image, or have a class that is not asked for.
        """
        size_px, faults = self.size(index), []
        for annotation in self._entries[index].annotations:
            try:
                self._refuse_strangers(annotation.draw(*size_px))
            except DataError as error:
                faults += _placed(annotation, error)
        if faults:
            raise DataError(*faults)

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return self._entries[index].name

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame; may read its masks.

        Raises:
            DataError: a mask cannot be read.
        """
        if index not in self._classes:
            present: set[int] = set()
            for annotation in self._entries[index].annotations:
                try:
                    present |= {int(self._table[class_id]) for class_id in annotation.classes()} - {NOBODY}
                except DataError as error:
                    raise DataError(*_placed(annotation, error)) from error
            self._classes[index] = frozenset(present)
        return self._classes[index]

    def oddities(self, index: int) -> tuple[str, ...]:
        """Return what its owner should know of how a frame's image is stored, for which its header is enough.

        Raises:
            DataError: no image that can be used.
        """
        return read_head(self._entries[index].image).oddities()

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels."""
        return self._entries[index].image

    def grey(self, index: int) -> Plane:
        """Read a frame's grey levels (H, W) uint8 alone."""
        return read_grey(self._entries[index].image, self.window)

    def size(self, index: int) -> tuple[int, int]:
        """Return a frame's height and width, pixels.

        Raises:
            DataError: no image that can be used, or one of another size than its labels are for.
        """
        entry = self._entries[index]
        size_px = self._size(index)
        if faults := self._odd_size(entry, size_px):
            raise DataError(*faults)
        return size_px

    def _size(self, index: int) -> tuple[int, int]:
        if index not in self._sizes:
            head = read_head(self._entries[index].image)
            self._sizes[index] = head.height, head.width
        return self._sizes[index]

    def _refuse_strangers(self, drawn: Plane) -> None:
        """Raise DataError for pixels of a class that is not among those asked for."""
        strangers = np.unique(drawn[self._table[drawn] == NOBODY]).tolist()
        if strangers:
            odd = ", ".join(self._own_names[class_id - 1] for class_id in strangers)
            raise DataError(
                f"has class {odd}; expected those of the network: {', '.join(self.class_names)}. Leave the frame out, "
                "rename the class, or train on all."
            )

    @cached_property
    def _usual(self) -> tuple[int, int] | None:
        """The size of most frames where they should have one, of some of them."""
        sizes: Counter[tuple[int, int]] = Counter()
        for index in range(0, len(self), max(1, len(self) // USUAL_FRAMES)):
            with suppress(DataError):
                sizes[self._size(index)] += 1
        return sizes.most_common(1)[0][0] if sizes else None

    def _odd_size(self, entry: Entry, size_px: tuple[int, int]) -> list[str]:
        """Say where an image's size contradicts its labels."""
        is_px = f"{entry.image}: is {size_px[1]} x {size_px[0]} px"
        if entry.size_px not in (None, size_px):
            return [
                f"{is_px}; its labels are for {entry.size_px[1]} x {entry.size_px[0]} px. Use the image that was "
                "annotated."
            ]
        if self._has_one_size and self._usual not in (None, size_px):
            return [
                f"{is_px}, where most are {self._usual[1]} x {self._usual[0]} px; run lengths do not say which size "
                "they are for. Use the image that was annotated; or, if sizes differ indeed, state that of the line's "
                "frames: --size HEIGHTxWIDTH."
            ]
        return []


def _placed(annotation: Annotation, error: DataError) -> list[str]:
    return [f"{annotation.where}: {fault}" for fault in error.faults]


def _join(
    planes: Sequence[tuple[str, Plane]], labels: Plane, name: str, class_names: Sequence[str]
) -> tuple[Plane, tuple[str, ...]]:
    """Put the annotations of a frame together in `labels`; return it, and the remarks on pixels of several classes.

    A network names one class a pixel, so such a pixel goes to the class with fewer pixels in the frame, of equals to
    the one of the higher number: a small defect on a large one stays seen, whatever the order in the file.
    """

    def called(class_id: int) -> str:
        return f"{class_id} ({class_names[class_id - 1]})"

    warnings: list[str] = []
    for key, drawn in planes:
        shared = (labels > 0) & (drawn > 0) & (labels != drawn)
        if shared.any():
            pairs, counts = np.unique(np.stack([labels[shared], drawn[shared]]), axis=1, return_counts=True)
            warnings += [
                f"{key}: {name}: {count} px of class {called(new)} are class {called(old)} already; the class with "
                "fewer pixels in the frame keeps them"
                for (old, new), count in zip(pairs.T.tolist(), counts.tolist(), strict=True)
            ]
        np.copyto(labels, drawn, where=drawn > 0)
    if warnings:
        masks = {i: np.any([drawn == i for _, drawn in planes], axis=0) for i in range(1, len(class_names) + 1)}
        for class_id in sorted(masks, key=lambda i: (-np.count_nonzero(masks[i]), i)):
            labels[masks[class_id]] = class_id
    return labels, tuple(warnings)
