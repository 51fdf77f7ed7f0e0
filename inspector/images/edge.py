"""Where in a picture the strip ends: beyond its edge there is no light. Pure.

Knows: greys. Must not know: cameras, millimetres, the picture before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inspector.records.frame import Bytes2D

STEP_ROWS = 16
"""Distance of the rows that are looked at."""
SHARE = 0.25
"""Of the strip's light over the background's: as much comes back from its rim, shaded as it is."""
SOLID_PX = 8
"""Columns in a row that must be light where the strip begins."""
GROUND = 0.3
"""The ground next to the strip is darker than this share of the strip; light falls off by less."""
LIGHT_PERCENTILE = 90
"""Of a picture's columns: as light as strip. Strip that fills less than a tenth of a picture has no edge in it."""
LEAST_GREY = 8.0
"""Strip is lighter than the background by at least this; else its edge cannot be found."""


def edges(picture: Bytes2D) -> tuple[int | None, int | None]:
    """Return the strip's first column and the one after its last, (H, W) uint8; None where it goes on beyond."""
    profile = np.median(picture[::STEP_ROWS], axis=0)
    return _begin(profile), None if (place := _begin(profile[::-1])) is None else len(profile) - place


def _begin(profile: NDArray[np.float64]) -> int | None:
    """First column of the strip from this side, (W,) greys; None where it begins before."""
    dark, light = float(profile[: SOLID_PX // 2].min()), float(np.percentile(profile, LIGHT_PERCENTILE))
    level = float(np.median(profile[profile >= dark + SHARE * (light - dark)]))  # of the strip, narrow or wide
    if level - dark < LEAST_GREY or dark > GROUND * level:
        return None
    is_light = profile >= dark + SHARE * (level - dark)
    solid = np.convolve(is_light, np.ones(SOLID_PX), "valid") >= SOLID_PX
    place = int(np.argmax(solid))
    return place if solid.any() and place > 0 else None
