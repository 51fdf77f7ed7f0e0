"""Probabilities that mean what they say: the head of a network fitted to frames that it has not learnt from.

Temperature scaling (Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017) and one
constant on the logit of sound, for crops are placed on defects far more often than frames have them. Both are linear in
the logits, so that they go into the head's weights: the graph stays as it was. Knows the network and frames; must not
know recipes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inspector.records.confidence import encode
from trainer.data.samples import UNKNOWN
from trainer.data.split import Part
from trainer.learn.unet import UNet
from trainer.recipe.held_out import HeldOut, scale_head
from trainer.recipe.reliability import Reliability, calibration_error

EVERY_PX = 4
"""Of rows and columns one in this number is looked at: neighbours say the same."""
LEAST_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What the fit found, and what it is worth on other frames."""

    temperature: float
    sound: float
    """Constant on the logit of sound, after the temperature."""
    error_before: float
    """Expected calibration error of the pixels called a defect."""
    error: float
    """The same afterwards, of each half of the frames under what was fitted to the other half."""

    @property
    def is_fitted(self) -> bool:
        """Whether anything was changed: what fits one half may mislead on the other, and is left then."""
        return (self.temperature, self.sound) != (1.0, 0.0)

    @property
    def scores(self) -> dict[str, float]:
        """As a recipe's card has them."""
        return {
            "temperature": self.temperature,
            "sound_logit": self.sound,
            "calibration_error_before": self.error_before,
            "calibration_error": self.error,
        }


def calibrate(networks: Sequence[HeldOut]) -> Calibrated | None:
    """Fit the heads of all networks alike, in place, to every frame; None where too few have defects.

    The error is that of each half of the frames under what was fitted to the other half; where that is no less than
    before, all heads stay as they are.
    """
    halves = [
        _joined([_pixels(part.unet, Part(part.frames, tuple(range(first, len(part.frames), 2)))) for part in networks])
        for first in (0, 1)
    ]
    count = sum(len(part.frames) for part in networks)
    if count < LEAST_FRAMES or not all((labels > 0).any() for _, labels in halves):
        return None
    logits, labels = _joined(halves)
    if (before := _error(logits, labels)) is None:
        return None
    parameters = [_fit(*half) for half in reversed(halves)]
    crossed = [_scaled(half[0], *fitted) for half, fitted in zip(halves, parameters, strict=True)]
    after = _error(torch.cat(crossed), labels)
    if after is None or after >= before:  # so few frames that what fits one half misleads on the other
        return Calibrated(1.0, 0.0, before, before)
    temperature, sound = _fit(logits, labels)
    for part in networks:
        scale_head(part.unet, temperature, sound)
    return Calibrated(temperature, sound, before, after)


def _joined(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    logits, labels = zip(*parts, strict=True)
    return torch.cat(logits), torch.cat(labels)


def _scaled(logits: Tensor, temperature: float, sound: float) -> Tensor:
    logits = logits / temperature
    logits[:, 0] += sound
    return logits


def _pixels(unet: UNet, frames: Part) -> tuple[Tensor, Tensor]:
    """Return logits (pixels, 1 + C) and labels (pixels,) of the known ones among every few pixels of all frames."""
    logits, labels = [torch.empty(0, unet.head.out_channels)], [torch.empty(0, dtype=torch.long)]
    few = np.s_[::EVERY_PX, ::EVERY_PX]
    for index in range(len(frames)):
        sample = frames[index]
        with torch.inference_mode():
            found = unet(torch.tensor(sample.pixels)[None, None].float())[0][:, few[0], few[1]]
        truth = torch.tensor(sample.labels[few]).flatten().long()
        known = truth != UNKNOWN
        logits.append(found.flatten(1).T[known].clone())
        labels.append(truth[known])
    return torch.cat(logits), torch.cat(labels)


def _fit(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return temperature and constant of least negative log-likelihood."""
    parameters = torch.zeros(2, requires_grad=True)  # the logarithm of the temperature keeps it above 0
    optimiser = torch.optim.LBFGS([parameters], max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        scaled = logits / parameters[0].exp()
        shift = functional.pad(parameters[1:], (0, logits.shape[1] - 1))
        value = functional.cross_entropy(scaled + shift, labels)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    log_temperature, sound = parameters.tolist()
    return math.exp(log_temperature), sound


def _error(logits: Tensor, labels: Tensor) -> float | None:
    """Return the expected calibration error of the pixels called a defect, None where none is."""
    probabilities, found = logits.softmax(1).max(1)
    reliability = Reliability(logits.shape[1] - 1, "log_odds")
    planes = (found.byte().numpy(), encode(probabilities.numpy(), "log_odds"), labels.byte().numpy())
    reliability.add(*(plane[None] for plane in planes))
    return calibration_error(reliability.bins())
