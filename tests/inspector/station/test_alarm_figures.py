"""The figures of ISA-18.2: what is raised, chatters, stands and is answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inspector.station.alarm_figures import chatterings, figures
from inspector.station.past import AlarmChange

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=10)


def change(name: str, hours: float, what: str, priority: str = "low") -> AlarmChange:
    """A change of an alarm: `raised`, `gone` or `acknowledged`."""
    return AlarmChange(
        at=BEGIN + timedelta(hours=hours),
        name=name,
        priority=priority,
        is_raised=what == "raised",
        is_met=what != "gone",
        is_acknowledged=what == "acknowledged",
    )


def test_alarms_are_counted_within_the_time() -> None:
    """With their shares and priorities, the most frequent first; what came before or after is left out."""
    changes = [change("a", -1, "raised"), change("a", -0.5, "gone")]
    changes += [
        change("b", hours, kind) for n in range(3) for hours, kind in ((24 * n, "raised"), (24 * n + 1, "gone"))
    ]
    changes += [change("a", 5, "raised", "high"), change("a", 6, "gone", "high"), change("a", 240, "raised")]
    overall, found = figures(changes, BEGIN, END)
    assert [(alarm.name, alarm.raised, alarm.share, alarm.longest_h) for alarm in found] == [
        ("b", 3, 0.75, 1),
        ("a", 1, 0.25, 1),
    ]
    assert (overall.raised, overall.a_day, overall.priorities) == (4, 0.4, {"high": 1, "low": 3})
    assert not any(alarm.is_standing for alarm in found)


def test_what_is_met_for_more_than_a_day_stands() -> None:
    """Since before the time too; the stretch is counted within it. What went again does not stand."""
    changes = [change("old", -48, "raised"), change("new", 239, "raised"), change("was", 0, "raised")]
    changes += [change("was", 100, "gone")]
    overall, found = figures(changes, BEGIN, END)
    stand = {alarm.name: (alarm.is_standing, alarm.longest_h) for alarm in found}
    assert stand == {"old": (True, 240.0), "new": (False, 1.0), "was": (False, 100.0)} and overall.standing == 1


@pytest.mark.parametrize(
    ("seconds", "count"),
    [((0, 10, 20), 1), ((0, 10, 20, 30, 40), 1), ((0, 40, 80), 0), ((0, 1, 2, 500, 501, 502), 2), ((0,), 0)],
)
def test_what_is_raised_thrice_within_a_minute_chatters(seconds: tuple[int, ...], count: int) -> None:
    """A long burst is one."""
    assert chatterings([BEGIN + timedelta(seconds=second) for second in seconds]) == count


def test_floods_and_answers_are_measured() -> None:
    """Eleven within ten minutes are more than one operator manages; the answer's time is the median."""
    changes = [change(f"n{n}", 0.001 * n, "raised") for n in range(11)]
    changes += [change("n0", 0.1, "acknowledged"), change("n1", 0.401, "acknowledged")]
    overall, found = figures(changes, BEGIN, END)
    assert overall.worst_ten_min == 11 and overall.flooded == pytest.approx(1 / 1440)
    answered = {alarm.name: alarm.answered_s for alarm in found}
    assert answered["n0"] == pytest.approx(360) and answered["n1"] == pytest.approx(1440) and answered["n2"] is None
