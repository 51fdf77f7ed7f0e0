"""Alarms: conditions that require an operator's response (ISA-18.2, IEC 62682). Pure, stateful; clocks are passed in.

Laws: states follow the table in `states`, and each change is one event. A restart of the inspector changes no state. A
flood changes what is announced, and nothing else. A command is carried out before the batch that it came with.

Knows: all alarms of the line. Must not know: sockets, who asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Set
from queue import SimpleQueue

import msgspec

from inspector.alarms.alarm import ConfiguredAlarm, KeptAlarm
from inspector.alarms.clock import Clock
from inspector.alarms.flood import Floods, KeptFlood
from inspector.alarms.motion import StripMotion
from inspector.alarms.orders import Outcome, carry_out
from inspector.alarms.quantity import Noted
from inspector.alarms.rules import Rest
from inspector.alarms.settings import AlarmSection, FloodSection
from inspector.alarms.standing import Fault, StandingReports, of_0_3
from inspector.alarms.suppression import Fact
from inspector.records import events
from inspector.records.commands import Answer
from inspector.records.events import AlarmState, Data, IsaState
from inspector.records.stages import Findings

WAITING = ("unacknowledged", "returned", "latched_unacknowledged")
"""States in which an operator has not answered yet."""


class _Kept(msgspec.Struct, frozen=True):
    """What the stage has to know after a restart."""

    version: int
    alarms: dict[str, KeptAlarm]
    flood: KeptFlood
    standing: StandingReports | None = None
    """None as 0.3 kept it, of each alarm apart."""


VERSION = 3


class _Kept1(msgspec.Struct, frozen=True):
    """What 0.2 kept of an alarm: its window is counted afresh, its state goes on."""

    condition: msgspec.Raw
    state: AlarmState


class Alarms:
    """The stage that adds changes of alarm state."""

    name = "alarms"

    def __init__(
        self,
        sections: Iterable[AlarmSection],
        flood: FloodSection | None = None,
        *,
        unix_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`unix_ns` puts the batches' clock, which is `monotonic_ns`, on the calendar. Each batch asks both."""
        self.standing = StandingReports()
        """What stands until it is reported otherwise."""
        self._alarms = _ordered(ConfiguredAlarm(section, self.standing) for section in sections)
        self._floods = Floods(flood or FloodSection())
        self._clock = Clock(unix_ns, monotonic_ns)
        self._line = StripMotion()
        self._inbox: SimpleQueue[tuple[tuple[AlarmSection, ...], FloodSection]] = SimpleQueue()
        self._owed: list[events.Alarm] = []
        """Changes that a restored state brought with it."""
        self._now_ns = 0

    def replace(self, sections: Iterable[AlarmSection], flood: FloodSection | None = None) -> None:
        """Pass on new rules; an alarm of the same name keeps its state. Any thread may."""
        self._inbox.put((tuple(sections), flood or self._floods.section))

    def states(self) -> dict[str, IsaState]:
        """Every alarm's state by name."""
        return {name: alarm.state for name, alarm in self._alarms.items()}

    def __call__(self, findings: Findings) -> Findings:
        """Carry out what was asked for, then let every alarm follow what was found and the time."""
        self._now_ns = findings.closed_ns
        if set_ns := self._clock.follow():
            self._set_clock(set_ns)
        now_ns = self._clock.unix_ns(findings.closed_ns)
        self._line.follow(findings)
        changes, self._owed = self._owed, []
        while not self._inbox.empty():
            changes += self._replace(*self._inbox.get())
        for alarm in self._alarms.values():
            alarm.at(now_ns)
        outcomes = self._carry_out(findings)
        changes += [change for outcome in outcomes.values() for change in outcome.changes]
        noted = Noted(findings)
        self.standing.follow(noted.others)
        for alarm in self._alarms.values():
            changes += alarm.follow(noted, self._line, self._holds)
        announced = self._announced(changes, now_ns)
        if not announced and not outcomes:
            return findings
        answers = {number: self._answer(outcome) for number, outcome in outcomes.items()}
        return msgspec.structs.replace(
            findings, events=(*findings.events, *announced), answers={**findings.answers, **answers}
        )

    def rest(self) -> Rest:
        """How long every alarm stays as it is: batches in which nothing is found may be left out for as long."""
        rests = [alarm.rest(self._now_ns) for alarm in self._alarms.values()]
        return Rest(*(min(lasting) for lasting in zip(*rests, strict=True))) if rests else Rest()

    def state(self) -> bytes:
        """The state and the quantity of every alarm, by its name."""
        alarms = {name: alarm.kept(self._now_ns) for name, alarm in self._alarms.items()}
        return msgspec.json.encode(_Kept(VERSION, alarms, self._floods.kept(), self.standing))

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the states and quantities of a state; the rules are those of today's configuration.

        Time that passed while the inspector was down counts for no delay; a shelving ends when it would have.

        Raises: ValueError when it cannot be read.
        """
        today, unix_ns = [alarm.section for alarm in self._alarms.values()], self._clock.unix_ns(now_ns)
        try:
            kept = msgspec.json.decode(state, type=_Kept)
        except msgspec.ValidationError:
            self._restore_of_0_2(msgspec.json.decode(state, type=dict[str, _Kept1]), today)
        else:
            conditions = [alarm.condition for alarm in kept.alarms.values()]
            self.standing = kept.standing or of_0_3(
                (condition.section.kind, condition.quantity.levels, condition.quantity.source)
                for condition in conditions
            )
            before = (ConfiguredAlarm.restored(alarm, self.standing, now_ns, unix_ns) for alarm in kept.alarms.values())
            self._alarms = _ordered(before)
            self._floods.go_on(kept.flood, unix_ns)
        self._now_ns = now_ns
        for alarm in self._alarms.values():
            alarm.at(unix_ns)
        self._owed = self._replace(today, self._floods.section)

    def settle(self, watched: Iterable[Fault], repeats: Set[str], recipe: str) -> list[Data]:
        """Go on after a start with the faults and repeats that are still followed; return what is to be reported.

        What stood and nobody follows any more ends with these reports, as every fault does: for the alarms too.
        """
        return self.standing.settle(watched, repeats, recipe)

    def _set_clock(self, set_ns: int) -> None:
        """Have all that was named by the calendar go by it as it was set."""
        for alarm in self._alarms.values():
            alarm.set_clock(set_ns)
        self._floods.set_clock(set_ns)

    def _restore_of_0_2(self, kept: dict[str, _Kept1], today: Iterable[AlarmSection]) -> None:
        self._alarms = {section.name: ConfiguredAlarm(section, self.standing) for section in today}
        for name, before in kept.items():
            alarm = self._alarms.setdefault(name, ConfiguredAlarm(AlarmSection(name=name), self.standing))
            alarm.state = before.state

    def _carry_out(self, findings: Findings) -> dict[int, Outcome]:
        outcomes = {asked.number: carry_out(asked.command, self._alarms) for asked in findings.asked}
        return {number: outcome for number, outcome in outcomes.items() if outcome is not None}

    def _answer(self, outcome: Outcome) -> Answer:
        """The answer, with the states after the whole batch."""
        statuses = tuple(self._alarms[name].status() for name in outcome.alarms)
        return Answer(is_done=outcome.is_done, message=outcome.message, alarms=statuses)

    def _announced(self, changes: list[events.Alarm], now_ns: int) -> list[Data]:
        """Withhold what a flood forbids to announce, and report the flood."""
        announced: list[Data] = []
        for change in changes:
            if not change.annunciate:
                announced.append(change)
                continue
            alarm = self._alarms[change.name]
            alarm.is_withheld = not self._floods.announces(change.name, alarm.section.priority, now_ns)
            announced.append(msgspec.structs.replace(change, annunciate=not alarm.is_withheld))
        waiting = {name for name, alarm in self._alarms.items() if alarm.state in WAITING}
        if flood := self._floods.look(now_ns, waiting):
            announced.append(flood)
        return announced

    def _holds(self, fact: Fact) -> bool:
        """Whether a fact of an expression holds now."""
        match fact.kind:
            case "stands":
                return self._line.stands
            case "slower":
                return self._line.speed_m_per_min < fact.number
            case "first":
                return self._line.is_at_head(fact.number)
            case _:
                return fact.name in self._alarms and self._alarms[fact.name].is_active

    def _replace(self, sections: Iterable[AlarmSection], flood: FloodSection) -> list[events.Alarm]:
        before, after = dict(self._alarms), list[ConfiguredAlarm]()
        for section in sections:
            alarm = before.pop(section.name, None) or ConfiguredAlarm(section, self.standing)
            alarm.replace(section)
            after.append(alarm)
        self._floods.replace(flood)
        self._alarms = _ordered(after)  # at once: other threads look
        return [change for alarm in before.values() for change in alarm.go("retire")]


def _ordered(alarms: Iterable[ConfiguredAlarm]) -> dict[str, ConfiguredAlarm]:
    """By name, each after those that its suppression asks about; a circle, which `check` refuses, as it comes."""
    waiting = {alarm.name: alarm for alarm in alarms}
    ordered: dict[str, ConfiguredAlarm] = {}
    while waiting:
        free = [name for name, alarm in waiting.items() if not alarm.depends_on & waiting.keys()] or [*waiting]
        ordered |= {name: waiting.pop(name) for name in free}
    return ordered
