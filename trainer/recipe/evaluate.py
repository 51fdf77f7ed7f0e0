"""A recipe measured pixel by pixel, through the very engine that the daemon runs it on.

A frame larger than the recipe's is looked at as the line does it: in tiles that overlap, their maps joined to its own.
Knows recipes, engines and frames; needs no torch. What the line reports (defects, false alarms): `trainer/assessment`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from inspector.engines.segmenter import Segmenter
from inspector.engines.tiled import Tiled
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe
from inspector.words import counted
from trainer.data.samples import UNKNOWN, Frames, Plane, Sample
from trainer.data.sizes import Size, exceeds
from trainer.errors import UserError
from trainer.metrics import Scores

NAMES = {
    "kaggle": "mean over (frame, class), both empty = 1",
    "meter": "per frame, classes flattened, both empty = 1; IoU where a defect is",
    "micro": "pixels summed over all frames, classes pooled",
    "micro_mean": "the same for each class that is there, then the mean",
    "present": "mean over the (frame, class) pairs with a defect",
}


def infer(
    engine: Segmenter, frames: Frames, card: Recipe, *, has_own_classes: bool = True
) -> Iterator[tuple[Sample, Maps]]:
    """Yield every frame with the engine's maps of it, each of shape (1, H, W), as many in flight as it allows.

    A frame smaller than the recipe's is padded with black, right and below, a larger one cut into tiles; its maps are
    its own size again. Without `has_own_classes` the labels are in other classes than the recipe's.

    Raises:
        UserError: a frame that cannot be read, or with a class that the recipe lacks.
        EngineError: the engine failed.
    """
    names = tuple(kind.name for kind in card.classes)
    assert not has_own_classes or frames.class_names in (names, ()), "opened with other classes than the recipe's"
    plane = card.height, card.width
    if any(exceeds(frames.size(index), plane) for index in range(len(frames))):
        engine = _Joined(engine, card, plane, max_planes=1)
    waiting: list[Sample] = []
    for index in range(len(frames)):
        sample = frames[index]
        if has_own_classes and (sample.labels == UNKNOWN).any():
            raise UserError(
                f"{sample.name}: has a class that is none of the recipe's; expected no other than {', '.join(names)}. "
                "Leave such frames out, or give a recipe that knows the class."
            )
        engine.submit(_padded(sample.pixels, plane)[None])
        waiting.append(sample)
        if len(waiting) == engine.in_flight:
            yield _own(waiting.pop(0), engine.result())
    while waiting:
        yield _own(waiting.pop(0), engine.result())


class _Joined(Tiled):
    """Tiles of frames that come one by one, each of its own size."""

    def submit(self, frames: Bytes3D, sizes: Iterable[Size] | None = None) -> None:
        """Begin to assess `(1, H, W) uint8`."""
        super().submit(frames, sizes or [frames.shape[1:]])


def _own(sample: Sample, maps: Maps) -> tuple[Sample, Maps]:
    """Return a frame and its maps without the padding."""
    own = (slice(None), *(slice(side) for side in sample.pixels.shape))
    return sample, Maps(maps.labels[own], maps.confidence[own], maps.presence)


def pad(sample: Sample, height_px: int, width_px: int) -> Plane:
    """Return a frame's pixels with black right and below, to the recipe's size.

    Raises:
        UserError: the frame is larger.
    """
    height, width = sample.pixels.shape
    if exceeds((height, width), (height_px, width_px)):
        raise UserError(
            f"{sample.name}: is {width} x {height} px; the recipe takes at most {width_px} x {height_px} px. "
            f"Export it for the largest frame: --size {height}x{width}"
        )
    return _padded(sample.pixels, (height_px, width_px))


def _padded(pixels: Plane, least_px: Size) -> Plane:
    """Return pixels with black right and below where they are fewer than that."""
    return np.pad(pixels, [(0, max(0, least - own)) for own, least in zip(pixels.shape, least_px, strict=True)])


def pixel_scores(inferred: Iterable[tuple[Sample, Maps]], classes: int) -> dict[str, float]:
    """Return Dice and IoU of the label maps, keyed as in `metrics`, and the number of `frames`."""
    scores = Scores(classes)
    for sample, maps in inferred:
        scores.add(maps.labels[0], sample.labels)
    return {**scores.report(), "frames": scores.frames}


def table(scores: Mapping[str, float], class_names: Iterable[str]) -> str:
    """Return the scores as text for people, each figure next to its convention; a dash where nothing is measured."""

    def cell(key: str) -> str:
        figure = scores.get(key, math.nan)
        return f"{'-':>8}" if math.isnan(figure) else f"{figure:8.4f}"

    lines = [counted(round(scores["frames"]), "frame"), f"{'':24}{'Dice':>8}{'IoU':>8}"]
    for name, meaning in NAMES.items():
        lines.append(f"{name:24}{cell(f'dice_{name}')}{cell(f'iou_{name}')}  {meaning}")
    for number, name in enumerate(class_names, 1):
        dice, iou = cell(f"dice_micro_{number}"), cell(f"iou_micro_{number}")
        lines.append(f"{f'micro, {number} {name}':24}{dice}{iou}  pixels summed over all frames")
    return "\n".join(lines)
