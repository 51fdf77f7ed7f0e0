"""Sound strip as an area camera of a hot-rolling mill shows it. Knows nothing of defects.

Constants come from 288 real frames of PAO Severstal's set (2019): `python -m tests.bench.realism` prints both. Rows
come from pools with coprime periods, as in `texture.py`. What is different: light falls off within each exposure,
which the camera does not correct, so that frames have seams; the strip has one edge in the picture or none; texture
comes in bands along the travel, each as rough and as bright as it is; grain has broken lines across.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.simulator.noise import Drift, Floats, smooth_line, smooth_noise

STREAK_ROWS = 1021
GRAIN_ROWS = 1531
FLECK_ROWS = 811
_DARK_ROWS = 509
_RIM_PX = 26
"""Width of the rim that shines less."""
_AREA_ROWS = 64
"""Fewer rows at once come from a line camera, whose light is the same in each."""
_EDGE_SHARES = (0.20, 0.44)
"""Of coils: the left edge in the picture, then the right one, in the rest neither; both were in none of 288 frames."""


class MillSteel:
    """One coil's sound surface; it has what `texture.Steel` has. `rows` are those of an exposure."""

    def __init__(self, seed: int, width_px: int, rows: int) -> None:
        rng = np.random.default_rng([seed, 10])
        self.width_px = width_px
        self.level_grey = float(np.clip(rng.normal(97, 21), 52, 140))
        self.grain_grey = float(self.level_grey * np.clip(rng.lognormal(np.log(0.062), 0.33), 0.03, 0.12))
        self.contrast_grey = 3.0 + 0.05 * self.level_grey + 0.7 * self.grain_grey
        self._rough = _roughness(rng, width_px)
        self._bands = tuple(_bands(rng, width_px, self.level_grey) for _ in range(2))
        self._streaks = _streak_pool(rng, width_px, self.level_grey)
        self._flecks = _fleck_pool(rng, width_px, self.level_grey)
        self._grain = _grain_pool(rng, width_px, self.grain_grey)
        self._dark = np.clip(rng.normal(rng.uniform(0.5, 5), 1.0, (_DARK_ROWS, width_px)), 0, 14).astype(np.uint8)
        self._roughening = Drift((seed, 11), width_px, width_px / 14, 1500)
        self._flecking = Drift((seed, 12), width_px, width_px / 9, 700)
        self._change = Drift((seed, 13), 1, 1, 1700)
        self._light = Drift((seed, 14), width_px, width_px / 5, 640)
        self._side = Drift((seed, 15), 1, 1, 2300)
        self._lamp = _lamp(rng, width_px)
        self._exposure = _exposure(rng, rows)
        self._edge, self._edge_px, self._wander_px = _edge(rng, width_px)

    def surface(self, first_row: int, rows: int) -> Floats:
        """Return the (rows, width_px) deviation from `level_grey`, in grey levels, before lighting."""
        at = np.arange(first_row, first_row + rows)
        surface = self._roughening.window(first_row, rows)
        surface *= 0.22
        surface += self._rough
        np.maximum(surface, 0.3, out=surface)
        surface *= self._grain[at % GRAIN_ROWS]
        flecking = self._flecking.window(first_row, rows)
        flecking *= 0.6
        flecking += 0.45
        np.clip(flecking, 0, 1.4, out=flecking)
        flecking *= self._flecks[at % FLECK_ROWS]
        surface += flecking
        surface += self._streaks[at % STREAK_ROWS]
        change = np.clip(self._change.window(first_row, rows) * 0.3 + 0.5, 0, 1)
        surface += self._bands[0] + change * (self._bands[1] - self._bands[0])
        return surface

    def edges_px(self, first_row: int, rows: int) -> tuple[Floats, Floats]:
        """Return the strip's left and right edge at each row, both (rows,), perhaps outside the picture."""
        return self._sides_px(first_row, rows)

    def _sides_px(self, first_row: int, rows: int) -> tuple[Floats, Floats]:
        """Return where the strip's sides lie, whether or not it is there."""
        at_px = self._side.window(first_row, rows)[:, 0] * np.float32(self._wander_px) + np.float32(self._edge_px)
        outside = np.full(rows, -self.width_px, np.float32)
        if self._edge == "left":
            return at_px, outside + np.float32(2 * self.width_px + self.width_px)
        if self._edge == "right":
            return outside, self.width_px - at_px
        return outside, outside + np.float32(3 * self.width_px)

    def expose(self, surface: Floats, first_row: int) -> NDArray[np.uint8]:
        """Return the (rows, width_px) picture of a surface under this coil's light; `surface` is used up."""
        rows = len(surface)
        at = np.arange(first_row, first_row + rows)
        light = self._light.window(first_row, rows)
        light *= 0.09
        light += self._lamp
        light *= self._exposure[at % len(self._exposure), None]
        np.clip(light, 0.2, 2.6, out=light)
        surface += np.float32(self.level_grey)
        np.maximum(surface, np.float32(0.12 * self.level_grey), out=surface)
        surface *= light
        self._shade_edge(surface, first_row)
        np.clip(surface, 0, 255, out=surface)
        return np.maximum(surface.astype(np.uint8), self._dark[at % _DARK_ROWS])

    def _shade_edge(self, lit: Floats, first_row: int) -> None:
        if self._edge == "none":
            return
        across = np.arange(self.width_px, dtype=np.float32)
        left_px, right_px = self._sides_px(first_row, len(lit))
        left = self._edge == "left"
        edge_px = left_px if left else right_px
        reach = (
            slice(0, int(edge_px.max()) + _RIM_PX + 2)
            if left
            else slice(max(0, int(edge_px.min()) - _RIM_PX - 2), self.width_px)
        )
        inside_px = across[reach] - edge_px[:, None] if left else edge_px[:, None] - across[reach]
        slope = np.clip(1 - inside_px / _RIM_PX, 0, 1)  # 0 within reach: what a window does not reach is not shaded
        lit[:, reach] *= np.clip(inside_px * 0.5, 0, 1) * (1 - 0.35 * slope * slope)


def _edge(rng: np.random.Generator, width_px: int) -> tuple[str, float, float]:
    """Return which edge is in the picture, how far inside, and how far it wanders (px)."""
    chance = rng.uniform()
    wander_px = float(rng.uniform(0.001, 0.006)) * width_px
    left_px, right_px = width_px * rng.uniform(0.08, 0.7), width_px * min(0.75, 0.04 * np.exp(rng.exponential(1.1)))
    if chance < _EDGE_SHARES[0]:
        return "left", float(left_px), wander_px
    if chance < _EDGE_SHARES[1]:
        return "right", float(right_px), wander_px
    return "none", 0.0, wander_px


def _lamp(rng: np.random.Generator, width_px: int) -> Floats:
    """Return (width_px,) light across: brighter somewhere in the middle, one side darker."""
    across = np.linspace(-1, 1, width_px, dtype=np.float32)
    bow, slope = np.clip(rng.normal(-0.40, 0.22), -0.9, 0.05), rng.normal(-0.03, 0.2)
    lamp = bow * (across**2 - 1 / 3) + slope * across + 0.06 * smooth_line(rng, width_px, width_px / 7)
    return np.asarray(1 + lamp, np.float32)


def _exposure(rng: np.random.Generator, rows: int) -> Floats:
    """Return (rows,) light along an exposure: it rises, by a quarter either way in most coils and by half in some."""
    along = np.linspace(-1, 1, rows, dtype=np.float32)
    rise = float(np.clip(0.1 + rng.gamma(2.2, 0.085), 0.08, 0.6))
    bow = rng.normal(0, 0.03)
    if rows < _AREA_ROWS:
        return np.ones(rows, np.float32)
    return (1 + rise * along + bow * (along**2 - 1 / 3)).astype(np.float32)


def _stairs(rng: np.random.Generator, width_px: int, count: int) -> Floats:
    """Return (width_px,) plateaus of random heights, heavy-tailed, whose borders are a few pixels soft."""
    borders = np.sort(rng.uniform(0, width_px, count))
    heights = rng.laplace(0, 0.7, count + 1)
    stairs = heights[np.searchsorted(borders, np.arange(width_px))].astype(np.float32)
    soft = cv2.GaussianBlur(stairs[None], (0, 0), float(rng.uniform(1.5, 6)))[0]
    return np.asarray(soft - soft.mean(), np.float32)


def _roughness(rng: np.random.Generator, width_px: int) -> Floats:
    """Return (width_px,) how rough each column is, as a factor: smooth stretches, and bands that glitter."""
    rough = _stairs(rng, width_px, int(rng.integers(4, 22))) * 0.35
    rough += smooth_line(rng, width_px, width_px / 12) * 0.25 + smooth_line(rng, width_px, 9) * 0.08
    return np.asarray(np.exp(np.clip(rough, -0.9, 1.1) * rng.uniform(0.4, 1.1)), np.float32)


def _bands(rng: np.random.Generator, width_px: int, level_grey: float) -> Floats:
    """Return (width_px,) tones of what lies along the travel for the whole coil, in grey levels."""
    bands = _stairs(rng, width_px, int(rng.integers(3, 30))) * _spread(rng, 0.05)
    bands += smooth_line(rng, width_px, 40) * _spread(rng, 0.02)
    bands += smooth_line(rng, width_px, 7) * _spread(rng, 0.005)
    bands += smooth_line(rng, width_px, 2) * _spread(rng, 0.008)
    return (bands * np.float32(level_grey)).astype(np.float32)


def _streak_pool(rng: np.random.Generator, width_px: int, level_grey: float) -> NDArray[np.int8]:
    """Return (STREAK_ROWS, width_px) streaks along the travel of all widths, and faint clouds."""
    rows = STREAK_ROWS
    pool = smooth_noise(rng, rows, width_px, 330, 2) * _spread(rng, 0.005)
    pool += smooth_noise(rng, rows, width_px, 30, 2.0) * _spread(rng, 0.017)
    pool += smooth_noise(rng, rows, width_px, 190, 12) * _spread(rng, 0.006)
    pool += smooth_noise(rng, rows, width_px, 60, 50) * _spread(rng, 0.024)
    pool += smooth_noise(rng, rows, width_px, 16, 14) * _spread(rng, 0.004)
    pool += smooth_noise(rng, rows, width_px, 22, 160) * _spread(rng, 0.008)
    sparse = smooth_noise(rng, rows, width_px, 30, 6) * smooth_noise(rng, rows, width_px, 150, 45)
    pool += sparse * _spread(rng, 0.024)  # a product of noises: much here, nothing there
    return _packed(pool * np.float32(level_grey))


def _fleck_pool(rng: np.random.Generator, width_px: int, level_grey: float) -> NDArray[np.int8]:
    """Return (FLECK_ROWS, width_px) flecks of scale film with sharp outlines, in clusters, darker or brighter."""
    rows = FLECK_ROWS
    field = smooth_noise(rng, rows, width_px, rng.uniform(5, 22), rng.uniform(2, 4.5))
    field += smooth_noise(rng, rows, width_px, rng.uniform(2, 5), 1.8) * 0.5
    field += smooth_noise(rng, rows, width_px, 130, rng.uniform(20, 60)) * rng.uniform(0.6, 1.4)
    fleck = np.clip((field - rng.uniform(1.0, 3.2)) * 3, 0, 1)
    tone = level_grey * min(0.6, _spread(rng, 0.2)) * rng.choice([-1, -1, 1])
    return _packed(fleck * np.float32(tone) * (1 + 0.25 * smooth_noise(rng, rows, width_px, 3, 2)))


def _grain_pool(rng: np.random.Generator, width_px: int, grain_grey: float) -> NDArray[np.int8]:
    """Return (GRAIN_ROWS, width_px) fine grain, broken lines across as the rolls leave them, pits and glints."""
    rows = GRAIN_ROWS
    white = rng.standard_normal((rows + 8, width_px), dtype=np.float32)
    white[-4:], white[:4] = white[4:8], white[-8:-4]  # the blur below must see the pool as a ring
    soft = cv2.GaussianBlur(white, (0, 0), sigmaX=rng.uniform(0.44, 0.68), sigmaY=rng.uniform(0.36, 0.58))[4:-4]
    pool: Floats = np.asarray(soft / soft.std(), np.float32)
    pool += smooth_noise(rng, rows, width_px, rng.uniform(2, 4), rng.uniform(2, 3.5)) * _spread(rng, 0.5)
    lines = smooth_noise(rng, rows, width_px, rng.uniform(1.0, 1.7), rng.uniform(3, 8)) * _spread(rng, 0.36)
    lines += smooth_noise(rng, rows, width_px, rng.uniform(0.9, 1.5), rng.uniform(10, 24)) * _spread(rng, 0.13)
    lines += _waves(rng, rows, width_px) * _spread(rng, 0.16)
    pool += lines * np.clip(smooth_noise(rng, rows, width_px, 90, 60) + 0.7, 0.1, 2.2)
    pool *= np.float32(grain_grey) / pool.std()
    glint = smooth_noise(rng, rows, width_px, 1.0, rng.uniform(1.0, 1.8))
    glint += smooth_noise(rng, rows, width_px, 140, 26) * 0.7
    glint = np.clip(glint - rng.uniform(1.6, 3.0), 0, 2.2) * rng.uniform(8, 42)
    pool += glint * np.clip(0.7 + 0.6 * white[4:-4], 0.1, 2.2)
    pit = smooth_noise(rng, rows, width_px, 1.6, 1.5) + smooth_noise(rng, rows, width_px, 90, 70) * 0.5
    pool -= np.clip(pit - rng.uniform(2.3, 3.4), 0, 1.2) * rng.uniform(6, 22)
    return _packed(pool - pool.mean())


def _waves(rng: np.random.Generator, rows: int, width_px: int) -> Floats:
    """Return (rows, width_px) chatter: lines across at a nearly constant distance, bent and broken."""
    count = round(rows / rng.uniform(3.6, 8))
    phase = smooth_noise(rng, rows, width_px, 70, 120) * rng.uniform(1, 4)
    phase += np.float32(2 * np.pi * count / rows) * np.arange(rows, dtype=np.float32)[:, None]
    waves: Floats = np.sin(phase) * np.clip(smooth_noise(rng, rows, width_px, 6, 14) + 0.6, 0, 2.5)
    return waves


def _spread(rng: np.random.Generator, median: float) -> float:
    """Draw a factor that differs much from coil to coil, as everything on real strip does."""
    return float(median * np.exp(np.clip(rng.normal(0, 0.55), -1.3, 0.9)))


def _packed(pool: Floats) -> NDArray[np.int8]:
    packed: NDArray[np.int8] = np.clip(np.rint(pool), -127, 127).astype(np.int8)
    return packed
