"""A labelled frame, and what a set of them must be able to do; knows no format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from inspector.simulator.sheet import CLASSES

Plane = npt.NDArray[np.uint8]
CLASS_NAMES = CLASSES
"""Names of classes 1..4, in order: what Severstal's numbers mean and what procedural steel shows."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled frame."""

    name: str
    """Unique within its set: `source/frame`."""
    pixels: Plane
    """(H, W) uint8 grey levels."""
    labels: Plane
    """(H, W) uint8, 0 = sound, else the class id 1..4."""


class Frames(Protocol):
    """A set of labelled frames at indices 0..len-1, each read only when asked for.

    Reading one raises ValueError, with the file's name, when it cannot be used.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, or None where only reading it would tell."""


def read_grey(path: Path) -> Plane:
    """Read an image file as (H, W) uint8.

    Raises:
        ValueError: it is missing or no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError(f"{path}: cannot be read as an image. Is the file missing or cut off?")
    return np.asarray(image, np.uint8)
