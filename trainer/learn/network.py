"""The network while it learns: weights, their running average, the optimiser. Knows no data, files or clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trainer.learn.depthwise import FastDepthwise
from trainer.learn.loss import teacher_loss, training_loss
from trainer.learn.parallel import Ranks
from trainer.learn.unet import UNet
from trainer.settings import Settings

Tensors = tuple[Tensor, ...] | list[Tensor]

WEIGHT_DECAY = 1e-2  # AdamW's usual


class TrainingNetwork:
    """Takes one optimiser step at a time; `average` is the network to measure and keep. For one thread."""

    def __init__(self, unet: UNet, settings: Settings, ranks: Ranks, teacher: UNet | None = None) -> None:
        self.device, self.precision = ranks.device, choose_precision(settings.precision, ranks.device)
        self._settings, self._ranks = settings, ranks
        self._teacher = teacher.to(self.device).to(memory_format=torch.channels_last).eval() if teacher else None
        self._unet = unet.to(self.device).to(memory_format=torch.channels_last)
        self._average = (
            AveragedModel(self._unet, multi_avg_fn=_averaging(settings.ema), use_buffers=True) if settings.ema else None
        )
        # The average is made by now: that must not wait for other ranks.
        self._forward: Callable[[Tensor], Tensor] = ranks.joined(self._unet)
        self._is_compiled = settings.compile == "on" or (settings.compile == "auto" and self.device.type == "cuda")
        if self._is_compiled:
            self._forward = torch.compile(self._forward, dynamic=False)
        self._optimiser = _optimiser(settings, self._unet)

    @property
    def average(self) -> UNet:
        """Return the network with averaged weights; the one that learns where nothing is averaged."""
        unet = self._average.module if self._average else self._unet
        assert isinstance(unet, UNet)
        return unet

    def step(self, pixels: Tensor, labels: Tensor, lr: float) -> float:
        """Learn from crops (N, 1, H, W) float32 grey levels and (N, H, W) uint8; return their loss, maybe NaN.

        With several ranks the crops are this rank's share, and the loss is that of the whole batch.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = lr * group.get("share", 1.0)  # an older checkpoint has none
        self._unet.train()
        with self.autocast(), self._gradients():
            logits = self._forward(self._moved(pixels))
        labels = labels.to(self.device, non_blocking=True)
        logits = self._ranks.whole(logits)
        loss = self.loss(logits, self._ranks.whole(labels))
        if self._teacher:
            share = self._settings.teacher_share
            loss = (1 - share) * loss + share * teacher_loss(logits, self._ranks.whole(self._taught(pixels)))
        self._optimiser.zero_grad(set_to_none=True)
        # The ranks' gradients are averaged; what is wanted is their sum, each being of its own share.
        (loss * self._ranks.count).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self._settings.max_gradient:
            torch.nn.utils.clip_grad_norm_(self._unet.parameters(), self._settings.max_gradient)
        self._optimiser.step()
        if self._average:
            self._average.update_parameters(self._unet)
        return loss.item()

    def _taught(self, pixels: Tensor) -> Tensor:
        assert self._teacher is not None
        with torch.no_grad(), self.autocast():
            logits: Tensor = self._teacher(self._moved(pixels))
        return logits.float().softmax(1)

    def infer(self, pixels: Tensor) -> Tensor:
        """Return the averaged network's logits (N, 1 + C, H, W) of frames (N, 1, H, W) float32 grey levels."""
        with torch.inference_mode(), self.autocast():
            logits: Tensor = self.average.eval()(self._moved(pixels))
        return logits

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss that is learnt from."""
        return training_loss(self._settings.loss, logits, labels)

    def autocast(self) -> torch.autocast:
        """Return the arithmetic that was chosen."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def _gradients(self) -> AbstractContextManager[object]:
        """Return what makes a CPU's gradients fast while the network computes."""
        return FastDepthwise() if self.device.type == "cpu" and not self._is_compiled else nullcontext()

    def _moved(self, pixels: Tensor) -> Tensor:
        return pixels.to(self.device, memory_format=torch.channels_last, non_blocking=True)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs besides the average."""
        return {"unet": self._unet.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: Mapping[str, Any], average: dict[str, Tensor], steps: int) -> None:
        """Go on where a network stood after `steps` steps."""
        self._unet.load_state_dict(state["unet"])
        self._optimiser.load_state_dict(state["optimiser"])
        if self._average:
            self.average.load_state_dict(average)
            self._average.n_averaged.fill_(steps)


def _optimiser(settings: Settings, unet: UNet) -> torch.optim.Optimizer:
    if settings.encoder_lr is None:
        groups = [{"params": list(unet.parameters()), "share": 1.0}]
    else:
        encoder, decoder = unet.split_parameters()
        share = settings.encoder_lr / settings.lr
        groups = [{"params": decoder, "share": 1.0}, {"params": encoder, "share": share}]
    if settings.optimiser == "adam":
        return torch.optim.Adam(groups, fused=True)
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)


def _averaging(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    def average(averages: Tensors, weights: Tensors, steps: Tensor | int) -> None:
        # The first steps weigh more, so that the random start is soon forgotten (tf.train.ExponentialMovingAverage's).
        now = min(decay, (1 + int(steps)) / (10 + int(steps)))
        get_ema_multi_avg_fn(now)(averages, weights, steps)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    return average


def choose_precision(precision: str, device: torch.device) -> str:
    """Return `fp32` or `bf16`.

    `auto` is bf16 where it is faster: on GPUs and on CPUs with AMX tiles. Without AMX the same training step took
    1.4 times as long in bf16 as in fp32 (Xeon with AVX512-BF16 only, 2 cores, torch 2.15).
    """
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("amx_bf16", False)
    return ("bf16" if fast else "fp32") if precision == "auto" else precision
