"""What a run is asked to do; knows no torch, so that the command line is quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inspector.records.recipe import Window

Loss = Literal["cross_entropy", "dice", "lovasz"]
Optimiser = Literal["adam", "adamw"]
Curve = Literal["constant", "one_cycle"]
Switch = Literal["auto", "on", "off"]
PAPER_ENCODERS = ("resnet18", "resnet34", "resnet50")
EFFICIENTNETS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
"""Those whose ImageNet weights a package index has."""
EFFICIENTNET = EFFICIENTNETS[0]
ENCODERS = (*PAPER_ENCODERS, *EFFICIENTNETS)
STRIDE_PX = 32
"""Height and width of all that a network takes are multiples of it: the encoder halves them five times."""
DOWNSCALES = (1, 2, 4)
"""Sides, in pixels, of the squares that a network may see as one."""
MAY_CHANGE = ("epochs", "minutes", "workers", "cache_gb", "checkpoint_minutes")
"""Settings that a resumed run may be given again: how long it takes, and what changes no figure."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked to do; everything that decides its outcome, so that it can be reported and repeated.

    What is not given is as in the preset `best`; `trainer.presets` has the paper's.
    """

    data: Sequence[str]
    """Where the frames come from, as `trainer.data.sources.frames` reads it."""
    validate: Sequence[str] = ()
    """Frames to measure on; empty: a fifth of `data`."""
    learn_from: int | None = None
    """Frames of the training part to learn from, strata in their shares; None: all."""
    extra: Sequence[str] = ()
    """Frames to learn from besides, never measured on; a folder of images alone: for `teacher` to label."""
    extra_share: float = 0.5
    """Share of the crops that are cut from `extra`."""
    only: str | None = None
    window: tuple[int, int] | None = None
    """Which levels of images of more than 8 bits are black and white, where the data does not state it."""
    size: tuple[int, int] | None = None
    """Height and width of the frames on the line, pixels; None: those of the data."""
    split: str | None = None
    """A `split.csv` to follow instead of making one."""
    fold: str | None = None
    """`K/N`: measure on fold K of N and learn from the others, instead of 80:20; the seed decides which frames."""
    folds: int | None = None
    """Learn from all of `data`; this number of other networks, each taught all but a part, measure that part."""
    encoder: str = "resnet34"
    weights: str | None = None
    """Pre-trained encoder: a state dict's path, or `imagenet`."""
    start: str | None = None
    """Checkpoint whose network to go on teaching; its encoder, decoder and normalisation are kept."""
    teacher: str | None = None
    """Network, as `start` names one, whose probabilities are learnt too, on all frames."""
    teacher_share: float = 0.5
    """Weight of the teacher's word against the labels'; where no labels are, its word alone counts."""
    decoder: tuple[int, int, int, int] = (128, 64, 48, 32)
    downscale: int | None = None
    """Side, in pixels, of the squares that the network sees as one; None: as in `start`, else 1."""
    epochs: int | None = None
    minutes: float | None = None
    """Wall clock for the whole run, validation included; the learning rate follows it."""
    patience: int = 0
    """Epochs without a lower validation loss after which the run ends; 0: it uses its budget up."""
    epoch_crops: int | None = None
    """Crops an epoch; None: one for each training frame."""
    batch: int = 4
    """Crops a step, over all ranks."""
    crop_height_px: int = 256
    crop_width_px: int = 512
    full_frame_share: float = 0.0
    """Share of the run, its last part, that sees whole frames instead of crops; 1: all of it."""
    defect_share: float = 0.6
    """Share of the crops placed on a defect, rare classes first; 0: frames and places by chance alone."""
    paste_share: float = 0.0
    """Share of the crops that get a defect of another frame pasted on."""
    paste_shapes: str | None = None
    """CSV of true masks without frames, of the line's size: outlines that pasted defects take on."""
    scale_jitter: float = 0.0
    """Crops show by factors from 1 / (1 + this) to 1 + this less or, as far as the frame goes, more; 0: none."""
    relight: bool = True
    """Whether exposure, black level, response and noise of a crop are varied."""
    loss: Loss = "lovasz"
    """Softmax cross-entropy; `dice` and `lovasz` are added to it."""
    optimiser: Optimiser = "adamw"
    schedule: Curve = "one_cycle"
    lr: float = 1e-3
    """Learning rate: the constant one, or the highest of the one cycle."""
    encoder_lr: float | None = None
    """Learning rate of the encoder, which follows the same curve; None: as the decoder's."""
    max_gradient: float = 1.0
    """Norm to which a step's gradient is cut; 0: it is left alone."""
    ema: float = 0.99
    """Decay of the running average of the weights, which is what is measured and kept; 0: the weights themselves."""
    precision: str = "auto"
    compile: Switch = "auto"
    """Whether torch.compile fuses the training step; `auto`: on a GPU."""
    workers: int = 1
    cache_gb: float | None = None
    """Memory for decoded frames; None: half of what is free, up to 8 with a GPU and 2 without. 10^9 bytes."""
    seed: int = 0
    checkpoint_minutes: float = 3.0

    @property
    def grey_window(self) -> Window | None:
        """The `window` as frames are read through it."""
        return Window(*self.window) if self.window else None

    @property
    def own_minutes(self) -> float | None:
        """Of `minutes`, those of one network."""
        return self.minutes and self.minutes / (1 + (self.folds or 0))
