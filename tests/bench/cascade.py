"""The cascade on a line that is 95 % sound, compared with each recipe alone and with ONNX Runtime in fp32.

All of them take the same frames in turn, on one thread, and their processor time counts: other work on the machine
slows them, but adds little to it. The fp32 graph is the shipped one with its Q/DQ pairs folded away (`deploy.fold`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from deploy.fold import fold
from inspector import recipe
from inspector.analysis.finds import finds
from inspector.engines import cascade
from inspector.engines.openvino import OpenVino
from inspector.engines.screening import ScreenAccount
from inspector.engines.segmenter import Segmenter
from inspector.records.frame import Bytes3D
from inspector.simulator.sheet import Sheet

SEEDS = range(985, 990)
"""Coils that no training and no tuning has seen."""
SOUND, DEFECTIVE, BATCH, ROUNDS = 76, 4, 4, 3
AUDIT_SHARE = 0.02
"""As `recipe.screen_audit` is where nobody says otherwise."""
Infer = Callable[[Bytes3D], object]


def main() -> None:
    """Print the table."""
    folder = recipe.SHIPPED / "steel-r34"
    card, model = recipe.load(folder)
    screen_card, screen_model = recipe.load(recipe.find("steel-screen", Path()))
    fast_card, fast_model = recipe.load(recipe.find("steel-fast", Path()))
    full, screen = OpenVino(card, model, threads=1), OpenVino(screen_card, screen_model, threads=1)
    account = ScreenAccount(AUDIT_SHARE)
    joined = cascade.join(
        screen_card, screen, card, full, account=account, max_frames=BATCH, finds=partial(finds, recipe=card)
    )
    engines: dict[str, Infer] = {
        "ONNX Runtime fp32": _ort(fold(onnx.load_from_string(model)).SerializeToString(), len(card.classes)),
        f"{card} alone, OpenVINO INT8": _through(full),
        f"{fast_card} alone, OpenVINO INT8": _through(OpenVino(fast_card, fast_model, threads=1)),
        f"{screen_card} alone, OpenVINO INT8": _through(screen),
        "the cascade of the two": _through(joined),
    }
    frames = line()
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, infer in engines.items():
            count = 2 * BATCH if "Runtime" in name else len(frames)  # every frame costs it the same
            began_s = time.process_time()
            for first in range(0, count, BATCH):
                infer(frames[first : first + BATCH])
            seconds[name].append((time.process_time() - began_s) / count)
    base_s, alone_s = (statistics.median(spent) for spent in list(seconds.values())[:2])
    now = account.now()
    print(
        f"{len(frames)} frames of coils {SEEDS[0]} to {SEEDS[-1]}, {DEFECTIVE} defective; {ROUNDS} rounds, one thread"
    )
    print(f"the screen passed {now.passed}, held {now.held_back} back, {now.audited} audited; missed {now.missed}\n")
    print("| engine | ms of processor a frame (range) | times ONNX Runtime fp32 | times the full recipe alone |")
    print("|---|---|---|---|")
    for name, spent in seconds.items():
        median_s = statistics.median(spent)
        print(
            f"| {name} | {1000 * median_s:.1f} ({1000 * min(spent):.1f} to {1000 * max(spent):.1f}) "
            f"| {base_s / median_s:.1f} | {alone_s / median_s:.1f} |"
        )


def line() -> Bytes3D:
    """Draw frames (N, H, W) uint8 of a line that is 95 % sound, look-alikes and all, in random order."""
    sound: list[Bytes3D] = []
    defective: list[Bytes3D] = []
    sheets = [Sheet(seed) for seed in SEEDS]
    number = 0
    while len(sound) < SOUND or len(defective) < DEFECTIVE:
        drawn = sheets[number % len(sheets)].frame(number // len(sheets))
        (defective if drawn.labels.any() else sound).append(drawn.pixels[None])
        number += 1
    frames = np.concatenate([*sound[:SOUND], *defective[:DEFECTIVE]])
    return frames[np.random.default_rng(0).permutation(len(frames))]


def _ort(model: bytes, classes: int) -> Infer:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    thresholds = np.full(classes, 0.5, np.float32)
    return lambda frames: session.run(None, {"frames": frames, "thresholds": thresholds})


def _through(engine: Segmenter) -> Infer:
    def infer(frames: Bytes3D) -> object:
        engine.submit(frames)
        return engine.result()

    return infer


if __name__ == "__main__":
    main()
