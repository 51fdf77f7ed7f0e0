"""From maps to detections: time a frame on one core."""

from __future__ import annotations

import statistics
import time

import cv2
import numpy as np

from inspector import recipe
from inspector.analysis.analyse import detect
from inspector.config.camera import Footprint
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Recipe
from inspector.records.stages import Crowd


def main() -> None:
    """Print the time for a sound frame, for one with 20 defects, and for what only a broken camera sends."""
    card = recipe.read_card(recipe.SHIPPED / "steel-r34")
    random = np.random.default_rng(0)
    specks = random.random((card.height, card.width))
    kinds = random.integers(1, len(card.classes) + 1, specks.shape)
    for name, labels in (
        ("sound", np.zeros(specks.shape, np.uint8)),
        ("20 defects", _defects(card, random)),
        ("specks on 5 % of its pixels", (kinds * (specks < 0.05)).astype(np.uint8)),
        ("specks on 50 % of its pixels", (kinds * (specks < 0.5)).astype(np.uint8)),
    ):
        found, median_ms = _time(labels, card)
        assert "defects" not in name or found == 20
        print(f"{name:28} {found:5} reported {median_ms:8.3f} ms")


def _defects(card: Recipe, random: np.random.Generator) -> Bytes2D:
    """Draw 20 slanting ellipses, each in a field of its own."""
    labels = np.zeros((card.height, card.width), np.uint8)
    for i in range(20):
        middle = card.width * (2 * (i % 10) + 1) // 20, card.height * (2 * (i // 10) + 1) // 4
        axes = int(random.integers(20, 60)), int(random.integers(12, 30))
        kind = 1 + i % len(card.classes)
        cv2.ellipse(labels, middle, axes, int(random.integers(60, 120)), 0, 360, kind, -1)
    return labels


def _time(labels: Bytes2D, card: Recipe) -> tuple[int, float]:
    confidence = np.where(labels, 255, 0).astype(np.uint8)
    presence = np.array([np.any(labels == kind.id) for kind in card.classes], np.float32)
    footprint, times = Footprint(0.625, 0.625, 0.0, "top", 0.625 * len(labels)), []
    for _ in range(100):
        began = time.thread_time()
        found = detect(labels, confidence, presence, card, footprint, max_regions=400)
        times.append(time.thread_time() - began)
    regions = sum(found.regions.values()) if isinstance(found, Crowd) else len(found.detections)
    return regions, 1000 * statistics.median(times)
