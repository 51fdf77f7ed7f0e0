"""What assesses frames: the `Segmenter` protocol, and the choice of the one that the configuration names.

An engine runs the recipe's one graph (frames and thresholds in; labels, confidence, presence out); nothing
outside this folder knows which engine it is. Engines are loaded by name so that none is imported in vain.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

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
        """Begin to assess `(N, H, W) uint8`, 1 <= N <= max_frames; nobody writes to the array until its `result`."""

    def result(self) -> Maps:
        """Wait for the oldest submitted batch. Its maps are the caller's to read; nobody writes to them while he does.

        Raises: EngineError.
        """

    def memory(self) -> dict[str, int]:
        """Return bytes of the device's memory: `total`, `used`, `process`, as far as known; from any thread."""

    def close(self) -> None:
        """Give back what the engine holds."""


class Depths(msgspec.Struct, frozen=True):
    """How many batches exist at once, for an engine that keeps memory of its own kind for them."""

    frames: int = 8
    """Being filled, queued, in flight, and held until they are analysed."""
    maps: int = 4
    """Of batches that are done, until they are analysed."""


DEPTHS = Depths()
PAUSE = 4.0
"""After each run of a warm-up, a line that runs has processor or card to itself for this many times as long."""

Tell = Callable[[str], None]
"""Receives what goes on, while it takes long."""


def check(section: EngineSection, recipe: Recipe, model: bytes) -> None:
    """Hold a recipe's card against its graph, which every engine runs, or is built from.

    Raises: RecipeError.
    """
    if section.kind != "stub":
        from inspector.engines.openvino import read

        read(recipe, model)


def load(
    section: EngineSection,
    recipe: Recipe,
    model: bytes,
    max_frames: int,
    folder: Path,
    *,
    depths: Depths = DEPTHS,
    unverified: bool = False,
    gently: bool = False,
    tell: Tell = lambda words: None,
) -> Segmenter:
    """Load and warm the engine that `section` names: every batch size has run once when this returns.

    `model` is the recipe's ONNX, `folder` where it and a built engine lie. `unverified` runs a built engine that was
    not proven equal to the model. `gently`: another engine runs a line here meanwhile. `tell` receives how far it is.

    Raises: EngineError; EngineRefused when trying again is in vain.
    """
    if section.kind == "tensorrt":
        from inspector.engines.nvidia import loader

        built = loader.load(section, recipe, max_frames, folder, depths=depths, unverified=unverified)
        return _closed_on_failure(built, lambda: built.warm(tell, gently=gently))
    engine: Segmenter
    if section.kind == "stub":
        from inspector.engines.stub import Stub

        engine = Stub(recipe)
    else:
        from inspector.engines.openvino import OpenVino

        engine = OpenVino(recipe, model, threads=section.threads)
    return _closed_on_failure(engine, lambda: warm(engine, recipe, range(1, max_frames + 1), tell, gently=gently))


def suspicious(presence: NDArray[np.float32], thresholds: NDArray[np.float32]) -> list[int]:
    """Return the frames in which some class reaches its threshold: the maps of all others are 0 by the graph's rule.

    `presence` (N, C) or wider, `thresholds` (C,). The graph labels a pixel where its probability reaches the threshold,
    and presence is the highest probability in the frame.
    """
    return [int(place) for place in np.flatnonzero((presence[:, : len(thresholds)] >= thresholds).any(axis=1))]


def _closed_on_failure(engine: Segmenter, work: Callable[[], None]) -> Segmenter:
    try:
        work()
    except BaseException:
        engine.close()
        raise
    return engine


def warm(
    engine: Segmenter, recipe: Recipe, sizes: range, tell: Tell = lambda words: None, *, gently: bool = False
) -> None:
    """Run every batch size once for each batch in flight, so that no frame of the line pays for a first time.

    `gently`: pause after each, as another engine runs a line here meanwhile.
    """
    frames = np.zeros((sizes[-1], recipe.height, recipe.width), np.uint8)
    for size in sizes:
        tell(f"warming up {engine.name}: batch size {size} of {sizes[-1]}")
        for _ in range(engine.in_flight):
            began_s = time.monotonic()
            engine.submit(frames[:size])
            engine.result()
            if gently:
                time.sleep(PAUSE * (time.monotonic() - began_s))
