"""Procedural steel: frames a second that one core makes, walking along a coil."""

from __future__ import annotations

import statistics
import time

import cv2

from inspector.simulator.looks import LOOKS
from inspector.simulator.sheet import Sheet


def main() -> None:
    """Print the rate of each look compared with what the daemon needs to be loaded (50 frames/s)."""
    cv2.setNumThreads(1)
    sheets = {look: Sheet(5, look=look) for look in LOOKS}
    rates: dict[str, list[float]] = {look: [] for look in LOOKS}
    for part in range(5):
        for look, sheet in sheets.items():
            began = time.process_time()
            for index in range(40 * part, 40 * part + 40):
                sheet.frame(index)
            rates[look].append(40 / (time.process_time() - began))
    for look, found in rates.items():
        print(f"{look}: {statistics.median(found):.0f} frames/s of 1600 x 256 on one core (wanted: at least 50)")
