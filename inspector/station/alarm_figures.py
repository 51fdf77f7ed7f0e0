"""The figures by which ISA-18.2 (IEC 62682) looks at an alarm system. Pure.

Source of the limits: ANSI/ISA-18.2-2016, table 7 (about 150 alarms a day and 10 in ten minutes are what one operator
manages), and its terms: chattering, stale.

Knows: changes of alarms. Must not know: where they come from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

import msgspec

from inspector.station.past import AlarmChange

MOST_A_DAY, MOST_IN_TEN_MIN = 150, 10
TEN_MIN_S = 600
CHATTERS, CHATTER_S = 3, 60.0
"""Raised so often within so long: it chatters."""
STANDS_S = 86_400.0
"""An alarm that is met for so long stands."""
WORST = 10


class AlarmFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm's."""

    name: str
    priority: str
    raised: int
    share: float
    """Of all that were raised, 0 to 1."""
    chattering: int
    """How many times it began to chatter."""
    longest_h: float
    """The longest that it was met in one stretch, hours, until now at most."""
    is_standing: bool
    """Met for more than a day, and still met."""
    answered_s: float | None
    """Median from raised to acknowledged; None where none was."""


class Overall(msgspec.Struct, frozen=True, kw_only=True):
    """All alarms together."""

    raised: int
    a_day: float
    """On average; of less than a day as many as there were."""
    worst_ten_min: int
    """Most that were raised within ten minutes by the clock."""
    flooded: float
    """Share of the ten-minute stretches in which more were raised than one operator manages, 0 to 1."""
    priorities: dict[str, int]
    chattering: int
    standing: int


def figures(changes: Iterable[AlarmChange], begin: datetime, end: datetime) -> tuple[Overall, list[AlarmFigures]]:
    """Count alarms between two times; the most frequent first."""
    by_name: dict[str, list[AlarmChange]] = defaultdict(list)
    for change in changes:
        if change.at < end:
            by_name[change.name].append(change)
    raised = [change for of_alarm in by_name.values() for change in of_alarm if change.is_raised and change.at >= begin]
    found = [alarm for of_alarm in by_name.values() if (alarm := _figures(of_alarm, begin, end, len(raised)))]
    found.sort(key=lambda alarm: (-alarm.raised, -alarm.longest_h, alarm.name))
    slots = Counter(int(change.at.timestamp()) // TEN_MIN_S for change in raised)
    number = max(1.0, (end - begin).total_seconds() / TEN_MIN_S)
    overall = Overall(
        raised=len(raised),
        a_day=len(raised) / max(1.0, (end - begin) / timedelta(days=1)),
        worst_ten_min=max(slots.values(), default=0),
        flooded=sum(count > MOST_IN_TEN_MIN for count in slots.values()) / number,
        priorities=dict(Counter(change.priority for change in raised)),
        chattering=sum(alarm.chattering for alarm in found),
        standing=sum(alarm.is_standing for alarm in found),
    )
    return overall, found


def _figures(changes: list[AlarmChange], begin: datetime, end: datetime, all_raised: int) -> AlarmFigures | None:
    raised = [change.at for change in changes if change.is_raised and change.at >= begin]
    longest_s, met_since = 0.0, None
    open_since, answers = None, list[float]()
    for change in changes:
        if change.is_met and met_since is None:
            met_since = change.at
        elif not change.is_met and met_since is not None:
            longest_s = max(longest_s, (change.at - max(begin, met_since)).total_seconds())
            met_since = None
        if change.is_raised:
            open_since = change.at
        elif change.is_acknowledged and open_since is not None:
            if change.at >= begin:
                answers.append((change.at - open_since).total_seconds())
            open_since = None
    stands_s = (end - met_since).total_seconds() if met_since else 0.0
    longest_s = max(longest_s, min(stands_s, (end - begin).total_seconds()))
    if not raised and longest_s <= 0:
        return None
    return AlarmFigures(
        name=changes[-1].name,
        priority=changes[-1].priority,
        raised=len(raised),
        share=len(raised) / all_raised if all_raised else 0.0,
        chattering=chatterings(raised),
        longest_h=longest_s / 3600,
        is_standing=stands_s > STANDS_S,
        answered_s=median(answers) if answers else None,
    )


def chatterings(raised: list[datetime]) -> int:
    """How many times an alarm began to be raised at least thrice within a minute."""
    count, until = 0, None
    for first, last in zip(raised, raised[CHATTERS - 1 :], strict=False):
        if (last - first).total_seconds() <= CHATTER_S:
            count += until is None or first > until
            until = last
    return count
