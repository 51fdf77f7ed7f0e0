"""The sound strip: rolled texture, its lighting, its edges, and the camera's darkness beyond them.

Knows nothing of defects. The surface is a sum of two pools of rows with coprime periods, so that it goes
on for 1.5 million rows without a seam or a repeat, and any row of it costs two look-ups.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.simulator.noise import Drift, Floats, smooth_noise

STREAK_ROWS = 1021
GRAIN_ROWS = 1531
_DARK_ROWS = 509
_RIM_PX = 24  # the strip's rim is rounded: it shines less over about this width on real frames


class Steel:
    """One coil's sound surface, drawn from its seed; every method takes any window of rows.

    `level_grey` is the mean grey level before lighting, `grain_grey` the deviation of the fine grain, and
    `contrast_grey` how far from `level_grey` an object must lie to be seen in that grain. Defects are drawn at twice
    that and more, the surface's own markings below it: what nobody could tell apart would teach and test nothing.
    """

    def __init__(self, seed: int, width_px: int) -> None:
        rng = np.random.default_rng([seed, 0])
        self.width_px = width_px
        self.level_grey = float(rng.uniform(70, 128))
        self.grain_grey = float(rng.uniform(3.5, 9.0))
        self.contrast_grey = 3.0 + 0.06 * self.level_grey + 0.75 * self.grain_grey
        self._streaks = _streak_pool(rng, width_px, self.contrast_grey)
        self._grain = _grain_pool(rng, width_px, self.grain_grey)
        self._dark = np.clip(rng.normal(2.5, 1.2, (_DARK_ROWS, width_px)), 0, 8).astype(np.uint8)
        self._streakiness = Drift((seed, 1), width_px, width_px / 9, 1900)
        self._light = Drift((seed, 2), width_px, width_px / 6, 520)
        self._brightness = Drift((seed, 3), 1, 1, 2600)
        self._sides = (Drift((seed, 4), 1, 1, 2300), Drift((seed, 5), 1, 1, 2300))
        across = np.linspace(-1, 1, width_px, dtype=np.float32)
        lamp = rng.uniform(-0.5, 0.5)
        self._lamp = (rng.uniform(0.05, 0.26) * (0.35 - (across - lamp) ** 2)).astype(np.float32)
        self._unevenness = rng.uniform(0.05, 0.13)
        self._left_px = rng.uniform(-0.12, 0.12) * width_px
        self._right_px = width_px - rng.uniform(-0.12, 0.12) * width_px
        self._wander_px = float(rng.uniform(0.006, 0.03)) * width_px

    def surface(self, first_row: int, rows: int) -> Floats:
        """Return the (rows, width_px) deviation from `level_grey`, in grey levels, before lighting."""
        at = np.arange(first_row, first_row + rows)
        surface: Floats = np.clip(self._streakiness.window(first_row, rows) * 0.55 + 0.75, 0.1, 2)
        surface *= self._streaks[at % STREAK_ROWS]
        surface += self._grain[at % GRAIN_ROWS]
        return surface

    def edges_px(self, first_row: int, rows: int) -> tuple[Floats, Floats]:
        """Return the strip's left and right edge at each row, both (rows,), perhaps outside the picture."""
        left, right = (side.window(first_row, rows)[:, 0] * self._wander_px for side in self._sides)
        return left + self._left_px, self._right_px - right

    def expose(self, surface: Floats, first_row: int) -> NDArray[np.uint8]:
        """Return the (rows, width_px) picture of a surface under this coil's light; `surface` is used up."""
        rows = len(surface)
        light = self._light.window(first_row, rows)
        light *= self._unevenness
        light += self._lamp + 1
        light += self._brightness.window(first_row, rows) * 0.09
        np.clip(light, 0.5, 2.2, out=light)
        surface += np.float32(self.level_grey)
        surface *= light
        self._shade_edges(surface, first_row)
        np.clip(surface, 0, 255, out=surface)
        dark = self._dark[np.arange(first_row, first_row + rows) % _DARK_ROWS]
        return np.maximum(surface.astype(np.uint8), dark)

    def _shade_edges(self, lit: Floats, first_row: int) -> None:
        left_px, right_px = self.edges_px(first_row, len(lit))
        across = np.arange(self.width_px, dtype=np.float32)
        reach_px = min(self.width_px, int(left_px.max()) + _RIM_PX + 2)
        if reach_px > 0:
            lit[:, :reach_px] *= _rim(across[:reach_px] - left_px[:, None])
        start_px = max(0, int(right_px.min()) - _RIM_PX - 2)
        if start_px < self.width_px:
            lit[:, start_px:] *= _rim(right_px[:, None] - across[start_px:])


def _rim(depth_px: Floats) -> Floats:
    """Return the share of light that comes back `depth_px` inside the edge: 0 outside, 1 past the rim."""
    slope: Floats = np.clip(1 - depth_px / _RIM_PX, 0, 1)
    share: Floats = np.clip(depth_px, 0, 1)
    share *= 1 - 0.6 * slope * slope
    return share


def _streak_pool(rng: np.random.Generator, width_px: int, contrast_grey: float) -> NDArray[np.int8]:
    """Return (STREAK_ROWS, width_px) streaks and two-tone tongues of scale film along the travel, mottled."""
    rows = STREAK_ROWS
    long_streaks = smooth_noise(rng, rows, width_px, 500, rng.uniform(5, 14))
    long_streaks += smooth_noise(rng, rows, width_px, 260, rng.uniform(25, 70))
    mottle = smooth_noise(rng, rows, width_px, 45, 30)
    tongue = smooth_noise(rng, rows, width_px, rng.uniform(25, 90), rng.uniform(3, 8))
    tongue += smooth_noise(rng, rows, width_px, 220, 45) * 0.9
    tongue += smooth_noise(rng, rows, width_px, 7, 2.5) * 0.3
    tone = np.clip((tongue - rng.uniform(0.5, 2.2)) * 4, 0, 1)
    tone_grey = contrast_grey * rng.uniform(0.3, 1.0) * rng.choice([-1, -1, 1])
    pool = long_streaks * rng.uniform(1.5, 4.5) + mottle * rng.uniform(1, 4)
    pool += tone * np.float32(tone_grey)
    return _packed(pool - pool.mean())


def _grain_pool(rng: np.random.Generator, width_px: int, grain_grey: float) -> NDArray[np.int8]:
    """Return (GRAIN_ROWS, width_px) fine grain, faint roll chatter across the travel, and bright specks."""
    rows = GRAIN_ROWS
    white = rng.standard_normal((rows + 8, width_px), dtype=np.float32)
    white[-4:], white[:4] = white[4:8], white[-8:-4]  # the blur below must see the pool as a ring
    grain = cv2.GaussianBlur(white, (0, 0), sigmaX=rng.uniform(0.5, 1.0), sigmaY=rng.uniform(0.4, 0.7))[4:-4]
    pool = grain * np.float32(grain_grey / grain.std())
    waves = round(rows / rng.uniform(5, 13))
    phase = smooth_noise(rng, rows, width_px, 140, 200) * rng.uniform(2, 9)
    phase += np.float32(2 * np.pi * waves / rows) * np.arange(rows, dtype=np.float32)[:, None]
    chatter = np.sin(phase) * np.clip(smooth_noise(rng, rows, width_px, 150, 130), 0, 2)
    pool += chatter * rng.uniform(0, 5)
    rarity = rng.uniform(2.6, 3.6)
    glint = smooth_noise(rng, rows, width_px, 1.2, 2)
    glint += smooth_noise(rng, rows, width_px, 90, 60) * 0.5
    pool += np.maximum(glint - rarity, 0) * rng.uniform(40, 100)
    return _packed(pool)


def _packed(pool: Floats) -> NDArray[np.int8]:
    packed: NDArray[np.int8] = np.clip(np.rint(pool), -127, 127).astype(np.int8)
    return packed
