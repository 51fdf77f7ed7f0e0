"""A run's checkpoint: weights and a JSON-able card, never code. Knows the file; must not know the training loop.

`last.pt` resumes a run; `best.pt`, without the optimiser's state, is what is exported.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from trainer.files import replace_file
from trainer.settings import Settings
from trainer.unet import UNet


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
