"""A coil shrunk to a few pixels a row while it passes, to draw its map on later.

Knows: averaging. Must not know: cameras, defects, how the map looks.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from inspector.records.frame import Bytes2D

SHRINK = 8
"""This many rows and pixels of the strip become one: 5 mm at the usual 0.625 mm."""


class Thumbnail:
    """Collects frames in the order they pass; `image` is the coil so far."""

    def __init__(self) -> None:
        self._frames: list[Bytes2D] = []

    def add(self, pixels: Bytes2D) -> None:
        """Shrink one frame (H, W) and put it after the others."""
        height, width = (max(1, side // SHRINK) for side in pixels.shape)
        small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        self._frames.append(small.astype(np.uint8, copy=False))

    @property
    def image(self) -> Bytes2D:
        """The coil (rows, px) uint8, head first; without rows when nothing passed."""
        return np.concatenate(self._frames) if self._frames else np.zeros((0, 1), np.uint8)

    def save(self, path: Path) -> None:
        """Write the coil as a PNG; writes nothing when nothing passed."""
        if self._frames:
            cv2.imwrite(str(path), self.image)
