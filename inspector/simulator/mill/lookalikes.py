"""Harmless marks of a hot-rolling mill, as on its frames without a label: paint, oil, drops that ran, film, specks."""

import cv2
import numpy as np

from inspector.simulator.defects import Patch
from inspector.simulator.noise import Floats, smooth_line, smooth_noise


def paint_splash(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Drops of white paint or chalk, saturated, with splashes around: how mills number coils."""
    ink = smooth_noise(rng, rows, px, rng.uniform(9, 22), rng.uniform(6, 14))
    ink += smooth_noise(rng, rows, px, 3.5, 3) * rng.uniform(0.3, 0.8)
    y, x = np.linspace(-1, 1, rows, dtype=np.float32)[:, None], np.linspace(-1, 1, px, dtype=np.float32)
    ink -= np.float32(rng.uniform(0.6, 1.4)) + 1.6 * (x * x + y * y)
    ink -= 9 * np.maximum(np.maximum(np.abs(x), np.abs(y)) - 0.9, 0)
    white = np.asarray(np.clip(cv2.GaussianBlur((ink > 0).astype(np.float32), (0, 0), 0.7), 0, 1), np.float32)
    return Patch(delta=(white * (190 + contrast_grey)).astype(np.float32), keep=1 - white)


def paint_spill(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Oil or water that spread: darker or brighter by little, its border sharp here and gone there."""
    field = smooth_noise(rng, rows, px, rows / 4, px / 4) + _dome(rows, px) * 2.6
    border = np.clip(field * rng.uniform(2, 12), 0, 1)
    rim = np.exp(-((field / 0.06) ** 2)) * rng.uniform(0, 0.8)
    tone = contrast_grey * rng.uniform(0.4, 1.3) * (-1 if rng.uniform() < 0.7 else 1)
    return _plain(cv2.GaussianBlur((border + rim).astype(np.float32), (0, 0), 1.2) * np.float32(tone) * _fade(rows, px))


def paint_run(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """A narrow trail that wanders along the travel, as of a drop that ran: faint, bright or dark."""
    across = np.arange(px, dtype=np.float32)
    centre = px / 2 + smooth_line(rng, rows, rng.uniform(30, 120)) * np.float32(px * 0.12)
    half = np.clip(rng.uniform(1, 5) * (1 + 0.4 * smooth_line(rng, rows, 25)), 0.7, px * 0.2)
    trail = np.exp(-(((across - centre[:, None]) / half[:, None]) ** 2))
    strength = np.clip(0.6 + 0.6 * smooth_line(rng, rows, 40), 0, 1.5)[:, None]
    tone = contrast_grey * rng.uniform(0.3, 1.0) * rng.choice([-1, 1])
    return _plain(trail * strength * np.float32(tone) * _fade(rows, px))


def paint_film(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Tongues of scale film, much longer than wide, in two tones with sharp borders."""
    field = smooth_noise(rng, rows, px, rows / 6, px / 7) + smooth_noise(rng, rows, px, 9, 4) * 0.35
    field += _dome(rows, px) * 1.6 - rng.uniform(0.2, 0.9)
    tone = contrast_grey * rng.uniform(0.8, 2.4) * (-1 if rng.uniform() < 0.55 else 1)
    grain = 1 + 0.3 * smooth_noise(rng, rows, px, 2, 2)
    return _plain(np.clip(field * 5, 0, 1) * grain * np.float32(tone) * _fade(rows, px))


def paint_specks(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Some specks of dust or scale, dark or glinting."""
    dots = np.zeros((rows, px), np.float32)
    for _ in range(int(rng.integers(1, 9))):
        place = (int(rng.integers(6, px - 6)), int(rng.integers(6, rows - 6)))
        axes = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        tone = contrast_grey * rng.uniform(1, 3.5) * (-1 if rng.uniform() < 0.6 else 1.6)
        cv2.ellipse(dots, place, axes, float(rng.uniform(0, 180)), 0, 360, float(tone), -1)
    return _plain(np.asarray(cv2.GaussianBlur(dots, (0, 0), 0.7), np.float32))


def _dome(rows: int, px: int) -> Floats:
    y, x = np.linspace(-1, 1, rows, dtype=np.float32)[:, None], np.linspace(-1, 1, px, dtype=np.float32)
    return (0.6 - np.sqrt(x * x + y * y)).astype(np.float32)


def _fade(rows: int, px: int) -> Floats:
    """Return (rows, px) weights that are 0 on the border of the box."""
    down = np.clip(np.minimum(np.arange(rows), np.arange(rows)[::-1]) / (0.12 * rows), 0, 1).astype(np.float32)
    side = np.clip(np.minimum(np.arange(px), np.arange(px)[::-1]) / (0.12 * px), 0, 1).astype(np.float32)
    return down[:, None] * side


def _plain(delta: Floats) -> Patch:
    return Patch(delta=delta.astype(np.float32), keep=np.ones(delta.shape, np.float32))
