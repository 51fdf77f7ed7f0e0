"""The GPU through pycuda: one context for the life of the process, current only while somebody works in it.

Laws, each from pycuda's source (2026.1, cuda.hpp): a thread that ends with a context pushed aborts the process, so
every piece of work pushes and pops; memory, streams and events are freed only in a thread where the very `Context`
object is current under which they were made, else they leak with a warning, so there is one such object for each GPU.

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

from inspector.engines.nvidia.pinned import Pool
from inspector.errors import EngineError, EngineRefused, GpuLost
from inspector.records.frame import Bytes3D

log = logging.getLogger("inspector")

NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: does not wait for the default stream, which TensorRT and others may use


@cache
def device(number: int) -> Device:
    """Return the GPU of this number in the driver's order, the same object each time.

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

    @contextlib.contextmanager
    def at_work(self, what: str) -> Iterator[None]:
        """Make the context current in this thread for a while; `what` is being done, for the error's words.

        Raises: EngineError for what CUDA refuses, GpuLost when it will go on refusing.
        """
        try:
            self._context.push()
        except self.cuda.Error as error:  # it is refused only where the context is lost
            raise self._lost(what, error, error) from error
        try:
            yield
        except self.cuda.Error as error:
            raise self._worded(what, error) from error
        finally:
            with contextlib.suppress(self.cuda.Error):  # a broken context must not hide why it broke
                self.cuda.Context.pop()

    def pool(self, shape: tuple[int, ...]) -> Pool:
        """Return the pinned blocks of this shape (N, H, W); they live as long as the process."""
        return self._pools.setdefault(shape, Pool(lambda: self._pin_block(shape)))

    def memory(self) -> dict[str, int]:
        """Say how much memory there is and how much of it all programs take, in bytes, as CUDA itself knows it."""
        try:
            with self.at_work("asking for its memory"):
                free, total = self.cuda.mem_get_info()
        except EngineError:  # who asks for figures only wants figures
            return {}
        return {"total": int(total), "used": int(total - free)}

    def _pin_block(self, shape: tuple[int, ...]) -> Bytes3D:
        with self.at_work(f"pinning {np.prod(shape) / 2**20:.1f} MiB of memory"):
            return self.pin(shape, np.uint8)

    def pin(self, shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
        """Return a new pinned array; only at work."""
        pinned: NDArray[Any] = self.cuda.pagelocked_empty(shape, kind)
        return pinned

    def event(self) -> Any:
        """Return a new event whose wait sleeps instead of spinning: the processor has analysis to do; only at work."""
        flags = self.cuda.event_flags
        return self.cuda.Event(flags.BLOCKING_SYNC | flags.DISABLE_TIMING)

    def stream(self) -> Any:
        """Return a new stream; only at work."""
        return self.cuda.Stream(NON_BLOCKING)

    def _worded(self, what: str, error: Exception) -> EngineError:
        """Say what an error of CUDA means; the context is asked whether it still works."""
        try:
            self.cuda.Context.synchronize()
        except self.cuda.Error as lost:
            return self._lost(what, error, lost)
        if isinstance(error, self.cuda.MemoryError):
            free, total = self.cuda.mem_get_info()
            return out_of_memory(self.name, what, free, total)
        return EngineError(f"{self.name} failed while {what}: {error}. Report this as a bug.")

    def _lost(self, what: str, error: Exception, lost: Exception) -> GpuLost:
        return GpuLost(
            f"{self.name} failed while {what}: {error}; its context is lost ({lost}). The process must start anew; "
            "if it comes again, see `dmesg | grep -i xid` and `nvidia-smi -q`."
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
