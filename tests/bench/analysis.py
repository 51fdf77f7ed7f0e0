"""From maps to detections: time a frame on one core."""

from __future__ import annotations

import statistics
import time

import cv2
import numpy as np

from inspector import recipe
from inspector.analyse import detect


def main() -> None:
    """Print the time for a sound frame and for one with 20 defects."""
    cv2.setNumThreads(1)
    card = recipe.read_card(recipe.SHIPPED / "steel-r34")
    for defects in (0, 20):
        labels = np.zeros((card.height, card.width), np.uint8)
        for i in range(defects):
            labels[40 + 50 * (i % 3) : 70 + 50 * (i % 3), 70 * i + 20 : 70 * i + 60] = 1 + i % len(card.classes)
        confidence = np.where(labels, 255, 0).astype(np.uint8)
        presence = np.array([np.any(labels == kind.id) for kind in card.classes], np.float32)
        times = []
        for _ in range(200):
            began = time.perf_counter()
            found = detect(labels, confidence, presence, card, mm_per_px=0.625, mm_per_row=0.625)
            times.append(time.perf_counter() - began)
        assert len(found) == defects
        print(f"{defects:2} defects: {1000 * statistics.median(times):.3f} ms")
