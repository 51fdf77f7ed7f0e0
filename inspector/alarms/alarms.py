"""Alarms: conditions that require an operator's response. Pure, stateful; clocks are passed in, monotonic nanoseconds.

Laws: states follow the table in `states`, and each change is one event. A restart of the inspector changes no state.
Shelving and suppression are not here yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from queue import SimpleQueue

import msgspec

from inspector.alarms.rules import Condition
from inspector.alarms.settings import AlarmSection
from inspector.alarms.states import TABLE, Cause
from inspector.records.events import Alarm, AlarmState, Data
from inspector.records.stages import Findings
from inspector.words import counted


class Acknowledge(msgspec.Struct, frozen=True):
    """An operator has seen the alarm of this name."""

    name: str


class Replace(msgspec.Struct, frozen=True):
    """These rules are in force from now on; an alarm of the same name keeps its state."""

    sections: tuple[AlarmSection, ...]


Command = Acknowledge | Replace


class _Rule(msgspec.Struct):
    """One alarm: its condition and its state."""

    condition: Condition
    state: AlarmState = "normal"

    def go(self, cause: Cause | None) -> list[Data]:
        """Change the state for a cause, where the table says so."""
        state = TABLE[self.state].get(cause) if cause else None
        return [self.enter(state)] if state else []

    def enter(self, state: AlarmState) -> Alarm:
        """Take on a state; return its event."""
        self.state = state
        section, last, count = self.condition.section, self.condition.last, self.condition.count
        kinds = " or ".join(section.classes)
        fewer = "no defect" if section.count == 1 else f"fewer than {section.count} defects"
        message = {
            "unacknowledged": f"{counted(count, 'defect')} within {section.within_m:g} m ({kinds})",
            "acknowledged": "acknowledged by the operator",
            "returned": f"{fewer} within {section.within_m:g} m ({kinds}); not acknowledged",
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


class Alarms:
    """The stage that adds changes of alarm state."""

    name = "alarms"

    def __init__(self, sections: Iterable[AlarmSection]) -> None:
        self._rules = {section.name: _Rule(Condition(section)) for section in sections}
        self._inbox: SimpleQueue[Command] = SimpleQueue()
        self._owed: list[Data] = []
        """Changes that a restored state brought with it."""
        self._now_ns = 0

    def acknowledge(self, name: str) -> bool:
        """Pass on an operator's acknowledgement, False when there is no such alarm.

        Any thread may; it takes effect with the next batch or tick.
        """
        if name in self._rules:
            self._inbox.put(Acknowledge(name))
        return name in self._rules

    def replace(self, sections: Iterable[AlarmSection]) -> None:
        """Pass on new rules; any thread may."""
        self._inbox.put(Replace(tuple(sections)))

    def states(self) -> dict[str, AlarmState]:
        """Every alarm's state by name."""
        return {name: rule.state for name, rule in self._rules.items()}

    def __call__(self, findings: Findings) -> Findings:
        """Carry out what was asked for, then let every rule follow what was found and the time."""
        self._now_ns = findings.closed_ns
        changes, self._owed = self._owed, []
        while not self._inbox.empty():
            changes += self._carry_out(self._inbox.get())
        for rule in self._rules.values():
            changes += rule.go(rule.condition.follow(findings))
        return msgspec.structs.replace(findings, events=(*findings.events, *changes)) if changes else findings

    def state(self) -> bytes:
        """The state and the window of every alarm, by its name."""
        kept = {name: _Rule(rule.condition.kept(self._now_ns), rule.state) for name, rule in self._rules.items()}
        return msgspec.json.encode(kept)

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the states and windows of a state; the rules are those of today's configuration.

        Time that passed while nobody looked counts for no delay.

        Raises: ValueError when it cannot be read.
        """
        today = [rule.condition.section for rule in self._rules.values()]
        self._rules = msgspec.json.decode(state, type=dict[str, _Rule])
        for rule in self._rules.values():
            rule.condition.go_on(now_ns)
        self._owed = self._replace(today)

    def _carry_out(self, command: Command) -> list[Data]:
        if isinstance(command, Replace):
            return self._replace(command.sections)
        rule = self._rules.get(command.name)
        return rule.go("acknowledge") if rule else []

    def _replace(self, sections: Iterable[AlarmSection]) -> list[Data]:
        before, after = dict(self._rules), dict[str, _Rule]()
        for section in sections:
            after[section.name] = rule = before.pop(section.name, None) or _Rule(Condition(section))
            rule.condition.replace(section)
        self._rules = after  # at once: other threads look
        return [rule.enter("normal") for rule in before.values() if rule.state != "normal"]
