"""What both flavours of TensorRT are asked for, in their one Python API: a runtime, an engine, contexts to run it in.

Knows: where the flavours differ, and what their refusals mean. Must not know: pycuda, recipes, the line. The module of
the flavour is passed in, as none is known to be installed.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import Any

from inspector.engines.nvidia.manifest import Flavour
from inspector.errors import EngineError, EngineRefused

log = logging.getLogger("inspector")

OLD_DRIVER = (
    "the NVIDIA driver is too old for the CUDA that this TensorRT is made for (CUDA 13 needs driver 580 or later). "
    "Update the driver, restart the machine"
)
ADVICE = {
    1: (True, "it was built with another version of TensorRT. Build it again: `deploy convert`, `deploy verify`"),
    2: (
        True,
        "it does not run on this GPU's compute capability. Build it here: `deploy convert`; TensorRT-RTX is for RTX "
        'cards, for data-centre and embedded GPUs install the extra "gpu"',
    ),
    4: (True, OLD_DRIVER),
    8: (True, OLD_DRIVER),
    16: (
        False,
        "the GPU has too little free memory. End other programs on it (`nvidia-smi` lists them), or use a larger one",
    ),
    32: (
        True,
        "the file is no engine of this TensorRT, or is cut off. Build it again: `deploy convert`, `deploy verify`",
    ),
    64: (
        False,
        "CUDA does not work here. See what `nvidia-smi` says; after an update of the driver, restart the machine",
    ),
}
"""TensorRT-RTX's EngineInvalidityDiagnostics: bit -> whether trying again cannot help, and what it means."""


class Runtime:
    """TensorRT's runtime and its latest messages."""

    def __init__(self, flavour: Flavour, trt: Any) -> None:
        self.flavour, self._trt = flavour, trt
        self.errors: deque[str] = deque(maxlen=8)
        """Its last errors."""
        self._logger = _logger(trt, self.errors)
        try:
            self._runtime = trt.Runtime(self._logger)
        except TypeError as error:  # how its bindings say that the library made none: CUDA does not work
            raise refusal(f"{flavour} {trt.__version__}", 0, tuple(self.errors) or (str(error),)) from error

    def deserialise(self, plan: bytes) -> Any:
        """Turn an engine file's bytes into an ICudaEngine; a context must be current.

        Raises: EngineRefused, EngineError, with the reason as far as TensorRT knows it.
        """
        self.errors.clear()
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is not None:
            return engine
        errors = tuple(self.errors)
        diagnose = getattr(self._runtime, "get_engine_validity", None)  # TensorRT-RTX alone has it
        diagnostics = int(diagnose(plan)[1]) if diagnose else 0
        raise refusal(f"{self.flavour} {self._trt.__version__}", diagnostics, errors)

    def options(self, engine: Any, kernels: bytes) -> Any:
        """Say how an engine's contexts are to be made; they share what TensorRT-RTX compiles for them.

        `kernels` is what it compiled before, or empty. Kept with the engine and no longer: what it holds may hold the
        engine.
        """
        user_managed = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        if self.flavour != "tensorrt_rtx":
            return user_managed
        options = engine.create_runtime_config()
        options.set_execution_context_allocation_strategy(user_managed)
        options.cuda_graph_strategy = self._trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        # EAGER: the first batch of each size waits for its kernels, so that a warmed engine is a fast one.
        strategies = self._trt.DynamicShapesKernelSpecializationStrategy
        options.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        cache = options.create_runtime_cache()
        if kernels and not cache.deserialize(kernels):
            log.warning(
                "%s: the compiled kernels do not fit this GPU, driver or version, and are compiled again, which takes "
                "longer. Run `deploy verify` on this machine to keep them.",
                self.flavour,
            )
        options.set_runtime_cache(cache)
        return options

    def kernels(self, options: Any) -> bytes:
        """Return what was compiled so far for contexts made with `options`; empty from the full TensorRT."""
        if self.flavour != "tensorrt_rtx":
            return b""
        kept = options.get_runtime_cache().serialize()
        return b"" if kept is None else bytes(kept)

    def context(self, engine: Any, options: Any, scratch: int, scratch_bytes: int) -> Any:
        """Make an IExecutionContext that works in `scratch`, device memory shared with others that do not run now.

        Raises: EngineError.
        """
        context = engine.create_execution_context(options)
        if context is None:
            raise EngineError(f"{self.flavour} cannot make an execution context: {self.last_words()}.")
        context.set_device_memory(scratch, scratch_bytes)
        return context

    def last_words(self) -> str:
        """Return its last error."""
        return self.errors[-1] if self.errors else "it gave no reason"


@cache
def runtime(flavour: Flavour, trt: Any) -> Runtime:
    """Return the runtime of a flavour, one for the process: TensorRT keeps the first logger that it ever saw."""
    return Runtime(flavour, trt)


def refusal(who: str, diagnostics: int, errors: Sequence[str]) -> EngineError:
    """Word why an engine could not be deserialised, from TensorRT's own diagnostics and its last errors."""
    if not diagnostics and any("cudaError 35" in line for line in errors):
        diagnostics = 4
    reasons = [(final, words) for bit, (final, words) in ADVICE.items() if diagnostics & bit]
    if not reasons:
        reason = errors[0] if errors else "no reason"
        return EngineError(f"{who} cannot load the engine: {reason}. Build it again: `deploy convert`.")
    kind = EngineRefused if any(final for final, _ in reasons) else EngineError
    return kind(f"{who} cannot load the engine: {'; '.join(words for _, words in reasons)}.")


def _logger(trt: Any, errors: deque[str]) -> Any:
    severities = trt.ILogger.Severity
    bad = {severities.ERROR, severities.INTERNAL_ERROR}

    class Logger(trt.ILogger):  # type: ignore[misc]  # the module is chosen when it runs
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in bad:
                errors.append(message)
            level = logging.WARNING if severity in bad or severity == severities.WARNING else logging.DEBUG
            log.log(level, "TensorRT: %s", message)

    return Logger()
