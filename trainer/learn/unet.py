"""The network: a U-Net over an encoder of `encoders`; knows nothing of data, training or export.

Grey bytes in, class logits out. Decoder after Ronneberger et al., "U-Net", MICCAI 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.errors import UserError
from trainer.learn.encoders import build_encoder, pretrained
from trainer.settings import STRIDE_PX

ENCODER_PARTS = ("stem.", "stages.")
"""How the names of the encoder's weights begin."""


class UNet(nn.Module):
    """Maps frames (N, 1, H, W), grey levels 0..255 as float, to logits (N, 1 + defect classes, H, W).

    Channel 0 is sound steel. The logits are predicted at half resolution and enlarged bilinearly: a last block at
    full resolution (32 -> 16 -> 16 channels) would add 3.0 to 38 billion multiplications a 1600 x 256 frame and keep
    more planes of the frame's size for the backward pass, to place an edge half a pixel better than people draw it.

    With `downscale` 2 the encoder sees the means of squares of 2 x 2 px: a quarter of the work, and each crop shows it
    four times the steel (LOG.md, 2026-11-28).

    A frame whose sides are no multiples of 32 such squares is padded with black, right and below, as beyond the
    strip's edge.

    Raises:
        ValueError: an unknown encoder, or one whose package is missing.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: str = "resnet34",
        classes: int = 4,
        decoder: tuple[int, int, int, int] = (128, 64, 48, 32),
        mean: float = 88.0,
        std: float = 45.0,
        *,
        downscale: int = 1,
    ) -> None:
        super().__init__()
        parts = build_encoder(encoder)
        self.downscale = downscale
        # Normalised in grey levels, inside the model, so that no caller can forget or repeat it.
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        self.stem, self.pool, self.stages = parts.stem, parts.pool, parts.stages
        *skips, deepest = parts.channels
        inner = [deepest, *decoder]
        ups = (UpBlock(a, skip, b) for (a, b), skip in zip(pairwise(inner), reversed(skips), strict=True))
        self.ups = nn.ModuleList(ups)
        self.head = nn.Conv2d(decoder[-1], 1 + classes, 3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits of each class, sound first."""
        height, width = frames.shape[-2:]
        return _enlarged(self._predict(frames), 2)[..., :height, :width]

    def halved(self, frames: Tensor) -> Tensor:
        """Return the logits at half the frames' resolution, (N, 1 + C, ceil(H / 2), ceil(W / 2))."""
        height, width = frames.shape[-2:]
        return self._predict(frames)[..., : -(-height // 2), : -(-width // 2)]

    def _predict(self, frames: Tensor) -> Tensor:
        """Return the logits at half the resolution of the padded frames."""
        height, width = frames.shape[-2:]
        multiple = STRIDE_PX * self.downscale
        below, right = -height % multiple, -width % multiple
        if below or right:
            frames = functional.pad(frames, (0, right, 0, below))
        if self.downscale > 1:
            frames = functional.avg_pool2d(frames, self.downscale)
        x = self.stem((frames - self.mean) / self.std)
        skips = [x]
        x = self.pool(x)
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        skips.pop()
        for up in self.ups:
            x = up(x, skips.pop())
        return _enlarged(self.head(x), self.downscale)

    def split_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Return the encoder's parameters and all others."""
        encoder: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            (encoder if name.startswith(ENCODER_PARTS) else others).append(parameter)
        return encoder, others


def _enlarged(x: Tensor, times: int) -> Tensor:
    if times == 1:
        return x
    return functional.interpolate(x, scale_factor=float(times), mode="bilinear", align_corners=False)


class UpBlock(nn.Module):
    """Doubles the resolution, joins the encoder's features of that size, and convolves twice."""

    def __init__(self, channels: int, skip: int, out: int) -> None:
        super().__init__()
        self.channels = channels, skip
        self.convs = nn.Sequential(
            nn.Conv2d(channels + skip, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return features (N, out, H, W) of the skip's size from x (N, channels, H / 2, W / 2)."""
        joined: Tensor = self.convs(torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return joined


def conv_norm_pairs(unet: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """Yield (container, full name of a convolution, full name of the batch norm right after it).

    In every container of this network a batch norm directly follows its convolution.
    """
    for path, module in unet.named_modules():
        names = list(module.named_children())
        for (first, conv), (second, norm) in pairwise(names):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                prefix = f"{path}." if path else ""
                yield module, prefix + first, prefix + second


def load_encoder(unet: UNet, encoder: str, weights: str) -> None:
    """Put pre-trained weights into the encoder, in place; `weights` as in `pretrained`.

    Raises:
        ValueError: the file is missing, no state dict, or of another encoder; or ImageNet's weights are out of reach.
    """
    state = pretrained(encoder, weights)
    wanted = {k: v for k, v in unet.state_dict().items() if k.startswith(ENCODER_PARTS)}
    odd = list(wanted.keys() ^ state.keys()) or [k for k in wanted if wanted[k].shape != state[k].shape]
    if odd:
        raise UserError(
            f"{weights}: {len(odd)} tensors differ from {encoder}'s, {sorted(odd)[0]} first. Which encoder is it?"
        )
    unet.load_state_dict(state, strict=False)
