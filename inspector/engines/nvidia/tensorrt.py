"""A built engine on the GPU: TensorRT or TensorRT-RTX, two batches in flight.

Each batch has a slot: a stream with its own buffers, on which copy in, compute and copy out follow each other; the
other slot's copies run meanwhile. Computing itself goes one batch after the other (an event says when the next may
begin): two at once would finish neither sooner, and so all contexts share one scratch memory. A batch runs in the next
larger of a few sizes, as each size has to be run while loading, perhaps while a line runs. Only `presence` is copied
back; the maps of frames in which no class reaches its threshold are 0 by the graph's rule, the others are fetched.

Knows: the two modules' work together (`cuda`, `nvinfer`). Must not know: files, manifests' faults (`loader` has checked
them). Not thread-safe, but may be loaded on one thread and used on another.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.engines.nvidia import cuda, nvinfer, nvml
from inspector.engines.nvidia.allocations import Contexts, Held, Slot, release, set_size
from inspector.engines.nvidia.graphs import Graph
from inspector.engines.nvidia.in_flight import Extents, Rotation, padded, runs
from inspector.engines.nvidia.manifest import Manifest
from inspector.engines.nvidia.streams import Stream
from inspector.engines.segmenter import PAUSE, Depths, suspicious
from inspector.errors import EngineError
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe

log = logging.getLogger("inspector")


class TensorRt:
    """A recipe's engine on one GPU, for batches of up to the largest of `sizes`.

    Raises: EngineError, in words that say what to do.
    """

    in_flight = 2

    def __init__(
        self,
        recipe: Recipe,
        made: Manifest,
        plan: bytes,
        kernels: bytes,
        *,
        trt: Any,
        gpu: int,
        sizes: Sequence[int],
        depths: Depths,
    ) -> None:
        """Load `plan`, whose manifest is `made`, with the flavour's module `trt` on GPU number `gpu`; not warm yet.

        `kernels` is what was compiled for it before, or empty; batches run in `sizes` (ascending); `depths` says how
        many batches there are at once.
        """
        self._sizes = tuple(sizes)
        self._extents = Extents(sizes[-1], recipe.height, recipe.width, recipe.columns)
        self._thresholds = np.array([kind.threshold for kind in recipe.classes], np.float32)
        self._device = cuda.device(gpu)
        self._runtime = nvinfer.runtime(made.flavour, trt)
        self._records = made.flavour == "tensorrt"  # TensorRT-RTX records its own graphs
        self._short = False
        self.name = f"{made.flavour}-{made.version}-{made.precision}"
        self.facts = {
            "kind": "tensorrt",
            "flavour": made.flavour,
            "version": made.version,
            "precision": made.precision,
            "gpu": self._device.name,
            "verified": str(made.verified).lower(),
        }
        self._held = Held()
        self._release = weakref.finalize(self, release, self._device, self._held)
        self._release.atexit = False  # the process's end gives everything back; CUDA may be gone by then
        try:
            with self._device.at_work(f"loading the engine of recipe {recipe}"):
                self._load(plan, kernels)
            self._blocks, self._maps = self._device.pool(self._shape), self._device.map_pool(*self._shape)
            self._blocks.reserve(depths.frames)
            self._maps.reserve(depths.maps)
        except BaseException:
            self.close()
            raise
        self._rotation = Rotation(self._held.slots)
        if made.verified:
            log.info("%s on %s", self.name, self._device.name)
        else:
            log.warning("%s on %s: NOT VERIFIED to equal its ONNX", self.name, self._device.name)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self._extents.frames, self._extents.height, self._extents.width

    # --- loading --------------------------------------------------------------------------------------------

    def _load(self, plan: bytes, kernels: bytes) -> None:
        """Put engine, thresholds, scratch memory and slots on the GPU."""
        held, pycuda = self._held, self._device.cuda
        held.engine = self._runtime.deserialise(plan)
        scratch_bytes = max(int(held.engine.device_memory_size_v2), 256)
        for size in (self._thresholds.nbytes, scratch_bytes):
            held.memory.append(pycuda.mem_alloc(size))
        thresholds, scratch = held.memory
        pycuda.memcpy_htod(thresholds, self._thresholds)
        held.contexts = Contexts(
            self._runtime,
            held.engine,
            kernels,
            thresholds=int(thresholds),
            scratch=int(scratch),
            scratch_bytes=scratch_bytes,
        )
        held.quiet = Stream(urgent=False)
        for _ in range(self.in_flight):
            slot = Slot()
            held.slots.append(slot)
            slot.fill(self._device, self._extents)
            slot.context = held.contexts.make(slot)

    def warm(self, tell: Callable[[str], None], *, gently: bool) -> None:
        """Run every size once in each slot, on a stream that gives way to the line's.

        `tell` is called before each size. `gently`: a line runs on this card; between two runs it has it to itself.

        Raises: EngineError, and what `tell` raises.
        """
        for size in self._sizes:
            tell(f"warming up {self.name}: batches of {size}, the largest {self._sizes[-1]}")
            for slot in self._held.slots:
                began_s = time.monotonic()
                with self._device.at_work("warming up"):
                    self._warm_one(slot, size)
                if gently:
                    time.sleep(PAUSE * (time.monotonic() - began_s))

    def _warm_one(self, slot: Slot, size: int) -> None:
        """Run one size in a slot, on whatever lies there, and record it as a CUDA graph where that can be."""
        assert self._held.contexts is not None and self._held.quiet is not None, "closed"
        quiet = self._held.quiet
        if self._records:
            context = self._held.contexts.make(slot)  # of its own: it keeps this shape
            set_size(context, size, self._extents)
            self._execute(context, quiet)  # TensorRT updates its state on the first run of a shape: not to be recorded
            quiet.synchronize()
            try:
                slot.recorded[size] = context, Graph(lambda: self._execute(context, quiet), quiet.number)
                return
            except (EngineError, ImportError, RuntimeError, self._device.cuda.Error) as error:
                log.info("no CUDA graphs: %s", error)
                self._records = False
        self._set_size(slot, size)
        self._execute(slot.context, quiet)
        quiet.synchronize()

    def _set_size(self, slot: Slot, size: int) -> None:
        if slot.shaped != size:
            set_size(slot.context, size, self._extents)
            slot.shaped = size

    # --- assessing ------------------------------------------------------------------------------------------

    def buffer(self, frames: int) -> Bytes3D:
        """Return a pinned array of `(frames, H, W)`, from any thread; it goes back once no reference to it is left.

        Where more are in use than there were to be, ordinary memory, from which the GPU copies more slowly: to pin more
        would take the caller's time.
        """
        block = self._blocks.lend()
        if block is not None:
            return block[:frames]
        if not self._short:
            self._short = True
            log.warning("all %d pinned batches are in use: ordinary memory is used too", self._blocks.blocks)
        return np.empty((frames, *self._shape[1:]), np.uint8)

    def kernels(self) -> bytes:
        """Return what TensorRT-RTX compiled for the batch sizes that ran; empty from the full TensorRT."""
        assert self._held.contexts is not None, "closed"
        with self._device.at_work("keeping its kernels"):
            return self._held.contexts.kernels()

    def memory(self) -> dict[str, int]:
        """Say what of the GPU's memory is taken, in bytes, from any thread."""
        return nvml.used_bytes(self._device.bus_id) or self._device.memory()

    def submit(self, frames: Bytes3D) -> None:
        """Begin to assess `(N, H, W) uint8`; from an array of `buffer` the GPU reads while the processor goes on."""
        slot, held = self._rotation.take(), self._held
        slot.batch = np.ascontiguousarray(frames)
        size = padded(len(frames), self._sizes)
        with self._device.at_work("submitting a batch"):
            slot.stream.copy_in(int(slot.frames), slot.batch)
            if held.computed is not None:
                slot.stream.wait_for(held.computed)
            if size in slot.recorded:
                slot.recorded[size][1].launch(slot.stream.number)
            else:
                self._set_size(slot, size)
                self._execute(slot.context, slot.stream)
            slot.computed.record(slot.stream)
            held.computed = slot.computed
            slot.stream.copy_out(slot.presence_here[: len(frames)], int(slot.presence))
            slot.done.record(slot.stream)

    def _execute(self, context: Any, stream: Stream) -> None:
        """Raises: EngineError; a broken context shows when its work is waited for."""
        if not context.execute_async_v3(stream.number):
            raise EngineError(f"{self.name} cannot run a batch: {self._runtime.last_words()}. Build the engine again.")

    def result(self) -> Maps:
        """Wait for the oldest submitted batch; its maps are lent, to be read (`maps`).

        Raises: EngineError, GpuLost.
        """
        slot = self._rotation.finish()
        assert slot.batch is not None
        count = len(slot.batch)
        with self._device.at_work("assessing a batch"):
            slot.done.wait()
            presence = slot.presence_here[:count].copy()
            labels, confidence = self._fetch(slot, count, suspicious(presence, self._thresholds))
        slot.batch = None
        return Maps(labels=labels, confidence=confidence, presence=presence)

    def _fetch(self, slot: Slot, count: int, planes: list[int]) -> tuple[Bytes3D, Bytes3D]:
        """Return labels and confidence of a batch of `count`: those of `planes` from the GPU, the others 0."""
        if not planes:
            return self._maps.nothing(count), self._maps.nothing(count)
        block, fetched = self._maps.lend(count, planes)
        for place, source in enumerate((slot.labels, slot.confidence)):
            for first, end in runs(fetched):
                slot.stream.copy_out(block[place, first:end], int(source) + first * self._extents.plane_bytes)
        slot.done.record(slot.stream)
        slot.done.wait()
        return _to_read(block[0, :count]), _to_read(block[1, :count])

    def close(self) -> None:
        """Give back all but the pinned blocks, which the next engine uses."""
        self._release()


def _to_read(planes: NDArray[np.uint8]) -> Bytes3D:
    planes.flags.writeable = False
    return planes
