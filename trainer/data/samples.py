"""A labelled frame, and what a set of them must be able to do; knows no format of labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from inspector.simulator.sheet import CLASSES
from trainer.faults import DataError

Plane = npt.NDArray[np.uint8]
CLASS_NAMES = CLASSES
"""Names of classes 1..4, in order: what Severstal's numbers mean and what procedural steel shows."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
LAST_BYTES = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}
"""How JPEG and PNG begin and what stands near their end; decoders fill what was cut off with grey, without a word."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled frame."""

    name: str
    """Unique within its set: `source/frame`."""
    pixels: Plane
    """(H, W) uint8 grey levels."""
    labels: Plane
    """(H, W) uint8, 0 = sound, else the class id 1..4."""
    warnings: tuple[str, ...] = ()
    """What is odd in its labels but stops nothing, each with its place: pixels that several classes claim."""


class Frames(Protocol):
    """A set of labelled frames at indices 0..len-1, each read only when asked for.

    Reading one raises DataError, with the file's name, when it cannot be used.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, or None where only reading it would tell."""

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels, or None where there is none (procedural steel)."""


def read_grey(path: Path) -> Plane:
    """Read an image file as (H, W) uint8, colour as its luminance.

    Raises:
        DataError: it is missing, cut off, or no image.
    """
    try:
        return np.asarray(_read(path, cv2.IMREAD_GRAYSCALE), np.uint8)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def read_mask(path: Path) -> Plane:
    """Read a mask file's values (H, W) uint8 as they stand.

    Raises:
        DataError: without the path; it is missing, cut off, no image, in colour (by a palette too) or not of 8 bits.
    """
    mask = _read(path, cv2.IMREAD_UNCHANGED)
    if mask.ndim != 2 or mask.dtype != np.uint8:
        kind = f"{mask.dtype.itemsize * 8}-bit, {1 if mask.ndim == 2 else mask.shape[2]} channels"
        raise DataError(f"is {kind}; expected 8-bit grey. Save it as grey values, without a palette.")
    return np.asarray(mask, np.uint8)


def _read(path: Path, way: int) -> npt.NDArray[np.generic]:
    content = path.read_bytes() if path.is_file() else b""
    if not content:
        raise DataError(f"is {'empty' if path.is_file() else 'missing'}; expected an image file")
    if LAST_BYTES.get(content[:2], b"") not in content[-1024:]:
        raise DataError(f"is cut off after {len(content)} bytes; copy it again")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), way)
    if image is None:
        raise DataError(f"cannot be read as an image; expected {', '.join(IMAGE_SUFFIXES)}. Copy it again.")
    return np.asarray(image)


def list_images(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the image files in a folder by stem, in order, and faults: a stem that two files share."""
    images: dict[str, Path] = {}
    faults = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and images.setdefault(path.stem, path) is not path:
            faults.append(
                f"{path}: has the name of {images[path.stem].name}; expected one image of a name. Remove one."
            )
    return dict(sorted(images.items())), faults
