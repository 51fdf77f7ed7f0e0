"""What stands is kept once for all rules: each reads it, from when it is there, whatever else is reported."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from inspector.alarms.settings import AlarmSection
from inspector.alarms.standing import MOST_REPEATS
from inspector.records.coil import Decided
from inspector.records.events import ArchiveStatus, Data, Decision, JournalStatus, RecipeStatus
from tests.alarms import HEALTH, Desk, camera, graded, repeat, states
from tests.coil_journals import reported
from tests.defects import camera_status

BLURRED = camera_status(fault="blurred", status="out_of_specification", message="camera top is blurred")
UNLIKE = RecipeStatus(
    fault="out_of_specification",
    state="raised",
    status="out_of_specification",
    message="camera top: far from all",
    recipe="r@1",
    camera="top",
    coil="C",
    captured_ns=1,
)
NOT_WRITTEN = ArchiveStatus(fault="not_written", state="raised", status="maintenance_required", message="disk full")
FULL = JournalStatus(fault="full", state="raised", status="maintenance_required", message="disk full")
REPEATS = AlarmSection(name="roll-mark", kind="repeat", off_delay_ms=0)
GRADE = AlarmSection(name="on-hold", kind="grade", grade="hold", off_delay_ms=0)
TROUBLE = AlarmSection(name="trouble", kind="health", off_delay_ms=0)


def turned(status: Any, state: str, rank: str) -> Any:
    """The same fault, in this state, with its device in that status."""
    return msgspec.structs.replace(status, state=state, status=rank)


def decision(coil: str, grade: str) -> Decision:
    """What a person decided."""
    return Decision(coil=coil, grade=grade, machine="hold", operator="Kim", reason="seen")


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_fault_stands_whatever_else_is_reported_of_the_same_camera() -> None:
    """The network's word on a camera's frames is another device than the camera: neither ends the other's fault."""
    desk = Desk(TROUBLE)
    assert states(desk.follow(BLURRED)) == ["unacknowledged"]
    assert desk.follow(UNLIKE, turned(UNLIKE, "returned", "normal")) == []
    desk.restart()
    assert desk.follow(after_ms=60_000) == []
    (alarm,) = desk.follow(turned(BLURRED, "returned", "normal"))
    assert (alarm.isa_state, alarm.message) == ("returned", "no longer reported; not acknowledged")


def test_a_lesser_fault_of_another_source_takes_nobody_s_place() -> None:
    """A blind network stands as a failure while the camera's clock is wrong, which is maintenance."""
    blind = msgspec.structs.replace(UNLIKE, fault="constant", status="failure")
    clock = msgspec.structs.replace(BLURRED, fault="clock", status="maintenance_required")
    desk = Desk(msgspec.structs.replace(TROUBLE, status="failure"))
    assert states(desk.follow(blind)) == ["unacknowledged"]
    assert desk.follow(clock) == []
    assert states(desk.follow(turned(blind, "returned", "normal"))) == ["returned"]


def test_what_is_left_of_a_camera_s_faults() -> None:
    """A status is that of the camera with all its faults: as one ends the rest is no graver, in its own words."""
    dark = msgspec.structs.replace(BLURRED, fault="dark", status="failure", message="camera top is dark")
    desk = Desk(TROUBLE, msgspec.structs.replace(TROUBLE, name="grave", status="failure"))
    raised = desk.follow(dark, turned(BLURRED, "raised", "failure"))
    assert [(alarm.name, alarm.isa_state) for alarm in raised] == [
        ("trouble", "unacknowledged"),
        ("grave", "unacknowledged"),
    ]
    (alarm,) = desk.follow(turned(dark, "returned", "out_of_specification"))
    assert (alarm.name, alarm.isa_state) == ("grave", "returned")
    assert alarm.message == "top: out of specification, camera top is blurred; not acknowledged"
    assert states(desk.follow(turned(BLURRED, "returned", "normal"))) == ["returned"]


def test_two_faults_of_the_journal_stand_apart() -> None:
    """A disk that is all but full stays so when the journal is written again."""
    not_written = msgspec.structs.replace(FULL, fault="not_written", status="failure")
    desk = Desk(TROUBLE)
    assert states(desk.follow(FULL, not_written)) == ["unacknowledged"]
    assert desk.follow(turned(not_written, "returned", "maintenance_required")) == []
    assert states(desk.follow(turned(FULL, "returned", "normal"))) == ["returned"]


# --- repeats --------------------------------------------------------------------------------------------------------


def test_a_repeat_ends_for_a_rule_that_asks_for_others_by_now() -> None:
    """A recipe with other classes, reloaded with rules for them, leaves no alarm on a class that is gone."""
    desk = Desk(msgspec.structs.replace(REPEATS, classes=("dent",)))
    assert states(desk.follow(repeat())) == ["unacknowledged"]
    desk.replace(msgspec.structs.replace(REPEATS, classes=("pit",)))
    assert states(desk.follow()) == ["returned"]
    assert desk.follow(repeat(state="ended")) == []
    desk.replace(msgspec.structs.replace(REPEATS, classes=("dent", "pit")))
    assert desk.follow() == []


def test_a_rule_for_other_rolls_keeps_what_they_explain() -> None:
    """Another list of rolls neither drops a standing repeat nor waits until its marks have doubled."""
    desk = Desk(msgspec.structs.replace(REPEATS, rolls=("bridle-1",)))
    assert states(desk.follow(repeat(rolls=("bridle-1", "bridle-2")))) == ["unacknowledged"]
    desk.replace(msgspec.structs.replace(REPEATS, rolls=("bridle-2", "bridle-3")))
    assert desk.follow(after_ms=60_000) == []
    desk.replace(msgspec.structs.replace(REPEATS, rolls=("bridle-3",)))
    assert states(desk.follow()) == ["returned"]


def test_a_repeat_stays_with_the_roll_that_explained_it() -> None:
    """As its period is known better another roll explains it: whoever watches the first sees it to its end."""
    desk = Desk(msgspec.structs.replace(REPEATS, rolls=("bridle-1",)))
    assert states(desk.follow(repeat(marks=4))) == ["unacknowledged"]
    assert desk.follow(repeat(state="update", rolls=(), marks=8)) == []
    assert states(desk.follow(repeat(state="ended", rolls=()))) == ["returned"]


def test_repeats_are_bounded() -> None:
    """Of very many repeats the oldest are forgotten."""
    desk = Desk(REPEATS)
    desk.follow(*(repeat(id=str(number)) for number in range(MOST_REPEATS + 1)))
    assert len(desk.alarms.standing.repeats) == MOST_REPEATS and "0" not in desk.alarms.standing.repeats


# --- grades ---------------------------------------------------------------------------------------------------------


def test_a_decision_concerns_the_coil_that_it_names() -> None:
    """Who decides of an older coil neither returns nor raises the alarm of the newest; its own decision does."""
    desk = Desk(GRADE)
    assert states(desk.follow(graded("block", "B"))) == ["unacknowledged"]
    assert desk.follow(decision("A", "release"), after_ms=60_000) == []
    assert states(desk.follow(decision("B", "release"))) == ["returned"]
    assert desk.follow(decision("A", "hold")) == []
    (alarm,) = desk.follow(decision("B", "block"))
    assert (alarm.isa_state, alarm.message) == ("unacknowledged", "coil B: block")
    assert states(desk.follow(graded("release", "D"))) == ["returned"]


@pytest.mark.parametrize("is_late", [False, True])
def test_a_decision_of_a_coil_that_runs_is_not_for_one_of_its_name(is_late: bool) -> None:
    """The one that is on hold has ended, its record may come behind the other's start; over a restart, too."""
    desk, ends = Desk(GRADE), [reported("A", "started"), reported("A", "ended", 5.0)]
    begins, grade = reported("A", "started"), graded("block", "A")
    (alarm,) = desk.follow(*ends, *((begins, grade) if is_late else (grade, begins)))
    assert (alarm.isa_state, alarm.coils_since) == ("unacknowledged", 1)
    desk.restart()
    assert desk.follow(decision("A", "release"), after_ms=60_000) == []
    ended = reported("A", "ended", 5.0)
    assert states(desk.follow(ended, graded("hold", "A"), decision("A", "release"))) == ["returned"]


def test_a_decision_of_a_short_piece_that_runs_is_not_for_one_of_its_name() -> None:
    """Several run at once, under as many cameras: the first of them runs on when the last begins."""
    desk, pieces = Desk(GRADE), [f"P{number}" for number in range(10)]
    desk.follow(reported("P0", "started"), reported("P0", "ended", 5.0), graded("block", "P0"))
    desk.follow(*[reported(name, "started") for name in pieces])
    assert desk.follow(decision("P0", "release"), after_ms=60_000) == []


def test_a_coil_that_goes_on_is_the_one_that_has_a_grade() -> None:
    """A piece does under the next camera, while its record is made: that and a decision, sooner or later, are of it."""
    ends, goes_on = (reported("A", "started"), reported("A", "ended", 5.0)), reported("A", "started", 5.0)
    desk = Desk(GRADE)
    (alarm,) = desk.follow(*ends, goes_on, graded("block", "A"))
    assert (alarm.isa_state, alarm.coils_since) == ("unacknowledged", 0)
    desk.restart()
    assert states(desk.follow(decision("A", "release"))) == ["returned"]
    assert desk.follow(decision("A", "block"), *ends, decision("A", "release"), goes_on, graded("hold", "A")) == []
    assert desk.follow(decision("A", "release"), reported("A", "started"), after_ms=60_000) == []
    assert desk.follow(reported("A", "ended", 5.0), decision("A", "hold")) == []
    assert states(desk.follow(graded("release", "A"))) == ["unacknowledged"]


@pytest.mark.parametrize("is_known", [False, True])
def test_a_decision_that_comes_before_the_record(is_known: bool) -> None:
    """A person may look at a coil sooner than its record is made, or while it is: the decision takes the grade's place.

    It is for no other coil of that name.
    """
    desk, ends = Desk(GRADE), [reported("A", "started"), reported("A", "ended", 5.0)]
    by_kim = Decided(grade="release", operator="Kim", reason="seen", time="")
    record = msgspec.structs.replace(graded("hold", "A"), decisions=(by_kim,) if is_known else ())
    desk.follow(*ends)
    assert desk.follow(decision("A", "block"), decision("A", "release")) == []
    desk.restart()
    assert desk.follow(record) == []
    assert states(desk.follow(decision("A", "hold"))) == ["unacknowledged"]
    assert states(desk.follow(decision("A", "release"))) == ["returned"]
    desk.follow(decision("B", "release"), reported("B", "started"), reported("B", "ended", 5.0))
    assert states(desk.follow(graded("hold", "B"))) == ["unacknowledged"]


# --- rules that come later ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["reload", "restart"])
@pytest.mark.parametrize(
    ("rule", "stands"),
    [(TROUBLE, camera("failure")), (TROUBLE, HEALTH), (REPEATS, repeat()), (GRADE, graded("hold"))],
    ids=["camera", "reload", "repeat", "grade"],
)
def test_a_new_rule_sees_what_stands(rule: AlarmSection, stands: Data, by: str) -> None:
    """A rule that is added or renamed is raised by what was reported before it came, with the coil of that."""
    desk = Desk(AlarmSection(name="a"))
    desk.follow(stands)
    if by == "reload":
        desk.replace(rule)
    else:
        desk.restart(rule)
    (alarm,) = desk.follow()
    assert (alarm.name, alarm.isa_state) == (rule.name, "unacknowledged")
    assert alarm.coil == stands.subject.strip("-")


# --- over a start ---------------------------------------------------------------------------------------------------


def test_what_nobody_watches_after_a_start_is_returned() -> None:
    """The ends are reported, each with its device's status; what is watched stands."""
    dark = msgspec.structs.replace(BLURRED, camera="low", fault="dark", status="failure", message="dark")
    not_written = msgspec.structs.replace(FULL, fault="not_written", status="failure")
    desk = Desk(TROUBLE, REPEATS)
    desk.follow(HEALTH, BLURRED, dark, UNLIKE, FULL, not_written, NOT_WRITTEN, repeat(), repeat(id="s"))
    desk.restart()
    watched = [turned(BLURRED, "raised", "failure"), FULL]
    ended = desk.alarms.settle(watched, {"r"}, "r@2")
    reported = [(event.topic, getattr(event, "state", ""), getattr(event, "status", "")) for event in ended]
    assert reported == [
        ("repeat.dent", "ended", ""),
        ("camera.low", "returned", "normal"),
        ("recipe.out_of_specification", "returned", "normal"),
        ("journal.not_written", "returned", "maintenance_required"),
        ("archive.not_written", "returned", "normal"),
    ]
    assert [event.recipe for event in ended if isinstance(event, RecipeStatus)] == ["r@2"]
    assert desk.follow(*ended, after_ms=1) == []
    assert [fault.fault for fault in desk.alarms.standing.faults] == ["blurred", "full"]
    assert desk.alarms.settle(watched, {"r"}, "r@2") == []
    ends = turned(BLURRED, "returned", "normal"), turned(FULL, "returned", "normal"), repeat(state="ended")
    assert states(desk.follow(*ends)) == ["returned", "returned"]


def test_a_refused_reload_is_over_with_the_next_start() -> None:
    """That start has taken the configuration, whichever it is."""
    desk = Desk(TROUBLE)
    assert states(desk.follow(HEALTH)) == ["unacknowledged"]
    desk.restart()
    assert desk.alarms.settle([], set(), "r@1") == []
    assert states(desk.follow()) == ["returned"]


def test_what_is_watched_stands_though_no_alarm_knew_of_it() -> None:
    """After an upgrade, or where the alarms' own state is gone, a fault that a camera still has raises its alarm."""
    desk = Desk(TROUBLE)
    assert desk.alarms.settle([BLURRED], set(), "r@1") == []
    assert states(desk.follow()) == ["unacknowledged"]
    assert states(desk.follow(turned(BLURRED, "returned", "normal"))) == ["returned"]


OF_0_3 = (
    b'{"version":2,"alarms":{"roll-mark":{"condition":{"section":{"name":"roll-mark","kind":"repeat","off_delay_ms":0},'
    b'"measure":[[[],[]],{"r":[3,"dent repeats each 1570.8 mm (bridle-1): 3 marks"]},'
    b'{"coil":"C","camera":"","id":"d3"}],"is_met":true,"before_ns":0},"state":"unacknowledged","is_met":true,'
    b'"since_ns":1795000000000000000,"until_ns":0,"operator":"","reason":"","suppressed":""},'
    b'"on-hold":{"condition":{"section":{"name":"on-hold","kind":"grade","off_delay_ms":0},'
    b'"measure":[[[],[]],{"C":[1,"coil C: hold"]},{"coil":"C","camera":"","id":""}],"is_met":true,"before_ns":0},'
    b'"state":"unacknowledged","is_met":true,"since_ns":1795000000000000000,"until_ns":0,"operator":"","reason":"",'
    b'"suppressed":""},"trouble":{"condition":{"section":{"name":"trouble","kind":"health","off_delay_ms":0},'
    b'"measure":[[[],[]],{"top":[4,"top: failure, mean grey 2"],"archive":[1,"archive: maintenance required"]},'
    b'{"coil":"C","camera":"top","id":""}],"is_met":true,"before_ns":0},"state":"unacknowledged","is_met":true,'
    b'"since_ns":1795000000000000000,"until_ns":0,"operator":"","reason":"","suppressed":""}},'
    b'"flood":{"raised_ns":[],"is_flood":false,"withheld":0,"names":[]}}'
)
"""What 0.3 kept of a repeat, a coil on hold and a camera that has failed, each with its rule."""


def test_a_state_of_0_3_goes_on() -> None:
    """What stood by it stands, for these rules and for others; of faults, what is still watched."""
    others = msgspec.structs.replace(REPEATS, name="bridle-1", rolls=("bridle-1",), classes=("dent",))
    desk = Desk(REPEATS, GRADE, TROUBLE, others)
    desk.alarms.restore(OF_0_3, 0)
    assert desk.alarms.settle([camera("failure")], {"r"}, "r@1") == []
    (alarm,) = desk.follow()
    assert (alarm.name, alarm.isa_state, alarm.coil) == ("bridle-1", "unacknowledged", "C")
    assert alarm.message == "dent repeats each 1570.8 mm (bridle-1): 3 marks"
    ends = repeat(state="ended"), graded("release", "D"), camera("normal")
    assert [(change.name, change.isa_state) for change in desk.follow(*ends)] == [
        ("roll-mark", "returned"),
        ("on-hold", "returned"),
        ("trouble", "returned"),
        ("bridle-1", "returned"),
    ]
