"""A built engine on the GPU: TensorRT or TensorRT-RTX, two batches in flight.

Each batch has a slot: a stream with its own buffers, on which copy in, compute and copy out follow each other; the
other slot's copies run meanwhile. Computing itself goes one batch after the other (an event says when the next may
begin): two at once would finish neither sooner, and so all contexts share one scratch memory. Only `presence` is copied
back; the maps of frames in which no class reaches its threshold are 0 by the graph's rule, the others are fetched.

Knows: the two modules' work together (`cuda`, `nvinfer`). Must not know: files, manifests' faults (`loader` has checked
them). Not thread-safe, but may be loaded on one thread and used on another.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from inspector.engines.nvidia import cuda, nvinfer, nvml
from inspector.engines.nvidia.allocations import Contexts, Held, Slot, release, set_size
from inspector.engines.nvidia.graphs import Graph
from inspector.engines.nvidia.in_flight import Extents, Rotation, pays, runs, suspicious
from inspector.engines.nvidia.manifest import Manifest
from inspector.errors import EngineError, GpuLost
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe

log = logging.getLogger("inspector")

RESERVE = 6
"""Pinned batches made while loading: filling, queued, in flight and analysed; more are made when more are in use."""
TRIALS = 7
"""Runs with and without a CUDA graph, by turns, before it is decided whether it pays."""


class TensorRt:
    """A recipe's engine on one GPU, for batches of up to `max_frames`.

    Raises: EngineError, in words that say what to do.
    """

    in_flight = 2

    def __init__(
        self, recipe: Recipe, made: Manifest, plan: bytes, kernels: bytes, *, trt: Any, gpu: int, max_frames: int
    ) -> None:
        """Load `plan`, whose manifest is `made`, with the flavour's module `trt` on GPU number `gpu`.

        `kernels` is what was compiled for it before, or empty.
        """
        self._extents = Extents(max_frames, recipe.height, recipe.width, len(recipe.classes))
        self._thresholds = np.array([kind.threshold for kind in recipe.classes], np.float32)
        self._device = cuda.device(gpu)
        self._runtime = nvinfer.runtime(made.flavour, trt)
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
                self._record([size for size in {*made.batches, max_frames} if size <= max_frames])
            self._device.pool(self._shape).reserve(RESERVE)
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
        for _ in range(self.in_flight):
            slot = Slot()
            held.slots.append(slot)
            slot.fill(self._device, self._extents)
            slot.context = held.contexts.make(slot)

    def _record(self, sizes: list[int]) -> None:
        """Record CUDA graphs of batches of these sizes where they pay; TensorRT-RTX records its own."""
        if self._runtime.flavour == "tensorrt_rtx":
            return
        for size in sorted(sizes):
            for slot in self._held.slots:
                self._record_one(slot, size)

    def _record_one(self, slot: Slot, size: int) -> None:
        """Record one, in a context of its own that keeps this shape; keep it if it is faster."""
        assert self._held.contexts is not None
        context = self._held.contexts.make(slot)

        def work() -> None:
            self._execute(context, slot)

        def timed(run: Callable[[], None]) -> float:
            began_s = time.perf_counter()
            run()
            slot.stream.synchronize()
            return time.perf_counter() - began_s

        set_size(context, size, self._extents)
        timed(work)  # TensorRT updates its state on the first run of a shape, which must not be recorded
        try:
            graph = Graph(work, slot.stream.handle)
        except (EngineError, ImportError, RuntimeError, self._device.cuda.Error) as error:
            log.info("no CUDA graph for batches of %d: %s", size, error)
            return
        slot.recorded[size] = context, graph
        trials = [(timed(work), timed(graph.launch)) for _ in range(TRIALS)]
        if not pays([plain for plain, _ in trials], [launched for _, launched in trials]):
            log.info("a CUDA graph does not pay for batches of %d", size)
            del slot.recorded[size]
            graph.close()

    # --- judging --------------------------------------------------------------------------------------------

    def buffer(self, frames: int) -> Bytes3D:
        """Return a pinned array of `(frames, H, W)`, from any thread; it goes back when nobody refers to it.

        Raises: GpuLost.
        """
        try:
            return self._device.pool(self._shape).lend()[:frames]
        except GpuLost:
            raise
        except EngineError as error:  # the line goes on with memory that the GPU copies from more slowly
            log.warning("%s Ordinary memory is used instead.", error)
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
        """Begin judging `(N, H, W) uint8`; from an array of `buffer` the GPU reads while the processor goes on."""
        slot, held, pycuda = self._rotation.take(), self._held, self._device.cuda
        slot.batch = np.ascontiguousarray(frames)
        count = len(frames)
        with self._device.at_work("submitting a batch"):
            pycuda.memcpy_htod_async(int(slot.frames), slot.batch, slot.stream)
            if held.computed is not None:
                slot.stream.wait_for_event(held.computed)
            if count in slot.recorded:
                slot.recorded[count][1].launch()
            else:
                if slot.shaped != count:
                    set_size(slot.context, count, self._extents)
                    slot.shaped = count
                self._execute(slot.context, slot)
            slot.computed.record(slot.stream)
            held.computed = slot.computed
            pycuda.memcpy_dtoh_async(slot.presence_here[:count], int(slot.presence), slot.stream)
            slot.done.record(slot.stream)

    def _execute(self, context: Any, slot: Slot) -> None:
        """Raises: EngineError; a broken context shows as CUDA's own error."""
        if not context.execute_async_v3(slot.stream.handle):
            slot.stream.synchronize()
            raise EngineError(f"{self.name} cannot run a batch: {self._runtime.last_words()}. Build the engine again.")

    def result(self) -> Maps:
        """Wait for the oldest submitted batch; the maps are the caller's own.

        Raises: EngineError, GpuLost.
        """
        slot = self._rotation.finish()
        assert slot.batch is not None
        count = len(slot.batch)
        with self._device.at_work("judging a batch"):
            slot.done.synchronize()
            presence = slot.presence_here[:count].copy()
            maps = self._fetch(slot, count, suspicious(presence, self._thresholds))
        slot.batch = None
        return Maps(labels=maps[0], confidence=maps[1], presence=presence)

    def _fetch(self, slot: Slot, count: int, planes: list[int]) -> tuple[Bytes3D, Bytes3D]:
        """Return labels and confidence of a batch of `count`: those of `planes` from the GPU, the others 0."""
        shape = (count, *self._shape[1:])
        maps = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)  # pages that nobody writes to cost nothing
        for place, source in enumerate((slot.labels, slot.confidence)):
            for first, end in runs(planes):
                there = int(source) + first * self._extents.plane_bytes
                self._device.cuda.memcpy_dtoh_async(slot.maps_here[place, first:end], there, slot.stream)
        if planes:
            slot.done.record(slot.stream)
            slot.done.synchronize()
            for here, own in zip(slot.maps_here, maps, strict=True):
                own[planes] = here[planes]
        return maps

    def close(self) -> None:
        """Give back all but the pinned blocks, which the next engine uses."""
        self._release()
