"""What the events of one coil add up to.

Knows: the events of a coil. Must not know: what was planted, how anything is shown.
"""

from __future__ import annotations

from inspector.records.envelope import Event
from inspector.records.events import Alarm, Defect, Health, Missed


class Received:
    """Defects, alarms and missed strip of one coil so far."""

    def __init__(self, coil: str) -> None:
        self._coil = coil
        self.defects: dict[str, Defect] = {}
        """Last report of each defect, by id."""
        self.missed: list[Missed] = []
        self.alarms = 0
        """Number that were raised."""
        self.latencies_ms: list[float] = []
        """Time from capture to arrival, of each defect's report while `is_live`."""
        self.is_live = True
        """False while the inspector drains: what it completes then has waited for the drain."""
        self.is_over = False
        """The inspector has reported that it stops."""

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
