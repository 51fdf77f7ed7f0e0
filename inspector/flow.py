"""The one primitive that joins stages: everything upstream on its own thread, behind a bounded queue.

Laws: the queue never grows past its depth; end of stream and exceptions travel downstream in order; an item
is handed over once; a thread ends when its reader does. Must not know: what flows.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

CLOSE_LOOK_S = 0.01


class Cancelled(Exception):
    """Raised in a reader that reads on from a buffer that was cancelled."""


class _End:
    """Last thing in a queue: why upstream stopped."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Buffer(Generic[T]):
    """The reading end of a bounded queue: an iterator, that can also say and take what is there already."""

    def __init__(self, upstream: Iterable[T], depth: int, name: str) -> None:
        self.name = name
        self.depth = depth
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._end: _End | None = None
        self._is_cancelled = False
        self._thread = threading.Thread(target=self._pump, args=(upstream,), name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._end is None:
            item = self._take()
            if not isinstance(item, _End):
                return item
            self._end = item
        if self._end.error is not None:
            raise self._end.error
        raise StopIteration

    def __len__(self) -> int:
        """Items waiting now."""
        return self._queue.qsize()

    def groups(self, wait_s: float | None = None) -> Iterator[list[T]]:
        """Yield all that is waiting, 1 to `depth` items at a time; for work that is cheaper together.

        With `wait_s`, an empty list whenever nothing came for so long.
        """
        while self._end is None:
            group: list[T] = []
            try:
                item = self._take(wait_s)
                while not isinstance(item, _End):
                    group.append(item)
                    if not len(self) or len(group) == self.depth:
                        break
                    item = self._take()
                else:
                    self._end = item
            except queue.Empty:
                yield []
            if group:
                yield group
        if self._end.error is not None:
            raise self._end.error

    def cancel(self) -> None:
        """Have both ends stop: upstream's thread at its next item, and the reader at once; from any thread."""
        self._is_cancelled = True
        with contextlib.suppress(queue.Full):  # then the reader is not waiting
            self._queue.put_nowait(_End(Cancelled()))

    def close(self, patience_s: float) -> bool:
        """Cancel, and wait until upstream's thread has ended; False when it has not within `patience_s`.

        Cancel all the buffers of a flow before, for a thread also ends when what it reads from is cancelled.
        """
        self.cancel()
        deadline_s = time.monotonic() + patience_s
        while self._thread.is_alive() and time.monotonic() < deadline_s:
            with contextlib.suppress(queue.Empty):  # makes room for an upstream that waits for it
                self._queue.get(timeout=CLOSE_LOOK_S)
        return not self._thread.is_alive()

    def _take(self, wait_s: float | None = None) -> T | _End:
        if self._is_cancelled:
            return _End(Cancelled())
        return self._queue.get(timeout=wait_s)

    def _pump(self, upstream: Iterable[T]) -> None:
        error: BaseException | None = None
        try:
            for item in upstream:
                self._queue.put(item)
                if self._is_cancelled:
                    break
            if isinstance(upstream, Generator):
                upstream.close()  # on the thread that owns what it owns
        except BaseException as caught:  # whatever it is ends the reader, with this traceback
            error = caught
        self._queue.put(_End(error))


def buffered(upstream: Iterable[T], depth: int, name: str) -> Buffer[T]:
    """Run `upstream` on a thread called `name` and return the reading end of a queue of `depth` items.

    A full queue holds upstream back.
    """
    return Buffer(upstream, depth, name)


def each(upstream: Iterable[T], work: Callable[[T], U], last: Callable[[], U] | None = None) -> Iterator[U]:
    """Yield `work(item)` of every item, then `last()`: a stage whose state lives in `work`."""
    for item in upstream:
        yield work(item)
    if last is not None:
        yield last()


def followed(upstream: Iterable[T], work: Callable[[T], U], rest: Callable[[U], U | None]) -> Iterator[U]:
    """Yield `work(item)` of every item, and behind it what `rest` makes of that, unless it is None.

    `rest` is called once the item was taken on, so that only the next item waits for it.
    """
    for item in upstream:
        done = work(item)
        yield done
        if (more := rest(done)) is not None:
            yield more
