"""Smooth random fields: in one piece and seamless (`smooth_noise`), or without an end (`Drift`).

Knows numbers only, nothing of steel. Every value comes from elementwise float32 arithmetic, so that a row
has the same bits whichever window it is computed in.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Mean of the squared weights of the uniform cubic B-spline: what it leaves of a white noise's variance.
_SPLINE_VARIANCE = 151 / 315
_AT_ONCE = 65_536
"""Values that are blended at once: they stay in a processor's cache meanwhile."""


def smooth_noise(rng: np.random.Generator, rows: int, px: int, cell_rows: float, cell_px: float) -> Floats:
    """Return (rows, px) noise of mean 0 and deviation 1, about one feature a cell, seamless both ways."""
    row_knots, row_weights = _spline(max(4, round(rows / cell_rows)), rows)
    px_knots, px_weights = _spline(max(4, round(px / cell_px)), px)
    knots = rng.standard_normal((int(row_knots.max()) + 1, int(px_knots.max()) + 1), dtype=np.float32)
    knots /= np.float32(_SPLINE_VARIANCE)
    wide = _blended(np.ascontiguousarray(knots.T), px_knots, px_weights)
    return _blended(np.ascontiguousarray(wide.T), row_knots, row_weights)


def smooth_line(rng: np.random.Generator, rows: int, cell_rows: float) -> Floats:
    """Return (rows,) noise of mean 0 and deviation 1 with features of about `cell_rows`."""
    line: Floats = smooth_noise(rng, rows, 1, cell_rows, 1)[:, 0]
    return line


class Drift:
    """A field that changes slowly along an endless coil: profiles across it at knots, blended in between."""

    def __init__(self, key: tuple[int, ...], width_px: int, cell_px: float, knot_rows: int) -> None:
        self._key = key
        self._width_px = width_px
        self._cell_px = cell_px
        self._knot_rows = knot_rows
        self._profile = lru_cache(maxsize=16)(self._draw_profile)

    def window(self, first_row: int, rows: int) -> Floats:
        """Return the (rows, width_px) field from `first_row` on, of mean 0 and deviation 1 at the knots."""
        field = np.empty((rows, self._width_px), np.float32)
        last_row = first_row + rows
        at_row = first_row
        while at_row < last_row:
            knot = at_row // self._knot_rows
            stop_row = min(last_row, (knot + 1) * self._knot_rows)
            since = np.arange(at_row, stop_row) - knot * self._knot_rows
            way = since.astype(np.float32) / self._knot_rows
            blend = way * way * (3 - 2 * way)
            at_knot, at_next = self._profile(knot), self._profile(knot + 1)
            part = field[at_row - first_row : stop_row - first_row]
            np.multiply(blend[:, None], at_next - at_knot, out=part)
            part += at_knot
            at_row = stop_row
        return field

    def _draw_profile(self, knot: int) -> Floats:
        rng = np.random.default_rng([*self._key, knot])
        profile: Floats = smooth_noise(rng, 1, self._width_px, 1, self._cell_px)[0]
        return profile


def _spline(cells: int, count: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the (4, count) periodic knots and cubic B-spline weights of points spread over the cells."""
    at = np.arange(count) * cells / count
    knot = at.astype(np.int64)
    t = at - knot
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    return (knot + np.arange(-1, 3)[:, None]) % cells, weights.astype(np.float32)


def _blended(knots: Floats, places: NDArray[np.int64], weights: Floats) -> Floats:
    """Return (count, width) sums of four of the knots' rows each, by their (4, count) places and weights."""
    count, width = places.shape[1], knots.shape[1]
    blended = np.zeros((count, width), np.float32)
    step = max(1, _AT_ONCE // width)
    buffer = np.empty((min(step, count), width), np.float32)
    for first in range(0, count, step):
        part, some = blended[first : first + step], slice(first, first + step)
        addend = buffer[: len(part)]
        for place, weight in zip(places, weights, strict=True):
            np.take(knots, place[some], axis=0, out=addend, mode="clip")  # which needs no second buffer
            addend *= weight[some, None]
            part += addend
    return blended
