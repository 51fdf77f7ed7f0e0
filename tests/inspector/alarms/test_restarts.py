"""Alarms over a restart and a reload: states, measures and what is left of time limits go on."""

from __future__ import annotations

import pytest

from inspector.alarms.states import STATES
from inspector.records import commands
from inspector.records.events import IsaState
from tests.alarms import Desk, defect, section, states
from tests.inspector.alarms.test_states import cause, way


def test_replace_keeps_state() -> None:
    """New rules leave a standing alarm as it stands; the new limits hold for it from then on."""
    desk = Desk()
    desk.follow(defect())
    desk.replace(section(priority="high"))
    assert desk.follow(after_ms=1) == [] and desk.state == "unacknowledged"
    desk.replace(section(priority="high", min_area_mm2=51.0, off_delay_ms=0))
    (change,) = desk.follow(after_ms=1)
    assert (change.state, change.priority, change.count) == ("returned", "high", 0)


def test_another_window_keeps_what_lies_in_it() -> None:
    """A rule that looks farther back, or less far, goes on with the defects that it knows."""
    desk = Desk(section(count=2, off_delay_ms=0))
    desk.follow(defect(1), defect(2, start_mm=900.0))
    desk.run_on(3)
    desk.replace(section(count=2, off_delay_ms=0, within_m=4))
    assert desk.follow() == []
    desk.run_on(2)
    assert states(desk.follow()) == ["returned"]


def test_replace_drops_and_adds() -> None:
    """An alarm whose rule is gone goes back to normal, reported once; a new one begins normal."""
    desk = Desk()
    desk.follow(defect())
    desk.replace(section(name="others", count=5))
    assert [(change.name, change.isa_state, change.cause) for change in desk.follow()] == [
        ("scratches", "normal", "retire")
    ]
    assert desk.alarms.states() == {"others": "normal"}


def test_a_change_of_kind_begins_with_nothing() -> None:
    """A rule that measures something else counts nothing of before."""
    desk = Desk()
    desk.follow(defect())
    desk.replace(section(kind="missed", classes=(), off_delay_ms=0))
    assert states(desk.follow()) == ["returned"]


@pytest.mark.parametrize("state", STATES)
def test_a_restart_changes_no_state(state: IsaState) -> None:
    """Whatever state an alarm is in, it is in after a restart, without an event, and it goes on by the table."""
    desk = Desk()
    for step in way(state):
        cause(desk, step)
    before = desk.status()
    desk.restart()
    assert desk.status() == before
    assert desk.follow() == []
    assert desk.state == state


def test_a_restart_keeps_the_window() -> None:
    """Defects from before a restart count with those after it, and are left behind with their metres."""
    desk = Desk(section(count=3, off_delay_ms=0))
    assert desk.follow(defect(1), defect(2)) == []
    desk.restart()
    assert states(desk.follow(defect(3))) == ["unacknowledged"]
    desk.run_on(10.1)
    assert states(desk.follow()) == ["returned"]


def test_a_restart_keeps_a_full_window() -> None:
    """Of a window with more defects than are kept one by one their number and area go on, in parts of the window."""
    for rule in (
        section(kind="density", per_m=400, within_m=10, off_delay_ms=0),
        section(kind="area", area_mm2=4000 * 50, within_m=10, off_delay_ms=0),
        section(count=4000, off_delay_ms=0),
    ):
        desk = Desk(rule)
        desk.reached_mm = {("C", "top"): 10_000.0}
        marks = [defect(n, start_mm=n * 2.5, end_mm=n * 2.5 + 1) for n in range(4000)]
        assert states(desk.follow(*marks)) == ["unacknowledged"]
        assert len(desk.alarms.state()) < 4000
        desk.restart()
        assert desk.follow() == []
        desk.run_on(0.3)
        assert states(desk.follow()) == ["returned"]


@pytest.mark.parametrize("many", [10, 40])
def test_a_restart_counts_no_open_defect_twice(many: int) -> None:
    """Also not in a window of which sums are kept: its end takes the place of what it was before."""
    for rule, before, after in (
        (section(kind="area", area_mm2=1e6), many * 50 + 30, many * 50 + 31),
        (section(count=99), many + 1, many + 1),
    ):
        desk = Desk(rule)
        desk.follow(defect(999, area_mm2=30.0, is_partial=True), *map(defect, range(many)))
        for facts, expected in (({}, before), ({"area_mm2": 31.0}, after)):
            desk.restart()
            desk.follow(*([defect(999, **facts)] if facts else []))
            assert desk.status().value == expected


def test_a_shelving_ends_when_it_would_have() -> None:
    """The time limit of a shelf goes on while the inspector does not run."""
    desk = Desk()
    desk.ask(commands.Shelve, minutes=30)
    desk.follow(after_ms=10 * 60_000)
    desk.restart(after_ms=19 * 60_000)
    assert desk.follow() == []
    assert states(desk.follow(after_ms=60_000)) == ["normal"]


def test_a_shelving_that_ended_meanwhile() -> None:
    """A shelf whose time ran out meanwhile is empty with the first batch, and the alarm is back."""
    desk = Desk()
    desk.follow(defect())
    desk.ask(commands.Shelve, minutes=1)
    desk.restart(after_ms=3_600_000)
    assert states(desk.follow()) == ["returned", "unacknowledged"]


def test_a_rule_that_is_gone_after_a_restart() -> None:
    """An alarm whose rule was taken away meanwhile goes back to normal, reported once; a new rule begins normal."""
    desk = Desk()
    desk.follow(defect())
    desk.restart(section(name="others", count=5))
    assert [(change.name, change.state) for change in desk.follow()] == [("scratches", "normal")]
    assert desk.alarms.states() == {"others": "normal"}


OF_0_2 = (
    b'{"scratches":{"condition":{"section":{"name":"scratches","classes":["scratch"]},"windows":{},"defects":{}},'
    b'"state":"acknowledged"}}'
)


def test_a_state_of_0_2_goes_on() -> None:
    """What an inspector of 0.2 kept is read: states go on, and windows are counted afresh."""
    desk = Desk()
    desk.alarms.restore(OF_0_2, 0)
    assert desk.state == "acknowledged"
    assert desk.meet() == []
    assert states(desk.leave()) == ["normal"]


def test_a_state_of_another_version_is_refused() -> None:
    """What cannot be read is an error, and leaves the alarms as new."""
    desk = Desk()
    for state in (b"", b"[]", b'{"scratches":{"state":"normal"}}'):
        with pytest.raises(ValueError):
            desk.alarms.restore(state, 0)
    assert desk.state == "normal"


def test_what_is_kept_of_a_line_that_stands_stays_the_same() -> None:
    """While nothing happens nothing new has to be written, however long that is."""
    desk = Desk(section(on_delay_ms=500), section(name="others", count=2))
    desk.follow(defect())
    desk.follow(after_ms=10_000)
    desk.follow(after_ms=10_000)
    before = desk.alarms.state()
    desk.follow(after_ms=250)
    assert desk.alarms.state() == before
