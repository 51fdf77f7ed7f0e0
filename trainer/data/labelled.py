"""Frames in image files with annotations of any format: how they are put together, and what can be wrong with one.

Knows frames and planes of class ids; must not know where annotations are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from trainer.data.samples import CLASS_NAMES, Plane, Sample, read_picture
from trainer.faults import DataError


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
class Found:
    """What a reader found: the frames, and all that is wrong with the files that describe them."""

    entries: Sequence[Entry]
    faults: Sequence[str]
    class_names: tuple[str, ...] = CLASS_NAMES
    """Of the classes 1, 2, ..., in order."""


class LabelledFrames:
    """Frames put together from image files and annotations, when asked for."""

    def __init__(self, entries: Sequence[Entry], class_names: tuple[str, ...] = CLASS_NAMES) -> None:
        self._entries = entries
        self.class_names = class_names
        self._classes: dict[int, frozenset[int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        entry = self._entries[index]
        head, pixels = read_picture(entry.image)
        height_px, width_px = pixels.shape
        faults = []
        if entry.size_px not in (None, pixels.shape):
            faults.append(
                f"{entry.image}: is {width_px} x {height_px} px; its labels are for {entry.size_px[1]} x "
                f"{entry.size_px[0]} px. Use the image that was annotated."
            )
        planes: list[tuple[str, Plane]] = []
        for annotation in () if faults else entry.annotations:
            try:
                planes.append((annotation.where, annotation.draw(height_px, width_px)))
            except DataError as error:
                faults += _placed(annotation, error)
        if faults:
            raise DataError(*faults)
        labels, warnings = _join(planes, np.zeros_like(pixels), entry.name)
        return Sample(entry.name, pixels, labels, warnings, head.oddities())

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
                    present |= annotation.classes()
                except DataError as error:
                    raise DataError(*_placed(annotation, error)) from error
            self._classes[index] = frozenset(present)
        return self._classes[index]

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels."""
        return self._entries[index].image


def _placed(annotation: Annotation, error: DataError) -> list[str]:
    return [f"{annotation.where}: {fault}" for fault in error.faults]


def _join(planes: Sequence[tuple[str, Plane]], labels: Plane, name: str) -> tuple[Plane, tuple[str, ...]]:
    """Put the annotations of a frame together in `labels`; return it, and what is said of pixels of several classes.

    A network names one class a pixel, so such a pixel goes to the class with fewer pixels in the frame, of equals to
    the one of the higher number: a small defect on a large one stays seen, whatever the order in the file.
    """
    warnings: list[str] = []
    for where, drawn in planes:
        shared = (labels > 0) & (drawn > 0) & (labels != drawn)
        if shared.any():
            pairs, counts = np.unique(np.stack([labels[shared], drawn[shared]]), axis=1, return_counts=True)
            warnings += [
                f"{where}: {name}: {count} px of class {_named(new)} are class {_named(old)} already; the class with "
                "fewer pixels in the frame keeps them"
                for (old, new), count in zip(pairs.T.tolist(), counts.tolist(), strict=True)
            ]
        np.copyto(labels, drawn, where=drawn > 0)
    if warnings:
        masks = {i: np.any([drawn == i for _, drawn in planes], axis=0) for i in range(1, len(CLASS_NAMES) + 1)}
        for class_id in sorted(masks, key=lambda i: (-np.count_nonzero(masks[i]), i)):
            labels[masks[class_id]] = class_id
    return labels, tuple(warnings)


def _named(class_id: int) -> str:
    return f"{class_id} ({CLASS_NAMES[class_id - 1]})"
