"""Harmless things that look like defects: stains, water marks, dust, grain streaks, the mill's chalk.

Each painter has the signature of a defect's painter; its patch has no mask: nothing here is ever labelled.
"""

import cv2
import numpy as np

from inspector.simulator.defects import Patch
from inspector.simulator.noise import Floats, smooth_line, smooth_noise


def paint_stain(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """An oil stain: a dark blob, smooth inside, with an edge that fades over many pixels."""
    strength = np.clip(_blob(rng, rows, px) * 1.6, 0, 1)
    return _plain(cv2.GaussianBlur(strength, (0, 0), 4) * np.float32(-contrast_grey * rng.uniform(0.6, 2.2)))


def paint_water(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """A dried drop: a faint smooth outline, bright or dark, around hardly anything."""
    blob = _blob(rng, rows, px)
    ring = np.exp(-(((blob - 0.2) / rng.uniform(0.03, 0.08)) ** 2))
    fill = np.clip(blob * 3, 0, 1) * rng.uniform(-0.3, 0.3)
    sign = 1 if rng.uniform() < 0.5 else -1
    depth_grey = sign * contrast_grey * rng.uniform(0.6, 1.5)
    return _plain(cv2.GaussianBlur(ring + fill, (0, 0), 1.5) * depth_grey)


def paint_dust(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """One speck of dust: a single dot, dark or bright."""
    dot = np.zeros((rows, px), np.float32)
    axes = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    cv2.ellipse(dot, (px // 2, rows // 2), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    sign = 1 if rng.uniform() < 0.4 else -1
    return _plain(cv2.GaussianBlur(dot, (0, 0), 0.7) * np.float32(sign * contrast_grey * rng.uniform(2, 4.5)))


def paint_grain_streak(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """A faint soft streak along the travel that fades out at both ends."""
    across = np.arange(px, dtype=np.float32)
    centre = smooth_line(rng, rows, 300) * np.float32(px * 0.06) + np.float32(px / 2)
    fade = np.sin(np.linspace(0, np.pi, rows, dtype=np.float32)) ** 2
    profile = np.exp(-(((across - centre[:, None]) / np.float32(px * rng.uniform(0.06, 0.14))) ** 2))
    sign = 1 if rng.uniform() < 0.5 else -1
    return _plain(profile * fade[:, None] * np.float32(sign * contrast_grey * rng.uniform(0.4, 0.8)))


def paint_chalk(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """A dotted mark of white chalk or paint, saturated and splashed, as mills number their coils."""
    shape = smooth_noise(rng, rows, px, 16, 9) + _blob(rng, rows, px) * 3 - 1.6
    shape += smooth_noise(rng, rows, px, 3, 3) * 0.3
    white = cv2.GaussianBlur((shape > 0).astype(np.float32), (0, 0), 0.8)
    return Patch(delta=(white * (200 + contrast_grey)).astype(np.float32), keep=(1 - white).astype(np.float32))


def _blob(rng: np.random.Generator, rows: int, px: int) -> Floats:
    """Return a (rows, px) hill of irregular outline: high in the middle, below 0 at the box's border."""
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, px, dtype=np.float32)
    reach = np.maximum(np.abs(x), np.abs(y))
    hill = 0.75 - np.sqrt(x * x + y * y) + smooth_noise(rng, rows, px, rows / 4, px / 4) * 0.16
    hill -= 9 * np.maximum(reach - 0.9, 0)
    return hill.astype(np.float32)


def _plain(delta: Floats) -> Patch:
    return Patch(delta=delta.astype(np.float32), keep=np.ones(delta.shape, np.float32))
