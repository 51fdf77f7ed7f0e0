"""A run's checkpoint: weights and a JSON-able card, never code. Knows the file; must not know the training loop.

`last.pt` resumes a run; `best.pt`, without the optimiser's state, is what is exported.
"""

from __future__ import annotations

import errno
import math
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from trainer.data.samples import CLASS_NAMES
from trainer.errors import CheckpointDiskFull, UserError
from trainer.files import replace_file
from trainer.learn.unet import UNet
from trainer.settings import Settings

GO_ON = "go on by --resume; crossval and compare do by the same command."
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Card:
    """What a checkpoint says of itself; fields with a default are absent from older ones."""

    settings: Settings
    mean: float
    """Of the training frames, grey levels; as in the weights."""
    std: float
    class_shares: tuple[float, ...]
    """Share of the training frames that have each class, from a sample; never 0."""
    class_names: tuple[str, ...] = CLASS_NAMES
    """Of the defect classes 1, 2, ..., in order."""
    frame_height_px: int = 256
    """The largest training frame of that sample; whole frames are learnt from at this size."""
    frame_width_px: int = 1600
    step: int = 0
    """Optimiser steps taken."""
    elapsed_s: float = 0.0
    """Wall clock spent on the run up to here, over all resumptions."""
    best: float = -1.0
    """Highest dice_micro_mean so far."""
    scores: dict[str, float] = field(default_factory=dict)
    """Of the averaged weights on the validation frames, keyed by convention; empty before the first validation."""
    measured_step: int = 0
    """Step that `scores` are of; epochs' losses are summed from there."""
    loss_sum: float = 0.0
    lr: float = 0.0
    """Learning rate of the last step."""
    lowest_loss: float = math.inf
    """Lowest validation loss so far."""
    stale_epochs: int = 0
    """Epochs since the validation loss was that low."""


def build(card: Card) -> UNet:
    """Return the card's network, its weights not yet loaded."""
    asked = card.settings
    network = asked.encoder, len(card.class_names), asked.decoder
    return UNet(*network, card.mean, card.std, downscale=asked.downscale or 1)


def save(path: Path, card: Card, weights: dict[str, Tensor], training: dict[str, Any] | None = None) -> None:
    """Write a checkpoint; `path` is the old or the new one at every moment, also when killed.

    Raises:
        DiskFull: there is no room; `path` is the old one.
    """
    content: dict[str, Any] = {"card": asdict(card), "weights": weights}
    if training is not None:
        content["training"] = training
    try:
        # A file of ours: given a path, torch's own writer says "unexpected pos" where a disk is full.
        with replace_file(path) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:
        full = _no_room(error)
        if full is None:
            raise
        raise CheckpointDiskFull(
            f"{path}: {full.strerror}; the checkpoint takes {_size_bytes(content):,} bytes, "
            f"{shutil.disk_usage(path.parent).free:,} are free"
            f"{'' if full.errno != errno.EFBIG else ', and files may not grow so large (ulimit -f)'}. "
            f"{'The one before it is as it was' if path.exists() else 'There is none before it'}. Make room, then "
            + (GO_ON if (path.parent / "last.pt").exists() else "give the same command again.")
        ) from error


def _no_room(error: BaseException | None) -> OSError | None:
    """Return the error that says so: torch's writer, which fails once more on its way out, may have covered it."""
    while error is not None and not (isinstance(error, OSError) and error.errno in FULL):
        error = error.__context__
    return error


def _size_bytes(content: object) -> int:
    if isinstance(content, Tensor):
        return content.nbytes
    if isinstance(content, dict):
        return sum(map(_size_bytes, content.values()))
    return 0


def load(path: Path) -> tuple[Card, dict[str, Tensor], dict[str, Any] | None]:
    """Read a checkpoint without running code from it: card, weights, and the training state where it has one.

    Raises:
        UserError: no such file, not a checkpoint of this trainer, or one with other settings than this version's.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a checkpoint that `trainer fit` wrote")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no common type for a bad archive, a cut file and refused pickles
        raise UserError(f"{path}: not a checkpoint that loads without running code ({error})") from error
    try:
        content["card"]["settings"].setdefault("loss", "dice")  # before there was a choice
        return msgspec.convert(content["card"], Card), content["weights"], content.get("training")
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise UserError(f"{path}: not a checkpoint of this version of the trainer ({error})") from error
