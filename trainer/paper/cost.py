"""What a network costs: parameters, arithmetic and time of a frame. Knows networks; must not know runs or data."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.unet import UNet

FRAME_PX = (256, 1600)
"""Height and width of the frames that costs are of, whatever the run's were: Severstal's."""
ROUNDS = 5


def count_parameters(card: Card) -> int:
    """Return how many numbers training may change."""
    return sum(parameter.numel() for parameter in _shape_of(card).parameters())


def count_gflop(card: Card) -> float:
    """Return billions of operations a frame, a multiply-add counting 2; convolutions alone, the rest is a few percent.

    Counted on shapes: no number is computed.
    """
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        _shape_of(card).eval()(torch.empty(1, 1, *FRAME_PX, device="meta"))
    return float(counter.get_total_flops()) / 1e9


def _shape_of(card: Card) -> UNet:
    with torch.device("meta"):
        return checkpoint.build(card)


class Stopwatch:
    """Times networks side by side, on the GPU if there is one; `batch`, `precision` and `device` are for people."""

    def __init__(self, precision: str) -> None:
        on_gpu = torch.cuda.is_available()
        self._device = torch.device("cuda" if on_gpu else "cpu")
        self.batch = 8 if on_gpu else 1
        self.precision = "bf16" if precision == "bf16" or (precision == "auto" and on_gpu) else "fp32"
        self.device = (
            torch.cuda.get_device_name() if on_gpu else f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
        )

    def frames_per_s(self, unets: Mapping[str, UNet]) -> dict[str, float]:
        """Return frames a second of each, from the median of rounds in which all take their turn."""
        frames = torch.full((self.batch, 1, *FRAME_PX), 88.0, device=self._device)
        frames = frames.contiguous(memory_format=torch.channels_last)
        ready = {
            name: unet.eval().to(self._device).to(memory_format=torch.channels_last) for name, unet in unets.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in ready}
        for _ in range(1 + ROUNDS):
            for name, unet in ready.items():
                seconds[name].append(self._time(unet, frames))
        return {name: self.batch / median(of_one[1:]) for name, of_one in seconds.items()}  # the first warms up

    def _time(self, unet: UNet, frames: torch.Tensor) -> float:
        autocast = torch.autocast(self._device.type, torch.bfloat16, enabled=self.precision == "bf16")
        began_s = time.perf_counter()
        with torch.inference_mode(), autocast:
            unet(frames).argmax(1).cpu()  # the copy waits for the device
        return time.perf_counter() - began_s
