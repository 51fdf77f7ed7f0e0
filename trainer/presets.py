"""The paper's recipe and ours, as settings that differ one by one; knows no torch.

Repin & Kupriyanov (FIELD: ResNet segmenters on Severstal) name flips with probability 0.5 and normalisation, which
every run does, Adam, a softmax loss and training "as long as the loss kept decreasing". They do not say learning rate,
batch or patience: Adam's usual 1e-3, 4 whole frames and 3 epochs stand in for them here.
"""

from __future__ import annotations

from collections.abc import Mapping

from trainer.settings import EFFICIENTNET, Settings

PAPER: Mapping[str, object] = {
    "loss": "cross_entropy",
    "optimiser": "adam",
    "schedule": "constant",
    "max_gradient": 0.0,
    "ema": 0.0,
    "full_frame_share": 1.0,
    "defect_share": 0.0,
    "relight": False,
    "precision": "fp32",
    "patience": 3,
}
"""In the order in which an ablation would leave it, a step at a time."""

FEW: Mapping[str, object] = {
    "encoder": EFFICIENTNET,
    "weights": "imagenet",
    "loss": "dice",
    "lr": 2e-3,
    "encoder_lr": 5e-4,
    "crop_height_px": 256,
    "crop_width_px": 256,
    "batch": 8,
    "epoch_crops": 1200,
    "epochs": 8,
}
"""For tens to hundreds of labelled frames (LOG.md, 2026-11-27): an encoder that has seen ImageNet, taught slowly."""

FEW_STARTED: Mapping[str, object] = {"lr": 1e-3, "encoder_lr": 2.5e-4}
"""Of `few`, for a network that goes on from another: faster it forgets what that one knew (LOG.md, 2026-11-27)."""

PRESETS: Mapping[str, Mapping[str, object]] = {
    "paper": PAPER,
    "best": {name: getattr(Settings(data=()), name) for name in PAPER},
    "few": FEW,
}
