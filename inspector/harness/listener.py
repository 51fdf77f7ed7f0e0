"""Events as they arrive, each with the time of its arrival.

Knows: the client. Must not know: what the events are about.
"""

from __future__ import annotations

import queue
import threading
import time
from types import TracebackType
from typing import Self

from inspector.client import Events
from inspector.records.envelope import Event

WAKE_S = 0.2


class Listener:
    """Subscribes to an inspector until the `with` block ends."""

    def __init__(self, address: str, replay: str) -> None:
        self.lost = 0
        """Number of events that were recorded and never came."""
        self._arrived: queue.SimpleQueue[tuple[int, Event]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(address, replay), name="listener", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def take(self, wait_s: float) -> list[tuple[int, Event]]:
        """Return what has arrived, with UNIX nanoseconds of arrival; waits up to `wait_s` for the first."""
        arrived: list[tuple[int, Event]] = []
        try:
            arrived.append(self._arrived.get(timeout=wait_s))
            while True:
                arrived.append(self._arrived.get_nowait())
        except queue.Empty:
            return arrived

    def _listen(self, address: str, replay: str) -> None:
        with Events(address, replay=replay, timeout_s=WAKE_S) as events:
            while not self._stop.is_set():
                for event in events:
                    self._arrived.put((time.time_ns(), event))
                self.lost = events.lost
