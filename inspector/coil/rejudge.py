"""Past coils under other rules: the same defects, missed strip and repeats, with the alarms they would have. Pure.

The alarms' stage is run again over the events of the past, one recorded group after the other, at the times of then.
Between two groups the strip is taken as having run evenly, under all cameras of a coil at once. Nobody knows how an
operator would have acted: every alarm is taken as acknowledged at once, so that each time its condition comes again
counts. Where batches came seconds apart, delays passed by batches then, and pass by seconds now.

Knows: events in their order, rules. Must not know: the journal's files, how the comparison is printed.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from inspector.alarms.alarms import Alarms
from inspector.alarms.motion import STANDS_NS
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
STEP_NS = STANDS_NS // 2
"""Between two recorded groups the alarms look this often, so that a strip that runs does not seem to stand."""
MOST_STEPS = 64
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
    for seq, findings in _batches(events, as_now, stations_m):
        asked = tuple(Asked(number, Acknowledge(alarm=name, operator=NOBODY)) for number, name in enumerate(waiting))
        waiting = set()
        batch = msgspec.structs.replace(findings, asked=asked)
        for data in alarms(batch).events[len(batch.events) :]:
            if isinstance(data, Alarm) and _count(data, coils.first_seq(data, seq), raised):
                waiting.add(data.name)
    return raised


def _batches(events: Iterable[Event], as_now: _Now, stations_m: Mapping[str, float]) -> Iterator[tuple[int, Findings]]:
    """Yield what a line's alarms would have been given: what was recorded, and between it strip that runs evenly.

    Each with the number of the last event that had been recorded.
    """
    progress = _Progress(stations_m)
    before_seq = before_ns = 0
    for last_seq, closed_ns, group in _groups(events):
        causes = tuple(as_now(data) for data in group if not isinstance(data, CONSEQUENCES))
        until_ns = max(before_ns, closed_ns) + 1
        steps = min(MOST_STEPS, math.ceil((until_ns - before_ns) / STEP_NS)) if before_ns else 1
        before = progress.coils_mm(group)
        begins_mm = progress.begin(group)
        before_mm = progress.reached_mm(before)
        for step in range(1, steps + 1):
            reached_mm = {
                place: before_mm.get(place, 0.0) + (at_mm - before_mm.get(place, 0.0)) * step / steps
                for place, at_mm in begins_mm.items()
            }
            seen_mm = {place[1]: (at_mm - before_mm.get(place, 0.0)) / steps for place, at_mm in begins_mm.items()}
            step_ns = before_ns + (until_ns - before_ns) * step // steps
            yield before_seq, Findings(closed_ns=step_ns, reached_mm=reached_mm, inspected_mm=seen_mm)
        left_mm, ends_mm = progress.end(group), progress.reached_mm()
        yield last_seq, Findings(closed_ns=until_ns + 1, events=causes, reached_mm=ends_mm, left_mm=left_mm)
        before_seq, before_ns = last_seq, until_ns + 1


def _groups(events: Iterable[Event]) -> Iterator[tuple[int, int, list[Data | Unknown]]]:
    """Yield what was recorded at one time together, behind its last number and that time, nanoseconds."""
    for time, together in itertools.groupby(events, key=lambda event: event.time):
        group = list(together)
        yield group[-1].seq, int(datetime.fromisoformat(time).timestamp() * 1e9), [event.data for event in group]


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

    def coils_mm(self, group: Sequence[Data | Unknown]) -> dict[str, float]:
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

    def begin(self, group: Sequence[Data | Unknown]) -> dict[tuple[str, str], float]:
        """Go on to where begins what was recorded now; return how far each coil has come then.

        What lies on a coil that begins is left to `end`: until then one before it, perhaps of its name, is there.
        """
        begun = set[str]()
        for data in group:
            if isinstance(data, CoilReport) and data.begins:
                begun.add(data.coil)
            elif isinstance(data, CoilReport) and data.state == "started" and data.coil not in self._coils:
                self._start(data)
            elif isinstance(data, ON_STRIP) and data.coil not in begun:
                self._go_on(data.coil, data.camera, data.start_mm)
        return self.reached_mm()

    def end(self, group: Sequence[Data | Unknown]) -> dict[tuple[str, str], float]:
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
