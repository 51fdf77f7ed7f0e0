"""The four defects of the strip as patches: what each does to the surface, and its exact mask.

A painter is given the box it may use and the contrast at which a defect is barely visible; it draws all
else. It must not know where on the coil its patch goes.
"""

from collections.abc import Callable

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.simulator.noise import Floats, smooth_line, smooth_noise

Mask = NDArray[np.bool_]


class Patch(msgspec.Struct, frozen=True):
    """What one object does to the surface: surface * keep + delta. All arrays are (rows, px).

    `delta` is in grey levels before lighting; `mask` is the exact extent of a defect, None for a look-alike.
    """

    delta: Floats
    keep: Floats
    mask: Mask | None = None


Painter = Callable[[np.random.Generator, int, int, float], Patch]


def paint_pitted(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 1: a region of small dark pits, some of them glinting on one flank."""
    pits, glints = np.zeros((rows, px), np.float32), np.zeros((rows, px), np.float32)
    region = np.zeros((rows, px), np.uint8)
    depth_grey = contrast_grey * rng.uniform(2.2, 4.5)
    density = rng.uniform(50, 150)
    for _ in range(int(np.clip((rows - 28) * (px - 28) / density, 16, 300))):
        radius, angle = np.sqrt(rng.uniform(0, 1)), rng.uniform(0, 2 * np.pi)
        x = px / 2 + (px / 2 - 16) * radius * np.cos(angle) * rng.uniform(0.6, 1)
        y = rows / 2 + (rows / 2 - 16) * radius * np.sin(angle) * rng.uniform(0.6, 1)
        size = 0.8 + rng.gamma(1.5, 0.55)
        axes = (min(4, round(size)), min(6, round(size * rng.uniform(1, 1.9))))
        share = float(rng.uniform(0.4, 1))
        cv2.ellipse(pits, (round(x), round(y)), axes, rng.uniform(-20, 20), 0, 360, share, -1)
        if rng.uniform() < 0.35:
            cv2.ellipse(glints, (round(x), round(y) + axes[1]), (axes[0], 1), 0, 0, 360, share, -1)
        cv2.ellipse(region, (round(x), round(y)), (axes[0] + 3, axes[1] + 3), 0, 0, 360, 1, -1)
    closing = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25))
    mask = _one_solid_piece(cv2.morphologyEx(region, cv2.MORPH_CLOSE, closing).astype(np.uint8))
    inside = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 3)
    rough = smooth_noise(rng, rows, px, 4, 2.5) * rng.uniform(0.3, 0.9) - rng.uniform(0, 0.7)
    delta = cv2.GaussianBlur(glints, (0, 0), 0.6) * np.float32(depth_grey * rng.uniform(0.3, 1.3))
    delta -= cv2.GaussianBlur(pits, (0, 0), 0.7) * np.float32(depth_grey)
    delta += rough * inside * np.float32(contrast_grey)
    delta *= mask
    return trimmed(delta, np.ones_like(delta), mask)


def paint_crack(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 2: a thin dark line that wanders along the travel and fades in and out, sometimes forked."""
    across = np.arange(px, dtype=np.float32)
    room_px = (px - 14) / 2
    centre = smooth_line(rng, rows, rng.uniform(20, 60)) * np.float32(room_px * 0.4)
    centre += smooth_line(rng, rows, 5) * 0.8
    slant = np.linspace(-1, 1, rows, dtype=np.float32) * np.float32(rng.uniform(-0.5, 0.5) * room_px)
    centre = np.clip(centre + slant, -room_px, room_px) + np.float32(px / 2)
    half_px = rng.uniform(0.8, 1.6) * np.clip(1 + 0.3 * smooth_line(rng, rows, 12), 0.6, 1.6)
    strength = np.clip(0.85 + 0.3 * smooth_line(rng, rows, 18), 0.4, 1.2) * _taper(rows, 8)
    distance = np.abs(across - centre[:, None])
    delta = -strength[:, None] * np.exp(-((distance / half_px[:, None]) ** 2))
    strip_half_px = rng.uniform(3.5, 5.5)
    mask = distance <= strip_half_px
    if rng.uniform() < 0.35:
        start_row = int(rows * rng.uniform(0.25, 0.6))
        away_px = np.maximum(np.arange(rows) - start_row, 0) * rng.choice([-1, 1]) * rng.uniform(0.08, 0.2)
        fork = np.clip(centre + away_px, 7, px - 8)
        fork_distance = np.abs(across - fork[:, None])
        fork_delta = -0.7 * strength[:, None] * np.exp(-((fork_distance / half_px[:, None]) ** 2))
        delta = np.minimum(delta, fork_delta)
        mask |= fork_distance <= strip_half_px
    depth_grey = contrast_grey * rng.uniform(2.4, 4.2)
    delta = (delta * depth_grey * mask).astype(np.float32)
    return trimmed(delta, np.ones_like(delta), _one_solid_piece(mask.astype(np.uint8)))


def paint_scratch(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 3: one to three torn parallel lines of a slight slant, bright or dark; the mask is their hull."""
    across = np.arange(px, dtype=np.float32)
    slant_px = float(rng.uniform(-1, 1)) * min(rows * 0.02, px * 0.3)
    path = smooth_line(rng, rows, max(120, rows / 4)) * np.float32(min(2.5, px * 0.05))
    path += np.linspace(-0.5, 0.5, rows, dtype=np.float32) * np.float32(slant_px)
    room_px = max(0.0, px / 2 - abs(slant_px) / 2 - 14)
    count = min(int(rng.choice([1, 2, 3], p=[0.55, 0.25, 0.2])), 1 + int(room_px // 5))
    offsets_px = [0.0] if count == 1 else list(np.linspace(-room_px, room_px, count) * rng.uniform(0.4, 1))
    polarity = 1.0 if rng.uniform() < 0.5 else -1.0
    depth_grey = polarity * contrast_grey * rng.uniform(1.8, 4.0)
    rough = smooth_noise(rng, rows, px, rng.uniform(8, 40), 1.6) * 0.3
    rough += smooth_noise(rng, rows, px, 2.5, 1.5) * rng.uniform(0.1, 0.3)
    delta = np.zeros((rows, px), np.float32)
    left, right = np.full(rows, px, np.float32), np.zeros(rows, np.float32)
    for offset_px in offsets_px:
        half_px = rng.uniform(1.5, 7.0 if count == 1 else 4.0)
        half = np.clip(1 + 0.25 * smooth_line(rng, rows, 60), 0.6, 1.4) * half_px
        half *= np.maximum(_taper(rows, 60), 0.5)
        centre = np.clip(path + np.float32(px / 2 + offset_px), 9, px - 10)
        distance = np.abs(across - centre[:, None]) / half[:, None]
        strength = np.clip(0.8 + 0.35 * smooth_line(rng, rows, rng.uniform(30, 150)), 0.45, 1.3)
        strength *= _taper(rows, 25)
        line = np.clip((1.25 - distance) * 2, 0, 1) * np.clip(strength[:, None] + rough, 0.1, 1.6)
        delta = np.maximum(delta, line.astype(np.float32))
        left = np.minimum(left, centre - half * 1.25 - 1)
        right = np.maximum(right, centre + half * 1.25 + 1)
    mask = (across >= left[:, None]) & (across <= right[:, None])
    delta = (delta * depth_grey * mask).astype(np.float32)
    return trimmed(delta, np.ones_like(delta), mask)


def paint_patch(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 4: a big rough blotch of rolled-in scale with a ragged edge, in relief, darker or brighter."""
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, px, dtype=np.float32)
    radius = np.sqrt(x * x + y * y)
    shape = 0.68 - radius + smooth_noise(rng, rows, px, rows / 4, px / 4) * 0.2
    shape += smooth_noise(rng, rows, px, 14, 14) * rng.uniform(0.05, 0.13)
    shape += smooth_noise(rng, rows, px, 5, 5) * rng.uniform(0.03, 0.06)
    shape -= np.maximum(radius - 0.78, 0) * 3
    shape[:3], shape[-3:], shape[:, :3], shape[:, -3:] = -1, -1, -1, -1
    mask = _one_solid_piece((shape > 0).astype(np.uint8))
    height = smooth_noise(rng, rows, px, rng.uniform(14, 40), rng.uniform(18, 60)) * rng.uniform(4, 12)
    height += smooth_noise(rng, rows, px, 8, 11) * 2.2 + smooth_noise(rng, rows, px, 2.5, 3) * 0.7
    step = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.3) * rng.uniform(4, 14)
    relief = np.gradient(height + step, axis=0) * rng.uniform(0.5, 1.8)
    relief += np.gradient(height + step * 0.5, axis=1) * rng.uniform(-0.7, 0.7)
    relief += smooth_noise(rng, rows, px, 30, 30) * rng.uniform(0, 0.8)
    rim = np.exp(-((shape / 0.035) ** 2)) * rng.uniform(0, 2.5)
    offset = rng.uniform(0.7, 2.4) * (-1 if rng.uniform() < 0.65 else 1)
    delta = np.clip(relief - rim + np.float32(offset), -4.5, 6) * np.float32(contrast_grey)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7) * mask
    keep = 1 - soft * rng.uniform(0.2, 0.8)
    return trimmed((delta * soft).astype(np.float32), keep, mask)


def _taper(rows: int, ends_rows: int) -> Floats:
    """Return (rows,) weights that rise from 0.4 to 1 over the first `ends_rows`, and fall over the last."""
    from_end = np.minimum(np.arange(rows), np.arange(rows)[::-1]).astype(np.float32)
    weights: Floats = np.clip(0.4 + from_end / ends_rows, 0, 1)
    return weights


def _one_solid_piece(region: NDArray[np.uint8]) -> Mask:
    """Return the largest 8-connected piece of a (rows, px) region of 0 and 1, its holes filled."""
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = np.zeros(region.shape, np.uint8)
    cv2.drawContours(solid, [max(contours, key=cv2.contourArea)], -1, 1, -1)
    return solid.astype(np.bool_)


def trimmed(delta: Floats, keep: Floats, mask: Mask) -> Patch:
    """Return the patch cut down to its mask's box: the defect starts at the patch's first row and column."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Patch(delta=delta[box].copy(), keep=keep[box].copy(), mask=mask[box].copy())
