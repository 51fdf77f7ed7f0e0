"""Frames painted for the recipe of `tests.recipes`, so that what must be found of them is known to the pixel."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import cv2
import numpy as np

from tests.recipes import HEIGHT, SOUND, WIDTH
from trainer.data.samples import Plane

DARK, BRIGHT = 1, 2
SURE, UNSURE = {DARK: 10, BRIGHT: 245}, {DARK: 40, BRIGHT: 215}
"""Grey levels that the recipe takes for a class with probability 0.9 and 0.6."""


def paint(*boxes: tuple[int, int, int, bool]) -> tuple[Plane, Plane]:
    """Paint boxes of 8 x 16 px on sound steel: (top, left, grey, whether the labels know of it)."""
    pixels, labels = np.full((HEIGHT, WIDTH), SOUND, np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    for top, left, grey, is_true in boxes:
        box = np.s_[top : top + 8, left : left + 16]
        pixels[box] = grey
        labels[box] = is_true * (DARK if grey < SOUND else BRIGHT)
    return pixels, labels


def write_frames(folder: Path, frames: int) -> Path:
    """Write frames with one sure defect each, alternating dark and bright, and in every third an unsure false one.

    A corner is of a level of its own in each folder: the frames of none are those of another.
    """
    corner = SOUND - crc32(folder.name.encode()) % 25
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(frames):
        kind = (DARK, BRIGHT)[number % 2]
        boxes = [(10 + number % 30, 20 + 5 * (number % 20), SURE[kind], True)]
        if number % 3 == 0:
            boxes.append((50, 200, UNSURE[kind], False))
        pixels, labels = paint(*boxes)
        pixels[0, 0] = corner
        cv2.imwrite(str(folder / "images" / f"{number:03}.png"), pixels)
        cv2.imwrite(str(folder / "masks" / f"{number:03}.png"), labels)
    return folder
