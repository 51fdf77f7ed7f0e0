"""Frames in image files with annotations of any format: how they are put together, and what can be wrong with one.

Knows frames and planes of class ids; must not know where annotations are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from trainer.faults import DataError
from trainer.samples import CLASS_NAMES, Plane, Sample, read_grey


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


class LabelledFrames:
    """Frames put together from image files and annotations, when asked for."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._classes: dict[int, frozenset[int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        entry = self._entries[index]
        pixels = read_grey(entry.image)
        height_px, width_px = pixels.shape
        faults = []
        if entry.size_px not in (None, pixels.shape):
            faults.append(
                f"{entry.image}: is {width_px} x {height_px} px; its labels are for {entry.size_px[1]} x "
                f"{entry.size_px[0]} px. Use the image that was annotated."
            )
        labels = np.zeros_like(pixels)
        for annotation in () if faults else entry.annotations:
            try:
                drawn = annotation.draw(height_px, width_px)
            except DataError as error:
                faults += _placed(annotation, error)
                continue
            faults += _overlaps(labels, drawn, f"{annotation.where}: {entry.name}")
            np.copyto(labels, drawn, where=drawn > 0)
        if faults:
            raise DataError(*faults)
        return Sample(entry.name, pixels, labels)

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


def _overlaps(labels: Plane, drawn: Plane, where: str) -> list[str]:
    """Say which classes share pixels: a network that names one class a pixel cannot be taught both."""
    if not labels.any():
        return []
    shared = (labels > 0) & (drawn > 0) & (labels != drawn)
    return [
        f"{where}: {int((shared & (labels == class_id)).sum())} px are class {class_id} ({CLASS_NAMES[class_id - 1]}) "
        "already; expected one class a pixel. Give them to one of the two."
        for class_id in np.unique(labels[shared]).tolist()
    ]
