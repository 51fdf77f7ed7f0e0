"""CUDA graphs: what was put on a stream once, recorded and launched again as one piece.

For the full TensorRT alone: TensorRT-RTX records its own. Through cuda-bindings, as pycuda has no graphs; its driver
API works in the context that is current, whoever made it so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspector.errors import EngineError


class Graph:
    """A recorded piece of work, for the addresses it was recorded with.

    Raises: EngineError when it cannot be recorded; the stream is as before then.
    """

    def __init__(self, work: Callable[[], None], stream: int) -> None:
        """Record what `work` puts on `stream` (its handle), which is not run now."""
        from cuda.bindings import driver

        self._driver, recording = driver, driver.CUstream(stream)
        # THREAD_LOCAL: another engine works on another thread meanwhile, and may not spoil this, nor this that.
        self._ask(
            driver.cuStreamBeginCapture(recording, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
        )
        try:
            work()
        finally:
            ended, graph = driver.cuStreamEndCapture(recording)
        self._ask((ended,))
        try:
            self._ready = self._ask(driver.cuGraphInstantiate(graph, 0))
        finally:
            driver.cuGraphDestroy(graph)

    def launch(self, stream: int) -> None:
        """Put the recorded work on a stream, whose priority it takes.

        Raises: EngineError.
        """
        self._ask(self._driver.cuGraphLaunch(self._ready, self._driver.CUstream(stream)))

    def close(self) -> None:
        """Forget the recording."""
        self._driver.cuGraphExecDestroy(self._ready)

    def _ask(self, answer: tuple[Any, ...]) -> Any:
        """Return what a call gave, or raise in CUDA's own words."""
        code, *given = answer
        if code != self._driver.CUresult.CUDA_SUCCESS:
            _, words = self._driver.cuGetErrorString(code)
            raise EngineError(f"a CUDA graph failed: {code.name}, {words.decode() if words else 'unknown error'}.")
        return given[0] if given else None
