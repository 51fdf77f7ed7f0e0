"""The one door to a recipe's built engine: whoever wants the engine that `deploy convert` left asks here.

Refuses in an order that tells the reader what to mend first: TensorRT, the driver, then the engine itself.
"""

from __future__ import annotations

from pathlib import Path

from inspector.engines import Segmenter, driver, flavour, manifest
from inspector.engines.manifest import Runtime
from inspector.errors import EngineError
from inspector.records import Recipe


def runtime() -> Runtime:
    """Say what an engine would run with on this machine: the TensorRT installed, and the first GPU.

    Raises: EngineError when either is missing.
    """
    name, module = flavour.find()
    return Runtime(name, module.__version__, driver.gpus()[0].compute_capability)


def open_unverified(folder: Path, recipe: Recipe) -> Segmenter:
    """Load the engine in a recipe's folder to prove it: everything about it is checked but its being verified.

    Raises: EngineError. In this version always: what runs TensorRT engines is not part of it yet.
    """
    here = runtime()
    manifest.load(folder, recipe, here, verified=False)
    raise EngineError(
        f"{folder / manifest.ENGINE}: fits this machine ({here.flavour} {here.version}, compute capability "
        f"{here.compute_capability}), but this version of the inspector cannot run TensorRT engines yet. "
        'Keep engine.kind = "openvino" until a version that can.'
    )
