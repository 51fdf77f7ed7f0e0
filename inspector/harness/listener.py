"""Events as they arrive, each with the time of its arrival, and what they add up to for one coil.

Knows: the client, and the events of a coil. Must not know: what was planted, how anything is shown.
"""

from __future__ import annotations

import queue
import threading
import time
from types import TracebackType
from typing import Self

from inspector.client import Events
from inspector.records.events import Alarm, Defect, Event, Health, Missed

WAKE_S = 0.2


class Listener:
    """Subscribes to an inspector until the `with` block ends."""

    def __init__(self, address: str, replay: str) -> None:
        self.lost = 0
        """Events that were recorded and never came."""
        self._heard: queue.SimpleQueue[tuple[int, Event]] = queue.SimpleQueue()
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
        """Return what has arrived, with UNIX nanoseconds of arrival; waits for the first so long."""
        heard = []
        try:
            heard.append(self._heard.get(timeout=wait_s))
            while True:
                heard.append(self._heard.get_nowait())
        except queue.Empty:
            return heard

    def _listen(self, address: str, replay: str) -> None:
        with Events(address, replay=replay, timeout_s=WAKE_S) as events:
            while not self._stop.is_set():
                for event in events:
                    self._heard.put((time.time_ns(), event))
                self.lost = events.lost


class Heard:
    """What was said of one coil so far."""

    def __init__(self, coil: str) -> None:
        self._coil = coil
        self.defects: dict[str, Defect] = {}
        """By id, the last report of each."""
        self.missed: list[Missed] = []
        self.alarms = 0
        """How many were raised."""
        self.latencies_ms: list[float] = []
        """From capture to arrival, of each defect's report while `is_live`."""
        self.is_live = True
        """False while the inspector drains: what it completes then has waited for the drain."""
        self.is_over = False
        """The inspector has said goodbye."""

    def take(self, received_ns: int, event: Event) -> None:
        """Note an event that arrived at `received_ns` (UNIX)."""
        data = event.data
        if isinstance(data, Health):
            self.is_over |= data.state == "stopping"
        if event.subject != self._coil:
            return
        if isinstance(data, Defect):
            self.defects[data.id] = data
            if self.is_live:
                self.latencies_ms.append((received_ns - data.captured_ns) / 1e6)
        elif isinstance(data, Missed):
            self.missed.append(data)
        elif isinstance(data, Alarm):
            self.alarms += data.state == "unacknowledged"
