"""The network while it learns: weights, their running average, the optimiser. Knows no data, files or clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trainer.loss import cross_entropy_dice
from trainer.unet import UNet

Tensors = tuple[Tensor, ...] | list[Tensor]

EMA_DECAY = 0.99  # weights averaged over the last hundred steps or so: evens out the batch's luck
MAX_GRADIENT = 1.0  # norm; a rare batch with one tiny defect would otherwise throw Adam off
WEIGHT_DECAY = 1e-2  # AdamW's usual


class Learner:
    """Takes one optimiser step at a time; `average` is the network to measure and keep. For one thread."""

    def __init__(self, unet: UNet, precision: str) -> None:
        self.device, self.precision = choose_device(precision)
        self._unet = unet.to(self.device).to(memory_format=torch.channels_last)
        self._average = AveragedModel(self._unet, multi_avg_fn=_average, use_buffers=True)
        self._optimiser = torch.optim.AdamW(self._unet.parameters(), weight_decay=WEIGHT_DECAY)

    @property
    def average(self) -> UNet:
        """Return the network with averaged weights."""
        unet = self._average.module
        assert isinstance(unet, UNet)
        return unet

    def step(self, pixels: Tensor, labels: Tensor, lr: float) -> float:
        """Learn from crops (N, 1, H, W) float32 grey levels and (N, H, W) uint8; return their loss, maybe NaN."""
        pixels = pixels.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        for group in self._optimiser.param_groups:
            group["lr"] = lr
        self._unet.train()
        with self.autocast():
            logits = self._unet(pixels)
        loss = cross_entropy_dice(logits, labels.to(self.device, non_blocking=True))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self._unet.parameters(), MAX_GRADIENT)
        self._optimiser.step()
        self._average.update_parameters(self._unet)
        return loss.item()

    def autocast(self) -> torch.autocast:
        """Return the arithmetic that was chosen."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs besides the average."""
        return {"unet": self._unet.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: Mapping[str, Any], average: dict[str, Tensor], steps: int) -> None:
        """Go on where a learner stood after `steps` steps."""
        self._unet.load_state_dict(state["unet"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(average)
        self._average.n_averaged.fill_(steps)


def _average(averages: Tensors, weights: Tensors, steps: Tensor | int) -> None:
    # The first steps weigh more, so that the random start is soon forgotten (tf.train.ExponentialMovingAverage's rule).
    decay = min(EMA_DECAY, (1 + int(steps)) / (10 + int(steps)))
    get_ema_multi_avg_fn(decay)(averages, weights, steps)  # type: ignore[no-untyped-call]  # torch leaves it untyped


def choose_device(precision: str) -> tuple[torch.device, str]:
    """Return the GPU if there is one, and `fp32` or `bf16`.

    `auto` is bf16 where it is faster: on GPUs and on CPUs with AMX tiles. Without AMX the same training step took
    1.4 times as long in bf16 as in fp32 (Xeon with AVX512-BF16 only, 2 cores, torch 2.15).
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("amx_bf16", False)
    return device, ("bf16" if fast else "fp32") if precision == "auto" else precision
