"""The embedded default engine: OpenVINO on the CPU (chosen by measurement, see LOG.md).

Knows: OpenVINO. Runs the recipe's ONNX as it is; an INT8 Q/DQ graph runs on the CPU's 8-bit instructions.
"""

from __future__ import annotations

from collections import deque
from functools import cache

import numpy as np
import openvino as ov

from inspector.errors import EngineError
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe

INPUTS = {"frames", "thresholds"}
OUTPUTS = {"labels", "confidence", "presence"}


@cache
def _core() -> ov.Core:
    """One for the life of the process.

    OpenVINO's CPU plugin gives the thread that loads it an alternate signal stack and unmaps it when the plugin
    goes, on whichever thread that happens: with a core for each engine, the first signal after a hot reload killed the
    process (2026.4.1; si_code SI_KERNEL, as the kernel could not write the signal's frame).
    """
    return ov.Core()


class OpenVino:
    """A recipe's model compiled for this CPU, with two inference requests used in turn.

    Raises: EngineError when the model cannot be read or compiled, or is not the graph of a recipe.
    """

    in_flight = 2

    def __init__(self, recipe: Recipe, model: bytes, *, threads: int = 0, precision: str | None = None) -> None:
        """Compile `model` (ONNX bytes); `precision` None lets OpenVINO choose, "f32" or "bf16" ask for it."""
        options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        if precision:
            options["INFERENCE_PRECISION_HINT"] = precision
        try:
            core = _core()
            graph = core.read_model(model)
            self._check(graph, recipe)
            compiled = core.compile_model(graph, "CPU", options)
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

    @staticmethod
    def _check(graph: ov.Model, recipe: Recipe) -> None:
        inputs = {port.any_name: port.partial_shape for port in graph.inputs}
        outputs = {port.any_name for port in graph.outputs}
        if set(inputs) != INPUTS or outputs != OUTPUTS:
            raise EngineError(
                f"recipe {recipe}: its model has inputs {sorted(inputs)} and outputs {sorted(outputs)}; expected "
                f"{sorted(INPUTS)} and {sorted(OUTPUTS)}. Export it with this version's `trainer export`."
            )
        shape = [d.get_length() if d.is_static else -1 for d in inputs["frames"]]
        if shape[1:] != [recipe.height, recipe.width]:
            raise EngineError(
                f"recipe {recipe}: its model takes frames {shape}; expected (N, {recipe.height}, {recipe.width}) "
                "as recipe.toml says. Export it again."
            )

    def buffer(self, frames: int) -> Bytes3D:
        """Return a new array of `(frames, H, W)`: any memory is as near as another."""
        return np.empty((frames, *self._shape), np.uint8)

    def memory(self) -> dict[str, int]:
        """Say nothing: there is no memory but the process's own."""
        return {}

    def submit(self, frames: Bytes3D) -> None:
        """Begin judging `(N, H, W) uint8` without copying it."""
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
            raise EngineError(f"OpenVINO failed while judging a batch: {error}. Restart the inspector.") from error
        maps = Maps(
            labels=request.get_tensor("labels").data.copy(),
            confidence=request.get_tensor("confidence").data.copy(),
            presence=request.get_tensor("presence").data.copy(),
        )
        self._idle.append(request)
        return maps

    def close(self) -> None:
        """Let go of the requests; OpenVINO frees the rest."""
        self._idle.clear()
        self._busy.clear()
