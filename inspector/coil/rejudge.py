"""Past coils under other rules: the same defects, missed strip and repeats, with the alarms they would have. Pure.

The alarms' stage is run again over the events of the past, one recorded group after the other, at the times of then.
Strip between two groups is taken as having passed right behind the first. Nobody knows how an operator would have
acted: every alarm is taken as acknowledged at once, so that each time its condition comes again counts.

Knows: events in their order, rules. Must not know: the journal's files, how the comparison is printed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from inspector.alarms.alarms import Alarms
from inspector.alarms.settings import AlarmSection, FloodSection
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
Raised = dict[tuple[str, str], int]
"""How many times an alarm was raised, by coil and alarm."""


def recorded(events: Iterable[Event]) -> Raised:
    """Count the alarms of then."""
    raised: Raised = {}
    for event in events:
        if isinstance(event.data, Alarm):
            _count(event.data, raised)
    return raised


def again(
    events: Iterable[Event],
    sections: Sequence[AlarmSection],
    flood: FloodSection,
    records: Mapping[str, Sequence[CoilRecord]],
) -> Raised:
    """Count the alarms that there would have been; `records` are the new ones of each coil, in order."""
    alarms = Alarms(sections, flood, unix_ns=lambda: 0)
    raised: Raised = {}
    waiting: set[str] = set()
    fresh = {coil: iter(made) for coil, made in records.items()}
    before_ns = 0
    for closed_ns, group in _groups(events):
        causes = tuple(_as_now(data, fresh) for data in group if not isinstance(data, CONSEQUENCES))
        asked = tuple(
            Asked(number, Acknowledge(alarm=name, operator="rejudge")) for number, name in enumerate(sorted(waiting))
        )
        waiting = set()
        begins = _reached(group, begin=True)
        for findings in (
            Findings(closed_ns=before_ns + 1, asked=asked, reached_mm=begins),
            Findings(closed_ns=max(before_ns, closed_ns) + 1, reached_mm=begins),
            Findings(
                closed_ns=max(before_ns, closed_ns) + 2, events=causes, reached_mm=_reached(group), left_mm=_left(group)
            ),
        ):
            for data in alarms(findings).events[len(findings.events) :]:
                if isinstance(data, Alarm) and _count(data, raised):
                    waiting.add(data.name)
        before_ns = max(before_ns, closed_ns) + 2
    return raised


def _groups(events: Iterable[Event]) -> Iterator[tuple[int, list[Data | Unknown]]]:
    """Yield what was recorded at one time together, and that time, nanoseconds."""
    for time, group in itertools.groupby(events, key=lambda event: event.time):
        yield int(datetime.fromisoformat(time).timestamp() * 1e9), [event.data for event in group]


def _as_now(data: Data, fresh: Mapping[str, Iterator[CoilRecord]]) -> Data:
    if isinstance(data, CoilRecord):
        return next(fresh.get(data.coil, iter(())), data)
    return data


def _reached(group: Iterable[Data | Unknown], *, begin: bool = False) -> dict[tuple[str, str], float]:
    """How far coils had come at least: to the ends of what was reported of them, or to where it begins."""
    reached: dict[tuple[str, str], float] = {}
    for data in group:
        if isinstance(data, Defect | Missed | Crowded):
            place = data.coil, data.camera
            reached[place] = max(reached.get(place, 0.0), data.start_mm if begin else data.end_mm)
    return reached


def _left(group: Iterable[Data | Unknown]) -> dict[tuple[str, str], float]:
    ended = (data for data in group if isinstance(data, CoilReport) and data.state == "ended")
    return {(data.coil, ""): 1000 * data.length_m for data in ended}


def _count(alarm: Alarm, raised: Raised) -> bool:
    is_raised = alarm.state == "unacknowledged" and alarm.cause in ("", "met")
    if is_raised:
        place = alarm.coil, alarm.name
        raised[place] = raised.get(place, 0) + 1
    return is_raised
