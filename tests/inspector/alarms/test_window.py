"""The window along the strip: what counts in it, and until where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.alarms.alarms import Alarms
from inspector.alarms.quantity import Noted
from inspector.alarms.rules import Condition
from inspector.alarms.settings import AlarmSection
from inspector.alarms.standing import StandingReports
from inspector.records.commands import Asked, ListAlarms
from inspector.records.events import Alarm, Defect, Missed
from inspector.records.stages import Findings
from inspector.strip.strip import Strip
from tests.alarms import Desk, defect, section, states
from tests.coil_journals import reported
from tests.coils import CAMERAS
from tests.frames import findings
from tests.strips import SPOT, seen

NEXT = reported("C", "ended", 1.0), reported("C", "started")
"""What is reported where another coil of its name follows the usual one."""


def test_one_alarm_is_raised_once() -> None:
    """However many defects meet the rule while an alarm lasts, it is raised once, and reports what completed it."""
    desk = Desk(section(count=2))
    assert desk.follow(defect(1)) == []
    (alarm,) = desk.follow(defect(2))
    assert alarm == Alarm(
        name="scratches",
        state="unacknowledged",
        priority="medium",
        coil="C",
        camera="top",
        message="2 defects within 10 m (scratch)",
        count=2,
        defect_id="2",
        isa_state="unacknowledged",
        cause="met",
        is_met=True,
        value=2.0,
        limit=2.0,
        annunciate=True,
        raised=1,
    )
    for number in range(3, 20):
        assert desk.follow(defect(number), after_ms=100) == []


def test_parts_of_one_defect_count_once() -> None:
    """A long defect that is reported again as it grows is one defect."""
    desk = Desk(section(count=2))
    for end_mm in (1000.0, 1100.0, 1200.0):
        assert desk.follow(defect(1, end_mm=end_mm, is_partial=True)) == []


@pytest.mark.parametrize(
    ("facts", "is_met"),
    [
        ({}, True),
        ({"name": "stain"}, False),
        ({"area_mm2": 40.0}, True),
        ({"area_mm2": 39.9}, False),
        ({"start_mm": 920.0}, True),
        ({"start_mm": 920.1}, False),
    ],
)
def test_rule(facts: dict[str, Any], is_met: bool) -> None:
    """A defect meets the rule by class, area and length together, limits included."""
    desk = Desk(section(min_area_mm2=40.0, min_length_mm=80.0))
    assert bool(desk.follow(defect(**facts))) is is_met


def test_window() -> None:
    """Defects count together while they lie within the rule's metres of where the strip has come."""
    desk = Desk(section(count=2, off_delay_ms=0))
    assert desk.follow(defect(1)) == []
    desk.run_on(10)
    assert states(desk.follow(defect(2, start_mm=10_900.0, end_mm=11_000.0))) == ["unacknowledged"]
    desk.run_on(0.001)
    assert states(desk.follow()) == ["returned"]
    desk.run_on(10)
    assert desk.follow(defect(3, start_mm=21_000.0, end_mm=21_001.0)) == []


def test_window_of_each_camera() -> None:
    """A camera that stands far behind another on the same coil has its own window, and both count together."""
    desk = Desk(section(count=3))
    desk.reached_mm = {("C", "top"): 50_000.0, ("C", "bottom"): 1000.0}
    assert desk.follow(defect(1, camera="bottom")) == []
    assert desk.follow(defect(2, camera="bottom")) == []
    assert states(desk.follow(defect(3, end_mm=50_000.0))) == ["unacknowledged"]


def test_coils_count_apart() -> None:
    """Two coils at once under the cameras do not make one alarm together, and a coil that has left counts no more."""
    desk = Desk(section(count=2, off_delay_ms=0))
    desk.reached_mm = {("C", "top"): 1000.0, ("D", "bottom"): 1000.0}
    assert desk.follow(defect(1), defect(2, coil="D", camera="bottom")) == []
    assert states(desk.follow(defect(3))) == ["unacknowledged"]
    del desk.reached_mm["C", "top"]
    assert states(desk.follow()) == ["returned"]


@pytest.mark.parametrize("size", [1, 4, 8, 20])
def test_a_coils_end_counts_in_batches_of_any_size(size: int) -> None:
    """Of three spots that raise the alarm the last may lie in the coil's last frame, and the next coil come with it."""
    strip, alarms = Strip(CAMERAS[:1]), Alarms([AlarmSection(name="a", count=3, within_m=5.0)])
    places = [("A", number) for number in range(20)] + [("B", number) for number in range(20)]
    frames = [
        seen(at, *([SPOT] if coil == "A" and number in (10, 15, 19) else []), coil=coil, start_mm=number * 10.0)
        for at, (coil, number) in enumerate(places)
    ]
    changes: list[Alarm] = []
    for at in range(0, len(frames), size):
        found = strip(findings(*frames[at : at + size], now_ns=at))
        changes += [event for event in alarms(found).events if isinstance(event, Alarm)]
    assert [(change.isa_state, change.coil) for change in changes] == [("unacknowledged", "A")]


def test_a_coil_that_has_left_counts_once() -> None:
    """With the batch in which it leaves, whatever is reported of it then: the next coil's metres are its own."""
    desk = Desk(section(count=2, off_delay_ms=0))
    assert desk.follow(defect(1)) == []
    desk.weld()
    assert states(desk.follow(defect(2))) == ["unacknowledged"]
    assert states(desk.follow(defect(3, coil="D", start_mm=0.0, end_mm=100.0))) == ["returned"]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_coils_tail_counts_once_under_cameras_far_apart(restarts: bool) -> None:
    """Its open defects end as the last camera leaves: those that passed by are over, one reported first is not."""
    desk = Desk(section(off_delay_ms=0))
    desk.reached_mm["C", "bottom"] = 1000.0
    assert states(desk.follow(defect(1, is_partial=True), defect(2, is_partial=True))) == ["unacknowledged"]
    desk.weld()
    desk.follow()
    desk.run_on(10.1)
    assert states(desk.follow()) == ["returned"]
    if restarts:
        desk.restart()
        desk.follow()
    assert desk.follow(defect(1)) == []
    desk.left_mm["C", "bottom"] = desk.reached_mm.pop(("C", "bottom"))
    assert desk.follow(defect(2, end_mm=999.0)) == []
    (alarm,) = desk.follow(defect(3))
    assert (alarm.isa_state, alarm.value, alarm.defect_id) == ("unacknowledged", 1.0, "3")


def test_a_defect_that_grows_back_into_the_window_counts() -> None:
    """One that the window has left behind does so only where more of it is found."""
    desk = Desk(section(off_delay_ms=0))
    assert states(desk.follow(defect(is_partial=True))) == ["unacknowledged"]
    desk.run_on(10.1)
    assert states(desk.follow(defect(is_partial=True))) == ["returned"]
    assert states(desk.follow(defect(end_mm=1200.0))) == ["unacknowledged"]


def test_a_delay_runs_on_over_a_coils_end() -> None:
    """Over a restart too, as long as the window reaches back so far: then the condition has been met for all of it."""
    for run_m, expected in ((5, ["unacknowledged"]), (5.1, [])):
        desk = Desk(section(on_delay_ms=1000))
        desk.weld()
        assert desk.follow(defect()) == []
        desk.run_on(5)
        assert desk.follow(after_ms=900) == []
        desk.restart()
        assert desk.follow() == []
        desk.run_on(run_m)
        assert desk.follow(after_ms=50) == []
        assert states(desk.follow(after_ms=50)) == expected


def test_what_a_dead_camera_missed_lies_at_the_coils_end() -> None:
    """It left somewhere on the coil, or never came: up to where the coil was missed then, the coil had come."""
    for left_mm in ({}, {("C", "bottom"): 500.0}):
        desk = Desk(AlarmSection(name="a", kind="missed", missed_m=2.0, within_m=2.0, on_delay_ms=1000))
        desk.weld()
        desk.left_mm |= left_mm
        assert desk.follow(Missed(camera="bottom", coil="C", start_mm=500.0, end_mm=90_000.0, reasons={})) == []
        (alarm,) = desk.follow(after_ms=1000)
        assert (alarm.isa_state, alarm.value) == ("unacknowledged", 2.0)


@pytest.mark.parametrize("encoder", [True, False])
def test_a_frame_with_a_wrong_name_empties_no_window(encoder: bool) -> None:
    """It may come in a batch of its own, and others before the next one: the coil goes on with what lies on it."""
    strip, alarms = Strip(CAMERAS[:1]), Alarms([AlarmSection(name="a", count=3, within_m=5.0)])
    changes: list[Alarm] = []
    for at in range(20):
        spots, coil = [SPOT] if at in (5, 11, 17) else [], "X" if at == 13 else "A"
        for frames in ([seen(at, *spots, coil=coil, start_mm=at * 10.0 if encoder else None)], []):
            found = alarms(strip(findings(*frames, now_ns=at)))
            changes += [event for event in found.events if isinstance(event, Alarm)]
    assert [(change.isa_state, change.coil) for change in changes] == [("unacknowledged", "A")]


@pytest.mark.parametrize("size", [4, 40])
def test_short_coils_without_names_count_apart(size: int) -> None:
    """Where the next one has come as far in the batch in which the one before leaves."""
    strip, alarms = Strip(CAMERAS[:1]), Alarms([AlarmSection(name="a", count=3, within_m=5.0)])
    places = [(number, (1, 5)) for number in range(6)] + [(number, (3, 7)) for number in range(30)]
    frames = [
        seen(at, *([SPOT] if number in spots else []), coil=None, start_mm=number * 10.0)
        for at, (number, spots) in enumerate(places)
    ]
    for at in range(0, len(frames), size):
        assert not [
            event for event in alarms(strip(findings(*frames[at : at + size]))).events if isinstance(event, Alarm)
        ]
    asked = msgspec.structs.replace(findings(), asked=(Asked(0, ListAlarms()),))
    assert alarms(strip(asked)).answers[0].alarms[0].value == 2


@pytest.mark.parametrize("restarts", [False, True])
def test_a_coil_that_counts_no_more_is_not_awaited_again(restarts: bool) -> None:
    """Where the delay of what lies on the next one runs."""
    desk = Desk(section(count=3, on_delay_ms=100, off_delay_ms=0))
    desk.follow(*map(defect, range(4)))
    assert [change.value for change in desk.follow(after_ms=100)] == [4.0]
    desk.weld()
    assert desk.follow() == []
    assert states(desk.follow()) == ["returned"]
    assert desk.follow(*(defect(number, coil="D", start_mm=0.0, end_mm=50.0) for number in range(11, 14))) == []
    if restarts:
        desk.restart()
    assert [change.value for change in desk.follow(after_ms=100)] == [3.0]


def test_the_strip_runs_no_faster_under_cameras_that_take_turns() -> None:
    """A coil's end under a dead camera counts until the strip has come so far under any other."""
    desk = Desk(section(on_delay_ms=1000))
    desk.weld()
    desk.left_mm["C", "dead"] = desk.reached_mm["D", "bottom"] = 1000.0
    assert desk.follow(defect(camera="dead")) == []
    for camera in ("top", "bottom") * 9:
        desk.reached_mm = {**desk.reached_mm, ("D", camera): desk.reached_mm["D", camera] + 1000.0}
        assert desk.follow() == []
    assert states(desk.follow(after_ms=1000)) == ["unacknowledged"]


def test_a_camera_that_is_ahead_counts_with_one_that_is_still_on_the_coil() -> None:
    """At a coil's end as in its middle: within the last metres of each."""
    desk = Desk(section(count=3, off_delay_ms=0))
    desk.reached_mm["C", "bottom"] = 1000.0
    desk.follow(defect(1), defect(2))
    desk.weld()
    desk.follow()
    desk.run_on(9)
    desk.follow()
    assert states(desk.follow(defect(3, camera="bottom", end_mm=10_000.0))) == ["unacknowledged"]
    desk.run_on(1.1)
    assert states(desk.follow()) == ["returned"]


def test_a_coil_that_follows_one_of_its_name_counts_apart() -> None:
    """As where coils have no names: each defect counts on the coil on which it lies."""
    desk = Desk(section(count=3, off_delay_ms=0, on_delay_ms=100))
    desk.follow(defect(1), defect(2))
    for number in (10, 20):
        desk.weld("C", 500.0)
        assert desk.follow(defect(3), *NEXT, defect(number, start_mm=300.0, end_mm=400.0)) == []
        (alarm,) = desk.follow(after_ms=100)
        assert (alarm.isa_state, alarm.value) == ("unacknowledged", 3.0)
        desk.run_on(0.5)
        assert states(desk.follow(defect(number + 1))) == ["returned"]
        assert desk.follow(defect(number + 1)) == []


def test_a_part_of_another_defect_counts_no_more() -> None:
    """Two defects that turn out to be one are one: the part leaves the window."""
    desk = Desk(section(count=2, off_delay_ms=0))
    assert states(desk.follow(defect(1), defect(2))) == ["unacknowledged"]
    assert states(desk.follow(defect(2, part_of="1"))) == ["returned"]


def test_position_set_back() -> None:
    """Where the position begins again, the window does too: no alarm stays until it is reached once more."""
    desk = Desk(section(off_delay_ms=0))
    desk.reached_mm = {("C", "top"): 90_000.0}
    assert states(desk.follow(defect(end_mm=90_000.0))) == ["unacknowledged"]
    desk.reached_mm = {("C", "top"): 0.0}
    assert states(desk.follow()) == ["returned"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["C", "D"]), st.sampled_from(["top", "bottom"]), st.integers(0, 40), st.integers(0, 9)
        ),
        max_size=30,
    )
)
def test_the_window_is_what_it_says(steps: list[tuple[str, str, int, int]]) -> None:
    """However defects come and positions move, on and back, those within the window count, each once."""
    condition = Condition(AlarmSection(name="any", classes=("scratch",), within_m=0.01, count=99), StandingReports())
    reached_mm: dict[tuple[str, str], float] = {}
    counted: dict[str, Defect] = {}
    for coil, camera, end_mm, number in steps:
        reached_mm[coil, camera] = float(end_mm)
        counted = {
            name: inside
            for name, inside in counted.items()
            if abs(reached_mm[inside.coil, inside.camera] - inside.end_mm) <= 10
        }
        found = defect(number, coil=coil, camera=camera, start_mm=end_mm - 1.0, end_mm=float(end_mm))
        counted[found.id] = found
        condition.follow(Noted(Findings(closed_ns=0, events=(found,), reached_mm=reached_mm)))
        per_coil = [sum(inside.coil == coil for inside in counted.values()) for coil in ("C", "D")]
        assert condition.value == max(per_coil)
        assert set(condition.quantity.window.items) == set(counted)
