"""Any camera: what cutting wide and tall frames into tiles costs, compared with frames of the recipe's own size."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from inspector import recipe as recipes
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import Segmenter
from inspector.engines.tiled import OVERLAP_PX, Tiled, tiles
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Recipe
from inspector.simulator.sheet import Sheet

SIZES = ((256, 1600), (256, 2048), (256, 3136), (256, 4096), (64, 2048), (512, 8192), (1024, 4672))
"""Rows and pixels: the recipe's own, line scan cameras' usual ones, and two that whole tiles cover exactly."""
BUDGET_PX = 12e6
"""Pixels of strip inspected for each size: a few seconds of one core."""
MAX_PLANES = 4


def main() -> None:
    """Print tiles, their pixels for each of the frame, and the time of a megapixel of strip."""
    card, model = recipes.load(recipes.find("steel-fast", Path()))
    engine = OpenVino(card, model)
    plane = card.height, card.width
    print(f"recipe {card}, {plane[1]} x {plane[0]} px, {OVERLAP_PX} px overlap at least")
    print("| frame | tiles | pixels assessed / pixels of strip | ms for 1 Mpx of strip | times the recipe's own size |")
    print("|---|---|---|---|---|")
    own_ms = 0.0
    for rows, px in SIZES:
        count = len(tiles((rows, px), plane))
        spent_ms = _time(engine, card, (rows, px))
        own_ms = own_ms or spent_ms
        share = count * plane[0] * plane[1] / (rows * px)
        print(f"| {px} x {rows} | {count} | {share:.3f} | {spent_ms:.1f} | {spent_ms / own_ms:.3f} |", flush=True)


def _time(engine: Segmenter, card: Recipe, size: tuple[int, int]) -> float:
    """Milliseconds for a megapixel of strip, in the best of three runs."""
    strip = Sheet(3, width_px=size[1], rows=size[0]).frame(0).pixels
    count = max(1, round(BUDGET_PX / 3 / (size[0] * size[1])))
    frames: Bytes3D = np.broadcast_to(strip, (1, *size)).copy()
    tiled = Tiled(engine, card, size, MAX_PLANES)
    best_s = np.inf
    for _ in range(3):
        began_s = time.perf_counter()
        for number in range(count + 1):
            if number < count:
                tiled.submit(frames)
            if number:
                tiled.result()
        best_s = min(best_s, time.perf_counter() - began_s)
    return float(1000 * best_s / (count * size[0] * size[1] / 1e6))


if __name__ == "__main__":
    main()
