"""What judges frames: the `Segmenter` protocol, and the choice of the one that the configuration names.

An engine runs the recipe's one graph (frames and thresholds in; labels, confidence, presence out); nothing
outside this folder knows which engine it is. Engines are loaded by name so that none is imported in vain.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from inspector.engines.settings import EngineSection
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe


class Segmenter(Protocol):
    """A loaded, ready network. `submit` and `result` are called from one thread, results in submitted order."""

    name: str
    """Engine, version and precision, for people."""
    facts: dict[str, str]
    """The same by name, for metrics: kind, version, precision; on a GPU flavour, gpu and verified too."""
    in_flight: int
    """Batches that may be submitted before a result is taken."""

    def buffer(self, frames: int) -> Bytes3D:
        """Return an array of `(frames, H, W) uint8` that `submit` reads fastest; from any thread, any content."""

    def submit(self, frames: Bytes3D) -> None:
        """Begin judging `(N, H, W) uint8`, 1 <= N <= max_frames; nobody writes to the array until its `result`."""

    def result(self) -> Maps:
        """Wait for the oldest submitted batch.

        Raises: EngineError.
        """

    def memory(self) -> dict[str, int]:
        """Return bytes of the device's memory: `total`, `used`, `process`, as far as known; from any thread."""

    def close(self) -> None:
        """Give back what the engine holds."""


Tell = Callable[[str], None]
"""Hears what goes on, while it takes long."""


def load(
    section: EngineSection,
    recipe: Recipe,
    model: bytes,
    max_frames: int,
    folder: Path,
    *,
    unverified: bool = False,
    tell: Tell = lambda words: None,
) -> Segmenter:
    """Load and warm the engine that `section` names: every batch size has run once when this returns.

    `model` is the recipe's ONNX, `folder` where it and a built engine lie. `unverified` runs a built engine that was
    not proven equal to the model. `tell` hears how far it is.

    Raises: EngineError; EngineRefused when trying again is in vain.
    """
    engine: Segmenter
    if section.kind == "tensorrt":
        from inspector.engines.nvidia import loader

        engine = loader.load(section, recipe, max_frames, folder, unverified=unverified)
    elif section.kind == "stub":
        from inspector.engines.stub import Stub

        engine = Stub(recipe)
    else:
        from inspector.engines.openvino import OpenVino

        engine = OpenVino(recipe, model, threads=section.threads)
    try:
        warm(engine, recipe, range(1, max_frames + 1), tell)
    except BaseException:
        engine.close()
        raise
    return engine


def warm(engine: Segmenter, recipe: Recipe, sizes: range, tell: Tell = lambda words: None) -> None:
    """Run every batch size once for each batch in flight, so that no frame of the line pays for a first time."""
    frames = np.zeros((sizes[-1], recipe.height, recipe.width), np.uint8)
    for size in sizes:
        tell(f"warming up {engine.name}: batch size {size} of {sizes[-1]}")
        for _ in range(engine.in_flight):
            engine.submit(frames[:size])
        for _ in range(engine.in_flight):
            engine.result()
