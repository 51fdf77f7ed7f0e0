"""What a run is asked to do; knows no torch, so that the command line is quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
    fold: str | None = None
    """`K/N`: measure on fold K of N and learn from the others, instead of 80:20; the seed decides which frames."""
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
    cache_gb: float | None = None
    """Memory for decoded frames; None: half of what is free, up to 8 with a GPU and 2 without. 10^9 bytes."""
    seed: int = 0
    checkpoint_minutes: float = 3.0
