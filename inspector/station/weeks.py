"""What the history page asks for: the last weeks as JSON, and each of its tables as CSV.

Knows: JSON and CSV out. Must not know: how anything is counted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from inspector.records.events import NE107
from inspector.station import trends
from inspector.station.alarm_figures import MOST_A_DAY, WORST, AlarmFigures, Overall, figures
from inspector.station.api import answered, watch_of
from inspector.station.past import PastReader
from inspector.station.watch import Watch
from inspector.words import no_formula

MOST_DAYS = 400
LONGEST = 3
"""Digits of it."""
GRADES = ("release", "hold", "block", "ungraded")


class Weeks:
    """Answers the history page; `zone` is where its days begin, empty: this machine's."""

    def __init__(
        self, watches: Mapping[str, Watch], zone: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ):
        self._watches, self._clock = watches, clock
        self._zone = zone
        self._pasts = {name: PastReader() for name in watches}

    async def history(self, request: Request) -> Response:
        """The last `days` as JSON; with `table` one of its tables as CSV."""
        watch, text = watch_of(self._watches, request), request.query_params.get("days", "28")
        if not text.isdecimal() or len(text) > LONGEST or not 1 <= int(text) <= MOST_DAYS:
            raise HTTPException(400, f"days is {text[:20]!r}; expected 1 to {MOST_DAYS}.")
        found = await run_sync(self._found, watch, int(text), limiter=watch.turns.weeks)
        table = request.query_params.get("table")
        if table is None:
            return answered(found)
        if table not in TABLES:
            raise HTTPException(404, f"table is {table[:20]!r}; expected one of {', '.join(TABLES)}.")
        rows = TABLES[table](found)
        if request.query_params.get("units") == "in":
            rows = in_feet(rows)
        headers = {"content-disposition": f'attachment; filename="{table}.csv"'}
        return Response(_csv(rows), media_type="text/csv", headers=headers)

    def _found(self, watch: Watch, number: int) -> dict[str, Any]:
        zone = ZoneInfo(self._zone) if self._zone else None  # None: this machine's, in summer and winter time
        end = self._clock()
        first = end.astimezone(zone).date() - timedelta(days=number - 1)
        begin = datetime.combine(first, time(), zone).astimezone(zone)
        line, past = watch.line, self._pasts[watch.line.name].read(watch.line.journal)
        known = max(begin, min(past.since or end, end))  # of what was before nobody knows whether it was well
        overall, alarms = figures(past.alarms, known, end)
        counts = [0] * number
        for change in past.alarms:
            place = (change.at.astimezone(zone).date() - first).days
            if change.is_raised and 0 <= place < number:
                counts[place] += 1
        down = past.down
        if past.last and not watch.is_answering() and not (down and down[-1][1] is None):  # killed, and not back
            down = [*down, (past.last, None)]
        cameras = trends.cameras(past.cameras, [span.camera for span in line.spans], known, end, down)
        return {
            "since": known.isoformat() if known > begin else "",
            "classes": line.classes,
            "days": trends.days(past.coils, begin, end, zone),
            "rolls": trends.rolls(past.coils, begin, end),
            "alarms": alarms,
            "worst": WORST,
            "overall": overall,
            "alarms_a_day": counts,
            "most_a_day": MOST_A_DAY,
            "cameras": cameras,
        }


Rows = Iterable[Sequence[object]]


def _days(found: dict[str, Any]) -> Rows:
    names = [*dict.fromkeys([*found["classes"], *(name for day in found["days"] for name in day.per_km)])]
    metres = ("length_m", "missed_m", "doubtful_m")
    yield "day", "coils", *metres, *GRADES, *(f"{name}_per_km" for name in names), "alarms"
    for day, alarms in zip(found["days"], found["alarms_a_day"], strict=True):
        per_km = [round(day.per_km.get(name, 0.0), 3) for name in names]
        grades = [day.grades.get(grade, 0) for grade in GRADES]
        not_seen = round(day.missed_m, 3), round(day.doubtful_m, 3)
        yield day.day, day.coils, round(day.length_m, 1), *not_seen, *grades, *per_km, alarms


def _rolls(found: dict[str, Any]) -> Rows:
    yield "roll", "class", "side", "period_mm", "coil", "time", "marks_per_100_m", "grows_since"
    for roll in found["rolls"]:
        for coil, at, marks in zip(roll.coils, roll.times, roll.per_100_m, strict=True):
            yield roll.roll, roll.name, roll.side, roll.period_mm, coil, at.isoformat(), marks, roll.grows_since or ""


def _alarms(found: dict[str, Any]) -> Rows:
    names = AlarmFigures.__struct_fields__
    yield names
    yield from ([getattr(alarm, name) for name in names] for alarm in found["alarms"])


def _overall(found: dict[str, Any]) -> Rows:
    yield "figure", "value"
    yield from ((name, getattr(found["overall"], name)) for name in Overall.__struct_fields__ if name != "priorities")


def _cameras(found: dict[str, Any]) -> Rows:
    states = (*NE107, trends.UNKNOWN)
    yield "camera", *(f"{state}_h" for state in states), "faults"
    for camera in found["cameras"]:
        faults = "; ".join(f"{name} {count}" for name, count in camera.faults.items())
        yield camera.camera, *(round(camera.hours[state], 2) for state in states), faults


TABLES: dict[str, Callable[[dict[str, Any]], Rows]] = {
    "days": _days,
    "rolls": _rolls,
    "alarms": _alarms,
    "overall": _overall,
    "cameras": _cameras,
}


IN_FEET = {
    "_mm": ("_in", 1 / 25.4),
    "_m": ("_ft", 1 / 0.3048),
    "_per_km": ("_per_1000_ft", 0.3048),
    "_per_100_m": ("_per_100_ft", 0.3048),
}
"""How a column's name ends, how it ends in inches and feet, and by what its numbers are multiplied."""


def in_feet(rows: Rows) -> Rows:
    """A table in inches and feet; each column's name has its unit."""
    rows = iter(rows)
    head = [str(name) for name in next(rows)]
    ends = [max((end for end in IN_FEET if name.endswith(end)), key=len, default="") for name in head]
    yield [name.removesuffix(end) + IN_FEET[end][0] if end else name for name, end in zip(head, ends, strict=True)]
    for row in rows:
        yield [
            round(cell * IN_FEET[end][1], 3) if end and isinstance(cell, int | float) else cell
            for cell, end in zip(row, ends, strict=True)
        ]


def _csv(rows: Rows) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([no_formula(cell) for cell in row] for row in rows)
    return out.getvalue()
