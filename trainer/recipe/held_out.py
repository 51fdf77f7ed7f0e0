"""What networks find on frames that they have not learnt from, as their recipe's graph finds it on the line.

A run has frames of its own to be measured on, or, with `--folds`, networks that stand for its own: each on its part.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from inspector.engines.openvino import OpenVino
from inspector.records.recipe import Maps, Recipe
from trainer.data.samples import Frames, Sample
from trainer.data.split import open_data
from trainer.errors import UserError
from trainer.learn import checkpoint
from trainer.learn.folded import fold_folders, of_fold
from trainer.learn.series import is_finished
from trainer.learn.unet import UNet
from trainer.recipe import evaluate
from trainer.recipe.graph import with_weights, write_onnx
from trainer.settings import Settings


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A network and frames that it never saw."""

    unet: UNet
    frames: Frames


def load_network(run: Path, file: str = "best.pt") -> tuple[UNet, checkpoint.Card]:
    """Return a network of a run, its best or its last, ready to be exported.

    Raises:
        UserError: no such run, or a checkpoint of something else.
    """
    card, weights, _ = checkpoint.load(run / file)
    unet = checkpoint.build(card)
    unet.load_state_dict(weights)
    return unet.eval(), card


def folds_of(run: Path, settings: Settings) -> list[HeldOut]:
    """Return the networks that measure a run, each with its part of the frames; none of a run without `--folds`.

    They are those of the last step: which step was best would have been learnt from these very frames.

    Raises:
        UserError: one is not there yet, or its data is gone.
    """
    found = []
    for number, folder in enumerate(fold_folders(run, settings), 1):
        if not is_finished(folder, of_fold(settings, number)):
            again = f"trainer fit --resume --out {shlex.quote(str(run))}"
            raise UserError(f"{folder}: is not finished, and is to measure {run}. Go on with: {again}")
        unet, card = load_network(folder, "last.pt")
        found.append(HeldOut(unet, open_data(card.settings, folder, card.class_names)[1]))
    return found


def scale_head(unet: UNet, temperature: float, sound: float) -> None:
    """Divide a network's logits by a temperature and add a constant to that of sound, in place."""
    with torch.no_grad():
        unet.head.weight /= temperature
        assert unet.head.bias is not None
        unet.head.bias /= temperature
        unet.head.bias[0] += sound


def write_graph(unet: UNet, card: Recipe) -> bytes:
    """Return a network's graph as a recipe has it, in floating point."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.onnx"
        write_onnx(unet, len(card.classes), card.height, card.width, path)
        return path.read_bytes()


def graphs_of(parts: Sequence[HeldOut], card: Recipe, like: bytes = b"") -> Iterator[bytes]:
    """Yield each network's graph; `like` is one of the same shape, where there is one already."""
    for part in parts:
        exchanged = with_weights(like, part.unet, len(card.classes)) if like else None
        like = exchanged or write_graph(part.unet, card)
        yield like


def infer_part(part: HeldOut, graph: bytes, card: Recipe) -> Iterator[tuple[Sample, Maps]]:
    """Yield a part's frames with the maps that its network's graph gives of them, under the recipe's card."""
    yield from evaluate.infer(OpenVino(card, graph), part.frames, card)


def infer_all(parts: Sequence[HeldOut], card: Recipe, like: bytes = b"") -> Iterator[tuple[Sample, Maps]]:
    """Yield every part's frames, one part after the other; `like` as in `graphs_of`."""
    for part, graph in zip(parts, graphs_of(parts, card, like), strict=True):
        yield from infer_part(part, graph, card)
