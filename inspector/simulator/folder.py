"""A folder of images as a coil: any folder, or Severstal's as Kaggle packs it (its `train_images`).

Knows: files, sorted by name, decoded when they are needed. Must not know: who sends them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from inspector.errors import InspectorError
from inspector.records.frame import Bytes2D

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


class Folder:
    """The images of a folder, in the order of their names, again from the first after the last.

    Raises: InspectorError when there is no image in it; when called, for an image that cannot be read or is
    not `width` x `height`.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        inner = path / "train_images"
        folder = inner if inner.is_dir() else path
        self._shape = (height, width)
        self._paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
        if not self._paths:
            kinds = ", ".join(SUFFIXES)
            raise InspectorError(f"{folder}: holds no images; expected {kinds}. Give another folder.")

    def __len__(self) -> int:
        return len(self._paths)

    def path(self, index: int) -> Path:
        """Return where image `index`, modulo their number, lies."""
        return self._paths[index % len(self._paths)]

    def __call__(self, index: int) -> Bytes2D:
        """Read image `index`, modulo their number, as grey (H, W) uint8."""
        path = self.path(index)
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            raise InspectorError(f"{path}: is no image that can be read. Remove it, or replace it.")
        if pixels.shape != self._shape:
            raise InspectorError(
                f"{path}: is {pixels.shape[1]} x {pixels.shape[0]} px; expected {self._shape[1]} x "
                f"{self._shape[0]}. Give --width and --height, or leave it out of the folder."
            )
        return pixels.astype(np.uint8, copy=False)
