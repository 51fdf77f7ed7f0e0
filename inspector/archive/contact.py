"""A contact sheet: crops side by side, each with its outlines and what it is. Pure.

Knows: pixels, sidecars. Must not know: files, fonts of the system.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.archive.masks import from_counts
from inspector.records.crop import Sidecar
from inspector.records.frame import Bytes2D

CELL_PX, CAPTION_PX, COLUMNS = 128, 30, 8
MOST = 48
PAPER, GROUND, INK, NETWORK, PERSON = (255, 255, 255), (226, 223, 220), (40, 40, 40), (0, 110, 230), (200, 80, 0)
"""Blue, green, red: a crop lies on the ground; outlines are orange as the network drew them, blue where a person has
labelled the defect."""

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8: blue, green, red."""


def draw(crops: Sequence[tuple[Bytes2D, Sidecar]]) -> Picture:
    """Draw up to `MOST` crops: outlined, with class and confidence, and below what a person says."""
    shown = crops[:MOST]
    rows = -(-len(shown) // COLUMNS)
    height, width = rows * (CELL_PX + CAPTION_PX), min(COLUMNS, len(shown)) * CELL_PX
    sheet = np.full((height, width, 3), PAPER, np.uint8)
    for number, (pixels, facts) in enumerate(shown):
        row, column = divmod(number, COLUMNS)
        top, left = row * (CELL_PX + CAPTION_PX), column * CELL_PX
        sheet[top : top + CELL_PX + CAPTION_PX, left : left + CELL_PX] = _cell(pixels, facts)
    return sheet


def _cell(pixels: Bytes2D, facts: Sidecar) -> Picture:
    cell = np.full((CELL_PX + CAPTION_PX, CELL_PX, 3), PAPER, np.uint8)
    height, width = pixels.shape
    scale = min((CELL_PX - 4) / height, (CELL_PX - 4) / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    for region in facts.regions:
        mask = from_counts(region.counts, height, width).astype(np.uint8)
        large = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        outline, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        colour = PERSON if facts.label and region.is_subject else NETWORK
        cv2.drawContours(shown, outline, -1, colour, 1)
    cell[1 : CELL_PX - 1, 1 : CELL_PX - 1] = GROUND
    top, left = (CELL_PX - size[1]) // 2, (CELL_PX - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = shown
    confidence = f" {facts.confidence:.2f}" if facts.defect else ""
    _write(cell, f"{facts.name}{confidence}", 12, INK)
    if facts.label:
        _write(cell, f"is {facts.label.name}: {facts.label.operator}", 25, PERSON)
    return cell


def _write(cell: Picture, words: str, below_px: int, colour: tuple[int, int, int]) -> None:
    plain = words.encode("ascii", "replace").decode()[:20]  # what OpenCV's own font has
    cv2.putText(cell, plain, (2, CELL_PX + below_px), cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)
