"""Alarms after ISA-18.2 / IEC 62682: a condition that requires an operator's response. Pure, stateful.

    state            condition met for on_delay   condition gone for off_delay   acknowledged
    ---------------  --------------------------   ----------------------------   ------------
    normal           unacknowledged               -                              -
    unacknowledged   -                            returned                       acknowledged
    acknowledged     -                            normal                         -
    returned         unacknowledged               -                              normal

A condition is met while the last `within_m` metres of a coil, under each of its cameras, hold together at
least `count` defects of the rule's classes and sizes. Every entry into `unacknowledged` is one alarm,
however many defects meet the rule while it lasts. Clocks are passed in, monotonic nanoseconds. Shelving and
suppression are not here yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from queue import SimpleQueue

import msgspec

from inspector.alarms.settings import AlarmSection
from inspector.records.events import Alarm, AlarmState, Data, Defect
from inspector.records.stages import Report

ON: dict[AlarmState, AlarmState] = {"normal": "unacknowledged", "returned": "unacknowledged"}
OFF: dict[AlarmState, AlarmState] = {"unacknowledged": "returned", "acknowledged": "normal"}
ACKNOWLEDGE: dict[AlarmState, AlarmState] = {"unacknowledged": "acknowledged", "returned": "normal"}


class _Rule(msgspec.Struct):
    """One alarm and where it stands."""

    section: AlarmSection
    state: AlarmState = "normal"
    met: dict[str, Defect] = {}
    """Defects within the window by id."""
    last: Defect | None = None
    """The defect that met the rule last."""
    is_met: bool = False
    since_ns: int = 0
    """Since when the condition is met, or gone."""

    def look(self, report: Report) -> None:
        """Forget the defects that the window has left behind, then take in those that meet the rule."""
        window_mm = self.section.within_m * 1000
        for defect in list(self.met.values()):
            reached_mm = report.reached_mm.get((defect.coil, defect.camera))
            if reached_mm is None or abs(reached_mm - defect.end_mm) > window_mm or not self._matches(defect):
                del self.met[defect.id]
        for item in report.said:
            if isinstance(item, Defect) and self._matches(item):
                self.met[item.id] = self.last = item

    def count(self) -> int:
        """Defects within the window, on the coil that has most of them."""
        return max(Counter(defect.coil for defect in self.met.values()).values(), default=0)

    def step(self, now_ns: int) -> Alarm | None:
        """Change state when the condition has been met, or gone, for long enough."""
        section, is_met = self.section, self.count() >= self.section.count
        if is_met != self.is_met:
            self.is_met, self.since_ns = is_met, now_ns
        change = (ON if is_met else OFF).get(self.state)
        delay_ms = section.on_delay_ms if is_met else section.off_delay_ms
        if change is None or now_ns - self.since_ns < delay_ms * 1_000_000:
            return None
        return self.enter(change)

    def enter(self, state: AlarmState) -> Alarm:
        """Take on a state and tell it."""
        self.state = state
        section, last, count = self.section, self.last, self.count()
        kinds = " or ".join(section.classes)
        message = {
            "unacknowledged": f"{count} {kinds} within {section.within_m:g} m",
            "acknowledged": "acknowledged by the operator",
            "returned": f"no longer {section.count} {kinds} within {section.within_m:g} m; not acknowledged",
            "normal": "back to normal",
        }[state]
        return Alarm(
            name=section.name,
            state=state,
            priority=section.priority,
            coil=last.coil if last else "",
            camera=last.camera if last else "",
            message=message,
            count=count,
            defect_id=last.id if last and state == "unacknowledged" else "",
        )

    def _matches(self, defect: Defect) -> bool:
        return (
            defect.name in self.section.classes
            and defect.area_mm2 >= self.section.min_area_mm2
            and defect.length_mm >= self.section.min_length_mm
        )


class Alarms:
    """The stage: reports in, the same reports with changes of alarm state added."""

    def __init__(self, sections: Iterable[AlarmSection]) -> None:
        self._rules = {section.name: _Rule(section) for section in sections}
        self._inbox: SimpleQueue[str | tuple[AlarmSection, ...]] = SimpleQueue()

    def acknowledge(self, name: str) -> bool:
        """Pass on an operator's acknowledgement, False when there is no such alarm.

        Any thread may; it takes effect with the next batch or tick.
        """
        if name in self._rules:
            self._inbox.put(name)
        return name in self._rules

    def replace(self, sections: Iterable[AlarmSection]) -> None:
        """Pass on new rules; any thread may. An alarm of the same name keeps its state."""
        self._inbox.put(tuple(sections))

    def __call__(self, report: Report) -> Report:
        """Let every rule look at what was said and at the time."""
        changes: list[Data] = []
        while not self._inbox.empty():
            request = self._inbox.get()
            changes += self._acknowledge(request) if isinstance(request, str) else self._replace(request)
        for rule in self._rules.values():
            rule.look(report)
            if change := rule.step(report.closed_ns):
                changes.append(change)
        return msgspec.structs.replace(report, said=(*report.said, *changes)) if changes else report

    def states(self) -> dict[str, AlarmState]:
        """Every alarm's state by name."""
        return {name: rule.state for name, rule in self._rules.items()}

    def _acknowledge(self, name: str) -> list[Alarm]:
        rule = self._rules.get(name)
        return [rule.enter(ACKNOWLEDGE[rule.state])] if rule and rule.state in ACKNOWLEDGE else []

    def _replace(self, sections: Iterable[AlarmSection]) -> list[Alarm]:
        before, after = dict(self._rules), {}
        for section in sections:
            after[section.name] = rule = before.pop(section.name, None) or _Rule(section)
            rule.section = section
        self._rules = after  # at once: other threads look
        return [rule.enter("normal") for rule in before.values() if rule.state != "normal"]
