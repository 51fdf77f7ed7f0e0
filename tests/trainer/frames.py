"""Small frames with obvious defects, and the settings of a run that learns them in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inspector.records.recipe import Window
from trainer.data.samples import CLASS_NAMES, Plane, Sample
from trainer.settings import Settings

HEIGHT, WIDTH = 64, 128


def draw_frame(number: int) -> tuple[Plane, Plane]:
    """Draw noise around grey 120 with, in three of four frames, one rectangle of class 1..4, each of its own grey."""
    chance = np.random.default_rng(number)
    pixels = chance.normal(120, 6, (HEIGHT, WIDTH))
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    if number % 4:
        class_id = 1 + number % 3 + (number % 8 == 7)
        top, left = chance.integers(0, HEIGHT - 24), chance.integers(0, WIDTH - 40)
        box = np.s_[top : top + 24, left : left + 40]
        labels[box], pixels[box] = class_id, pixels[box] + (-110, -55, 55, 110)[class_id - 1]
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


class MadeFrames:
    """What sets of frames made by tests have in common; whoever derives makes the samples."""

    class_names: tuple[str, ...] = CLASS_NAMES
    window: Window | None = None

    def __getitem__(self, index: int) -> Sample:
        raise NotImplementedError

    def image(self, index: int) -> Path | None:
        """Return None: no file."""
        return None

    def grey(self, index: int) -> Plane:
        """Return a frame's grey levels."""
        return self[index].pixels

    def size(self, index: int) -> tuple[int, int]:
        """Return a frame's height and width."""
        height, width = self[index].pixels.shape
        return height, width


def tiny_settings(mask_folder: Path, **changes: object) -> Settings:
    """Settings of a run of twenty steps, with changes."""
    usual: dict[str, object] = {
        "data": (str(mask_folder),),
        "encoder": "resnet18",
        "decoder": (32, 16, 16, 16),
        "epochs": 2,
        "epoch_crops": 40,
        "batch": 4,
        "crop_height_px": 64,
        "crop_width_px": 64,
        "lr": 3e-3,
        "precision": "fp32",
        "workers": 0,
    }
    return Settings(**{**usual, **changes})  # type: ignore[arg-type]
