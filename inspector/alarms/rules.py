"""When the condition of an alarm is met: enough large enough defects within so many metres. Pure, stateful.

Knows: one rule, the defects in its window, since when the condition is met or gone. Must not know: states, operators.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from inspector.alarms.settings import AlarmSection
from inspector.alarms.states import Cause
from inspector.records.events import Defect
from inspector.records.stages import Findings

KEPT_DEFECTS = 1000
"""Of a rule's window, so many at most are kept for a restart: 0.4 MB."""


class Condition(msgspec.Struct):
    """A rule's condition: met while the last `within_m` metres of a coil, under each of its cameras, hold together at
    least `count` defects of the rule's classes and sizes.
    """

    section: AlarmSection
    met: dict[str, Defect] = {}
    """Defects within the window by id."""
    last: Defect | None = None
    """The defect that met the rule last."""
    is_met: bool = False
    since_ns: int = 0
    """Since when the condition is met, or gone."""

    @property
    def count(self) -> int:
        """Defects within the window, on the coil that has most of them."""
        return max(Counter(defect.coil for defect in self.met.values()).values(), default=0)

    def follow(self, findings: Findings) -> Cause | None:
        """Move the window on; return what it comes to, once that has lasted for the delay."""
        self._forget(findings)
        for event in findings.events:
            if isinstance(event, Defect) and self._matches(event):
                self.met.pop(event.id, None)  # the newest come last
                self.met[event.id] = self.last = event
        section, is_met = self.section, self.count >= self.section.count
        if is_met != self.is_met:
            self.is_met, self.since_ns = is_met, findings.closed_ns
        delay_ms = section.on_delay_ms if is_met else section.off_delay_ms
        if findings.closed_ns - self.since_ns < delay_ms * 1_000_000:
            return None
        return "met" if is_met else "gone"

    def kept(self, now_ns: int) -> Condition:
        """What is kept for a restart: no more defects than decide whether it is met, and its time before now.

        Time beyond the delays changes nothing, so that what is kept of a line that stands stays the same.
        """
        count = min(self.section.count, KEPT_DEFECTS)
        delay_ns = 1_000_000 * max(self.section.on_delay_ms, self.section.off_delay_ms)
        since_ns = -min(now_ns - self.since_ns, delay_ns)
        return msgspec.structs.replace(self, met=dict(list(self.met.items())[-count:]), since_ns=since_ns)

    def go_on(self, now_ns: int) -> None:
        """Take up what was kept, now."""
        self.since_ns += now_ns

    def _forget(self, findings: Findings) -> None:
        """Drop what the window has left behind, what is on a coil that has left, and what a new rule leaves out."""
        window_mm = self.section.within_m * 1000
        for defect in list(self.met.values()):
            reached_mm = findings.reached_mm.get((defect.coil, defect.camera))
            if reached_mm is None or abs(reached_mm - defect.end_mm) > window_mm or not self._matches(defect):
                del self.met[defect.id]

    def _matches(self, defect: Defect) -> bool:
        return (
            defect.name in self.section.classes
            and defect.area_mm2 >= self.section.min_area_mm2
            and defect.length_mm >= self.section.min_length_mm
        )
