"""What stands in each tile of an archive's strip picture, as JSON in the comment of its JPEG.

Changing it breaks who reads an archive. Knows: the comment's form. Must not know: how tiles are made or kept.
"""

from __future__ import annotations

from typing import Literal

import msgspec

TILE_PX = 512
"""Columns of a tile: 5 m of strip at 10 mm."""


class StripTile(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the decimated picture of one side of a coil, as one camera saw it.

    The picture's columns lie along the travel, its rows across the strip.
    """

    v: Literal[1] = 1
    """Version of this form; grows when an old reader would break."""
    line: str
    """The line, as named in the configuration."""
    coil: str
    """The coil."""
    side: str
    """Side of the strip."""
    camera: str
    """The camera, as named in the configuration."""
    begun: str
    """When its first frame came to the archive, RFC 3339 in UTC."""
    mm_per_px: float
    """Millimetres of strip that a pixel covers, along and across."""
    start_mm: float
    """Where its first column begins, from the coil's head."""
    left_mm: float
    """Where its first row begins across, from the operator's side."""
    own_left_mm: float
    """Where the strip begins that this camera answers for; beyond it a neighbour's picture lies."""
    own_right_mm: float
    """Where that strip ends."""
    known_mm: tuple[tuple[float, float], ...]
    """Stretches from the coil's head that were seen: elsewhere the picture says nothing."""
