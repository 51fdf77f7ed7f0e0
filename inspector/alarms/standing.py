"""What stands until it is reported otherwise: repeats, the newest coil's grade, faults. Pure, stateful.

Laws: it is kept once for all rules, so that one that comes later, or asks for something else, reads what stands as the
others do. A fault stands from its report to that of its end, whatever else is reported of the same device. After a
start nothing stands that nobody watches any more.

Knows: what events say, and what a rule asks about. Must not know: limits, states, operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set

import msgspec

from inspector.alarms.settings import GRADES, STATUSES, AlarmSection, Kind
from inspector.records.coil import MOST_PIECES
from inspector.records.events import (
    NE107,
    ArchiveStatus,
    CameraStatus,
    CoilRecord,
    CoilReport,
    Data,
    Decision,
    Health,
    JournalStatus,
    Ne107,
    RecipeStatus,
    Repeat,
)
from inspector.words import counted

MOST_REPEATS = 1000
"""The oldest are forgotten beyond that."""
MOST_EARLY = 16
"""The oldest are forgotten beyond that: a record is made within seconds, and has the decisions of before."""
REFUSED: Ne107 = "maintenance_required"
"""What a refused reload makes of the inspector: what is in force is not what was asked for."""
UNKNOWN = "not known any more since the inspector was started; what stands is reported again"

Fault = CameraStatus | RecipeStatus | ArchiveStatus | JournalStatus
"""Whose `status` is that of a device with all its faults."""


class LastEvent(msgspec.Struct, frozen=True):
    """What met a rule last."""

    coil: str = ""
    camera: str = ""
    id: str = ""
    coils_since: int = 0
    """Coils of that name that have begun since."""

    def behind(self, begun: int) -> LastEvent:
        """The same, when more coils of its name have begun."""
        return msgspec.structs.replace(self, coils_since=self.coils_since + begun) if begun else self


class KeptLevel(msgspec.Struct, frozen=True, array_like=True):
    """What an alarm of 0.3 kept of something that stands."""

    value: float
    words: str


class GradedCoil(msgspec.Struct, frozen=True):
    """A coil and what it is good for."""

    coil: str
    grade: str
    coils_since: int = 0
    """Coils of that name that have begun since."""


class Level(msgspec.Struct, frozen=True):
    """What a rule reads of something that stands: a repeat's marks, a coil's grade, a device's status."""

    value: float
    of: Repeat | GradedCoil | Fault | Health

    @property
    def words(self) -> str:
        """For people."""
        match of := self.of:
            case Repeat():
                by = f" ({' or '.join(of.rolls)})" if of.rolls else ""
                return f"{of.name} repeats each {of.period_mm:.1f} mm{by}: {counted(of.marks, 'mark')}"
            case GradedCoil():
                return f"coil {of.coil}: {of.grade}"
        kind, camera = _device(of)
        status = REFUSED if isinstance(of, Health) else of.status
        words = f"{camera or kind}: {status.replace('_', ' ')}"
        return f"{words}, {of.message}" if of.message else words

    @property
    def source(self) -> LastEvent:
        """What of it an alarm names."""
        match of := self.of:
            case Repeat():
                return LastEvent(of.coil, "", of.newest, of.coils_since)
            case GradedCoil():
                return LastEvent(of.coil, "", "", of.coils_since)
        _, camera = _device(of)
        return LastEvent(of.subject.strip("-"), camera)


class StandingReports(msgspec.Struct):
    """All that stands, as it was reported: can be written down, and read again after a restart."""

    repeats: dict[str, Repeat] = {}
    """By id, with all rolls that explained it so far; what was reported last stands last, here and below."""
    graded: GradedCoil | None = None
    """The newest coil that has a grade."""
    running: list[str] = []
    """Coils under the cameras: a decision of one is of none that has a grade, though that be of its name."""
    going_on: list[str] = []
    """Those of them that had ended before: a record or a decision is of them, not of another of their name."""
    early: dict[str, str] = {}
    """What was decided of coils that may have no record yet, by name: the record can have been made meanwhile."""
    faults: list[Fault] = []
    """With no graver status than their device has."""
    refused: Health | None = None
    """A reload that was refused, until one is not."""
    changes: int = 0
    """How often it has changed: there are batches without end in which it does not."""

    def follow(self, events: Iterable[Data]) -> None:
        """Take in what was reported."""
        for event in events:
            self.changes += self._take(event)

    def _take(self, event: Data) -> bool:
        """Whether it is something that stands, or its end."""
        match event:
            case Repeat():
                self._follow_repeat(event)
            case CoilRecord() if event.grade in GRADES:
                before = event.decisions[-1].grade if event.decisions else event.grade
                decided = self.early.pop(event.coil, before)
                grade = decided if decided in GRADES else event.grade
                self.graded = GradedCoil(event.coil, grade, int(self._is_another(event.coil)))
            case Decision() if self._is_graded(event.coil) and event.grade in GRADES:
                self.graded = GradedCoil(event.coil, event.grade)
            case Decision() if not self._is_another(event.coil):
                self.early.pop(event.coil, None)
                self.early = dict([*self.early.items(), (event.coil, event.grade)][-MOST_EARLY:])
                return False
            case CoilReport():
                self._follow_coil(event)
                return False
            case Health(state="reload_failed"):
                self.refused = event
            case Health(state="reloaded" | "started"):
                self.refused = None
            case CameraStatus() | RecipeStatus() | ArchiveStatus() | JournalStatus() if event.status in STATUSES:
                self._follow_fault(event)
            case _:
                return False
        return True

    def _follow_coil(self, report: CoilReport) -> None:
        """Note that a coil comes under the cameras, or leaves them."""
        runs = [report.coil] if report.state == "started" else []
        others = [coil for coil in self.running if coil != report.coil]
        self.running = [*others, *runs][-MOST_PIECES:]
        self.going_on = [coil for coil in self.going_on if coil in others]
        if report.begins:
            self.early.pop(report.coil, None)
            self._pass_on(report.coil)
        else:
            self.going_on += runs

    def _pass_on(self, coil: str) -> None:
        """Another coil of a name has begun: what stands is of one before it."""
        for repeat in [repeat for repeat in self.repeats.values() if repeat.coil == coil]:
            self.repeats[repeat.id] = msgspec.structs.replace(repeat, coils_since=repeat.coils_since + 1)
        if self.graded is not None and self.graded.coil == coil:
            self.graded = msgspec.structs.replace(self.graded, coils_since=self.graded.coils_since + 1)

    def _is_graded(self, coil: str) -> bool:
        """Whether the newest coil of a name is the one that has a grade."""
        graded = self.graded
        return graded is not None and coil == graded.coil and not graded.coils_since and not self._is_another(coil)

    def _is_another(self, coil: str) -> bool:
        """Whether a coil runs that had not ended before: it is none of its name that did."""
        return coil in self.running and coil not in self.going_on

    def levels(self, section: AlarmSection) -> Iterator[Level]:
        """What a rule reads, the newest last."""
        match section.kind:
            case "repeat":
                for repeat in self.repeats.values():
                    if _asks_about(section, repeat):
                        yield Level(repeat.marks, repeat)
            case "grade" if self.graded:
                yield Level(GRADES.index(self.graded.grade), self.graded)
            case "health":
                yield from (Level(STATUSES.index(fault.status), fault) for fault in self.faults)
                if self.refused:
                    yield Level(STATUSES.index(REFUSED), self.refused)

    def settle(self, watched: Iterable[Fault], repeats: Set[str], recipe: str) -> list[Data]:
        """Go on after a start; return what is to be reported of all that stands no longer, as nobody knows of it.

        `watched` are the faults and `repeats` the ids that are still followed, `recipe` is the one in force. What of
        them is not known here, as after an upgrade, stands from now on.
        """
        self.changes += 1
        self.refused = None  # a start reports itself, as a reload does
        known = {_place(fault): fault for fault in watched}
        standing = {_place(fault) for fault in self.faults}
        self.faults += [fault for place, fault in known.items() if place not in standing]
        ended: list[Data] = [
            msgspec.structs.replace(repeat, state="ended", marks=0)
            for repeat in self.repeats.values()
            if repeat.id not in repeats
        ]
        left = [*self.faults]
        for fault in self.faults:
            if _place(fault) not in known:
                left.remove(fault)
                of_device = (
                    STATUSES.index(neighbour.status) for neighbour in left if _device(neighbour) == _device(fault)
                )
                ended.append(_over(fault, NE107[-1 - max(of_device, default=0)], recipe))
        return ended

    def _follow_repeat(self, repeat: Repeat) -> None:
        before = self.repeats.pop(repeat.id, None)
        if repeat.state == "ended":
            return
        rolls = dict.fromkeys((*repeat.rolls, *(before.rolls if before else ())))
        self.repeats[repeat.id] = msgspec.structs.replace(repeat, rolls=tuple(rolls))
        if len(self.repeats) > MOST_REPEATS:
            del self.repeats[next(iter(self.repeats))]

    def _follow_fault(self, event: Fault) -> None:
        """Note that a fault begins or ends: then no other of its device is graver than all of them together."""
        rank = STATUSES.index(event.status)
        others = [fault for fault in self.faults if _place(fault) != _place(event)]
        for number, fault in enumerate(others):
            if _device(fault) == _device(event) and STATUSES.index(fault.status) > rank:
                others[number] = msgspec.structs.replace(fault, status=event.status)
        begun = [event] if event.state == "raised" else []
        self.faults = [fault for fault in (*others, *begun) if fault.status != "normal"]


def of_0_3(kept: Iterable[tuple[Kind, Mapping[str, KeptLevel], LastEvent]]) -> StandingReports:
    """What stood by what 0.3 kept, by the kind of each rule, its levels and what met it last.

    Faults are left to those who watch them: they are not known one by one.
    """
    standing = StandingReports()
    for kind, levels, source in kept:
        for name, level in levels.items():
            if kind == "grade":
                standing.graded = GradedCoil(name, GRADES[round(level.value)])
            elif kind == "repeat" and (words := _REPEAT_OF_0_3.match(level.words)):
                standing.repeats[name] = Repeat(
                    id=name,
                    state="update",
                    name=words["name"],
                    coil=source.coil,
                    side="top",
                    across_mm=0.0,
                    period_mm=float(words["period"]),
                    marks=round(level.value),
                    newest=source.id,
                    confidence=1.0,
                    rolls=tuple(words["rolls"].split(" or ")) if words["rolls"] else (),
                )
    return standing


_REPEAT_OF_0_3 = re.compile(r"(?P<name>\S+) repeats each (?P<period>[\d.]+) mm(?: \((?P<rolls>.*)\))?:")


def _asks_about(section: AlarmSection, repeat: Repeat) -> bool:
    return (not section.classes or repeat.name in section.classes) and (
        not section.rolls or not set(section.rolls).isdisjoint(repeat.rolls)
    )


def _device(of: Fault | Health) -> tuple[str, str]:
    """What a status is of: the kind of device, and the camera where there is one."""
    if isinstance(of, Health):
        return "inspector", ""
    return str(of.__struct_config__.tag), of.camera if isinstance(of, CameraStatus | RecipeStatus) else ""


def _place(fault: Fault) -> tuple[str, str, str]:
    """What stands once at a time."""
    return (*_device(fault), fault.fault)


def _over(fault: Fault, status: Ne107, recipe: str) -> Fault:
    """The report that a fault does not stand any longer, though nobody saw it end."""
    kind, camera = _device(fault)
    device = f"camera {camera}" if camera else kind
    facts: dict[str, str | int] = {
        "state": "returned",
        "status": status,
        "message": f"{device}: {fault.fault} is {UNKNOWN}",
    }
    if isinstance(fault, CameraStatus | RecipeStatus):
        facts |= {"coil": "", "captured_ns": 0}
    if isinstance(fault, RecipeStatus):
        facts["recipe"] = recipe
    return msgspec.structs.replace(fault, **facts)
