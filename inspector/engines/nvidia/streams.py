"""CUDA's streams and the events between them, through the driver's own library, as pycuda's know no priority.

What runs the line is urgent: of two pieces of work that wait for the card, the urgent stream's begins first. Whoever
loads while a line runs is not. All of it is used only at work (`cuda.Device.at_work`), and closed by whoever made it.

Knows: the CUDA Driver API's cuStream*, cuEvent* and cuMemcpy*Async. Must not know: what is computed. ctypes lets other
threads run during each call.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from numpy.typing import NDArray

from inspector.engines.nvidia import driver

NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: does not wait for the default stream, which TensorRT and others may use
SLEEPING, UNTIMED = 1, 2  # CU_EVENT_BLOCKING_SYNC: a wait sleeps, the processor has analysis to do; _DISABLE_TIMING


class StreamEvent:
    """A point in a stream's work that others wait for.

    Raises: EngineError in the driver's words, as all its methods do.
    """

    def __init__(self) -> None:
        self.handle = ctypes.c_void_p()
        _ask("cuEventCreate", ctypes.byref(self.handle), SLEEPING | UNTIMED)

    def record(self, stream: Stream) -> None:
        """Move it to the end of what is on a stream now."""
        _ask("cuEventRecord", self.handle, stream.handle)

    def wait(self) -> None:
        """Sleep until all before it is done."""
        _ask("cuEventSynchronize", self.handle)

    def close(self) -> None:
        """Give it back."""
        _ask("cuEventDestroy_v2", self.handle)


class Stream:
    """Work for the GPU that is done in order; `urgent` before that of streams that are not.

    Raises: EngineError in the driver's words, as all its methods do.
    """

    def __init__(self, *, urgent: bool) -> None:
        self.handle = ctypes.c_void_p()
        least, greatest = ctypes.c_int(), ctypes.c_int()
        _ask("cuCtxGetStreamPriorityRange", ctypes.byref(least), ctypes.byref(greatest))
        _ask("cuStreamCreateWithPriority", ctypes.byref(self.handle), NON_BLOCKING, greatest if urgent else least)

    @property
    def number(self) -> int:
        """Its handle, as TensorRT and cuda-bindings take it."""
        return self.handle.value or 0

    def copy_in(self, device: int, source: NDArray[Any]) -> None:
        """Copy a contiguous array to an address on the GPU; a pinned one must stay as it is until that is done."""
        _ask("cuMemcpyHtoDAsync_v2", ctypes.c_uint64(device), _start(source), _size(source), self.handle)

    def copy_out(self, target: NDArray[Any], device: int) -> None:
        """Fill a contiguous array from an address on the GPU; a pinned one is filled later."""
        _ask("cuMemcpyDtoHAsync_v2", _start(target), ctypes.c_uint64(device), _size(target), self.handle)

    def wait_for(self, event: StreamEvent) -> None:
        """Begin what is put on it from now on only after an event; the caller does not wait."""
        _ask("cuStreamWaitEvent", self.handle, event.handle, 0)

    def synchronize(self) -> None:
        """Wait until all that is on it is done."""
        _ask("cuStreamSynchronize", self.handle)

    def close(self) -> None:
        """Give it back; what is on it is still done."""
        _ask("cuStreamDestroy_v2", self.handle)


def _start(array: NDArray[Any]) -> ctypes.c_void_p:
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def _size(array: NDArray[Any]) -> ctypes.c_size_t:
    return ctypes.c_size_t(array.nbytes)


@cache
def _library() -> ctypes.CDLL:
    return driver.load()


def _ask(function: str, *values: object) -> None:
    library = _library()
    driver.ask(getattr(library, function)(*values), library)
