"""Past coils under other rules: the same defects, missed strip and repeats, with the alarms they would have. Pure.

The alarms' stage is run again over the events of the past, one recorded group after the other, at the times of then.
Between two groups that name a place on the strip it is taken as having run evenly, under all cameras of a coil at once,
whatever was recorded between them. Nobody knows how an operator would have acted: every alarm is taken as acknowledged
at once, so that each time its condition comes again counts. Windows and delays passed by batches then, of which nobody
knows those without events, and pass by steps of `STEP_NS` now; those in which nothing can change are left out.

Knows: events in their order, rules. Must not know: the journal's files, how the comparison is printed.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from inspector.alarms.alarms import Alarms
from inspector.alarms.motion import STANDS_NS
from inspector.alarms.rules import Rest
from inspector.alarms.settings import AlarmSection, FloodSection
from inspector.config.severity import SeveritySection, severity
from inspector.records.commands import Acknowledge, Asked
from inspector.records.envelope import Event, Unknown
from inspector.records.events import (
    Alarm,
    CoilRecord,
    CoilReport,
    Commanded,
    Crowded,
    Data,
    Decision,
    Defect,
    Flood,
    Missed,
)
from inspector.records.stages import Findings

CONSEQUENCES = (Alarm, Flood, Commanded, Decision, Unknown)
"""What followed from the rules of then, and from people: not a cause of anything now."""
ON_STRIP = (Defect, Missed, Crowded)
"""What lies on the strip, and so tells how far it has come."""
STEP_NS = 50_000_000
"""Between two recorded groups the alarms look no more often, about as batches come."""
MOST_STEPS = 600
"""After this many looks they look half as often, and so on."""
QUIET_STEP_NS = STANDS_NS // 2
"""So often they look though nothing can change, so that a strip that runs does not seem to stand."""
MOST_QUIET_STEPS = 64
"""A longer pause is divided into this many."""
NOBODY = "rejudge"
Raised = dict[tuple[int, str], int]
"""How many times an alarm was raised, by the `first_seq` of its coil and its name."""


def recorded(events: Iterable[Event], records: Sequence[CoilRecord]) -> Raised:
    """Count the alarms of then, by the coils that `records` tell apart."""
    coils = _Coils(records)
    raised: Raised = {}
    for event in events:
        if isinstance(event.data, Alarm):
            _count(event.data, coils.first_seq(event.data, event.seq), raised)
    return raised


def again(
    events: Iterable[Event],
    sections: Sequence[AlarmSection],
    flood: FloodSection,
    records: Sequence[CoilRecord],
    stations_m: Mapping[str, float],
    *,
    severities: Sequence[SeveritySection] = (),
) -> Raised:
    """Count the alarms that there would have been; `records` are the new ones of all coils, in order.

    `stations_m`: where along the line each camera looks. Without `severities` defects are as severe as reported.
    """
    alarms = Alarms(sections, flood, unix_ns=lambda: 0, monotonic_ns=lambda: 0)
    raised: Raised = {}
    waiting: set[str] = set()
    coils, as_now = _Coils(records), _Now({made.first_seq: made for made in records}, severities)
    for seq, findings in _batches(events, as_now, stations_m, alarms.rest):
        asked = tuple(Asked(number, Acknowledge(alarm=name, operator=NOBODY)) for number, name in enumerate(waiting))
        waiting = set()
        batch = msgspec.structs.replace(findings, asked=asked)
        for data in alarms(batch).events[len(batch.events) :]:
            if isinstance(data, Alarm) and _count(data, coils.first_seq(data, seq), raised):
                waiting.add(data.name)
    return raised


class _Group(NamedTuple):
    """What was recorded at one time together, without what followed from the rules of then."""

    seq: int
    """Its last number."""
    closed_ns: int
    """That time."""
    data: tuple[Data, ...]

    def is_placed(self) -> bool:
        """Whether it tells how far the strip had come."""
        return any(isinstance(data, (*ON_STRIP, CoilReport)) for data in self.data)


class _Way(NamedTuple):
    """How the strip ran evenly between two groups that tell how far it had come."""

    from_ns: int
    until_ns: int
    before_mm: Mapping[tuple[str, str], float]
    begins_mm: Mapping[tuple[str, str], float]

    def reached_mm(self, at_ns: int) -> dict[tuple[str, str], float]:
        """How far each coil had come, by coil and camera."""
        share = min(1.0, (at_ns - self.from_ns) / max(1, self.until_ns - self.from_ns))
        reached_mm = {place: self.before_mm.get(place, 0.0) for place in self.begins_mm}
        return {place: at_mm + share * (self.begins_mm[place] - at_mm) for place, at_mm in reached_mm.items()}

    def findings(self, before_ns: int, at_ns: int) -> Findings:
        """What a batch would have shown that followed one of before, and in which nothing was recorded."""
        before_mm, reached_mm = self.reached_mm(before_ns), self.reached_mm(at_ns)
        seen_mm = {place[1]: at_mm - before_mm[place] for place, at_mm in reached_mm.items()}
        return Findings(closed_ns=at_ns, reached_mm=reached_mm, inspected_mm=seen_mm)

    def lasts_ns(self, rest: Rest, from_ns: int) -> float:
        """For how long alarms rest from a time on, where the strip comes as far as under the fastest camera."""
        way_mm = max((at_mm - self.before_mm.get(place, 0.0) for place, at_mm in self.begins_mm.items()), default=0.0)
        takes_ns = rest.way_mm * max(1, self.until_ns - self.from_ns) / way_mm if way_mm > 0 else math.inf
        return min(rest.until_ns - from_ns, takes_ns)


def _batches(
    events: Iterable[Event], as_now: _Now, stations_m: Mapping[str, float], rest: Callable[[], Rest]
) -> Iterator[tuple[int, Findings]]:
    """Yield what a line's alarms would have been given: what was recorded, and between it strip that runs evenly.

    Each with the number of the last event that had been recorded.
    """
    progress = _Progress(stations_m)
    before_seq = before_ns = 0
    for groups in _legs(events):
        before_ns = before_ns or groups[0].closed_ns - 1
        placed = groups[-1].data
        before, begins_mm = progress.coils_mm(placed), progress.begin(placed)
        way = _Way(before_ns, groups[-1].closed_ns, progress.reached_mm(before), begins_mm)
        for group in groups:
            at_ns = max(before_ns + 1, group.closed_ns)
            for look_ns in _looks(before_ns, at_ns, way, rest):
                yield before_seq, way.findings(before_ns, look_ns)
                before_ns = look_ns
            causes = tuple(as_now(data) for data in group.data)
            found = msgspec.structs.replace(way.findings(before_ns, at_ns), events=causes)
            if group is groups[-1]:
                left_mm, ends_mm = progress.end(placed), progress.reached_mm()
                found = msgspec.structs.replace(found, reached_mm=ends_mm, left_mm=left_mm)
            yield group.seq, found
            before_seq, before_ns = group.seq, at_ns


def _looks(from_ns: int, until_ns: int, way: _Way, rest: Callable[[], Rest]) -> Iterator[int]:
    """Yield when the alarms look between two groups, each asked for when they have looked before.

    Of steps of the same length those by which the next thing can have left its window or a delay be over, and the one
    behind: that shows what follows from it, as that a coil that has left counts no more.
    """
    most_ns = max(QUIET_STEP_NS, (until_ns - from_ns) // MOST_QUIET_STEPS)
    steps = math.ceil((until_ns - from_ns) / STEP_NS)
    step_ns = (until_ns - from_ns) / steps
    look_ns, step, is_behind = from_ns, 0, True
    for looks in itertools.count():
        due_ns = 0.0 if is_behind else way.lasts_ns(rest(), look_ns)
        is_behind = not is_behind and due_ns < most_ns
        due_step = math.ceil((look_ns - from_ns + min(most_ns, due_ns) - 1) / step_ns)  # 1 ns is rounding
        step = max(due_step, step + 2 ** (looks // MOST_STEPS))
        if step >= steps:
            return
        look_ns = from_ns + round(step * step_ns)
        yield look_ns


def _legs(events: Iterable[Event]) -> Iterator[list[_Group]]:
    """Yield groups up to each that tells how far the strip had come; the last of all may not."""
    groups: list[_Group] = []
    for time, together in itertools.groupby(events, key=lambda event: event.time):
        group = list(together)
        causes = tuple(event.data for event in group if not isinstance(event.data, CONSEQUENCES))
        if not causes:
            continue
        groups.append(_Group(group[-1].seq, int(datetime.fromisoformat(time).timestamp() * 1e9), causes))
        if groups[-1].is_placed():
            yield groups
            groups = []
    if groups:
        yield groups


class _Now(NamedTuple):
    """What the rules of now say of what was recorded."""

    fresh: Mapping[int, CoilRecord]
    """The new record of each coil, by its `first_seq`."""
    severities: Sequence[SeveritySection]

    def __call__(self, data: Data) -> Data:
        """An event as it would have been, with nothing that people decided."""
        if isinstance(data, CoilRecord):
            return msgspec.structs.replace(self.fresh.get(data.first_seq, data), decisions=())
        if isinstance(data, Defect) and self.severities:
            return msgspec.structs.replace(data, severity=severity(self.severities, data.name, data))
        return data


class _Coils:
    """Which of the coils of one name an alarm is of."""

    def __init__(self, records: Sequence[CoilRecord]) -> None:
        self._first_seqs: dict[str, list[int]] = {}
        for made in records:
            self._first_seqs.setdefault(made.coil, []).append(made.first_seq)

    def first_seq(self, alarm: Alarm, seq: int) -> int:
        """The first event of the coil that it names, by those that had begun by an event; 0 where none is known."""
        known = self._first_seqs.get(alarm.coil, [])
        place = bisect.bisect_right(known, seq) - 1 - alarm.coils_since
        return known[place] if place >= 0 else 0


class _Progress:
    """How far the coils under way had come at least: no event reports it of every camera.

    The strip runs under all cameras of a coil at once, so that what one reports moves all of them: those farther down
    the line are behind by as much.
    """

    def __init__(self, stations_m: Mapping[str, float]) -> None:
        first_m = min(stations_m.values(), default=0.0)
        self._behind_mm = {camera: 1000 * (station_m - first_m) for camera, station_m in stations_m.items()}
        self._coils: dict[str, float] = {}
        """How far each has come under the first camera."""
        self._ended_mm: dict[str, float] = {}
        """How far those had come that have ended."""
        self._cameras: dict[str, set[str]] = {}

    def coils_mm(self, group: Sequence[Data]) -> dict[str, float]:
        """How far each coil has come under the first camera, those too that go on with what was recorded now."""
        reports = (data for data in group if isinstance(data, CoilReport) and data.state == "started")
        goes_on = {report.coil: self._known_mm(report) for report in reports if not report.begins}
        return goes_on | self._coils

    def reached_mm(self, coils_mm: Mapping[str, float] | None = None) -> dict[tuple[str, str], float]:
        """How far each coil has come, by coil and camera: now, or when they had come so far under the first camera."""
        return {
            (coil, camera): max(0.0, at_mm - self._behind_mm.get(camera, 0.0))
            for coil, at_mm in (self._coils if coils_mm is None else coils_mm).items()
            for camera in self._cameras.get(coil, ())
        }

    def begin(self, group: Sequence[Data]) -> dict[tuple[str, str], float]:
        """Go on to where begins what was recorded now; return how far each coil has come then.

        What lies on a coil that begins is left to `end`: until then one before it, perhaps of its name, is there.
        """
        begun = set[str]()
        for data in group:
            if isinstance(data, CoilReport) and data.begins:
                begun.add(data.coil)
            elif isinstance(data, CoilReport) and data.state == "started" and data.coil not in self._coils:
                self._start(data)
            elif isinstance(data, CoilReport) and data.coil in self._coils.keys() - begun:
                self._go_on(data.coil, "", 1000 * data.length_m)
            elif isinstance(data, ON_STRIP) and data.coil not in begun:
                self._go_on(data.coil, data.camera, data.start_mm)
        return self.reached_mm()

    def end(self, group: Sequence[Data]) -> dict[tuple[str, str], float]:
        """Go on to where it ends, and forget the coils that have ended; return how far they had come."""
        left_mm = dict[tuple[str, str], float]()
        for data in group:
            if isinstance(data, CoilReport) and data.state == "ended":
                left_mm |= {place: at_mm for place, at_mm in self.reached_mm().items() if place[0] == data.coil}
                self._ended_mm[data.coil] = self._coils.pop(data.coil, 0.0)
            elif isinstance(data, CoilReport) and data.state == "started":
                if data.begins or data.coil not in self._coils:
                    self._start(data)
            elif isinstance(data, ON_STRIP):
                self._go_on(data.coil, data.camera, data.end_mm)
        return left_mm

    def _start(self, report: CoilReport) -> None:
        self._coils[report.coil] = self._known_mm(report)
        self._cameras[report.coil] = {""} if report.begins else self._cameras.get(report.coil, {""})

    def _known_mm(self, report: CoilReport) -> float:
        """How far a coil has come as it starts: one that a stop, or a frame with a wrong name, had ended goes on."""
        return 0.0 if report.begins else max(1000 * report.length_m, self._ended_mm.get(report.coil, 0.0))

    def _go_on(self, coil: str, camera: str, at_mm: float) -> None:
        self._coils[coil] = max(self._coils.get(coil, 0.0), at_mm + self._behind_mm.get(camera, 0.0))
        self._cameras.setdefault(coil, set()).add(camera)


def _count(alarm: Alarm, first_seq: int, raised: Raised) -> bool:
    is_raised = alarm.state == "unacknowledged" and alarm.cause in ("", "met")
    if is_raised:
        place = first_seq, alarm.name
        raised[place] = raised.get(place, 0) + 1
    return is_raised
