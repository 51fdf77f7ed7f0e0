"""Run-length masks: how many of 1600 x 256 px one core reads and writes a second."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from trainer.data import rle

MASKS, ROUNDS = 60, 9
Mask = npt.NDArray[np.bool_]


def main() -> None:
    """Print both rates, on masks as broken up as Severstal's (about 250 runs and 20 000 px each)."""
    masks = [_draw(np.random.default_rng(seed)) for seed in range(MASKS)]
    texts = [rle.encode(mask) for mask in masks]
    runs = statistics.mean(len(text.split()) / 2 for text in texts)
    print(f"{runs:.0f} runs and {np.mean([mask.sum() for mask in masks]):.0f} px a mask")
    print(f"decode {_rate(lambda text: rle.decode(text, 256, 1600), texts):6.0f} masks/s (wanted: at least 2000)")
    print(f"encode {_rate(rle.encode, masks):6.0f} masks/s (wanted: at least 2000)")


def _draw(chance: np.random.Generator) -> Mask:
    canvas = np.zeros((256, 1600), np.uint8)
    for _ in range(3):
        middle = int(chance.integers(100, 1500)), int(chance.integers(20, 236))
        axes = int(chance.integers(30, 60)), int(chance.integers(30, 70))
        cv2.ellipse(canvas, middle, axes, int(chance.integers(180)), 0, 360, 1, -1)
    return canvas.astype(bool)


def _rate(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    rates = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for item in items:
            work(item)
        rates.append(len(items) / (time.process_time() - began))
    return statistics.median(rates)
