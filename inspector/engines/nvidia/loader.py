"""Loads a recipe's built engine: the only way to the engine that `deploy convert` left.

Refuses in an order that tells the reader what to mend first: the manifest, the files' hashes, the TensorRT installed,
the proof; then the driver, and last what only a GPU can tell. Nothing of an engine runs before all of it fits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.engines.nvidia import driver, flavour, manifest
from inspector.engines.nvidia.in_flight import port_faults, sizes_to_run
from inspector.engines.nvidia.manifest import MANIFEST, Flavour, Manifest, RuntimeVersion
from inspector.engines.segmenter import DEPTHS, Depths
from inspector.engines.settings import EngineSection
from inspector.errors import EngineRefused
from inspector.records.recipe import Recipe

if TYPE_CHECKING:
    from inspector.engines.nvidia.tensorrt import TensorRt


def load(
    section: EngineSection,
    recipe: Recipe,
    max_frames: int,
    folder: Path,
    *,
    depths: Depths = DEPTHS,
    unverified: bool = False,
) -> TensorRt:
    """Load the engine in a recipe's folder to run it, for batches of up to `max_frames`; it is not warm yet.

    `depths` says how many batches there are at once.

    Raises: EngineRefused with all that does not fit, a line each; EngineError.
    """
    from inspector.engines.nvidia.tensorrt import TensorRt

    made, plan, trt = check(folder, recipe, only=asked(section), max_frames=max_frames, verified=not unverified)
    check_gpu(folder, made, section.gpu)
    kernels = manifest.read_kernels(folder, made)
    sizes = sizes_to_run(made.batches, max_frames)
    return TensorRt(recipe, made, plan, kernels, trt=trt, gpu=section.gpu, sizes=sizes, depths=depths)


def asked(section: EngineSection) -> Flavour | None:
    """Return the flavour that the configuration insists on, if it does."""
    return None if section.flavour == "auto" else section.flavour


def open_unverified(folder: Path, recipe: Recipe, gpu: int = 0) -> tuple[Manifest, TensorRt]:
    """Load the engine in a recipe's folder to prove it, in each size up to its largest; its proof is not asked for.

    Returns its manifest too. Nothing that was compiled for it before is used.

    Raises: EngineRefused, EngineError.
    """
    from inspector.engines.nvidia.tensorrt import TensorRt

    made, plan, trt = check(folder, recipe, verified=False)
    check_gpu(folder, made, gpu)
    sizes = range(made.batches[0], made.batches[-1] + 1)  # batch.max_frames of a line may be any of them
    return made, TensorRt(recipe, made, plan, b"", trt=trt, gpu=gpu, sizes=sizes, depths=DEPTHS)


def check(
    folder: Path,
    recipe: Recipe,
    *,
    only: Flavour | None = None,
    max_frames: int | None = None,
    verified: bool = True,
) -> tuple[Manifest, bytes, Any]:
    """Check all of an engine that can be checked without a GPU; return manifest, engine and the flavour's module.

    The bytes are exactly those whose hash was checked. `only` this flavour, else the one that built it if it is here.

    Raises: EngineRefused with one line for each fault.
    """
    made, plan = manifest.read(folder), manifest.read_engine(folder)
    here, trt, missing = None, None, []
    try:
        name, trt = flavour.find(only=only, first=made.flavour)
        here = RuntimeVersion(name, trt.__version__)
    except EngineRefused as error:
        missing = [str(error)]
    digest = hashlib.sha256(plan).hexdigest()
    found = manifest.faults(made, folder, recipe, digest, here, max_frames=max_frames, verified=verified)
    ports = [
        f"{folder / MANIFEST}: {fault}. Export the recipe again, then `deploy convert`."
        for fault in port_faults(recipe, made.inputs, made.outputs)
    ]
    if found or ports or missing:
        raise EngineRefused("\n".join([*map(str, found), *ports, *missing]))
    return made, plan, trt


def check_gpu(folder: Path, made: Manifest, number: int) -> None:
    """Check that GPU `number` is there and is one that the engine was built for.

    Raises: EngineError without a driver, which may come yet; EngineRefused for another GPU.
    """
    gpu = driver.numbered(number)
    again = f"Run `deploy convert {folder}{f' --gpu {number}' if number else ''}` on this machine."
    if gpu.compute_capability not in made.compute_capabilities:
        targets = ", ".join(made.compute_capabilities)
        raise EngineRefused(
            f"{folder / MANIFEST}: compute_capabilities is {targets}; expected {gpu.compute_capability} among them, "
            f"that of {gpu.name}. {again}"
        )
    if made.gpu and made.gpu != gpu.name:
        raise EngineRefused(f'{folder / MANIFEST}: gpu is "{made.gpu}"; expected "{gpu.name}", the one here. {again}')
