"""A recipe's ONNX compiled to the engine next to it, with the manifest that says what it is.

Building needs no GPU with the RTX flavour. Building again does nothing unless something changed, and says what did.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from deploy import candidate, interrupt
from deploy.build import PORTABLE, Built, build, unsupported
from deploy.folder import check_writable
from deploy.precision import graph_at
from inspector import recipe
from inspector.engines.nvidia import driver, flavour, loader, manifest
from inspector.engines.nvidia.in_flight import port_faults
from inspector.engines.nvidia.manifest import (
    ENGINE,
    KERNELS,
    LOG,
    MANIFEST,
    Flavour,
    Manifest,
    Precision,
    RuntimeVersion,
)
from inspector.errors import EngineError, EngineRefused
from inspector.records.recipe import Recipe


def convert(
    folder: Path,
    precision: Precision,
    batches: Sequence[int],
    say: Callable[[str], None],
    progress: Callable[[str], None],
    *,
    only: Flavour | None = None,
    gpu: int = 0,
) -> tuple[Path, Manifest]:
    """Build the engine of the recipe in `folder`, unless the one that is there already is that.

    Return the folder in which it lies, and its manifest. That is another folder where a line can start with the engine
    that is there: it stays in force until the new one is proven.
    `batches` ascend; the engine takes any size from the first to the last. `say` receives what was found and done,
    `progress` what is going on, and at the end nothing. `only` this flavour, else the one installed; for GPU `gpu`.

    Raises: RecipeError, EngineError.
    """
    name, trt = flavour.find(only=only)
    card, model = recipe.load(folder)
    here, (targets, model_name) = RuntimeVersion(name, trt.__version__), _targets(name, gpu)
    asked = partial(_reasons, card=card, here=here, precision=precision, batches=batches, targets=targets)
    there, reasons = _reusable(folder, partial(asked, gpu=model_name))
    if there:
        say(f"{there / ENGINE}: nothing changed, not built again")
        return there, manifest.read(there)
    say("\n".join([*reasons, f"building {folder / ENGINE}"]))
    check_writable(folder, "Let this user write there, or build elsewhere: --out FOLDER.")
    began = time.monotonic()
    graph, folded = graph_at(precision, card, model)
    with (folder / LOG).open("w", encoding="utf-8") as log, _on(name, gpu):
        built = _build(trt, graph, batches, targets, exact=precision == "fp32", log=log, progress=progress)
    made = Manifest(
        flavour=here.flavour,
        version=here.version,
        compute_capabilities=targets,
        gpu=model_name,
        precision=precision,
        folded=folded,
        batches=tuple(batches),
        onnx_sha256=card.sha256,
        engine_sha256=hashlib.sha256(built.engine).hexdigest(),
        engine_bytes=len(built.engine),
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        build_seconds=round(time.monotonic() - began, 2),
        inputs=built.inputs,
        outputs=built.outputs,
    )
    return _write(folder, card, made, built.engine, gpu), made


def _reusable(folder: Path, reasons_of: Callable[[Path], list[str]]) -> tuple[Path | None, list[str]]:
    """Return where the engine that is asked for lies already, or why it has to be built.

    The one in force goes before a candidate, which is then given up.
    """
    waiting, reasons = candidate.find(folder), reasons_of(folder)
    if not reasons:
        for name in (ENGINE, MANIFEST, KERNELS):
            manifest.share(folder / name, folder / recipe.CARD)
        candidate.discard(folder)
        return folder, []
    if waiting and not reasons_of(waiting):
        return waiting, []
    return None, reasons


def _build(
    trt: Any,
    graph: bytes,
    batches: Sequence[int],
    targets: Sequence[str],
    *,
    exact: bool,
    log: TextIO,
    progress: Callable[[str], None],
) -> Built:
    """Build until it is done or Ctrl-C is pressed; no progress is shown after that."""
    try:
        with interrupt.held_back() as pressed:
            return build(
                trt,
                graph,
                batches=batches,
                targets=targets,
                exact=exact,
                log=log,
                progress=progress,
                cancelled=pressed,
            )
    finally:
        progress("")


def _write(folder: Path, card: Recipe, made: Manifest, engine: bytes, gpu: int) -> Path:
    """Write the engine next to its recipe, or as a candidate where one that runs lies there; return its folder.

    The engine comes first: between the two the old manifest does not fit it, and it does not run.

    Raises: EngineError for a model that is not what its recipe says.
    """
    if misfits := port_faults(card, made.inputs, made.outputs):
        raise EngineError(
            f"{folder / recipe.MODEL}: {'; '.join(misfits)}. Correct recipe.toml, or export the recipe again."
        )
    if _is_in_force(folder, card, gpu):
        place = candidate.begin(folder)
    else:
        candidate.discard(folder)
        place = folder
    manifest.replace(place / ENGINE, engine)
    manifest.write(place, made)
    (place / KERNELS).unlink(missing_ok=True)  # of the engine before
    return place


def _is_in_force(folder: Path, card: Recipe, gpu: int) -> bool:
    """Whether a line can start with the engine that lies there, as far as is known without a driver."""
    try:
        made, _, _ = loader.check(folder, card)
        loader.check_gpu(folder, made, gpu)
    except EngineRefused:
        return False
    except EngineError:  # no driver
        return True
    return True


def _targets(name: Flavour, gpu: int) -> tuple[tuple[str, ...], str]:
    """Return the compute capabilities to build for, this GPU's, else what RTX engines can all run on; and its name.

    The name is empty where other models of that capability do as well: the full TensorRT chooses by measuring, and
    "serialized engines are not portable across devices" (NVIDIA's support matrix, hardware compatibility).

    Raises: EngineRefused when there are GPUs but fewer, or for one that this flavour is not made for; EngineError
    for the full TensorRT without any.
    """
    try:
        found = driver.numbered(gpu)
    except EngineRefused:
        raise
    except EngineError:
        if name == "tensorrt":
            raise
        return PORTABLE, ""
    if name == "tensorrt_rtx" and (words := unsupported(found)):
        raise EngineRefused(words)
    return (found.compute_capability,), found.name if name == "tensorrt" else ""


def _on(name: Flavour, gpu: int) -> AbstractContextManager[None]:
    """The full TensorRT builds for the GPU that is current, the first one where none was chosen."""
    if name == "tensorrt_rtx" or not gpu:
        return nullcontext()
    from inspector.engines.nvidia import cuda

    return cuda.device(gpu).at_work("building an engine")


def _reasons(
    folder: Path,
    *,
    card: Recipe,
    here: RuntimeVersion,
    precision: Precision,
    batches: Sequence[int],
    targets: tuple[str, ...],
    gpu: str,
) -> list[str]:
    """Say why an engine has to be built; empty when the one that is there is what is asked for."""
    try:
        there = manifest.read(folder)
        digest = hashlib.sha256(manifest.read_engine(folder)).hexdigest()
    except EngineError as error:
        return [f"no engine that can be used: {str(error).partition('. Run `deploy')[0]}"]
    asked = {"batches": tuple(batches), "compute_capabilities": targets}
    faults = manifest.faults(there, folder, card, digest, here, precision=precision, verified=False)
    misfits = [f"{folder / MANIFEST}: {fault}" for fault in port_faults(card, there.inputs, there.outputs)]
    if there.gpu and there.gpu != gpu:
        misfits.append(f'{folder / MANIFEST}: gpu is "{there.gpu}"; asked for "{gpu}"')
    return (
        [fault.what for fault in faults]
        + misfits
        + [
            f"{folder / MANIFEST}: {key} is {list(getattr(there, key))}; asked for {list(value)}"
            for key, value in asked.items()
            if getattr(there, key) != value
        ]
    )
