"""The four defects as they look on hot-rolled strip, outlined as people outline them: coarsely, by a few corners.

Sizes, leans and how much of a box is filled follow 5 661 frames with true masks of PAO Severstal's set (2019), shapes
and tones 125 real frames of it. Painters are as in `defects.py`, and know as little of the coil.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.simulator.defects import Mask, Patch, trimmed
from inspector.simulator.noise import Floats, smooth_line, smooth_noise

_SEEN = 1.7
"""Contrast, in that at which a defect is barely visible, that a fiftieth of its pixels have at least."""
_MOST_STRONGER = 6.0


def paint_pits(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 1: a dent of a few millimetres, or some pits in a row along the travel, dark with a lit flank."""
    delta = np.zeros((rows, px), np.float32)
    dark, lit = delta.copy(), delta.copy()
    middle = np.array([px / 2, rows / 2])
    count = int(rng.integers(1, 9))
    for _ in range(count):
        x, y = middle + rng.normal(0, 1, 2) * (px * 0.1, rows * 0.17)
        axes = (max(1, round(rng.uniform(0.03, 0.12) * px)), max(1, round(rng.uniform(0.02, 0.14) * rows)))
        share, angle = float(rng.uniform(0.4, 1)), float(rng.uniform(-25, 25))
        cv2.ellipse(dark, (round(x), round(y)), axes, angle, 0, 360, share, -1)
        if rng.uniform() < 0.45:
            flank = (round(x + axes[0] * rng.uniform(-1, 1)), round(y + axes[1] * rng.uniform(0.3, 1)))
            cv2.ellipse(lit, flank, (max(1, axes[0] // 2), max(1, axes[1] // 3)), angle, 0, 360, share, -1)
    edge = smooth_noise(rng, rows, px, 2.5, 2.0)
    dark = cv2.GaussianBlur(dark, (0, 0), 0.9) * np.clip(1 + 0.5 * edge, 0.2, 1.6)
    lit = cv2.GaussianBlur(lit, (0, 0), 0.7) * np.clip(1 + 0.4 * edge, 0.2, 1.8)
    delta = lit * (contrast_grey * rng.uniform(1.5, 7)) - dark * (contrast_grey * rng.uniform(1.5, 3.4))
    return _outlined(rng, contrast_grey, delta.astype(np.float32), (dark + lit) > 0.25, margin_px=px * 0.14)


def paint_cracks(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 2: a fine dark line along the travel, torn here and there; its outline is a strip around it."""
    across = np.arange(px, dtype=np.float32)
    lean_px = float(np.clip(rows * np.tan(np.radians(rng.normal(0, 2.2))), -0.3 * px, 0.3 * px))
    centre = np.linspace(-0.5, 0.5, rows, dtype=np.float32) * np.float32(lean_px) + np.float32(px / 2)
    path = centre + smooth_line(rng, rows, 28) * np.float32(min(1.6, px * 0.05)) + smooth_line(rng, rows, 4) * 0.5
    distance = np.abs(across - path[:, None])
    half_px = np.clip(rng.uniform(0.6, 1.5) * (1 + 0.5 * smooth_line(rng, rows, 9)), 0.5, 3)
    torn = np.clip(0.7 + 0.55 * smooth_line(rng, rows, 11), 0.1, 1.5)
    line = torn[:, None] * np.exp(-((distance / half_px[:, None]) ** 2))
    side = np.exp(-(((across - path[:, None] - 2.2) / 1.3) ** 2)) * np.clip(smooth_line(rng, rows, 7), 0, 2)[:, None]
    delta = -line * contrast_grey * rng.uniform(1.7, 3.4) + side * contrast_grey * rng.uniform(0, 1.2)
    half = float(rng.uniform(0.26, 0.42)) * (px - abs(lean_px))
    mask = np.abs(across - centre[:, None]) <= max(3.5, half)
    return trimmed(_seen(delta * mask, mask, contrast_grey), np.ones((rows, px), np.float32), mask)


def paint_scratches(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 3: lines along the travel, bright or dark and dotted, or, in a wide box, torn splinters and slivers."""
    if px > 0.55 * rows or (px > 70 and rows < 400):
        return _splinters(rng, rows, px, contrast_grey)
    return _lines(rng, rows, px, contrast_grey)


def _lines(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    across = np.arange(px, dtype=np.float32)
    lean_px = float(np.clip(rng.normal(0, 0.012) * rows, -0.3 * px, 0.3 * px))
    path = np.linspace(-0.5, 0.5, rows, dtype=np.float32) * np.float32(lean_px) + np.float32(px / 2)
    room_px = max(1.0, 0.30 * (px - abs(lean_px)))
    delta = np.zeros((rows, px), np.float32)
    dotted = rng.uniform() < 0.45
    bright = 1 if rng.uniform() < 0.55 else -1
    for _ in range(int(rng.integers(1, 4))):
        centre = path + np.float32(rng.uniform(-0.7, 0.7) * room_px) + smooth_line(rng, rows, max(60, rows / 3)) * 0.7
        half = np.clip(1 + 0.3 * smooth_line(rng, rows, 50), 0.5, 1.7) * min(room_px, float(rng.lognormal(0.55, 0.6)))
        distance = np.abs(across - centre[:, None]) / np.maximum(half, 0.9)[:, None]
        strength = np.clip(0.8 + 0.5 * smooth_line(rng, rows, rng.uniform(20, 130)), 0.3, 1.6)
        if dotted:
            strength *= np.clip(0.5 + 0.9 * smooth_line(rng, rows, rng.uniform(2.5, 9)), 0.15, 1.6)
        fine = 1 + 0.35 * smooth_noise(rng, rows, px, rng.uniform(3, 40), 1.6)
        line = strength[:, None] * np.exp(-(distance**2)) * np.clip(fine, 0.1, 2)
        delta += (line * contrast_grey * bright * rng.uniform(1.3, 4.5)).astype(np.float32)
        if rng.uniform() < 0.35:
            delta -= (
                bright * contrast_grey * 1.1 * strength[:, None] * np.exp(-((distance - 1.8) ** 2)).astype(np.float32)
            )
    delta *= _ends(rows, min(20, rows / 5))
    ragged = 1 + 0.10 * np.interp(
        np.arange(rows), np.linspace(0, rows, 2 + rows // 90), rng.normal(0, 1, 2 + rows // 90)
    )
    mask = np.abs(across - path[:, None]) <= np.clip(1.45 * room_px * ragged, 4, None)[:, None]
    return trimmed(_seen(delta * mask, mask, contrast_grey), np.ones((rows, px), np.float32), mask)


def _splinters(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    dark, lit = np.zeros((rows, px), np.float32), np.zeros((rows, px), np.float32)
    lean = rng.normal(0, 25) + (90 if rng.uniform() < 0.4 else 0)
    for _ in range(int(np.clip(rows * px / rng.uniform(600, 3000), 3, 45))):
        middle = np.array([px, rows]) * (0.5 + np.clip(rng.normal(0, 0.14, 2), -0.3, 0.3))
        length = rng.uniform(0.05, 0.22) * min(rows, px) + 3
        axes = (max(1, round(length * rng.uniform(0.08, 0.35))), max(2, round(length)))
        plane = lit if rng.uniform() < 0.55 else dark
        place = (round(float(middle[0])), round(float(middle[1])))
        cv2.ellipse(plane, place, axes, float(lean + rng.normal(0, 14)), 0, 360, float(rng.uniform(0.3, 1)), -1)
    rough = smooth_noise(rng, rows, px, 3, 2.5)
    lit *= np.clip(0.8 + 0.7 * rough, 0, 1.7)
    dark *= np.clip(0.8 - 0.5 * rough, 0, 1.5)
    shine, shade = (cv2.GaussianBlur(plane, (0, 0), 0.8) for plane in (lit, dark))
    delta = shine * (contrast_grey * rng.uniform(2, 10)) - shade * (contrast_grey * rng.uniform(1.2, 3.2))
    return _outlined(
        rng,
        contrast_grey,
        np.asarray(delta, np.float32),
        np.asarray(shine + shade > 0.2),
        margin_px=min(rows, px) * 0.06 + 2,
    )


def paint_scale(rng: np.random.Generator, rows: int, px: int, contrast_grey: float) -> Patch:
    """Class 4: a shell of rolled-in scale, rough within, under a dark crack of an edge and a lit one opposite."""
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, px, dtype=np.float32)
    turn = rng.uniform(-0.5, 0.5)
    radius = np.sqrt((x + turn * y) ** 2 + (y - turn * x) ** 2)
    shape = 0.70 - radius + smooth_noise(rng, rows, px, rows / 3.5, px / 3.5) * 0.20
    shape += smooth_noise(rng, rows, px, 16, 16) * 0.07 + smooth_noise(rng, rows, px, 5, 5) * 0.035
    shape -= np.maximum(np.maximum(np.abs(x), np.abs(y)) - 0.80, 0) * 8
    inside = (shape > 0).astype(np.float32)
    height = smooth_noise(rng, rows, px, rng.uniform(12, 30), rng.uniform(12, 30)) * rng.uniform(2, 9)
    height += smooth_noise(rng, rows, px, rng.uniform(4, 9), rng.uniform(4, 9)) * rng.uniform(0.6, 2.4)
    relief = np.gradient(height, axis=0) * rng.uniform(0.3, 1) + np.gradient(height, axis=1) * rng.uniform(-0.4, 0.4)
    step = np.gradient(cv2.GaussianBlur(inside, (0, 0), rng.uniform(0.9, 2.2)), axis=0) * rng.uniform(-9, 9)
    rim = np.exp(-((shape / rng.uniform(0.015, 0.04)) ** 2)) * np.clip(1 + smooth_noise(rng, rows, px, 18, 18), 0, 2.5)
    tone = rng.uniform(-2.0, 0.6) + smooth_noise(rng, rows, px, 30, 22) * rng.uniform(0.1, 0.8)
    lit = np.clip(smooth_noise(rng, rows, px, 6, 8) + smooth_noise(rng, rows, px, 30, 30) - 2.2, 0, 2) * rng.uniform(
        0, 5
    )
    soft = cv2.GaussianBlur(inside, (0, 0), 0.9)
    delta = ((relief + tone + lit) * soft + step - rim * rng.uniform(0.3, 2.2)) * contrast_grey
    keep = 1 - soft * np.float32(rng.uniform(0.2, 0.75))
    return _outlined(
        rng,
        contrast_grey,
        delta.astype(np.float32),
        inside > 0,
        margin_px=float(rng.uniform(1, 6)),
        keep=keep,
    )


def _outlined(
    rng: np.random.Generator,
    contrast_grey: float,
    delta: Floats,
    seen: Mask,
    *,
    margin_px: float,
    keep: Floats | None = None,
) -> Patch:
    """Return a patch whose mask is a polygon of few corners around what is seen; nothing shows outside of it."""
    rows, px = delta.shape
    size = 2 * max(1, round(margin_px)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    joined = cv2.morphologyEx(
        np.pad(seen.astype(np.uint8), size),
        cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 9,) * 2),
    )[size:-size, size:-size]
    contours, _ = cv2.findContours(cv2.dilate(joined, disc), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    whole = max(contours, key=cv2.contourArea) if contours else _box(rows, px)
    corners = cv2.approxPolyDP(whole, float(rng.uniform(1, 4)), closed=True)
    if len(corners) < 3:
        corners = cv2.convexHull(whole)
    drawn = np.zeros((rows, px), np.uint8)
    cv2.drawContours(drawn, [corners], -1, 1, -1)
    pieces, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = np.zeros((rows, px), np.uint8)
    cv2.drawContours(mask, [max(pieces, key=cv2.contourArea)], -1, 1, -1)
    within = mask.astype(np.float32)
    kept = np.ones_like(delta) if keep is None else 1 - (1 - keep) * within
    return trimmed(_seen(delta * within, mask > 0, contrast_grey), kept.astype(np.float32), mask.astype(np.bool_))


def _seen(delta: Floats, mask: Mask, contrast_grey: float) -> Floats:
    """Return what a defect does, stronger where nobody would see it."""
    level_grey = float(np.percentile(np.abs(delta[mask]), 98))
    stronger = _SEEN * contrast_grey / max(level_grey, 1e-6)
    return np.asarray(delta * min(_MOST_STRONGER, max(1.0, stronger)), np.float32)


def _box(rows: int, px: int) -> NDArray[np.int32]:
    """Return the outline of a box's middle: what is drawn may have missed it."""
    left, top, right, bottom = px // 4, rows // 4, 3 * px // 4, 3 * rows // 4
    return np.array([[[left, top]], [[right, top]], [[right, bottom]], [[left, bottom]]], np.int32)


def _ends(rows: int, fade_rows: float) -> Floats:
    """Return (rows, 1) weights that fade at both ends."""
    from_end = np.minimum(np.arange(rows), np.arange(rows)[::-1]).astype(np.float32)
    return np.asarray(np.clip(0.25 + from_end / fade_rows, 0, 1)[:, None], np.float32)
