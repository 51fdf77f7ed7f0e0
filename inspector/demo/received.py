"""What the events of the demo's coils add up to.

Knows: the events of coils. Must not know: what was planted, how anything is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from inspector.records.envelope import Event
from inspector.records.events import Alarm, CoilReport, Defect, Health, Missed, Repeat


class Received:
    """What was reported of some coils so far."""

    def __init__(self, coils: Sequence[str]) -> None:
        self._coils = coils
        self.defects: dict[str, Defect] = {}
        """Last report of each defect, by id."""
        self.missed: list[Missed] = []
        self.repeats: dict[tuple[str, str], Repeat] = {}
        """Last report of each repeat, by coil and id."""
        self.lengths_m: dict[str, float] = {}
        """Of the coils that ended."""
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
        if event.subject not in self._coils:
            return
        if isinstance(data, Defect):
            self.defects[data.id] = data
            if self.is_live:
                self.latencies_ms.append((received_ns - data.captured_ns) / 1e6)
        elif isinstance(data, Missed):
            self.missed.append(data)
        elif isinstance(data, Repeat):
            self.repeats[data.coil, data.id] = data
        elif isinstance(data, CoilReport) and data.state == "ended":
            self.lengths_m[data.coil] = data.length_m
        elif isinstance(data, Alarm):
            self.alarms += data.state == "unacknowledged"

    def defects_of(self, coil: str) -> list[Defect]:
        """The defects of a coil; none that became a part of another."""
        return [defect for defect in self.defects.values() if defect.coil == coil and not defect.part_of]

    def missed_of(self, coil: str) -> list[Missed]:
        """What was not inspected of a coil."""
        return [gap for gap in self.missed if gap.coil == coil]
