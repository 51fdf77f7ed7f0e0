"""TensorRT's Python API on the emulated GPU: what `deploy.build` and `inspector.engines.nvinfer` ask of either flavour.

An engine file is the ONNX graph behind a mark; OpenVINO computes it when its turn on the stream comes, reading and
writing the emulated GPU's memory. It keeps TensorRT's laws that our code must keep: a context runs only with its shape
and all its addresses set, of a size that the profile allows; contexts that share scratch memory must not run at once.
One batch is computed at a time, as on one card, whoever gave it; of those that wait, the more urgent stream's first.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import enum
import itertools
import json
import os
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import onnx
import openvino as ov

from inspector.engines.openvino import compile_graph

MARK = b"emulated engine "
PACE_S = tuple(1e-6 * float(us) for us in os.environ.get("EMULATED_PACE_US", "").split(",") if us)
"""Seconds a batch and a frame of it take, given together: then the engine only waits, and calls everything sound."""
BREAKS_AT = int(os.environ.get("EMULATED_BREAKS_AT", "0"))
"""The batch, counted from 1, in which the context breaks."""
BLIND_AT = int(os.environ.get("EMULATED_BLIND_AT", "0"))
"""The batch size in which everything is called sound."""
CUDA = tuple(map(int, os.environ.get("EMULATED_CUDA", "13.1").split(".")))
"""Version of the driver: kernels are taken that one of the same major version and not a newer one compiled."""
HOST_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_driver = ctypes.CDLL("libcuda.so.1")
atexit.register(_driver.emulatedEnd)  # before the interpreter goes, while ctypes lets a batch under way come to its end
_core = ov.Core()
_running: set[int] = set()  # scratch memory in use
_lock = threading.Lock()


class Card:
    """The one thing that computes, held by one batch at a time: the lowest priority first, then who waits longest."""

    def __init__(self) -> None:
        self._changed, self._waiting, self._tickets = threading.Condition(), list[tuple[int, int]](), itertools.count()
        self._busy = False

    @contextlib.contextmanager
    def held(self, priority: int) -> Iterator[None]:
        """Wait for it, and hold it."""
        with self._changed:
            turn = priority, next(self._tickets)
            self._waiting.append(turn)
            self._changed.wait_for(lambda: not self._busy and min(self._waiting) == turn)
            self._waiting.remove(turn)
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


_card = Card()


class Call(NamedTuple):
    """A context as it was when it was put on a stream."""

    shape: tuple[int, ...]
    addresses: dict[str, int]
    scratch: int
    priority: int
    """Of the stream."""


class ILogger:
    class Severity(enum.IntEnum):
        """As TensorRT numbers them."""

        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

    def log(self, severity: Any, message: str) -> None: ...


class IProgressMonitor:
    pass


class ExecutionContextAllocationStrategy(enum.Enum):
    STATIC, ON_PROFILE_CHANGE, USER_MANAGED = range(3)


def nptype(dtype: Any) -> Any:
    """Return numpy's type of a tensor's, which it is here."""
    return dtype


# --- building ------------------------------------------------------------------------------------------------


class Tensor:
    def __init__(self, value: onnx.ValueInfoProto) -> None:
        kind = value.type.tensor_type
        self.name, self.dtype = value.name, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        self.shape = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
        self.bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        """Of one frame."""


class Network:
    model = b""

    def read(self, model: bytes) -> None:
        graph = onnx.load_from_string(model).graph
        self.model = model
        self.inputs, self.outputs = list(map(Tensor, graph.input)), list(map(Tensor, graph.output))
        self.tensors = [*self.inputs, *self.outputs]
        self.num_inputs, self.num_outputs = len(self.inputs), len(self.outputs)
        self.get_input, self.get_output = self.inputs.__getitem__, self.outputs.__getitem__


class OnnxParser:
    num_errors = 1

    def __init__(self, network: Network, logger: ILogger) -> None:
        self._network = network

    def parse(self, model: bytes) -> bool:
        try:
            self._network.read(model)
        except Exception as error:  # whatever it is, the graph cannot be read
            self._error = error
            return False
        return True

    def get_error(self, place: int) -> object:
        return self._error


class Profile:
    def __init__(self) -> None:
        self.sizes = (1, 1)

    def set_shape(self, name: str, least: Any, best: Any, most: Any) -> None:
        self.sizes = least[0], most[0]


class BuilderFlag(enum.Enum):
    TF32 = 0


class BuilderConfig:
    progress_monitor: Any = None
    num_compute_capabilities = 0

    def set_compute_capability(self, capability: Any, place: int) -> bool:
        return True

    def clear_flag(self, flag: BuilderFlag) -> None:
        self.cleared = flag

    def add_optimization_profile(self, profile: Profile) -> int:
        self.profile = profile
        return 0


class Builder:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def create_network(self, flags: int) -> Network:
        return Network()

    def create_builder_config(self) -> BuilderConfig:
        return BuilderConfig()

    def create_optimization_profile(self) -> Profile:
        return Profile()

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> bytes:
        monitor = config.progress_monitor
        monitor.phase_start("emulated build", None, 1)
        self._logger.log(ILogger.Severity.INFO, "an emulated engine: the graph itself")
        monitor.step_complete("emulated build", 0)
        monitor.phase_finish("emulated build")
        least, most = config.profile.sizes
        return MARK + f"{least} {most}\n".encode() + network.model


# --- TensorRT-RTX alone ----------------------------------------------------------------------------------------


class RuntimeCache:
    """Remembers the shapes for which kernels were "compiled", by one driver."""

    compiled = 0
    """Shapes, by this process."""

    def __init__(self) -> None:
        self.shapes: set[tuple[int, ...]] = set()

    def compile(self, shape: tuple[int, ...]) -> None:
        if shape not in self.shapes:
            self.shapes.add(shape)
            RuntimeCache.compiled += 1

    def serialize(self) -> bytes:
        return json.dumps([CUDA, sorted(self.shapes)]).encode()

    def deserialize(self, blob: bytes) -> bool:
        (major, minor), shapes = json.loads(blob)
        if major != CUDA[0] or minor > CUDA[1]:
            return False
        self.shapes |= {tuple(shape) for shape in shapes}
        return True


class RuntimeConfig:
    cuda_graph_strategy: Any = None
    dynamic_shapes_kernel_specialization_strategy: Any = None
    cache: RuntimeCache | None = None

    def set_execution_context_allocation_strategy(self, strategy: ExecutionContextAllocationStrategy) -> None:
        assert strategy is ExecutionContextAllocationStrategy.USER_MANAGED

    def create_runtime_cache(self) -> RuntimeCache:
        return RuntimeCache()

    def get_runtime_cache(self) -> RuntimeCache | None:
        return self.cache

    def set_runtime_cache(self, cache: RuntimeCache) -> bool:
        self.cache = cache
        return True


# --- running -------------------------------------------------------------------------------------------------


class Runtime:
    makes: type[Engine]

    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        if plan.startswith(MARK):
            try:
                return self.makes(plan, self._logger)
            except MemoryError:
                self._logger.log(ILogger.Severity.ERROR, "cudaError 2: out of memory")
                return None
        self._logger.log(ILogger.Severity.ERROR, "Serialization assertion failed: no emulated engine")
        return None


class Engine:
    device_memory_size_v2 = 1 << 20

    def __init__(self, plan: bytes, logger: ILogger) -> None:
        head, _, model = plan.partition(b"\n")
        self.least, self.most = map(int, head.removeprefix(MARK).split())
        self.logger = logger
        self.network = Network()
        self.network.read(model)
        self._weights = ctypes.c_uint64()
        if code := _driver.cuMemAlloc_v2(ctypes.byref(self._weights), ctypes.c_size_t(len(plan))):
            raise MemoryError(code)
        self.compiled = compile_graph(_core.read_model(model), {"INFERENCE_PRECISION_HINT": "f32"})

    def __del__(self) -> None:
        _driver.cuMemFree_v2(self._weights)  # in vain, and seen in what is used, where no context is current

    def create_execution_context(self, options: Any) -> Context:
        return Context(self, getattr(options, "cache", None))


class Context:
    batches = 0
    """That this process ran."""

    def __init__(self, engine: Engine, cache: RuntimeCache | None) -> None:
        self._engine, self._cache = engine, cache
        self._request = engine.compiled.create_infer_request()
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()
        self._scratch = 0
        self._calls: list[Call] = []
        self._number = next(_numbers)
        _living[self._number] = self

    def set_device_memory(self, address: int, size: int) -> None:
        assert size >= self._engine.device_memory_size_v2
        self._scratch = address

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return name in {tensor.name for tensor in self._engine.network.tensors}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        ours = self._engine.network.inputs[0]
        fits = name == ours.name and tuple(shape[1:]) == ours.shape[1:]
        if not fits or not self._engine.least <= shape[0] <= self._engine.most:
            self._engine.logger.log(ILogger.Severity.ERROR, f"set_input_shape: {shape} is outside of the profile")
            return False
        self._shape = tuple(shape)
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if not (self._shape and self._scratch and len(self._addresses) == len(self._engine.network.tensors)):
            self._engine.logger.log(ILogger.Severity.ERROR, "enqueueV3: a shape or an address is missing")
            return False
        if self._cache is not None:
            self._cache.compile(self._shape)
        priority = ctypes.c_int()
        _driver.cuStreamGetPriority(ctypes.c_void_p(stream), ctypes.byref(priority))
        call = Call(self._shape, dict(self._addresses), self._scratch, priority.value)
        if call not in self._calls:  # a recorded graph comes back to it again and again
            self._calls.append(call)
        ticket = self._number << 16 | self._calls.index(call)
        code = _driver.cuLaunchHostFunc(ctypes.c_void_p(stream), _on_turn, ctypes.c_void_p(ticket))
        return bool(code == 0)

    def _run(self, call: Call) -> None:
        with _lock:
            overlaps = call.scratch in _running
            _running.add(call.scratch)
        if overlaps:
            _driver.emulatedBreak()
            return
        with _card.held(call.priority):
            Context.batches += 1
            if Context.batches == BREAKS_AT:
                _driver.emulatedBreak()
            else:
                self._compute(call)
        with _lock:
            _running.discard(call.scratch)

    def _compute(self, call: Call) -> None:
        network = self._engine.network
        frames, thresholds = (
            _view(call.addresses[tensor.name], tensor.dtype, shape)
            for tensor, shape in zip(network.inputs, (call.shape, network.inputs[1].shape), strict=True)
        )
        if PACE_S:
            time.sleep(PACE_S[0] + PACE_S[1] * len(frames))
        if PACE_S or len(frames) == BLIND_AT:
            for tensor in network.outputs:
                ctypes.memset(call.addresses[tensor.name], 0, len(frames) * tensor.bytes)
            return
        self._request.infer([frames.copy(), thresholds.copy()])
        for place, tensor in enumerate(network.outputs):
            found = self._request.get_output_tensor(place).data
            _view(call.addresses[tensor.name], tensor.dtype, found.shape)[:] = found


_numbers = itertools.count(1)
_living: weakref.WeakValueDictionary[int, Context] = weakref.WeakValueDictionary()
"""A context goes when its last user lets go of it, as TensorRT's do, whatever is still on a stream."""


@HOST_FUNCTION  # type: ignore[untyped-decorator]  # ctypes describes no decorator
def _on_turn(ticket: int) -> None:
    """Run a call when its turn comes; one whose context is gone, or that fails, breaks the CUDA context."""
    try:
        context = _living[ticket >> 16]
        context._run(context._calls[ticket & 0xFFFF])
    except BaseException:
        _driver.emulatedBreak()
        raise


def _view(address: int, dtype: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), dtype).reshape(shape)


Runtime.makes = Engine
