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
"""The ground next to the strip is darker than this share of the strip."""
GROUND_GREY = 12.0
"""Ground that fills more than half of a picture is no lighter: what is, may be strip next to glare."""
LEAST_STRIP = 0.1
"""Of a picture's columns. Strip that fills less has no edge in it."""
LEVEL_PERCENTILE = 25
"""Of the columns that are lighter than ground: as light as strip, whatever glares on it."""
LEAST_GREY = 8.0
"""Strip is lighter than the background by at least this; else its edge cannot be found."""
NEAR_PX = 32
"""Columns to both sides of an edge that are compared."""
WITHIN_PX = 64
"""The step lies within this many columns of where light begins: next to the strip the ground has some of its light."""
NEARLY = 0.95
"""Of the largest step: noise."""
LEAST_STEP = 1.4
"""An edge is a step in light, inside over outside; light that falls off has none. Of 134 sides of 307 real frames of
Severstal's that look like edges, the 131 that are have 1.6 or more, the 3 that are dim strip 1.26 or less."""


def edges(picture: Bytes2D) -> tuple[int | None, int | None]:
    """Return the strip's first column and the one after its last, (H, W) uint8; None where it goes on beyond."""
    profile = np.median(picture[::STEP_ROWS], axis=0)
    return _begin(profile), None if (place := _begin(profile[::-1])) is None else len(profile) - place


def _begin(profile: NDArray[np.float64]) -> int | None:
    """First column of the strip from this side, (W,) greys; None where it begins before."""
    dark = float(profile[: SOLID_PX // 2].min())
    lit = profile[(profile >= dark + LEAST_GREY) & (profile * GROUND >= dark)]
    if len(lit) < len(profile) * (LEAST_STRIP if dark <= GROUND_GREY else 0.5):
        return None
    is_light = profile >= dark + SHARE * (float(np.percentile(lit, LEVEL_PERCENTILE)) - dark)
    solid = np.convolve(is_light, np.ones(SOLID_PX), "valid") >= SOLID_PX
    place = int(np.argmax(solid))
    if not solid.any() or place == 0:
        return None
    step, at = _step(profile, place)
    if step < LEAST_STEP:
        return None
    return at if at < place - SOLID_PX else place  # dim next to the edge, strip is light only farther in


def _step(profile: NDArray[np.float64], place: int) -> tuple[float, int]:
    """How many times lighter it becomes at one column near a place, and at which."""
    first = max(0, place - WITHIN_PX)
    wide = np.pad(profile, NEAR_PX, "edge")[first : place + WITHIN_PX + 2 * NEAR_PX]
    near = np.lib.stride_tricks.sliding_window_view(wide, NEAR_PX)
    medians, means = np.median(near, axis=1) + 1, near.mean(axis=1) + 1
    times = means[NEAR_PX:] / means[:-NEAR_PX]
    at = int(np.flatnonzero(times >= NEARLY * times.max())[-1])  # the innermost: of narrow strip several see all
    return float((medians[NEAR_PX:] / medians[:-NEAR_PX]).max()), first + at
