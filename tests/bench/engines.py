"""CPU engines side by side on the shipped recipe: frames a second, and what speed costs in Dice.

Engines take turns within each round, so that a noisy machine slows all of them alike; the median over rounds
counts. The fp32 graph is the shipped one with its Q/DQ pairs folded away (`deploy.fold`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import msgspec
import numpy as np
import onnx
import onnxruntime

from deploy.fold import fold
from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe
from inspector.simulator.sheet import Sheet

SEED = 990
"""A coil that no training and no tuning has seen."""
FRAMES, BATCH, ROUNDS = 24, 2, 5


class Ort:
    """ONNX Runtime on the CPU."""

    def __init__(self, card: Recipe, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._thresholds = np.array([kind.threshold for kind in card.classes], np.float32)

    def infer(self, frames: Bytes3D) -> Maps:
        """Run one batch."""
        names = ["labels", "confidence", "presence"]
        return Maps(*self._session.run(names, {"frames": frames, "thresholds": self._thresholds}))


def openvino(card: Recipe, model: bytes, precision: str | None) -> Callable[[Bytes3D], Maps]:
    """OpenVINO with the precision hint given."""
    engine = OpenVino(card, model, precision=precision)

    def infer(frames: Bytes3D) -> Maps:
        engine.submit(frames)
        return engine.result()

    return infer


def main() -> None:
    """Print the table."""
    card, shipped = recipe.load(recipe.SHIPPED / "steel-r34")
    fp32 = fold(onnx.load_from_string(shipped)).SerializeToString()
    fp32_card = msgspec.structs.replace(card, precision="fp32")
    engines: dict[str, Callable[[Bytes3D], Maps]] = {
        "ONNX Runtime fp32": Ort(fp32_card, fp32).infer,
        "ONNX Runtime INT8": Ort(card, shipped).infer,
        "OpenVINO fp32": openvino(fp32_card, fp32, "f32"),
        "OpenVINO bf16": openvino(fp32_card, fp32, "bf16"),
        "OpenVINO INT8": openvino(card, shipped, None),
        "OpenVINO INT8, rest fp32": openvino(card, shipped, "f32"),
    }
    sheet = Sheet(SEED, defects_per_m=4)
    rendered = [sheet.frame(i) for i in range(FRAMES)]
    frames = np.stack([frame.pixels for frame in rendered])
    truth = np.stack([frame.labels for frame in rendered])
    labels = {name: _labels(infer, frames) for name, infer in engines.items()}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, infer in engines.items():
            began = time.perf_counter()
            for i in range(0, 8, BATCH):
                infer(frames[i : i + BATCH])
            seconds[name].append((time.perf_counter() - began) / 8)
    base = "ONNX Runtime fp32"
    base_s, base_dice = statistics.median(seconds[base]), dice(labels[base], truth)
    print(f"shipped recipe {card}, {card.width} x {card.height}, batches of {BATCH}, median of {ROUNDS} rounds;")
    print(f"Dice: micro, pooled over classes, {FRAMES} frames of procedural coil {SEED}\n")
    print("| engine | frames/s | times ONNX Runtime fp32 | labels equal to it | Dice | Dice loss |")
    print("|---|---|---|---|---|---|")
    for name in engines:
        median_s, score = statistics.median(seconds[name]), dice(labels[name], truth)
        equal = float((labels[name] == labels[base]).mean())
        print(
            f"| {name} | {1 / median_s:.2f} | {base_s / median_s:.2f} | {100 * equal:.3f} % "
            f"| {score:.4f} | {base_dice - score:+.4f} |"
        )


def _labels(infer: Callable[[Bytes3D], Maps], frames: Bytes3D) -> Bytes3D:
    return np.concatenate([infer(frames[i : i + BATCH]).labels for i in range(0, len(frames), BATCH)])


def dice(labels: Bytes3D, truth: Bytes3D) -> float:
    """Micro Dice of all defect classes pooled: 2 |A and B| / (|A| + |B|), a pixel counting for its class."""
    both = np.count_nonzero((labels == truth) & (truth > 0))
    return float(2 * both / np.maximum(1, np.count_nonzero(labels) + np.count_nonzero(truth)))


if __name__ == "__main__":
    main()
