"""The last weeks: days in the mill's zone, marks of rolls that grow, hours of cameras."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from inspector.records.coil import RepeatSums
from inspector.station.past import CameraChange, PastCoil
from inspector.station.trends import cameras, days, grows_since, rolls

BEGIN = datetime(2026, 3, 27, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def coil(name: str, ended: datetime, marks: int = 0, **facts: Any) -> PastCoil:
    """A coil of a kilometre, with marks of a roll."""
    repeat = RepeatSums(
        id="r", name="dark", side="top", across_mm=1, period_mm=900.0, marks=marks, rolls=("work roll",)
    )
    usual: dict[str, Any] = {
        "length_m": 1000.0,
        "over_m": 1000.0,
        "missed_m": 0.5,
        "doubtful_m": 0.25,
        "defects": 3,
        "classes": {"dark": 3},
        "grade": "hold",
    }
    return PastCoil(coil=name, first_seq=1, ended=ended, repeats=(repeat,) if marks else (), **{**usual, **facts})


def test_a_day_begins_at_the_mills_midnight() -> None:
    """In summer time as well; days without a coil are there too, and those outside are not."""
    begin = datetime(2026, 3, 28, tzinfo=BERLIN)
    end = datetime(2026, 3, 31, tzinfo=BERLIN)
    ended = [datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, 1, tzinfo=UTC), BEGIN]
    made = days([coil("A", ended[0]), coil("B", ended[1], over_m=500.0), coil("C", ended[2])], begin, end, BERLIN)
    assert [(day.day, day.coils) for day in made] == [
        (date(2026, 3, 28), 1),
        (date(2026, 3, 29), 1),
        (date(2026, 3, 30), 0),
    ]
    assert (made[1].per_km, made[1].grades, made[2].per_km) == ({"dark": 6.0}, {"hold": 1}, {})
    assert (made[1].missed_m, made[1].doubtful_m) == (0.5, 0.25)


def test_marks_that_grow_have_a_beginning() -> None:
    """Where they doubled since, whatever one coil shows; what fell before is another growth."""
    times = [BEGIN + timedelta(hours=n) for n in range(8)]
    made = rolls(
        [coil(f"C{n}", times[n], marks) for n, marks in enumerate((9, 2, 2, 3, 3, 5, 4, 7))],
        BEGIN,
        times[-1] + timedelta(1),
    )
    assert [(roll.roll, roll.per_100_m, roll.grows_since) for roll in made] == [
        ("work roll", (0.9, 0.2, 0.2, 0.3, 0.3, 0.5, 0.4, 0.7), times[2])
    ]
    assert grows_since(times, (1, 2, 3, 4, 6, 8, 7, 7)) == times[0]  # lengths of coils make it waver
    assert grows_since(times, (2, 4, 8, 8, 1, 1, 2, 2)) == times[5]  # the roll was changed
    assert grows_since(times, (5, 4, 3, 2, 1, 1, 1, 1)) is None and grows_since(times[:2], (1, 9)) is None


def test_a_cameras_hours_are_those_of_its_states() -> None:
    """One that never changed was well all the time; a fault from before goes on."""
    end = BEGIN + timedelta(hours=10)

    def change(hours: float, status: str, *, is_raised: bool) -> CameraChange:
        at = BEGIN + timedelta(hours=hours)
        return CameraChange(at=at, camera="top", fault="dark", is_raised=is_raised, status=status)

    changes = [change(-1, "failure", is_raised=True), change(2, "normal", is_raised=False)]
    changes += [change(9, "failure", is_raised=True)]
    top, under = cameras(changes, ["top", "under"], BEGIN, end)
    assert (top.hours["failure"], top.hours["normal"], top.faults) == (3.0, 7.0, {"dark": 1})
    assert under.hours["normal"] == 10.0


def test_nobody_knows_how_a_camera_was_while_the_line_was_down() -> None:
    """Neither well nor with the fault that it had last; a stop without an end goes on."""
    hour = timedelta(hours=1)
    raised = CameraChange(at=BEGIN + hour, camera="top", fault="dark", is_raised=True, status="failure")
    down = [(BEGIN - hour, BEGIN + hour / 2), (BEGIN + 2 * hour, BEGIN + 5 * hour), (BEGIN + 9 * hour, None)]
    (top,) = cameras([raised], ["top"], BEGIN, BEGIN + 10 * hour, down)
    assert (top.hours["unknown"], top.hours["normal"], top.hours["failure"]) == (4.5, 0.5, 5.0)
