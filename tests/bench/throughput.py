"""The daemon's throughput over ZeroMQ beside the engine's alone, on the shipped recipe, in one run."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from inspector import recipe, wire
from inspector.engines.openvino import OpenVino
from inspector.records import Bytes3D
from inspector.simulator.sheet import Sheet
from tests.e2e.mill import Camera, Mill

FRAMES, BATCH, ROUNDS = 48, 4, 3


def main() -> None:
    """Print both rates and their ratio."""
    sheet = Sheet(991)
    frames = np.stack([sheet.frame(i).pixels for i in range(FRAMES)])
    ratios = []
    for _ in range(ROUNDS):
        alone, daemon = engine_rate(frames), daemon_rate(frames)
        ratios.append(daemon / alone)
        print(f"engine alone {alone:6.2f} frames/s, daemon {daemon:6.2f} frames/s, ratio {ratios[-1]:.3f}")
    print(f"median ratio {statistics.median(ratios):.3f} at batches of {BATCH}")


def engine_rate(frames: Bytes3D) -> float:
    """Frames a second of the engine with two batches in flight."""
    engine = OpenVino(*recipe.load(recipe.SHIPPED / "steel-r34"))
    batches = [frames[i : i + BATCH] for i in range(0, FRAMES, BATCH)]
    engine.submit(batches[0])
    engine.result()
    began = time.perf_counter()
    engine.submit(batches[0])
    for batch in batches[1:]:
        engine.submit(batch)
        engine.result()
    engine.result()
    return FRAMES / (time.perf_counter() - began)


def daemon_rate(frames: Bytes3D) -> float:
    """Frames a second of a whole daemon, from the first to the last frame counted as inspected."""
    with tempfile.TemporaryDirectory() as folder:
        mill = Mill(Path(folder))
        mill.config.write_text(
            mill.config.read_text().replace('path = "recipe"', 'path = "steel-r34"', 1)
            + f"[batch]\nmax_frames = {BATCH}\nwait_ms = 20\n"
        )
        mill.config.write_text(mill.config.read_text().replace('classes = ["dark"]', 'classes = ["scratch"]'))
        with mill, Camera(mill) as camera:
            began = time.perf_counter()
            for number, pixels in enumerate(frames):
                header, payload = wire.frame_message(
                    pixels, camera="top", boot="b", number=number, captured_ns=time.time_ns(), coil="C1"
                )
                camera.send_parts(*wire.encode(header, payload))
            mill.until(FRAMES)
            return FRAMES / (time.perf_counter() - began)
