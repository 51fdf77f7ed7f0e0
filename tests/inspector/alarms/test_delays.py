"""Delays and deadband: to the millisecond, and over a restart."""

from __future__ import annotations

from typing import Any

import pytest

from inspector.alarms.rules import Rest
from inspector.records.events import Missed
from tests.alarms import MS, Desk, defect, section, states


def test_on_delay() -> None:
    """The condition must hold for the whole delay: a shorter one raises nothing, and the next begins again."""
    desk = Desk(section(on_delay_ms=1000))
    assert desk.follow(defect(1)) == []
    assert desk.follow(after_ms=999) == []
    desk.run_on(100)
    assert desk.follow(after_ms=1) == []
    assert desk.follow(defect(2, end_mm=101_000.0), after_ms=500) == []
    assert desk.follow(after_ms=999) == []
    assert states(desk.follow(after_ms=1)) == ["unacknowledged"]


def test_off_delay() -> None:
    """A condition that comes back within the delay is the same alarm still."""
    desk = Desk()
    desk.follow(defect(1))
    desk.run_on(100)
    assert desk.follow() == []
    assert desk.follow(after_ms=2999) == []
    assert desk.follow(defect(2, end_mm=101_000.0)) == []
    desk.run_on(100)
    assert desk.follow() == []
    assert desk.follow(after_ms=2999) == []
    assert states(desk.follow(after_ms=1)) == ["returned"]


def test_acknowledging_does_not_start_the_delay_again() -> None:
    """The off-delay counts from when the condition went, whenever the operator acknowledges."""
    desk = Desk()
    desk.follow(defect())
    desk.run_on(100)
    desk.follow()
    desk.now_ms += 2000
    assert states(desk.acknowledge()) == ["acknowledged"]
    assert states(desk.follow(after_ms=1000)) == ["normal"]


def test_a_restart_begins_no_delay_again() -> None:
    """What was left of a delay is left after a restart; the time in between counts for nothing."""
    desk = Desk()
    desk.follow(defect())
    desk.run_on(100)
    desk.follow()
    desk.follow(after_ms=2000)
    desk.restart()
    assert desk.follow(after_ms=999) == []
    assert states(desk.follow(after_ms=1)) == ["returned"]


def test_deadband() -> None:
    """An alarm is raised at the limit, and returns only below the limit less the deadband."""
    desk = Desk(section(count=3, deadband=1, off_delay_ms=0))
    far = [defect(number, start_mm=end_mm - 10, end_mm=end_mm) for number, end_mm in enumerate((100.0, 500.0, 900.0))]
    assert states(desk.follow(*far)) == ["unacknowledged"]
    desk.reached_mm = {("C", "top"): 10_200.0}
    assert desk.follow() == []
    desk.reached_mm = {("C", "top"): 10_600.0}
    (change,) = desk.follow()
    assert (change.isa_state, change.value) == ("returned", 1.0)
    assert desk.follow(defect(7, end_mm=10_600.0)) == []
    assert states(desk.follow(defect(8, end_mm=10_600.0))) == ["unacknowledged"]


def test_how_long_an_alarm_stays_as_it_is() -> None:
    """For ever while it is not met; else until its delay is over, or what meets it leaves the window."""
    desk = Desk(section(on_delay_ms=500), section(name="sparse", count=2))
    assert desk.alarms.rest() == Rest()
    desk.follow(defect(1, start_mm=890.0, end_mm=900.0))
    assert desk.alarms.rest() == (500 * MS, 9900.0)
    desk.run_on(2)
    desk.follow(after_ms=500)
    assert desk.alarms.rest() == Rest(way_mm=7900.0)
    desk.run_on(7.9)
    desk.follow()
    assert desk.alarms.rest() == Rest(way_mm=0.0)
    desk.run_on(0.1)
    desk.follow()
    assert desk.alarms.rest() == Rest(until_ns=3500 * MS)
    desk.follow(after_ms=3000)
    assert desk.alarms.rest() == Rest()


@pytest.mark.parametrize("rules", [{"kind": "missed", "missed_m": 0.1}, {"suppressed_by": "line stands"}])
def test_an_alarm_that_can_change_at_any_time(rules: dict[str, Any]) -> None:
    """One whose first missed strip leaves the window bit by bit, and one that is met and that the line may suppress."""
    desk = Desk(section(**rules))
    desk.follow(Missed(camera="top", coil="C", reasons={"lost": 1}, start_mm=500.0, end_mm=1000.0), defect(1))
    desk.run_on(9.6)
    desk.follow()
    assert 0.0 in desk.alarms.rest()
