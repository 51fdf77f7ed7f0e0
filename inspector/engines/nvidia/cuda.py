"""The GPU through pycuda: one context for the life of the process, current only while work is done in it.

Laws, each from pycuda's source (2026.1, cuda.hpp): a thread that ends with a context pushed aborts the process, so
every piece of work pushes and pops; memory is freed only in a thread where the very `Context` object is current under
which it was made, else it leaks with a warning, so there is one such object for each GPU. Some drivers do not pop a
context that is lost: it is detached then, which pycuda takes off the thread's stack, and nobody is let in again.

Knows: contexts, memory, what CUDA's errors mean. Must not know: TensorRT, recipes. pycuda is imported when it is asked
for: without the driver it cannot be.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inspector.engines.nvidia.driver import order_by_slot
from inspector.engines.nvidia.maps import MapPool
from inspector.engines.nvidia.pinned import Bytes, Pool
from inspector.errors import EngineError, EngineRefused, GpuLost

log = logging.getLogger("inspector")


@cache
def device(number: int) -> Device:
    """Return the GPU of this number in the order of their slots, the same object each time.

    Raises: EngineRefused without pycuda, EngineError when the driver refuses.
    """
    return Device(number)


class Device:
    """One GPU with its primary context retained."""

    def __init__(self, number: int) -> None:
        self.cuda = load_pycuda()
        try:
            self.cuda.init()
            gpu = self.cuda.Device(number)
            self._context = gpu.retain_primary_context()
            self.name: str = gpu.name()
            self.bus_id: str = gpu.pci_bus_id()
        except self.cuda.Error as error:
            raise EngineError(
                f"GPU {number} cannot be used: {error}. See what `nvidia-smi` says of it, and engine.gpu."
            ) from error
        self._pools: dict[tuple[int, ...], Pool] = {}
        self._map_pools: dict[tuple[int, ...], MapPool] = {}
        self._lost_by = ""
        """What the context was lost by, once it is."""

    @contextlib.contextmanager
    def at_work(self, what: str) -> Iterator[None]:
        """Make the context current in this thread for a while; `what` is being done, for the error's words.

        Raises: EngineError for what CUDA refuses, GpuLost when it will go on refusing.
        """
        if self._lost_by:
            raise self._lost(what)
        try:
            self._context.push()
        except self.cuda.Error as error:  # it is refused only where the context is lost
            raise self._lose(what, error, error) from error
        try:
            yield
        except (self.cuda.Error, EngineError) as error:
            worded = self._worded(what, error)
            if worded is error:
                raise
            raise worded from error
        finally:
            self._leave(what)

    def _leave(self, what: str) -> None:
        """Take the context off this thread, whatever has become of it."""
        if not self._lost_by:
            try:
                self.cuda.Context.pop()
            except self.cuda.Error as error:
                raise self._lose(what, error, error) from error
        if self._lost_by:  # perhaps by another thread: pycuda drops a detached context when it looks for a living one
            with contextlib.suppress(self.cuda.Error):
                self.cuda.Event()

    def pool(self, shape: tuple[int, ...]) -> Pool:
        """Return the pinned blocks of this shape (N, H, W); they live as long as the process."""
        return self._pools.setdefault(shape, Pool(lambda: self._pin_block(shape)))

    def map_pool(self, frames: int, height: int, width: int) -> MapPool:
        """Return the pinned blocks for the maps of N frames, likewise."""
        shape = 2, frames, height, width
        return self._map_pools.setdefault(shape, MapPool(shape, lambda: self._pin_block(shape)))

    def memory(self) -> dict[str, int]:
        """Say how much memory there is and how much of it all programs take, in bytes, as CUDA itself knows it."""
        try:
            with self.at_work("asking for its memory"):
                free, total = self.cuda.mem_get_info()
        except EngineError:  # who asks for figures only wants figures
            return {}
        return {"total": int(total), "used": int(total - free)}

    def _pin_block(self, shape: tuple[int, ...]) -> Bytes:
        with self.at_work(f"pinning {np.prod(shape) / 2**20:.1f} MiB of memory"):
            return self.pin(shape, np.uint8)

    def pin(self, shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
        """Return a new pinned array; only at work."""
        pinned: NDArray[Any] = self.cuda.pagelocked_empty(shape, kind)
        return pinned

    def _worded(self, what: str, error: Exception) -> EngineError:
        """Say what an error means; the context is asked whether it still works."""
        try:
            self.cuda.Context.synchronize()
        except self.cuda.Error as lost:
            return self._lose(what, error, lost)
        if isinstance(error, EngineError):
            return error
        if isinstance(error, self.cuda.MemoryError):
            free, total = self.cuda.mem_get_info()
            return out_of_memory(self.name, what, free, total)
        return EngineError(f"{self.name} failed while {what}: {error}. Report this as a bug.")

    def _lose(self, what: str, error: Exception, lost: Exception) -> GpuLost:
        """Remember that the context is lost, and detach it: else what pycuda still frees in it aborts the process."""
        if not self._lost_by:
            self._lost_by = f"{error}; its context is lost ({lost})"
            with contextlib.suppress(self.cuda.Error):
                self._context.detach()
        return self._lost(what)

    def _lost(self, what: str) -> GpuLost:
        return GpuLost(
            f"{self.name} failed while {what}: {self._lost_by}. The process must start again; if it comes again, see "
            "`dmesg | grep -i xid` and `nvidia-smi -q`."
        )


def out_of_memory(name: str, what: str, free_bytes: int, total_bytes: int) -> EngineError:
    """Word the lack of device memory."""
    return EngineError(
        f"{name} is out of memory while {what}: {free_bytes / 2**20:.0f} of {total_bytes / 2**20:.0f} MiB are free. "
        "Lower batch.max_frames, end other programs on this GPU (`nvidia-smi` lists them), or use a larger one; a "
        "reload needs room for two engines."
    )


def load_pycuda() -> Any:
    """Import pycuda's driver module.

    Raises: EngineRefused when it is not installed; EngineError when it finds no driver.
    """
    order_by_slot()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of what it then raises
            return importlib.import_module("pycuda.driver")
    except ModuleNotFoundError as error:
        raise EngineRefused(
            f'{error.name} is not installed; engine.kind = "tensorrt" needs pycuda. Install the extra "gpu" or '
            '"rtx-run"; it is compiled on installation and needs the CUDA toolkit\'s nvcc first on the PATH, or CPATH.'
        ) from error
    except ImportError as error:
        raise EngineError(
            f"pycuda cannot be loaded: {error}. Install the NVIDIA driver, or rebuild pycuda for this CUDA toolkit: "
            "`pip install --no-cache-dir --force-reinstall pycuda`."
        ) from error
