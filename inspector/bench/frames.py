"""The frames of a bench: drawn or read once, and ready as wire messages, so that the camera costs next to nothing.

Knows: pictures and the wire format. Must not know: sockets, engines, clocks.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from inspector import wire
from inspector.records.frame import Bytes3D, Header
from inspector.records.recipe import Recipe
from inspector.simulator.folder import ImageFolder
from inspector.simulator.sheet import Sheet
from inspector.words import counted

SEED = 991
"""A coil that no training and no tuning has seen; as many defects and look-alikes as `inspector replay` draws."""
CAMERA = "bench"
MM_PER_ROW = 0.625


class Shots(msgspec.Struct, frozen=True):
    """Frames that come again and again: `pixels` (N, H, W) uint8, and the same as payloads with their headers."""

    source: str
    """Where they come from, in words."""
    pixels: Bytes3D
    payloads: tuple[bytes, ...]
    headers: tuple[Header, ...]

    def frame(self, number: int) -> tuple[Header, bytes]:
        """Return header and payload of frame `number`; what only its camera knows is still to be filled in."""
        place = number % len(self.payloads)
        return self.headers[place], self.payloads[place]

    def batch(self, number: int, size: int) -> Bytes3D:
        """Return `size` frames that lie in a row in memory, other ones for another `number` where there are enough."""
        starts = len(self.pixels) - size + 1
        start = number * size % starts
        return self.pixels[start : start + size]


def steel(recipe: Recipe, count: int) -> Shots:
    """Draw `count` frames of procedural steel of the recipe's size."""
    sheet = Sheet(SEED, width_px=recipe.width, rows=recipe.height)
    drawn = np.stack([sheet.frame(index).pixels for index in range(count)])
    return _shots(f"procedural steel, coil {SEED}, {counted(count, 'frame')} in turn", drawn)


def images(recipe: Recipe, folder: Path, count: int) -> Shots:
    """Read images of a folder, the first again after the last.

    Raises: InspectorError for images that are none, or not of the recipe's size.
    """
    pictures = ImageFolder(folder, recipe.width, recipe.height, recipe.window)
    words = f"{folder}, {counted(min(count, len(pictures)), 'image')} in turn"
    return _shots(words, np.stack([pictures(index) for index in range(count)]))


def _shots(source: str, pixels: Bytes3D) -> Shots:
    made = [
        wire.frame_message(plane, camera=CAMERA, boot="b", number=0, captured_ns=0, side="top", mm_per_row=MM_PER_ROW)
        for plane in pixels
    ]
    return Shots(source, pixels, tuple(payload for _, payload in made), tuple(header for header, _ in made))
