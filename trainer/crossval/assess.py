"""What a run's network finds on the frames that were held out from it.

The network of the run's last step, not its best: which epoch was best was learnt from these very frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainer.data.samples import Frames, Plane
from trainer.data.split import open_data
from trainer.files import replace_file
from trainer.learn import checkpoint, progress
from trainer.learn.loading import load_frames
from trainer.metrics import Scores

FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
"""Axes of (N, C, H, W) that are turned over."""


class Assessed(msgspec.Struct, frozen=True):
    """One frame, by a network that never saw it."""

    name: str
    plain: list[float]
    """`Scores.sums` of the frame alone."""
    edges: list[list[int]]
    """(4, C) pixels by class: found ones near a true one, found, true ones near a found one, true."""
    edges_px: int
    """What near is."""
    flips: list[float] | None = None
    """As `plain`, of the mean of the frame's four flips; None: not asked for."""


def assess(run: Path, *, flips: bool, edges_px: int) -> list[Assessed]:
    """Return the run's held-out frames, assessed now or, where that is done and as asked, before.

    Raises:
        ValueError: a run without a checkpoint, or data that is gone.
    """
    path = run / "assessed.jsonl"
    if path.is_file():
        before = msgspec.json.Decoder(Assessed).decode_lines(path.read_bytes())
        if before and before[0].edges_px == edges_px and (before[0].flips is not None or not flips):
            return before
    card, weights, _ = checkpoint.load(run / "last.pt")
    unet = checkpoint.build(card)
    unet.load_state_dict(weights)
    _, held_out = open_data(card.settings, run, card.class_names)
    found = assess_frames(unet, held_out, flips=flips, edges_px=edges_px, workers=card.settings.workers)
    with replace_file(path) as temporary:
        temporary.write_bytes(msgspec.json.Encoder().encode_lines(found))
    return found


def assess_frames(
    network: nn.Module, held_out: Frames, *, flips: bool, edges_px: int, workers: int = 0
) -> list[Assessed]:
    """Return frames assessed by any network that maps grey levels (N, 1, H, W) float32 to logits (N, 1 + C, H, W)."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.eval().to(device).to(memory_format=torch.channels_last)
    found = []
    for index, (pixels, labels) in zip(progress.count(len(held_out)), load_frames(held_out, workers), strict=True):
        with torch.inference_mode():
            turned = [
                _probabilities(network, pixels[None, None].float().to(device), axes)
                for axes in (FLIPS if flips else FLIPS[:1])
            ]
        found.append(_assessed(held_out.name(index), turned, labels.numpy(), edges_px))
    return found


def _assessed(name: str, turned: Sequence[Tensor], truth: Plane, edges_px: int) -> Assessed:
    """Return what probabilities (1, 1 + C, H, W) of a frame, and of its flips where there are more, are worth."""
    plain = _labels(turned[0])
    classes = turned[0].shape[1] - 1
    mean = _labels(torch.stack(list(turned)).mean(0)) if len(turned) > 1 else None
    return Assessed(
        name,
        _sums(plain, truth, classes),
        near_areas(plain, truth, classes, edges_px).tolist(),
        edges_px,
        None if mean is None else _sums(mean, truth, classes),
    )


def _probabilities(network: nn.Module, frames: Tensor, axes: tuple[int, ...]) -> Tensor:
    probabilities: Tensor = network(frames.flip(axes).contiguous()).softmax(1).flip(axes)
    return probabilities


def _labels(probabilities: Tensor) -> Plane:
    return np.asarray(probabilities[0].argmax(0).byte().cpu().numpy(), np.uint8)


def _sums(found: Plane, truth: Plane, classes: int) -> list[float]:
    scores = Scores(classes)
    scores.add(found, truth)
    sums: list[float] = scores.sums().tolist()
    return sums


def near_areas(found: Plane, truth: Plane, classes: int, edges_px: int) -> npt.NDArray[np.int64]:
    """Return (4, C) pixels by class: found near a true one, found, true near a found one, true.

    Near is within `edges_px` in the plane, so that an outline drawn a little off costs nothing.
    """
    size = 2 * edges_px + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    areas = np.zeros((4, classes), np.int64)
    for number in range(classes):
        ours, theirs = ((plane == number + 1).astype(np.uint8) for plane in (found, truth))
        for row, (counted, wanted) in enumerate(((ours, theirs), (theirs, ours))):
            if area := int(counted.sum()):
                near = cv2.dilate(wanted, disc) if wanted.any() else wanted
                areas[2 * row : 2 * row + 2, number] = int((counted & near).sum()), area
    return areas
