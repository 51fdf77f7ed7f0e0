"""An ONNX graph compiled by TensorRT or TensorRT-RTX, with its progress shown and its log kept.

Knows: their one Python API, which arrives as a module. Must not know: recipes' folders, manifests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TextIO

import msgspec
import numpy as np

from inspector.engines.nvidia.driver import Gpu
from inspector.engines.nvidia.manifest import Port
from inspector.errors import EngineError

PORTABLE = ("8.6", "8.9", "12.0")
"""What TensorRT-RTX builds for where no GPU says otherwise: Ampere, Ada and Blackwell cards. Turing needs an engine of
its own (NVIDIA, "CPU-Only AOT and TensorRT-RTX Engines")."""
RTX_KNOWN = ("7.5", *PORTABLE, "12.1")
"""Compute capabilities that NVIDIA makes TensorRT-RTX for; it builds for 8.0 too, and runs on no such card (support
matrix of 1.7)."""


def unsupported(gpu: Gpu) -> str:
    """Say that a GPU is none that TensorRT-RTX is made for; empty when it is."""
    if gpu.compute_capability in RTX_KNOWN:
        return ""
    return (
        f"{gpu.name} has compute capability {gpu.compute_capability}; expected one of {', '.join(RTX_KNOWN)}, which "
        'TensorRT-RTX is made for. Install the full TensorRT for data-centre and embedded GPUs: pip install ".[gpu]"'
    )


class Built(msgspec.Struct, frozen=True):
    """An engine and what it says of itself."""

    engine: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def build(
    trt: Any,
    model: bytes,
    *,
    batches: Sequence[int],
    targets: Sequence[str],
    exact: bool,
    log: TextIO,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> Built:
    """Compile a recipe's graph for batches of the first to the last of `batches`, at its best for the last.

    `targets` are compute capabilities; TensorRT-RTX alone can build for other GPUs than the machine's own. `exact`:
    float32 is multiplied as such, not rounded to TF32's 10 bits first, which both flavours do unless forbidden. The
    builder's log goes to `log` as it comes; `progress` is called with what is being done, and `cancelled` whether to
    give up, from TensorRT's threads.

    Raises: EngineError.
    """
    logger, monitor = _logger(trt, log), _monitor(trt, progress, cancelled)
    try:
        builder = trt.Builder(logger)
    except TypeError as error:  # how its bindings say that the library made none
        raise EngineError(
            f"TensorRT {trt.__version__} cannot begin to build: CUDA does not work here; the end of {log.name} says "
            "why. See what `nvidia-smi` says; after an update of the driver, restart the machine."
        ) from error
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        errors = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise EngineError(f"TensorRT {trt.__version__} cannot parse the model: {errors}. Export the recipe again.")
    options = options_for(trt, builder, targets, exact=exact)
    options.progress_monitor = monitor
    inputs = tuple(_port(trt, network.get_input(i)) for i in range(network.num_inputs))
    options.add_optimization_profile(_profile(builder, inputs, batches))
    engine = builder.build_serialized_network(network, options)
    if engine is None:
        raise EngineError(f"TensorRT {trt.__version__} cannot build the engine; the end of {log.name} says why.")
    outputs = tuple(_port(trt, network.get_output(i)) for i in range(network.num_outputs))
    return Built(bytes(engine), inputs, outputs)


def options_for(trt: Any, builder: Any, targets: Sequence[str], *, exact: bool) -> Any:
    """Return what an engine is built with: for which GPUs, and whether float32 is exact.

    Raises: EngineError for a GPU that this TensorRT-RTX does not know; the full TensorRT builds for its own GPU.
    """
    options = builder.create_builder_config()
    if exact:
        options.clear_flag(trt.BuilderFlag.TF32)
    known = getattr(trt, "ComputeCapability", None)
    if known is None:
        return options
    options.num_compute_capabilities = len(targets)
    for place, target in enumerate(targets):
        member = getattr(known, f"SM{target.replace('.', '')}", None)
        if member is None:
            raise EngineError(
                f"TensorRT-RTX {trt.__version__} does not know compute capability {target}; expected an RTX card's. "
                'Install the extra "gpu" (the full TensorRT) for data-centre and embedded GPUs.'
            )
        options.set_compute_capability(member, place)
    return options


def _profile(builder: Any, inputs: Sequence[Port], batches: Sequence[int]) -> Any:
    """Return the batch sizes that the engine is built for: a line that falls behind fills its batches."""
    profile = builder.create_optimization_profile()
    least, best, most = batches[0], batches[-1], batches[-1]
    for port in inputs:
        if -1 in port.shape:
            profile.set_shape(port.name, *((size, *port.shape[1:]) for size in (least, best, most)))
    return profile


def _port(trt: Any, tensor: Any) -> Port:
    return Port(tensor.name, np.dtype(trt.nptype(tensor.dtype)).name, tuple(tensor.shape))


def _logger(trt: Any, log: TextIO) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]  # the module is chosen when it runs
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity != trt.ILogger.Severity.VERBOSE:
                log.write(f"{severity.name} {message}\n")
                log.flush()

    return Logger()


def _monitor(trt: Any, progress: Callable[[str], None], cancelled: Callable[[], bool]) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # the module is chosen when it runs
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self._steps[phase] = steps
            progress(phase)

        def step_complete(self, phase: str, step: int) -> bool:
            progress(f"{phase}: {step + 1} of {self._steps[phase]}")
            return not cancelled()

        def phase_finish(self, phase: str) -> None:
            self._steps.pop(phase, None)

    return Monitor()
