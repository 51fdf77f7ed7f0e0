"""What the last weeks come to: each day's coils, each roll's marks, each camera's health. Pure.

Knows: sums of coils, changes of cameras. Must not know: where they come from, how they are drawn.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from statistics import median

import msgspec

from inspector.records.events import NE107
from inspector.station.past import CameraChange, PastCoil, Span

GROWN, FALLEN, LEAST_COILS = 2.0, 1.25, 3
"""A roll's marks grow when they have doubled over at least `LEAST_COILS` coils; what lies before a fall by a
fifth was another growth."""

UNKNOWN = "unknown"
"""What a camera's state is while the line is down."""
HOUR = timedelta(hours=1)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The coils that ended on one day."""

    day: date
    coils: int
    length_m: float
    missed_m: float
    doubtful_m: float
    """Inspected and not surely seen."""
    grades: dict[str, int]
    per_km: dict[str, float]
    """Defects on a kilometre of strip that was inspected, by class."""


class RollTrend(msgspec.Struct, frozen=True, kw_only=True):
    """The marks that one roll left on coil after coil."""

    roll: str
    """Empty where no roll that is known explains the distance."""
    name: str
    """Class of the marks."""
    side: str
    period_mm: float
    coils: tuple[str, ...]
    times: tuple[datetime, ...]
    per_100_m: tuple[float, ...]
    """Marks on 100 metres of each coil."""
    grows_since: datetime | None
    """When the growth began that goes on; None where they do not grow."""


class CameraHours(msgspec.Struct, frozen=True, kw_only=True):
    """One camera."""

    camera: str
    hours: dict[str, float]
    """In each state after NAMUR NE 107, and `UNKNOWN`."""
    faults: dict[str, int]
    """How many times each began."""


def days(coils: Iterable[PastCoil], begin: datetime, end: datetime, zone: tzinfo | None) -> list[Day]:
    """Each day of a zone, None: this machine's, between two times; those without a coil too."""
    by_day: dict[date, list[PastCoil]] = defaultdict(list)
    for coil in coils:
        if begin <= coil.ended < end:
            by_day[coil.ended.astimezone(zone).date()].append(coil)
    first, last = begin.astimezone(zone).date(), (end - timedelta(microseconds=1)).astimezone(zone).date()
    return [_day(first + timedelta(days=n), by_day) for n in range((last - first).days + 1)]


def _day(day: date, by_day: dict[date, list[PastCoil]]) -> Day:
    ended = by_day.get(day, [])
    km = sum(coil.over_m for coil in ended) / 1000
    counts = Counter[str]()
    for coil in ended:
        counts.update(coil.classes)
    return Day(
        day=day,
        coils=len(ended),
        length_m=sum(coil.length_m for coil in ended),
        missed_m=sum(coil.missed_m for coil in ended),
        doubtful_m=sum(coil.doubtful_m for coil in ended),
        grades=dict(Counter(coil.grade for coil in ended)),
        per_km={name: count / km for name, count in sorted(counts.items())} if km else {},
    )


def rolls(coils: Iterable[PastCoil], begin: datetime, end: datetime) -> list[RollTrend]:
    """Marks by roll, class and side; of an unknown one by the distance to a centimetre too. Those that grow first."""
    found: dict[tuple[str, str, str, float], list[tuple[PastCoil, float, float]]] = defaultdict(list)
    for coil in coils:
        if not begin <= coil.ended < end:
            continue
        for repeat in coil.repeats:
            roll = repeat.rolls[0] if repeat.rolls else ""
            key = (roll, repeat.name, repeat.side, 0.0 if roll else round(repeat.period_mm, -1))
            per_100_m = 100 * repeat.marks / coil.over_m if coil.over_m else 0.0
            found[key].append((coil, repeat.period_mm, per_100_m))
    made = [_roll(key, marked) for key, marked in found.items()]
    return sorted(made, key=lambda roll: (roll.grows_since is None, -len(roll.coils), roll.roll))


def _roll(key: tuple[str, str, str, float], marked: list[tuple[PastCoil, float, float]]) -> RollTrend:
    times, per_100_m = tuple(coil.ended for coil, _, _ in marked), tuple(round(per_m, 3) for _, _, per_m in marked)
    return RollTrend(
        roll=key[0],
        name=key[1],
        side=key[2],
        period_mm=marked[-1][1],
        coils=tuple(coil.coil for coil, _, _ in marked),
        times=times,
        per_100_m=per_100_m,
        grows_since=grows_since(times, per_100_m),
    )


def grows_since(times: Sequence[datetime], values: Sequence[float]) -> datetime | None:
    """Where the growth begins that leads up to the last value; None where they have not doubled since.

    One coil alone, above or below its neighbours, makes no difference: medians of three are looked at.
    """
    levels = [median(values[max(0, place - 1) : place + 2]) for place in range(len(values))]
    begin, highest = len(levels) - 1, levels[-1]
    for place in reversed(range(len(levels))):
        if levels[place] > FALLEN * highest:
            break
        highest = max(highest, levels[place])
        if levels[place] < levels[begin]:
            begin = place
    is_grown = len(levels) - begin >= LEAST_COILS and levels[-1] >= GROWN * max(levels[begin], 1e-9)
    return times[begin] if is_grown else None


def cameras(
    changes: Iterable[CameraChange], names: Iterable[str], begin: datetime, end: datetime, down: Sequence[Span] = ()
) -> list[CameraHours]:
    """How long each camera was in which state, and what it had; while the line was down nobody knows."""
    by_name: dict[str, list[CameraChange]] = {name: [] for name in names}
    for change in changes:
        if change.at < end:
            by_name.setdefault(change.camera, []).append(change)
    return [_camera(name, states, (begin, end), down) for name, states in by_name.items()]


def _camera(
    name: str, changes: list[CameraChange], between: tuple[datetime, datetime], down: Sequence[Span]
) -> CameraHours:
    begin, end = between
    hours: dict[str, float] = dict.fromkeys((*NE107, UNKNOWN), 0.0)
    ats = [begin, *(max(begin, change.at) for change in changes), end]
    for status, since, until in zip(["normal", *(change.status for change in changes)], ats, ats[1:], strict=False):
        unknown_h = sum(_common_h(stretch, since, until) for stretch in down)
        hours[status] = hours.get(status, 0.0) + (until - since) / HOUR - unknown_h
        hours[UNKNOWN] += unknown_h
    faults = Counter(change.fault for change in changes if change.is_raised and change.at >= begin)
    return CameraHours(camera=name, hours=hours, faults=dict(faults.most_common()))


def _common_h(stretch: Span, since: datetime, until: datetime) -> float:
    """How long two stretches have in common, hours."""
    return max(timedelta(), min(stretch[1] or until, until) - max(stretch[0], since)) / HOUR
