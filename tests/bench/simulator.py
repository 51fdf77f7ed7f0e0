"""Procedural steel: frames a second that one core makes, walking along a coil."""

from __future__ import annotations

import statistics
import time

import cv2

from inspector.simulator.sheet import Sheet


def main() -> None:
    """Print the rate compared with what the daemon needs to be loaded (50 frames/s)."""
    cv2.setNumThreads(1)
    sheet = Sheet(5)
    rates = []
    for part in range(5):
        began = time.process_time()
        for index in range(40 * part, 40 * part + 40):
            sheet.frame(index)
        rates.append(40 / (time.process_time() - began))
    print(f"{statistics.median(rates):.0f} frames/s of 1600 x 256 on one core (wanted: at least 50)")
