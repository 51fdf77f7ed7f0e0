"""A network that was taught before, to be taught further: a checkpoint, or a recipe's own ONNX.

A recipe holds batch norms folded into their convolutions, and INT8 weights with their scales. Both are undone so that
the network computes what the recipe computes: weights are de-quantised, and each batch norm is made one that changes
nothing on frames like those it will learn from. Knows ONNX and recipes; must not know the training loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from inspector import recipe
from inspector.errors import RecipeError
from trainer.errors import UserError
from trainer.learn import checkpoint
from trainer.learn.unet import UNet, conv_norm_pairs
from trainer.settings import ENCODERS

PREFIX = "unet."
"""Of every weight's name in a recipe's graph."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A network as it was left."""

    origin: str
    encoder: str
    decoder: tuple[int, int, int, int]
    downscale: int
    mean: float
    std: float
    class_names: tuple[str, ...]
    weights: Mapping[str, Tensor]
    """By the network's own names; batch norms are there only where they are not folded."""

    @property
    def is_folded(self) -> bool:
        """Whether the batch norms are part of the convolutions."""
        return not any(name.endswith(".running_var") for name in self.weights)


def read_taught(start: str) -> Taught:
    """Return the network of a checkpoint's file, of a recipe's folder, or of a shipped recipe by its name.

    Raises:
        UserError: neither, or one that is damaged or not of this trainer.
    """
    if Path(start).is_file():
        card, weights, _ = checkpoint.load(Path(start))
        settings = card.settings
        network = settings.encoder, settings.decoder, settings.downscale or 1
        return Taught(start, *network, card.mean, card.std, card.class_names, weights)
    try:
        described, model = recipe.load(recipe.find(start, Path()))
    except RecipeError as error:
        raise UserError(f"--start {start}: neither a checkpoint's file nor a recipe ({error})") from error
    graph = onnx.load_from_string(model)
    weights = dict(_weights(graph))
    try:
        first, second, third, fourth = (len(weights[f"ups.{level}.convs.3.weight"]) for level in range(4))
        mean, std = (float(weights[name]) for name in ("mean", "std"))
    except KeyError as error:
        raise UserError(f"--start {start}: holds no network of this trainer ({error.args[0]} is missing)") from error
    if described.encoder not in ENCODERS:
        raise UserError(f"--start {start}: its encoder is {described.encoder}; expected one of {', '.join(ENCODERS)}")
    names = tuple(kind.name for kind in described.classes)
    network = described.encoder, (first, second, third, fourth), _downscale(graph)
    return Taught(start, *network, mean, std, names, weights)


def build_taught(taught: Taught) -> UNet:
    """Return a network of the same kind, its weights not yet loaded."""
    network = taught.encoder, len(taught.class_names), taught.decoder
    return UNet(*network, taught.mean, taught.std, downscale=taught.downscale)


def _downscale(model: onnx.ModelProto) -> int:
    """Return the side of the squares that a deployed graph takes the mean of, the only mean that it pools."""
    for node in model.graph.node:
        if node.op_type == "AveragePool":
            return int(next(attribute.ints[0] for attribute in node.attribute if attribute.name == "kernel_shape"))
    return 1


def _weights(model: onnx.ModelProto) -> Iterator[tuple[str, Tensor]]:
    """Yield a deployed graph's weights by the network's names, in float32, split convolutions joined again."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    parts: dict[str, Tensor] = {}
    for name, value in stored.items():
        if not name.startswith(PREFIX):
            continue
        plain = name.removeprefix(PREFIX)
        if plain.endswith("_quantized"):
            scale = stored[f"{name.removesuffix('_quantized')}_scale"].reshape(-1, *[1] * (value.ndim - 1))
            parts[plain.removesuffix("_quantized")] = torch.from_numpy(value.astype("float32") * scale)
        elif not plain.endswith(("_scale", "_zero_point")):
            parts[plain] = torch.from_numpy(value.astype("float32"))
    for name, part in parts.items():
        if name.endswith(".skip.weight"):
            continue
        if name.endswith(".deep.weight"):
            skip = parts[name.replace(".deep.", ".skip.")]
            yield name.replace(".deep.", ".convs.0."), torch.cat([part, skip], 1)
        else:
            yield name.replace(".deep.", ".convs.0.").replace(".rest.", ".convs."), part


def load_taught(unet: UNet, taught: Taught, class_names: tuple[str, ...], usual: Iterable[Tensor]) -> None:
    """Put what was taught into a network of the same encoder and decoder, in place.

    Of the head, sound and the classes with the same names are kept; the others stay as they are, random. `usual` are
    batches (N, 1, H, W) float32 grey levels like those to learn from: folded batch norms get their statistics.

    Raises:
        UserError: weights that are not this network's.
    """
    state = dict(taught.weights)
    for part in ("weight", "bias"):
        state[f"head.{part}"] = _rows(unet.state_dict()[f"head.{part}"], state, part, taught.class_names, class_names)
    biases = {}
    if taught.is_folded:
        for _, conv, norm in conv_norm_pairs(unet):
            biases[norm] = state.pop(f"{conv}.bias", None)
        if any(bias is None for bias in biases.values()):
            raise UserError(f"--start {taught.origin}: lacks biases of convolutions; expected a recipe of this trainer")
    missing, odd = unet.load_state_dict(state, strict=False)
    missing = [name for name in missing if name.rpartition(".")[0] not in biases]
    if missing or odd:
        raise UserError(
            f"--start {taught.origin}: {len(missing)} tensors of {taught.encoder} are missing and {len(odd)} are "
            f"unknown, {[*missing, *odd][0]} first; expected a network of this trainer"
        )
    if biases:
        _unfold(unet, {norm: bias for norm, bias in biases.items() if bias is not None}, usual)


def say_kept(taught: Taught, class_names: Sequence[str]) -> str:
    """Say which of a new run's classes are known to the network that it begins from, and which are new to it."""
    known = _folded(taught.class_names)
    kept = ", ".join(name for name in class_names if name.casefold() in known)
    new = ", ".join(name for name in class_names if name.casefold() not in known)
    words = f"keeps {kept}" if kept else f"keeps no class, for it knows {', '.join(taught.class_names)}"
    return f"--start {taught.origin}: {words}" + (f"; new to it: {new}" if new else "")


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def _rows(fresh: Tensor, state: Mapping[str, Tensor], part: str, old: tuple[str, ...], new: tuple[str, ...]) -> Tensor:
    """Return the head's rows for the new classes, sound first: taught where the name, in any case, was there before."""
    taught = state[f"head.{part}"]
    rows = fresh.clone()
    rows[0] = taught[0]
    known = _folded(old)
    for number, name in enumerate(_folded(new), 1):
        if name in known:
            rows[number] = taught[1 + known.index(name)]
    return rows


def _unfold(unet: UNet, biases: Mapping[str, Tensor], usual: Iterable[Tensor]) -> None:
    """Make each batch norm add its convolution's bias and nothing else, by the statistics of `usual`.

    With mean m and variance v of what comes in, scale sqrt(v + eps) and shift m + bias give exactly x + bias while
    measuring, and nearly that while learning, when the batch's own m and v are taken.
    """
    norms = {name: unet.get_submodule(name) for name in biases}
    with torch.no_grad():
        for name, norm in norms.items():
            assert isinstance(norm, nn.BatchNorm2d)
            _set(norm, torch.zeros_like(norm.bias), torch.ones_like(norm.bias), biases[name])
        moments = _measure(unet.eval(), norms, usual)
        for name, norm in norms.items():
            assert isinstance(norm, nn.BatchNorm2d)
            _set(norm, *moments[name], biases[name])


def _set(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(mean + bias)


def _measure(unet: UNet, norms: Mapping[str, nn.Module], usual: Iterable[Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and variance of what comes into each batch norm, over all batches."""
    sums: dict[str, Tensor] = {}

    def note(name: str, x: Tensor) -> None:
        x = x.double()
        powers = torch.stack([torch.ones_like(x[0, :, 0, 0]), x.mean((0, 2, 3)), x.square().mean((0, 2, 3))])
        sums[name] = sums.get(name, torch.zeros_like(powers)) + powers

    with ExitStack() as stack:
        for name, norm in norms.items():
            hook = norm.register_forward_pre_hook(lambda _, inputs, name=name: note(name, inputs[0]))
            stack.callback(hook.remove)
        for frames in usual:
            unet(frames)
    moments = {}
    for name, (count, total, squares) in sums.items():
        mean = total / count
        moments[name] = mean.float(), (squares / count - mean.square()).clamp_min(0).float()
    return moments
