"""The one primitive that joins stages: everything upstream on its own thread, behind a bounded queue.

Laws: the queue never grows past its depth; end of stream and exceptions travel downstream in order; an item
is handed over once. Must not know: what flows.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")
Shed = Callable[[T | None, T], T]


class _End:
    """Last thing in a queue: why upstream stopped."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Buffer(Generic[T]):
    """The reading end of a bounded queue: an iterator, that can also say and take what is there already."""

    def __init__(self, depth: int, name: str) -> None:
        self.name = name
        self.depth = depth
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._end: _End | None = None

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._end is None:
            item = self._queue.get()
            if not isinstance(item, _End):
                return item
            self._end = item
        if self._end.error is not None:
            raise self._end.error
        raise StopIteration

    def __len__(self) -> int:
        """Items waiting now."""
        return self._queue.qsize()

    def groups(self) -> Iterator[list[T]]:
        """Yield all that is waiting, 1 to `depth` items at a time; for work that is cheaper together."""
        for first in self:
            group = [first]
            while self._end is None and len(self) and len(group) < self.depth:
                item = self._queue.get()
                if isinstance(item, _End):
                    self._end = item
                else:
                    group.append(item)
            yield group

    def _pump(self, upstream: Iterable[T], shed: Shed[T] | None) -> None:
        error: BaseException | None = None
        try:
            if shed is None:
                for item in upstream:
                    self._queue.put(item)
            else:
                self._pump_shedding(upstream, shed)
        except BaseException as caught:  # whatever it is ends the reader, with this traceback
            error = caught
        self._queue.put(_End(error))

    def _pump_shedding(self, upstream: Iterable[T], shed: Shed[T]) -> None:
        held: T | None = None
        try:
            for item in upstream:
                try:
                    if held is not None:
                        self._queue.put_nowait(held)
                        held = None
                    self._queue.put_nowait(item)
                except queue.Full:
                    held = shed(held, item)
        finally:
            if held is not None:
                self._queue.put(held)


def buffered(upstream: Iterable[T], depth: int, name: str, shed: Shed[T] | None = None) -> Buffer[T]:
    """Run `upstream` on a thread called `name` and return the reading end of a queue of `depth` items.

    A full queue holds upstream back, unless `shed` is given: then `shed(held, item)` makes one light item of
    the items that found no room, which takes their place in the order once there is room again.
    """
    buffer: Buffer[T] = Buffer(depth, name)
    threading.Thread(target=buffer._pump, args=(upstream, shed), name=name, daemon=True).start()
    return buffer


def each(upstream: Iterable[T], work: Callable[[T], U], last: Callable[[], U] | None = None) -> Iterator[U]:
    """Yield `work(item)` of every item, then `last()`: a stage whose state lives in `work`."""
    for item in upstream:
        yield work(item)
    if last is not None:
        yield last()
