"""When the condition of an alarm is met: enough large enough defects within a length of strip. Pure, stateful.

Knows: one rule, the defects in its window, since when the condition is met or gone. Must not know: states, operators.
"""

from __future__ import annotations

from bisect import bisect_left, insort

import msgspec

from inspector.alarms.settings import AlarmSection
from inspector.alarms.states import Cause
from inspector.records.events import Defect
from inspector.records.stages import Findings

KEPT_DEFECTS = 1000
"""Of a camera's window, this many at most are kept for a restart: 0.4 MB."""

Ends = list[tuple[float, str]]
"""Where defects end, millimetres along the coil, and their ids; in order."""


class Condition(msgspec.Struct):
    """A rule's condition: met while the last `within_m` metres of a coil, under each of its cameras, hold together at
    least `count` defects of the rule's classes and sizes.
    """

    section: AlarmSection
    windows: dict[str, dict[str, Ends]] = {}
    """By coil and camera."""
    defects: dict[str, Defect] = {}
    """All that are in a window, by id."""
    last: Defect | None = None
    """The defect that met the rule last."""
    is_met: bool = False
    since_ns: int = 0
    """Since when the condition is met, or gone."""

    @property
    def count(self) -> int:
        """Defects within the window, on the coil that has most of them."""
        return max((sum(map(len, cameras.values())) for cameras in self.windows.values()), default=0)

    def follow(self, findings: Findings) -> Cause | None:
        """Move the window on; return what it comes to, once that has lasted for the delay."""
        self._forget(findings)
        for event in findings.events:
            if isinstance(event, Defect) and event.part_of:  # the other one has its place now
                if event.id in self.defects:
                    self._remove(event.id)
            elif isinstance(event, Defect) and self._matches(event):
                self._add(event)
        section, is_met = self.section, self.count >= self.section.count
        if is_met != self.is_met:
            self.is_met, self.since_ns = is_met, findings.closed_ns
        delay_ms = section.on_delay_ms if is_met else section.off_delay_ms
        if findings.closed_ns - self.since_ns < delay_ms * 1_000_000:
            return None
        return "met" if is_met else "gone"

    def replace(self, section: AlarmSection) -> None:
        """Follow another rule from now on: defects that it leaves out leave the window."""
        if section != self.section:
            self.section = section
            for defect in [defect for defect in self.defects.values() if not self._matches(defect)]:
                self._remove(defect.id)

    def kept(self, now_ns: int) -> Condition:
        """What is kept for a restart: no more defects than decide whether it is met, and its time before now.

        Time beyond the delays changes nothing, so that what is kept of a line that stands stays the same.
        """
        most = min(self.section.count, KEPT_DEFECTS)
        windows = {
            coil: {camera: ends[-most:] for camera, ends in cameras.items()} for coil, cameras in self.windows.items()
        }
        names = [name for cameras in windows.values() for ends in cameras.values() for _, name in ends]
        delay_ns = 1_000_000 * max(self.section.on_delay_ms, self.section.off_delay_ms)
        return Condition(
            section=self.section,
            windows=windows,
            defects={name: self.defects[name] for name in names},
            last=self.last,
            is_met=self.is_met,
            since_ns=-min(now_ns - self.since_ns, delay_ns),
        )

    def go_on(self, now_ns: int) -> None:
        """Take up what was kept, now."""
        self.since_ns += now_ns

    def _add(self, defect: Defect) -> None:
        """Put a defect into its window; one that has grown takes the place of its part."""
        if defect.id in self.defects:
            self._remove(defect.id)
        self.defects[defect.id] = self.last = defect
        insort(self.windows.setdefault(defect.coil, {}).setdefault(defect.camera, []), (defect.end_mm, defect.id))

    def _remove(self, name: str) -> None:
        defect = self.defects.pop(name)
        ends = self.windows[defect.coil][defect.camera]
        del ends[bisect_left(ends, (defect.end_mm, name))]

    def _forget(self, findings: Findings) -> None:
        """Drop what the window has left behind, what lies beyond a position set back, and coils that have left."""
        window_mm = self.section.within_m * 1000
        for coil, cameras in list(self.windows.items()):
            for camera, ends in list(cameras.items()):
                reached_mm = findings.reached_mm.get((coil, camera))
                first = last = len(ends)
                if reached_mm is not None:
                    first = bisect_left(ends, (reached_mm - window_mm, ""))
                    last = bisect_left(ends, (reached_mm + window_mm, "\U0010ffff"))
                for _, name in (*ends[:first], *ends[last:]):
                    del self.defects[name]
                del ends[last:], ends[:first]
                if not ends:
                    del cameras[camera]
            if not cameras:
                del self.windows[coil]

    def _matches(self, defect: Defect) -> bool:
        return (
            defect.name in self.section.classes
            and defect.area_mm2 >= self.section.min_area_mm2
            and defect.length_mm >= self.section.min_length_mm
        )
