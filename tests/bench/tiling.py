"""Any camera: what frames of other sizes than the recipe's cost, cut into tiles and gathered along the travel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inspector import recipe as recipes
from inspector import wire
from inspector.config.camera import CameraSection
from inspector.demand import Demand
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import Segmenter
from inspector.engines.tiled import OVERLAP_PX, Tiled, tiles
from inspector.intake.accept import Accept
from inspector.intake.decoding import Decoders
from inspector.intake.gathering import plane_share
from inspector.intake.overload import policies
from inspector.intake.settings import IntakeSection
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Recipe
from inspector.records.stages import Batch
from inspector.simulator.sheet import MM_PER_PX, Sheet

SIZES = ((256, 1600), (256, 2048), (256, 3136), (256, 4096), (512, 8192), (1024, 4672))
"""Rows and pixels: the recipe's own, line scan cameras' usual ones, and two that whole tiles cover exactly."""
BLOCKS = ((16, 1600), (64, 1600), (100, 1600), (200, 1600), (300, 1600), (64, 3136), (64, 2048), (64, 512))
"""Those of cameras whose rows are no whole tiles; the last is narrow, too."""
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
    _blocks(engine, card, own_ms)


def _blocks(engine: Segmenter, card: Recipe, own_ms: float) -> None:
    """Print the network's planes for a metre of strip where frames go alone, and where they are gathered."""
    print(f"\nfrom messages on, {MM_PER_PX} mm a row; the least is what the width's tiles take without a row of pad")
    print("| frame | planes a metre, alone | gathered | the least | times the least | ms for 1 Mpx, alone | gathered |")
    print("|---|---|---|---|---|---|---|")
    for rows, px in BLOCKS:
        alone, alone_ms = _deliver(engine, card, (rows, px), wait_ns=0)
        gathered, gathered_ms = _deliver(engine, card, (rows, px), wait_ns=10**9)
        least = len(tiles((card.height, px), (card.height, card.width))) * 1000 / MM_PER_PX / card.height
        print(
            f"| {px} x {rows} | {alone:.2f} | {gathered:.2f} | {least:.2f} | {gathered / least:.3f} | {alone_ms:.1f} "
            f"| {gathered_ms:.1f} |",
            flush=True,
        )
    print(f"a frame of the recipe's size: {own_ms:.1f} ms for 1 Mpx")


def _deliver(engine: Segmenter, card: Recipe, size: tuple[int, int], wait_ns: int) -> tuple[float, float]:
    """Send strip in such frames; return the network's planes for a metre of it, and milliseconds for a megapixel."""
    rows, px = size
    camera = CameraSection(name="top", mm_per_px=MM_PER_PX, mm_per_row=MM_PER_PX, height=rows, width=px)
    mine = plane_share(camera, card, wait_ns, 0, 0)
    tiled = Tiled(engine, card, (mine.frames * rows, px), MAX_PLANES)
    accept = Accept(
        [camera],
        (MAX_PLANES, mine.frames * rows, px),
        tiled.buffer,
        Demand(2),
        policies=policies([camera], IntakeSection(bind="tcp://127.0.0.1:*")),
        max_bytes=2**24,
        decoders=lambda work: Decoders(1, work, lambda: None),
        rasters={"top": camera.raster(card)},
        shares={"top": mine},
    )
    whole = mine.frames * max(1, round(BUDGET_PX / 3 / (mine.frames * rows * px)))
    messages = [*_messages(size, whole)]
    planes, began_s = 0, time.perf_counter()
    for number, parts in enumerate(messages):
        accept.take(parts, 2, 0)
        if accept.planes == MAX_PLANES or number == len(messages) - 1:
            accept.release(0, everything=True)
            planes += _infer(tiled, accept.leave(0), (card.height, card.width))
    spent_s = time.perf_counter() - began_s
    accept.close()
    return planes / (whole * rows * MM_PER_PX / 1000), 1000 * spent_s / (whole * rows * px / 1e6)


def _messages(size: tuple[int, int], count: int) -> Iterator[list[wire.Part]]:
    """Yield the messages of N frames that follow one another."""
    sheet = Sheet(3, width_px=size[1], rows=size[0])
    for number in range(count):
        header, payload = wire.frame_message(
            sheet.frame(number).pixels,
            camera="top",
            boot="b",
            number=number,
            captured_ns=0,
            encoding="raw8",
            start_mm=number * size[0] * MM_PER_PX,
            mm_per_row=MM_PER_PX,
        )
        yield wire.encode(header, payload)


def _infer(tiled: Tiled, batch: Batch, plane: tuple[int, int]) -> int:
    """Have a batch inferred; return how many planes the network was given."""
    tiled.submit(batch.pixels, batch.sizes())
    tiled.result()
    return sum(len(tiles(size, plane)) for size in batch.sizes())


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
