"""Polygons into masks, by the centre of each pixel; knows nothing of files, frames or classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.data.rle import Mask

SLACK_PX = 1.0
"""How far annotation tools let a vertex stray past the frame's edge."""
STEPS = 4
"""Points looked at on a pixel's length of an outline."""


def fill(vertices: Sequence[float], height_px: int, width_px: int) -> Mask:
    """Return a mask (height_px, width_px) bool of the pixels whose centres lie in a polygon, by the even-odd rule.

    `vertices` are x y x y ..., pixels from the frame's left and upper edge: pixel 0 reaches from 0 to 1.

    Raises:
        ValueError: fewer than three vertices, an odd count of numbers, or a vertex outside the frame.
    """
    if len(vertices) < 6 or len(vertices) % 2:
        raise ValueError(f"the polygon has {len(vertices)} numbers; expected x y for three vertices or more")
    points = np.asarray(vertices, np.float64).reshape(-1, 2)
    outside = ~((points >= -SLACK_PX) & (points <= np.add((width_px, height_px), SLACK_PX))).all(axis=1)
    if outside.any():
        x, y = points[outside][0]
        raise ValueError(
            f"vertex {int(np.argmax(outside)) + 1} of the polygon, {x:g} {y:g}, lies outside the "
            f"{width_px} x {height_px} px frame. Is the frame's size right?"
        )
    crossings = np.zeros((height_px, width_px + 1), np.uint16)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        top, bottom = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height_px).astype(int)
        if top < bottom:  # the edge crosses these rows' centres, each once
            rows = np.arange(top, bottom)
            x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            crossings[rows, np.clip(np.ceil(x - 0.5), 0, width_px).astype(int)] += 1
    inside: Mask = np.cumsum(crossings[:, :-1], axis=1, dtype=np.uint16) % 2 == 1
    return inside


def outline(vertices: Sequence[float], height_px: int, width_px: int) -> Mask:
    """Return a mask (height_px, width_px) bool of the pixels that a polygon's sides run through, one at least."""
    points = np.asarray(vertices, np.float64).reshape(-1, 2)
    mask = np.zeros((height_px, width_px), bool)
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        count = int(np.ceil(np.abs(end - start).max() * STEPS)) + 1
        x, y = np.floor(np.linspace(start, end, count)).astype(int).T
        mask[np.clip(y, 0, height_px - 1), np.clip(x, 0, width_px - 1)] = True
    return mask
