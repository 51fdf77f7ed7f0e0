"""Unlabelled images: to be shown or assessed, never to be learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspector.images.reader import SUFFIXES
from inspector.records.recipe import Window
from trainer.data.samples import Plane, Sample, list_images, read_grey, read_head
from trainer.errors import DataError


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Image files: `classes` is None, and a sample's labels mean nothing."""

    paths: Sequence[Path]
    window: Window | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        pixels = self.grey(index)
        return Sample(self.name(index), pixels, np.zeros_like(pixels))

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return f"{self.paths[index].parent.name}/{self.paths[index].stem}"

    def classes(self, index: int) -> frozenset[int] | None:
        """Return None: unknown."""
        return None

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels."""
        return self.paths[index]

    def grey(self, index: int) -> Plane:
        """Read a frame's grey levels (H, W) uint8."""
        return read_grey(self.paths[index], self.window)

    def size(self, index: int) -> tuple[int, int]:
        """Return a frame's height and width, pixels, without decoding it."""
        head = read_head(self.paths[index])
        return head.height, head.width


def is_plain(path: Path) -> bool:
    """Say whether a path is a folder with images in it and neither Severstal's layout nor one with masks."""
    return has_images(path) and not ((path / "train.csv").exists() or (path / "masks").exists())


def has_images(path: Path) -> bool:
    """Say whether a path is a folder with images right in it."""
    return path.is_dir() and any(
        file.suffix.lower() in SUFFIXES and not file.name.startswith(".") for file in path.iterdir()
    )


def open_plain(folder: Path, window: Window | None = None) -> Unlabelled:
    """Open a plain folder's images, in the order of their names.

    Raises:
        DataError: two files share a name.
    """
    images, faults = list_images(folder)
    if faults:
        raise DataError(*faults)
    return Unlabelled(list(images.values()), window)
