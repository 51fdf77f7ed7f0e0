"""A run's checkpoint: weights and a JSON-able card, never code. Knows the file; must not know the training loop.

`last.pt` resumes a run; `best.pt`, without the optimiser's state, is what is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from trainer.files import replace_file
from trainer.unet import UNet


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked to do; everything that decides its outcome, so that it can be told and repeated."""

    data: Sequence[str]
    """Where the frames come from, as `trainer.data.frames` reads it."""
    validate: Sequence[str] = ()
    """Frames to measure on; empty: a fifth of `data`."""
    only: str | None = None
    split: str | None = None
    """A `split.csv` to follow instead of making one."""
    encoder: str = "resnet34"
    weights: str | None = None
    """Pre-trained encoder: a state dict's path, or `imagenet`."""
    start: str | None = None
    """Checkpoint whose network to go on teaching; its encoder, decoder and normalisation are kept."""
    decoder: tuple[int, int, int, int] = (128, 64, 48, 32)
    epochs: int | None = None
    minutes: float | None = None
    """Wall clock for the whole run, validation included; the learning rate follows it."""
    epoch_crops: int | None = None
    """Crops an epoch; None: one for each training frame."""
    batch: int = 4
    crop_height_px: int = 256
    crop_width_px: int = 512
    lr: float = 1e-3
    """Highest learning rate of the one cycle."""
    defect_share: float = 0.6
    precision: str = "auto"
    workers: int = 1
    seed: int = 0
    checkpoint_minutes: float = 3.0


@dataclass(frozen=True, slots=True)
class Card:
    """What a checkpoint says of itself."""

    settings: Settings
    mean: float
    """Of the training frames, grey levels; as in the weights."""
    std: float
    class_shares: tuple[float, ...]
    """Share of the training frames that have each class, from a sample; never 0."""
    step: int = 0
    """Optimiser steps taken."""
    elapsed_s: float = 0.0
    """Wall clock spent on the run up to here, over all resumptions."""
    best: float = -1.0
    """Highest dice_micro_mean so far."""
    scores: dict[str, float] = field(default_factory=dict)
    """Of these weights on the validation frames, keyed by convention; empty before the first validation."""


def build(card: Card, classes: int = 4) -> UNet:
    """Return the card's network, its weights not yet loaded."""
    return UNet(card.settings.encoder, classes, card.settings.decoder, card.mean, card.std)


def save(path: Path, card: Card, weights: dict[str, Tensor], training: dict[str, Any] | None = None) -> None:
    """Write a checkpoint; `path` is the old or the new one at every moment, also when killed."""
    content: dict[str, Any] = {"card": asdict(card), "weights": weights}
    if training is not None:
        content["training"] = training
    with replace_file(path) as temporary:
        torch.save(content, temporary)


def load(path: Path) -> tuple[Card, dict[str, Tensor], dict[str, Any] | None]:
    """Read a checkpoint without running code from it: card, weights, and the training state where it has one.

    Raises:
        ValueError: no such file, not a checkpoint of this trainer, or one with other settings than this version's.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a checkpoint that `python -m trainer fit` wrote")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no common type for a bad archive, a cut file and refused pickles
        raise ValueError(f"{path}: not a checkpoint that loads without running code ({error})") from error
    try:
        return msgspec.convert(content["card"], Card), content["weights"], content.get("training")
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: not a checkpoint of this version of the trainer ({error})") from error
