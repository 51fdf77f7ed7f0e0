"""A recipe measured pixel by pixel, through the very engine that the daemon runs it on.

Knows recipes, engines and frames; needs no torch. What the line reports (defects, false alarms) is `trainer.judge`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from inspector.engines.segmenter import Segmenter
from inspector.records.recipe import Maps
from trainer.data.samples import Frames, Sample
from trainer.faults import UserError
from trainer.metrics import Scores

NAMES = {
    "kaggle": "mean over (frame, class), both empty = 1",
    "meter": "per frame, classes flattened, both empty = 1; IoU where a defect is",
    "micro": "pixels summed over all frames, classes pooled",
    "micro_mean": "the same for each class that is there, then the mean",
    "present": "mean over the (frame, class) pairs with a defect",
}


def judge(engine: Segmenter, frames: Frames) -> Iterator[tuple[Sample, Maps]]:
    """Yield every frame with the engine's maps of it, each of shape (1, H, W), as many in flight as it allows.

    Raises:
        UserError: a frame that cannot be read, or of another size than the one before.
        EngineError: the engine failed.
    """
    waiting: list[Sample] = []
    for index in range(len(frames)):
        sample = frames[index]
        if waiting and sample.pixels.shape != waiting[-1].pixels.shape:
            (height_px, width_px), (before_px, before_wide_px) = sample.pixels.shape, waiting[-1].pixels.shape
            raise UserError(
                f"{sample.name}: is {width_px} x {height_px} px, the one before it {before_wide_px} x {before_px} px; "
                "expected frames of one size, the recipe's. Leave out the others."
            )
        engine.submit(sample.pixels[None])
        waiting.append(sample)
        if len(waiting) == engine.in_flight:
            yield waiting.pop(0), engine.result()
    while waiting:
        yield waiting.pop(0), engine.result()


def pixel_scores(judged: Iterable[tuple[Sample, Maps]], classes: int) -> dict[str, float]:
    """Return Dice and IoU of the label maps, keyed as in `metrics`, and the number of `frames`."""
    scores = Scores(classes)
    for sample, maps in judged:
        scores.add(maps.labels[0], sample.labels)
    return {**scores.report(), "frames": scores.frames}


def check_sizes(frames: Frames, height_px: int, width_px: int) -> None:
    """Raise ValueError unless the first frame has the size that the recipe takes."""
    shape = np.shape(frames[0].pixels)
    if shape != (height_px, width_px):
        raise UserError(
            f"{frames.name(0)}: is {shape[1]} x {shape[0]} px; the recipe takes {width_px} x {height_px} px. "
            f"Export it for this size: --size {shape[0]}x{shape[1]}"
        )


def table(scores: Mapping[str, float], class_names: Iterable[str]) -> str:
    """Return the scores as text for people, each figure beside its convention; a dash where nothing is measured."""

    def told(key: str) -> str:
        figure = scores.get(key, math.nan)
        return f"{'-':>8}" if math.isnan(figure) else f"{figure:8.4f}"

    lines = [f"{scores['frames']:.0f} frames", f"{'':24}{'Dice':>8}{'IoU':>8}"]
    for name, meaning in NAMES.items():
        lines.append(f"{name:24}{told(f'dice_{name}')}{told(f'iou_{name}')}  {meaning}")
    for number, name in enumerate(class_names, 1):
        dice, iou = told(f"dice_micro_{number}"), told(f"iou_micro_{number}")
        lines.append(f"{f'micro, {number} {name}':24}{dice}{iou}  pixels summed over all frames")
    return "\n".join(lines)
