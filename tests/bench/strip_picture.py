"""What the strip picture costs a frame, processor time: on the flow's thread, and on the archive's.

Compared, in one run and alternating, with what the stage before costs: a crop of sound strip of each frame.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np

from inspector import recipe
from inspector.archive.cut import Cut
from inspector.archive.decimate import Decimate
from inspector.archive.settings import ArchiveSection
from inspector.archive.strip_picture import PlacedSwath, StripPicture
from inspector.archive.tiles import TileStore
from inspector.records.stages import Batch, Findings, Frame, Inspected, whole
from inspector.simulator.sheet import Sheet
from tests.frames import camera, header

FRAMES, ROUNDS, HEIGHT, WIDTH, MM = 400, 5, 256, 1600, 0.625


def main() -> None:
    """Print microseconds of processor time a frame, least of the rounds, for sizes of the picture's pixels."""
    print(f"{WIDTH} x {HEIGHT} px of {MM} mm; us a frame, least of {ROUNDS}; load {os.getloadavg()[0]:.0f}")
    print("mm a px   small picture   drawn and written   kB a metre   a crop of the frame")
    for mm_per_px in (5.0, 10.0, 20.0):
        found = [measure(mm_per_px) for _ in range(ROUNDS)]
        flow_us, thread_us, crop_us = (min(figures[place] for figures in found) for place in (0, 1, 3))
        print(f"{mm_per_px:7g}   {flow_us:13.0f}   {thread_us:17.0f}   {found[0][2]:10.2f}   {crop_us:19.0f}")


def measure(mm_per_px: float) -> tuple[float, float, float, float]:
    """Processor time a frame of the small picture and of drawing it, us; disk space; and of a crop, us."""
    by, card = camera(mm_per_px=MM, mm_per_row=MM), recipe.read_card(recipe.SHIPPED / "steel-r34")
    sheet, frames = Sheet(1, width_px=WIDTH, rows=HEIGHT, mm_per_px=MM, mm_per_row=MM), []
    pixels = np.stack([sheet.frame(number).pixels for number in range(8)])
    for number in range(FRAMES):
        frame = Frame(header(number, width=WIDTH, height=HEIGHT), 0)
        shown = pixels[number % 8][None]
        batch = Batch((frame,), shown, whole(shown), 0)
        frames.append((batch, Findings(arrivals=(Inspected(frame, (), card),), closed_ns=0)))
    decimate = Decimate([by], mm_per_px, lambda: True, lambda count, why: None)
    cut = Cut([by], 1e9, lambda: True, lambda count, why: None, Random(1))
    crop_us = timed(lambda: [cut(batch, found) for batch, found in frames])
    made: list[Findings] = []
    flow_us = timed(lambda: made.extend(decimate(batch, found) for batch, found in frames))
    with tempfile.TemporaryDirectory() as folder:
        store = TileStore(ArchiveSection(path=folder), lambda: datetime.now(UTC))
        picture = StripPicture("bench", mm_per_px, lambda: datetime.now(UTC))

        def draw() -> None:
            for number, found in enumerate(made):
                [swath] = found.swaths
                at_s, start_mm = number * swath.length_mm / 5000, number * swath.length_mm  # 5 m/s
                for tile in picture.add(PlacedSwath(swath, by.name, "C", "top", start_mm), at_s):
                    store.add(tile)
                for tile in picture.due(at_s):
                    store.add(tile)

        thread_us = timed(draw)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.jpg"))
    return flow_us, thread_us, size / (FRAMES * HEIGHT * MM), crop_us


def timed(work: Callable[[], object]) -> float:
    """Processor time of this thread a frame, us."""
    began = time.thread_time()
    work()
    return 1e6 * (time.thread_time() - began) / FRAMES


if __name__ == "__main__":
    main()
