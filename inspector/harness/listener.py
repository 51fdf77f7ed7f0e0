"""Events as they arrive, each with the time of its arrival.

Knows: the client. Must not know: what the events are about.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable

from inspector.client import Events
from inspector.harness.aside import Aside
from inspector.records.envelope import Event

WAKE_S = 0.2


class Listener(Aside):
    """Subscribes to an inspector until the `with` block ends; goes by UNIX time, or another clock."""

    def __init__(self, address: str, replay: str, clock_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__()
        self.lost = 0
        """Number of events that were recorded and never came."""
        self._arrived: queue.SimpleQueue[tuple[int, Event]] = queue.SimpleQueue()
        self._address, self._replay, self._clock_ns = address, replay, clock_ns

    def take(self, wait_s: float) -> list[tuple[int, Event]]:
        """Return what has arrived, with the nanoseconds at which it did; waits up to `wait_s` for the first."""
        arrived: list[tuple[int, Event]] = []
        try:
            arrived.append(self._arrived.get(timeout=wait_s))
            while True:
                arrived.append(self._arrived.get_nowait())
        except queue.Empty:
            return arrived

    def work(self) -> None:
        """Take in events as they come."""
        with Events(self._address, replay=self._replay, timeout_s=WAKE_S) as events:
            while not self.is_over.is_set():
                for event in events:
                    self._arrived.put((self._clock_ns(), event))
                self.lost = events.lost
