"""A folder of images as a coil: any folder, or Severstal's as Kaggle packs it (its `train_images`).

Knows: files, sorted by name, decoded when they are needed. Must not know: who sends them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from inspector.errors import ImageError, InspectorError
from inspector.images.reader import SUFFIXES, decode, inspect, read
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Window


class ImageFolder:
    """The images of a folder, in the order of their names, again from the first after the last.

    Images of more than 8 bits need a `window`. What is odd about images (colour, a turn that EXIF asks for) goes to
    `report` once a kind. With `pads` smaller images become black, right and below, as the trainer pads them.

    Raises: InspectorError when there is no image in it; when called, for an image that cannot be read or is
    not `width` x `height`.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        window: Window | None = None,
        report: Callable[[str], None] = lambda line: None,
        *,
        pads: bool = False,
    ) -> None:
        inner = path / "train_images"
        folder = inner if inner.is_dir() else path
        self._size, self._window, self._report = (width, height), window, report
        self._pads = pads
        self._reported: set[str] = set()
        self._paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
        if not folder.is_dir():
            raise InspectorError(f"{folder}: is no folder; expected one of images. Give another.")
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
        try:
            content = read(path)
            size = self._size
            if self._pads:
                found = inspect(content)
                if found.width <= size[0] and found.height <= size[1]:
                    size = found.width, found.height
            head, pixels = decode(content, size, self._window)
        except ImageError as error:
            wrong_size = error.reason in ("size", "too_large")
            pad = "" if self._pads else ", --pad for smaller images"
            advice = f". Give --width and --height{pad}, or leave it out of the folder." if wrong_size else ""
            raise InspectorError(f"{path}: {error}{advice}") from None
        for words in head.oddities():
            if words not in self._reported:
                self._reported.add(words)
                self._report(f"{path}: {words}. Others like it are not reported.")
        missing = self._size[1] - pixels.shape[0], self._size[0] - pixels.shape[1]
        return np.pad(pixels, [(0, missing[0]), (0, missing[1])]) if any(missing) else pixels
