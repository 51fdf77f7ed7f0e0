"""A labelled frame, and what a set of them must be able to do; knows no format of labels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inspector.errors import ImageError
from inspector.images.head import ImageHead
from inspector.images.reader import SUFFIXES, Picture, decode, decode_labels, inspect, read
from inspector.records.recipe import Window
from inspector.simulator.sheet import CLASSES
from inspector.words import counted
from trainer.errors import DataError

Plane = npt.NDArray[np.uint8]
CLASS_NAMES = CLASSES
"""Names of classes 1..4, in order: what Severstal's numbers mean and what procedural steel shows."""
UNKNOWN = 255
"""Label of an unlabelled pixel; no class's number, for there are 254 at most."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled frame."""

    name: str
    """Unique within its set: `source/frame`."""
    pixels: Plane
    """(H, W) uint8 grey levels."""
    labels: Plane
    """(H, W) uint8, 0 = sound, else the class's id, 1 and up."""
    warnings: tuple[str, ...] = ()
    """What is odd in its labels but stops nothing, each with its place: pixels that several classes claim."""
    oddities: tuple[str, ...] = ()
    """What was done to its image that its owner should know: colour, an EXIF orientation."""


class Frames(Protocol):
    """A set of labelled frames at indices 0..len-1, each read only when asked for.

    Reading one raises DataError, with the file's name, when it cannot be used.
    """

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of classes 1, 2, ...; a sample's labels are their places."""

    @property
    def window(self) -> Window | None:
        """How images of more than 8 bits became grey; None: there are none."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, or None where only reading it would tell."""

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels, or None where there is none (procedural steel)."""

    def grey(self, index: int) -> Plane:
        """Read a frame's grey levels (H, W) uint8 alone, without its labels."""

    def size(self, index: int) -> tuple[int, int]:
        """Return a frame's height and width, pixels, without decoding it."""


class Derived:
    """Frames of other sets: each index stands for one of theirs. A subclass says which, in `at`."""

    @property
    def base(self) -> Frames:
        """A set whose classes are those of all."""
        raise NotImplementedError

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of classes 1, 2, ..."""
        return self.base.class_names

    @property
    def window(self) -> Window | None:
        """How images of more than 8 bits became grey; None: there are none."""
        return self.base.window

    def at(self, index: int) -> tuple[Frames, int]:
        """Return the set that a frame is of, and its index there."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Sample:
        source, at = self.at(index)
        return source[at]

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        source, at = self.at(index)
        return source.name(at)

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, or None where only reading it would tell."""
        source, at = self.at(index)
        return source.classes(at)

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels, or None where there is none."""
        source, at = self.at(index)
        return source.image(at)

    def grey(self, index: int) -> Plane:
        """Read a frame's grey levels (H, W) uint8 alone."""
        source, at = self.at(index)
        return source.grey(at)

    def size(self, index: int) -> tuple[int, int]:
        """Return a frame's height and width, pixels."""
        source, at = self.at(index)
        return source.size(at)


def read_grey(path: Path, window: Window | None = None) -> Plane:
    """Read an image file as grey levels (H, W) uint8, as `read_picture` does."""
    return read_picture(path, window).pixels


def read_picture(path: Path, window: Window | None = None) -> Picture:
    """Read an image file as head and grey levels, colour as its luminance, more than 8 bits through `window`.

    Raises:
        DataError: it is missing, damaged, no image, or of more than 8 bits without a window.
    """
    try:
        return decode(read(path), window=window)
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error


def read_head(path: Path) -> ImageHead:
    """Read what an image file says of itself; no pixel is decoded.

    Raises:
        DataError: it is missing, damaged or no image.
    """
    try:
        return inspect(read(path))
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error


def read_mask(path: Path) -> Plane:
    """Read a mask file's values (H, W) uint8 as they stand, a palette's indices too.

    Raises:
        DataError: without the path; it is missing, damaged, no image, in colour, a JPEG or of more than 8 bits.
    """
    try:
        return decode_labels(read(path)).pixels
    except ImageError as error:
        raise DataError(str(error)) from error


def list_images(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the image files in a folder by stem, in order, and faults: a stem that two share, or that is no text."""
    images: dict[str, Path] = {}
    faults = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if (name := os.fsencode(path.name)) != path.name.encode(errors="replace"):
            shown = name.decode(errors="backslashreplace")
            faults.append(f"{path.parent}: the file name {shown} is not UTF-8; expected UTF-8. Rename it.")
        elif images.setdefault(path.stem, path) is not path:
            faults.append(
                f"{path}: has the name of {images[path.stem].name}; expected one image of a name. Remove one."
            )
    return dict(sorted(images.items())), faults


def list_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, in order, but those that programs hide, as `.ipynb_checkpoints`."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def list_unread(folder: Path, *, but_folders: bool = False) -> list[str]:
    """Say which files and folders in a folder `list_images` leaves out, but hidden ones: their frames are lost."""
    files = [path for path in sorted(folder.iterdir()) if not path.is_dir() and not path.name.startswith(".")]
    odd = [path for path in files if path.suffix.lower() not in SUFFIXES]
    folders = [] if but_folders else list_folders(folder)
    return [
        f"{folder}: {counted(len(paths), kind)} in it, as {paths[0].name}, {'is' if len(paths) == 1 else 'are'} not "
        f"read; {wanted}"
        for paths, kind, wanted in (
            (odd, "file", f"expected images ending in {', '.join(sorted(SUFFIXES))}. Rename or remove."),
            (folders, "folder", "expected images right in it. Move them there, or give each folder as DATA."),
        )
        if paths
    ]
