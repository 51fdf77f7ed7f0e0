"""The choice of the engine that the configuration names: checked against its recipe, loaded and warm.

Engines are imported by name, so that only the one in use is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from inspector.engines import processor
from inspector.engines.segmenter import DEPTHS, PAUSE, Depths, Segmenter
from inspector.engines.settings import EngineSection
from inspector.errors import EngineError, EngineRefused
from inspector.records.recipe import Recipe

Tell = Callable[[str], None]
"""Receives what goes on, while it takes long."""


def check(section: EngineSection, recipe: Recipe, model: bytes) -> None:
    """Hold a recipe's card against its graph, which every engine runs, or is built from.

    Raises: RecipeError; EngineRefused where this processor runs no network.
    """
    if section.kind == "openvino" and processor.lacks("avx"):
        raise EngineRefused(
            f"recipe {recipe}: this processor lacks AVX, and OpenVINO runs no network on an x86 without it. Take "
            "another machine, or let a virtual machine see its host's processor."
        )
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
    """Load and warm the engine that `section` names: its batch sizes have run once when this returns.

    `model` is the recipe's ONNX, `folder` where it and a built engine lie. `unverified` runs a built engine that was
    not proven equal to the model. `gently`: another engine runs a line here meanwhile. `tell` receives how far it is.

    Raises: EngineError; EngineRefused when trying again cannot help.
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
    sizes = sizes_to_warm(max_frames)
    return _closed_on_failure(engine, lambda: _proven(engine, recipe, sizes, tell, gently=gently))


def _closed_on_failure(engine: Segmenter, work: Callable[[], None]) -> Segmenter:
    try:
        work()
    except BaseException:
        engine.close()
        raise
    return engine


def sizes_to_warm(most: int) -> list[int]:
    """Return 1, 2, 4, ... and the largest: to run each size up to it takes time that grows with its square.

    The first batch of a size in between takes no longer on a CPU than the next larger one of these (LOG.md).
    """
    return [*(1 << power for power in range((most - 1).bit_length())), most]


def _proven(engine: Segmenter, recipe: Recipe, sizes: Sequence[int], tell: Tell, *, gently: bool) -> None:
    """Warm an engine; what it cannot run now it cannot run at the next start.

    Raises: EngineRefused.
    """
    try:
        _warm(engine, recipe, sizes, tell, gently=gently)
    except EngineError as error:
        why = " ".join(str(error.__cause__ or error).split())
        raise EngineRefused(
            f"recipe {recipe} does not run on this processor: {why}. Try `inspector bench` with "
            "another recipe, or take another machine."
        ) from error


def _warm(
    engine: Segmenter, recipe: Recipe, sizes: Sequence[int], tell: Tell = lambda words: None, *, gently: bool = False
) -> None:
    """Run batch sizes, ascending, once for each batch in flight, so that no frame of the line pays for a first time.

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
