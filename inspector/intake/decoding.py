"""Decodes pictures on threads of their own, so that no camera's pictures hold up another camera's frames.

Laws: of the cameras whose pictures wait, the one that has used least of the threads' time comes next; none has all the
threads. What a camera may have waiting is bounded by the caller.
Knows: threads and time. Must not know: what decoding is, sockets, numbers.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class DecoderPool(Protocol):
    """The threads that decode pictures in the background."""

    def add(self, camera: Hashable, item: Any) -> None:
        """Have an item of a camera worked on."""

    def close(self) -> None:
        """Work on nothing more."""


class Decoders(Generic[T]):
    """Threads that call `work(item)` and then `done()`; closed with `close`."""

    def __init__(self, threads: int, work: Callable[[T], None], done: Callable[[], None]) -> None:
        """`work` must not raise."""
        self._work, self._done = work, done
        self._most = max(1, threads - 1)
        """Threads that one camera may have."""
        self._change = threading.Condition()
        self._waiting: dict[Hashable, deque[T]] = {}
        self._busy: dict[Hashable, int] = {}
        self._spent_s: dict[Hashable, float] = {}
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"decode-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, camera: Hashable, item: T) -> None:
        """Have an item of a camera worked on."""
        with self._change:
            if not self._waiting.get(camera) and not self._busy.get(camera):  # time that it did not want is no credit
                working = [
                    spent_s for name, spent_s in self._spent_s.items() if self._waiting[name] or self._busy[name]
                ]
                self._spent_s[camera] = max(self._spent_s.get(camera, 0.0), min(working, default=0.0))
                self._waiting[camera], self._busy[camera] = deque(), 0
            self._waiting[camera].append(item)
            self._change.notify()

    def close(self) -> None:
        """End the threads once they have finished what they work on; what waits is left."""
        with self._change:
            self._is_closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _next(self) -> Hashable | None:
        """Return the camera whose turn it is."""
        ready = [name for name, items in self._waiting.items() if items and self._busy[name] < self._most]
        return min(ready, key=self._spent_s.__getitem__, default=None)

    def _run(self) -> None:
        while True:
            with self._change:
                while (camera := self._next()) is None and not self._is_closed:
                    self._change.wait()
                if self._is_closed or camera is None:
                    return
                item = self._waiting[camera].popleft()
                self._busy[camera] += 1
            began_s = time.perf_counter()
            self._work(item)
            self._done()
            with self._change:
                self._spent_s[camera] += time.perf_counter() - began_s
                self._busy[camera] -= 1
                self._change.notify()
