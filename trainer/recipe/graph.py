"""The network as it is deployed: camera bytes in, class map out, all of it in one graph.

Knows the recipe's contract (DESIGN.md, "One graph, every engine") and ONNX; must not know recipes or runs.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TypeVar

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from inspector.records.confidence import EVEN, LEAST, LEAST_PROBABILITY, PER_UNIT
from trainer.files import replace_file
from trainer.learn.unet import UNet, UpBlock, conv_norm_pairs

OPSET = 20  # TensorRT and OpenVINO both read it; FIELD.md
INPUTS = ("frames", "thresholds")
OUTPUTS = ("labels", "confidence", "presence")
Network = TypeVar("Network", bound=nn.Module)


class PixelDecision(nn.Module):
    """What a deployed graph ends with: logits of half the frames' resolution in, what a recipe returns out.

    `forward(logits (N, 1 + C, ceil(H / 2), ceil(W / 2)) float32, thresholds (C,) float32)` returns labels (N, H, W)
    uint8, the most probable defect class among those whose probability reaches their threshold, 0 where none does;
    confidence (N, H, W) uint8, that probability as log-odds (`inspector.records.confidence`), 0 where sound; presence
    (N, C) float32, each class's highest probability in the frame.

    It is decided where the network predicts, for four pixels at once. To enlarge the logits first took a sixth of a
    fast recipe's time, to draw outlines half a pixel smoother (LOG.md, 2026-11-28).
    """

    ranks: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(self, classes: int, height_px: int, width_px: int) -> None:
        super().__init__()
        self.classes = classes
        # Which value of half the size each pixel shows; of no weight, so that they are of any size.
        self.register_buffer("rows", torch.arange(height_px) // 2, persistent=False)
        self.register_buffer("columns", torch.arange(width_px) // 2, persistent=False)
        # C for class 1 down to 1 for class C: of two equally probable classes the first wins, as ArgMax would have it.
        self.register_buffer("ranks", torch.arange(classes, 0, -1, dtype=torch.float32)[:, None, None])

    def forward(self, logits: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels, confidence and presence."""
        shares = logits.softmax(1)
        sound, probabilities = shares[:, :1], shares[:, 1:]
        presence = probabilities.amax((2, 3))
        reached = torch.where(probabilities >= thresholds[:, None, None], probabilities, 0.0)
        highest = reached.amax(1, keepdim=True)
        # Comparing with the maximum and ranking is ArgMax without TopK, which OpenVINO runs on one thread.
        rank = torch.where((reached == highest) & (highest > 0), self.ranks, 0.0).amax(1)
        labels = torch.where(rank > 0, self.classes + 1 - rank, 0.0)
        # Near 1 a probability has no digits left, in half precision least of all; what it lacks to 1 has.
        rest = sound + torch.where(self.ranks == rank[:, None], 0.0, probabilities).sum(1, keepdim=True)
        odds = highest.clamp(LEAST_PROBABILITY) / rest.clamp(LEAST_PROBABILITY)
        codes = (odds.log() * PER_UNIT + EVEN).round().clamp(min=LEAST)
        confidence = torch.where(highest > 0, codes, 0.0).squeeze(1)
        return self._enlarged(labels), self._enlarged(confidence), presence

    def _enlarged(self, plane: Tensor) -> Tensor:
        """Return bytes (N, H, W) of a plane of half the size: each value in four places.

        Gathered, not expanded: OpenVINO has kernels for that, and takes a quarter of the time (LOG.md, 2026-11-28).
        """
        return plane.clamp(0, 255).index_select(2, self.columns).index_select(1, self.rows).to(torch.uint8)


class Deployed(nn.Module):
    """Wraps a trained U-Net; takes a copy of nothing: the network is put in evaluation mode.

    `forward(frames (N, H, W) uint8, thresholds (C,) float32)` returns what `PixelDecision` does.
    """

    def __init__(self, unet: UNet, classes: int, height_px: int, width_px: int) -> None:
        super().__init__()
        self.unet = unet.eval()
        self.decision = PixelDecision(classes, height_px, width_px)

    def forward(self, frames: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels, confidence and presence."""
        # Cast is the first thing that happens to the bytes: TensorRT takes nothing else on a uint8 input.
        decided: tuple[Tensor, Tensor, Tensor] = self.decision(self.unet.halved(frames.float()[:, None]), thresholds)
        return decided


class _Apart(nn.Module):
    """A decoder block whose first convolution reads its two inputs apart and adds what it finds."""

    def __init__(self, deep: nn.Conv2d, skip: nn.Conv2d, rest: nn.Sequential) -> None:
        super().__init__()
        self.deep, self.skip, self.rest = deep, skip, rest

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        enlarged = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
        joined: Tensor = self.rest(self.deep(enlarged) + self.skip(skip))
        return joined


def split_joins(unet: UNet) -> UNet:
    """Split the convolution after every concatenation in two, one for each input, in place: the same function.

    INT8 needs it: each input keeps its own range, and OpenVINO 2026.4 computes Concat -> Conv wrongly in INT8 (a
    single quantised Concat and Conv of random data is off by 15 %; ONNX Runtime is exact). Batch norms must be folded.
    """
    for place, up in enumerate(unet.ups):
        assert isinstance(up, UpBlock)
        both = up.convs[0]
        assert isinstance(both, nn.Conv2d)
        parts = []
        for channels, kernel in zip(up.channels, torch.split(both.weight.detach(), list(up.channels), 1), strict=True):
            part = nn.Conv2d(channels, both.out_channels, 3, padding=1, bias=False)
            part.weight = nn.Parameter(kernel.clone())
            parts.append(part)
        deep, skip = parts
        deep.bias = both.bias
        unet.ups[place] = _Apart(deep, skip, up.convs[1:])
    return unet


def fold_batch_norms(unet: Network) -> Network:
    """Fold every batch norm into the convolution before it, in place: the same function, a third fewer layers.

    Done here and not left to an exporter's optimiser, so that quantisation sees the weights that will run.
    """
    for module, *names in list(conv_norm_pairs(unet)):
        first, second = (name.rpartition(".")[2] for name in names)
        conv, norm = module.get_submodule(first), module.get_submodule(second)
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        setattr(module, first, fuse_conv_bn_eval(conv.eval(), norm.eval()))
        # timm's batch norms hold the activation that follows them.
        setattr(module, second, getattr(norm, "act", nn.Identity()))
    left = [name for name, module in unet.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert not left, f"batch norms without a convolution before them: {left}"
    return unet


def write_onnx(unet: UNet, classes: int, height_px: int, width_px: int, path: Path) -> None:
    """Write the deployed graph in fp32: any number of frames, of this size; weights inside the one file.

    The network's batch norms are folded and its concatenations split, in place. What only tells of this machine
    (stack traces, paths) is left out.
    """
    deployed = Deployed(split_joins(fold_batch_norms(unet)), classes, height_px, width_px)
    write_deployed(deployed, classes, height_px, width_px, path)


def write_deployed(deployed: nn.Module, classes: int, height_px: int, width_px: int, path: Path) -> None:
    """Write in fp32 a module that maps frames and thresholds to labels, confidence and presence; as `write_onnx`."""
    example = torch.zeros(2, height_px, width_px, dtype=torch.uint8), torch.full((classes,), 0.5)
    program = torch.onnx.export(
        deployed.eval(),
        example,
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_shapes=({0: torch.export.Dim("N", min=1)}, None),
        opset_version=OPSET,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    assert program is not None, "the dynamo exporter returns a program"
    model = program.model_proto
    strip_metadata(model)
    onnx.checker.check_model(model, full_check=True)
    with replace_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def with_weights(model: bytes, unet: UNet, classes: int) -> bytes | None:
    """Return a graph that `write_onnx` wrote with the weights of another network, of the same encoder and decoder.

    It takes milliseconds, where writing takes seconds. None where the graph lacks one of the weights: the exporter
    leaves out a bias that is 0, and writes equal ones once.
    """
    graph = onnx.load_model_from_string(model)
    weights = Deployed(split_joins(fold_batch_norms(copy.deepcopy(unet))), classes, 0, 0).state_dict()  # of any size
    for initializer in graph.graph.initializer:
        weight = weights.pop(initializer.name, None)
        if weight is not None:
            assert list(initializer.dims) == list(weight.shape), f"{initializer.name} has another shape"
            initializer.raw_data = weight.numpy().tobytes()
    written: bytes = graph.SerializeToString()
    return None if weights else written


def strip_metadata(model: onnx.ModelProto) -> None:
    """Leave in a graph only what runs, in place."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
