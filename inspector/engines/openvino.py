"""The embedded default engine: OpenVINO on the CPU (chosen by measurement, see LOG.md).

Knows: OpenVINO. Runs the recipe's ONNX as it is; an INT8 Q/DQ graph runs on the CPU's 8-bit instructions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import cache

import numpy as np
import openvino as ov

from inspector.engines import processor, saturation
from inspector.engines.segmenter import suspicious
from inspector.errors import EngineError, RecipeError
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe

INPUTS = {"frames", "thresholds"}
OUTPUTS = {"labels", "confidence", "presence"}


@cache
def core() -> ov.Core:
    """One for the life of the process.

    OpenVINO's CPU plugin gives the thread that loads it an alternate signal stack and unmaps it when the plugin
    goes, on whichever thread that happens: with a core for each engine, the first signal after a hot reload killed the
    process (2026.4.1; si_code SI_KERNEL, as the kernel could not write the signal's frame).
    """
    return ov.Core()


def read(recipe: Recipe, model: bytes) -> ov.Model:
    """Read a recipe's graph, and hold it against the recipe's card.

    Raises: RecipeError when it is no ONNX, or another graph than the card describes.
    """
    try:
        graph = core().read_model(model)
    except RuntimeError as error:
        raise RecipeError(
            f"recipe {recipe}: its model cannot be read as ONNX: {_first_line(error)}. Export the recipe again."
        ) from error
    inputs = {port.any_name: port for port in graph.inputs}
    outputs = {port.any_name: port for port in graph.outputs}
    if set(inputs) != INPUTS or set(outputs) != OUTPUTS:
        raise RecipeError(
            f"recipe {recipe}: its model has inputs {sorted(inputs)} and outputs {sorted(outputs)}; expected "
            f"{sorted(INPUTS)} and {sorted(OUTPUTS)}. Export it with this version's `trainer export`."
        )
    size, classes = [-1, recipe.height, recipe.width], len(recipe.classes)
    for port, kind, expected in (
        (inputs["frames"], "u8", size),
        (inputs["thresholds"], "f32", [classes]),
        (outputs["labels"], "u8", size),
        (outputs["confidence"], "u8", size),
        (outputs["presence"], "f32", [-1, recipe.columns]),
    ):
        found = [d.get_length() if d.is_static else -1 for d in port.partial_shape]
        if port.element_type.get_type_name() != kind or not _fits(found, expected):
            raise RecipeError(
                f"recipe {recipe}: `{port.any_name}` of its model is {port.element_type.get_type_name()} {found}; "
                f"expected {kind} {expected}, as recipe.toml has {recipe.width} x {recipe.height} pixels and classes "
                f"{', '.join(kind.name for kind in recipe.classes)}. Put the card back as exported, or export again."
            )
    return graph


def compile_graph(graph: ov.Model, options: Mapping[str, object] | None = None) -> ov.CompiledModel:
    """Compile a graph for this processor: what 16 bits cannot add up there has smaller weights in it from now on.

    Raises: RuntimeError.
    """
    if processor.saturates():
        saturation.fit(graph)
    return core().compile_model(graph, "CPU", dict(options or {}))


def _fits(found: list[int], expected: list[int]) -> bool:
    """Whether a shape may be the one expected; -1 is any length."""
    return len(found) == len(expected) and all(
        -1 in pair or len(set(pair)) == 1 for pair in zip(found, expected, strict=True)
    )


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else repr(error)


class OpenVino:
    """A recipe's model compiled for this CPU, with two inference requests used in turn.

    Raises: RecipeError when the model is not the graph that the recipe describes; EngineError when it is not compiled.
    """

    in_flight = 2

    def __init__(self, recipe: Recipe, model: bytes, *, threads: int = 0, precision: str | None = None) -> None:
        """Compile `model` (ONNX bytes); `precision`, "f32" or "bf16", is that of what is not INT8.

        None: float32 where the recipe is no INT8, as it says of itself; OpenVINO would take bfloat16 where the
        processor has it. What INT8 leaves over in floating point OpenVINO chooses.
        """
        options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        if precision or recipe.precision != "int8":
            options["INFERENCE_PRECISION_HINT"] = precision or "f32"
        graph = read(recipe, model)
        try:
            compiled = compile_graph(graph, options)
            self._idle = deque(compiled.create_infer_request() for _ in range(self.in_flight))
        except RuntimeError as error:
            raise EngineError(
                f"recipe {recipe}: OpenVINO {ov.__version__} cannot compile its model: {error}. "
                "Export the recipe again, or install the OpenVINO version in pyproject.toml."
            ) from error
        version = ov.__version__.split("-")[0]
        self.name = f"openvino-{version}-{recipe.precision}"
        self.facts = {"kind": "openvino", "version": version, "precision": recipe.precision}
        self._shape = recipe.height, recipe.width
        self._thresholds = np.array([kind.threshold for kind in recipe.classes], np.float32)
        self._busy: deque[tuple[ov.InferRequest, Bytes3D]] = deque()

    def buffer(self, frames: int) -> Bytes3D:
        """Return a new array of `(frames, H, W)`: any memory is as near as another."""
        return np.empty((frames, *self._shape), np.uint8)

    def memory(self) -> dict[str, int]:
        """Say nothing: there is no memory but the process's own."""
        return {}

    def submit(self, frames: Bytes3D) -> None:
        """Begin to assess `(N, H, W) uint8` without copying it."""
        assert self._idle, "more batches in flight than the engine allows"
        request, frames = self._idle.popleft(), np.ascontiguousarray(frames)
        request.set_tensor("frames", ov.Tensor(frames, shared_memory=True))
        request.set_tensor("thresholds", ov.Tensor(self._thresholds, shared_memory=True))
        request.start_async()
        self._busy.append((request, frames))  # OpenVINO reads the array's memory and does not hold it

    def result(self) -> Maps:
        """Wait for the oldest submitted batch; the maps are the caller's own copies.

        Raises: EngineError.
        """
        request, _ = self._busy.popleft()
        try:
            request.wait()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed while assessing a batch: {error}. Restart the inspector.") from error
        presence = request.get_tensor("presence").data.copy()
        if suspicious(presence, self._thresholds):
            labels, confidence = (request.get_tensor(name).data.copy() for name in ("labels", "confidence"))
        else:  # by the graph's rule they are 0: nothing to copy
            labels = confidence = np.broadcast_to(np.uint8(0), (len(presence), *self._shape))
        self._idle.append(request)
        return Maps(labels, confidence, presence)

    def close(self) -> None:
        """Let go of the requests; OpenVINO frees the rest."""
        self._idle.clear()
        self._busy.clear()
