"""What an engine keeps on the GPU, slot by slot, and how it is given back whole; everything here is done at work.

Apart from the engine's own object, so that it is given back, with the context current, even when that is never closed.

Knows: buffers, streams, events, contexts. Must not know: the order in which batches use them.
"""

from __future__ import annotations

import logging
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inspector.engines.nvidia.cuda import Device
from inspector.engines.nvidia.graphs import Graph
from inspector.engines.nvidia.in_flight import Extents
from inspector.engines.nvidia.nvinfer import Runtime
from inspector.engines.nvidia.streams import Stream, StreamEvent
from inspector.errors import EngineError
from inspector.records.frame import Bytes3D

log = logging.getLogger("inspector")

T = TypeVar("T", bound=Stream | StreamEvent)


class Slot:
    """What one batch in flight has for itself; filled only at work."""

    def __init__(self) -> None:
        self.batch: Bytes3D | None = None
        """Kept while the GPU reads it."""
        self.context: Any = None
        self.shaped = 0
        """Batch size that `context` is set to."""
        self.recorded: dict[int, tuple[Any, Graph]] = {}
        """Batch size -> the context that it was recorded in, which must live as long, and the graph."""
        self.memory: list[Any] = []
        self.pinned: list[NDArray[Any]] = []
        self._handles: list[Stream | StreamEvent] = []

    def fill(self, device: Device, extents: Extents) -> None:
        """Take stream, events and memory; what was taken before a failure is kept and is given back."""
        self.stream = self._keep(Stream(urgent=True))
        self.computed, self.done = self._keep(StreamEvent()), self._keep(StreamEvent())
        stack = extents.stack_bytes
        for size in (stack, stack, stack, extents.presence_bytes):
            self.memory.append(device.cuda.mem_alloc(size))
        self.frames, self.labels, self.confidence, self.presence = self.memory
        self.pinned.append(device.pin((extents.frames, extents.classes), np.float32))
        (self.presence_here,) = self.pinned

    def _keep(self, handle: T) -> T:
        self._handles.append(handle)
        return handle

    def free(self) -> None:
        """Give everything back; only at work."""
        if self._handles:
            self.stream.synchronize()
        for _, graph in self.recorded.values():
            graph.close()
        self.recorded.clear()
        self.context = None
        for taken in self.memory:
            taken.free()
        for array in self.pinned:
            array.base.free()  # type: ignore[union-attr]  # pycuda's PagelockedHostAllocation
        for handle in self._handles:
            handle.close()
        self._handles.clear()


class Contexts:
    """Makes execution contexts for slots, all in one scratch memory."""

    def __init__(
        self, runtime: Runtime, engine: Any, kernels: bytes, *, thresholds: int, scratch: int, scratch_bytes: int
    ) -> None:
        self._runtime, self._engine, self._thresholds = runtime, engine, thresholds
        self._options = runtime.options(engine, kernels)
        self._scratch = scratch, scratch_bytes

    def kernels(self) -> bytes:
        """Return what was compiled so far; empty where nothing is."""
        return self._runtime.kernels(self._options)

    def make(self, slot: Slot) -> Any:
        """Make one that reads and writes a slot's memory.

        Raises: EngineError.
        """
        context = self._runtime.context(self._engine, self._options, *self._scratch)
        ports = {
            "frames": int(slot.frames),
            "thresholds": self._thresholds,
            "labels": int(slot.labels),
            "confidence": int(slot.confidence),
            "presence": int(slot.presence),
        }
        for name, address in ports.items():
            if not context.set_tensor_address(name, address):
                raise EngineError(f"the engine has no tensor {name}: {self._runtime.last_words()}. Build it again.")
        return context


class Held:
    """What lies on the GPU, apart from its engine object, so that it is given back even when that is never closed."""

    def __init__(self) -> None:
        self.engine: Any = None
        self.contexts: Contexts | None = None
        self.computed: StreamEvent | None = None
        """Event of the batch that was submitted last."""
        self.memory: list[Any] = []
        self.slots: list[Slot] = []
        self.quiet: Stream | None = None
        """For what is done while loading."""


def release(device: Device, held: Held) -> None:
    """Give everything back, contexts before their engine."""
    try:
        with device.at_work("giving back an engine"):
            held.computed = None
            for slot in held.slots:
                slot.free()
            held.slots.clear()
            if held.quiet is not None:
                held.quiet.close()
                held.quiet = None
            held.contexts = held.engine = None
            for taken in held.memory:
                taken.free()
            held.memory.clear()
    except EngineError as error:
        log.warning("%s", error)


def set_size(context: Any, count: int, extents: Extents) -> None:
    """Raises: EngineError for a batch size that the engine does not take."""
    if not context.set_input_shape("frames", (count, extents.height, extents.width)):
        raise EngineError(
            f"the engine refuses batches of {count} frames. Run `deploy convert` with --batches 1,{count}."
        )
