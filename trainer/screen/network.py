"""The network of a screen: whether there is a defect in a cell of 8 x 8 pixels; knows no data, training or export.

A screen answers one question a frame, so that it needs neither classes nor outlines: its logits are as coarse as what
it is asked. It looks at a frame once, with 24 filters of 8 x 8 pixels, and all else happens at a quarter of its sides
and less: 1.1 billion multiplications and additions for 1600 x 256 pixels, a seventieth of a ResNet34 U-Net's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CELL_PX = 8
"""Rows and columns of a cell."""
DEEPEST_PX = 16
"""Rows and columns of a cell of the deepest features, of which a frame's sides are made multiples."""


def _convolve(
    channels: int, out: int, *, stride: int = 1, size: int = 3, padding: int = 1, dilation: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, size, stride, padding=dilation * padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions whose finding is added to what they looked at (He et al., CVPR 2016)."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _convolve(channels, channels, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return functional.relu(x + self.second(self.first(x)))


class ScreenNet(nn.Module):
    """Maps frames (N, 1, H, W), grey levels 0..255 as float, to logits (N, 1, H / 8, W / 8) of any defect in a cell.

    A frame whose sides are no multiples of 16 is padded with black, right and below, as beyond the strip's edge.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float = 88.0, std: float = 45.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        self.stem = _convolve(1, 24, stride=4, size=8, padding=2)
        self.cells = nn.Sequential(_convolve(24, 32, stride=2), Residual(32), Residual(32))
        self.deep = nn.Sequential(_convolve(32, 48, stride=2), Residual(48), Residual(48, dilation=2))
        self.lateral = nn.Conv2d(48, 32, 1)
        self.joined = _convolve(32, 32)
        self.head = nn.Conv2d(32, 1, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return a logit for each cell."""
        height, width = frames.shape[-2:]
        below, right = -height % DEEPEST_PX, -width % DEEPEST_PX
        if below or right:
            frames = functional.pad(frames, (0, right, 0, below))
        cells = self.cells(self.stem((frames - self.mean) / self.std))
        around = functional.interpolate(self.lateral(self.deep(cells)), scale_factor=2.0, mode="nearest")
        logits: Tensor = self.head(self.joined(cells + around))
        return logits[..., : -(-height // CELL_PX), : -(-width // CELL_PX)]
