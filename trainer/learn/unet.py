"""The network: a U-Net over a torchvision ResNet; knows nothing of data, training or export.

Grey bytes in, class logits out. Decoder after Ronneberger et al., "U-Net", MICCAI 2015.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models  # type: ignore[import-untyped]  # it ships no types

from trainer.settings import ENCODERS, STRIDE_PX


class UNet(nn.Module):
    """Maps frames (N, 1, H, W), grey levels 0..255 as float, to logits (N, 1 + defect classes, H, W).

    Channel 0 is sound steel. The logits are predicted at half resolution and enlarged bilinearly: a last block at
    full resolution (32 -> 16 -> 16 channels) would add 3.0 to 38 billion multiplications a 1600 x 256 frame and keep
    more planes of the frame's size for the backward pass, to place an edge half a pixel better than people draw it.

    Raises:
        ValueError: an unknown encoder, or in `forward` a height or width that is no multiple of 32.
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
    ) -> None:
        super().__init__()
        if encoder not in ENCODERS:
            raise ValueError(f"encoder is {encoder!r}; expected one of {', '.join(ENCODERS)}")
        resnet: models.ResNet = getattr(models, encoder)(weights=None)
        # Normalised in grey levels, inside the model, so that no caller can forget or repeat it.
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        first = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
        self.stem = nn.Sequential(first, resnet.bn1, resnet.relu)
        self.pool = resnet.maxpool
        self.stages = nn.ModuleList([resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4])
        expansion = 4 if encoder == "resnet50" else 1
        skips = [256 * expansion, 128 * expansion, 64 * expansion, 64]
        inner = [512 * expansion, *decoder]
        self.ups = nn.ModuleList(UpBlock(a, skip, b) for (a, b), skip in zip(pairwise(inner), skips, strict=True))
        self.head = nn.Conv2d(decoder[-1], 1 + classes, 3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits of each class, sound first."""
        height, width = frames.shape[-2:]
        if height % STRIDE_PX or width % STRIDE_PX:
            raise ValueError(
                f"frame is {width} x {height} px; expected width and height in multiples of {STRIDE_PX}. "
                f"Crop or pad to {-(-width // STRIDE_PX) * STRIDE_PX} x {-(-height // STRIDE_PX) * STRIDE_PX} px."
            )
        x = self.stem((frames - self.mean) / self.std)
        skips = [x]
        x = self.pool(x)
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        skips.pop()
        for up in self.ups:
            x = up(x, skips.pop())
        logits: Tensor = functional.interpolate(self.head(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        return logits


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


def load_encoder(unet: UNet, encoder: str, weights: str) -> None:
    """Put pre-trained ResNet weights into the encoder, in place.

    `weights` is a state dict's file, or `imagenet` to ask torchvision for its own. Grey is one channel: an RGB
    filter on three equal channels is exactly its sum over them, so a three-channel first convolution is summed.

    Raises:
        ValueError: the file is missing, no state dict, or of another encoder; or torchvision's host is out of reach.
    """
    state = dict(_imagenet(encoder) if weights == "imagenet" else _state_dict(Path(weights)))
    state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    first = state.get("conv1.weight")
    if first is None:
        raise ValueError(f"{weights}: holds no conv1.weight; expected a torchvision {encoder} state dict")
    state["conv1.weight"] = first.sum(1, keepdim=True)
    names = {"conv1.": "stem.0.", "bn1.": "stem.1.", **{f"layer{i + 1}.": f"stages.{i}." for i in range(4)}}
    renamed = {}
    for name, value in state.items():
        prefix = next((p for p in names if name.startswith(p)), "")
        renamed[names.get(prefix, "?") + name.removeprefix(prefix)] = value
    wanted = {k: v for k, v in unet.state_dict().items() if k.startswith(("stem.", "stages."))}
    odd = list(wanted.keys() ^ renamed.keys()) or [k for k in wanted if wanted[k].shape != renamed[k].shape]
    if odd:
        raise ValueError(
            f"{weights}: {len(odd)} tensors differ from {encoder}'s, {sorted(odd)[0]} first. Which encoder is it?"
        )
    unet.load_state_dict(renamed, strict=False)


def _state_dict(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a torchvision ResNet state dict, or the word imagenet")
    try:
        state: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no common type for a bad archive, a cut file and refused pickles
        raise ValueError(f"{path}: not a state dict that loads without running code ({error})") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{path}: holds {type(state).__name__}; expected a state dict: names to tensors")
    return state


def _imagenet(encoder: str) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = models.get_model_weights(encoder)["DEFAULT"].get_state_dict(check_hash=True)
    except OSError as error:  # urllib's errors are OSErrors
        raise ValueError(
            f"weights imagenet: torchvision's host did not answer ({error}). "
            f"Fetch {encoder}'s state dict on a machine that reaches it and give its path, or leave --weights out."
        ) from error
    return state
