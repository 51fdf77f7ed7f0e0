"""What each kind of rule measures, and when it raises its alarm."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from inspector.alarms.settings import AlarmSection
from inspector.records.events import Data, Defect, Missed, RecipeStatus
from tests.alarms import HEALTH, REPEAT, Desk, camera, defect, graded, repeat, states
from tests.coil_journals import reported
from tests.defects import any_crowded

CROWDED = any_crowded(start_mm=900.0, end_mm=1000.0, regions={"scratch": 900})


def missed(start_mm: float, end_mm: float, camera: str = "top") -> Missed:
    """Strip that was not inspected."""
    return Missed(camera=camera, coil="C", start_mm=start_mm, end_mm=end_mm, reasons={"lost": 1})


Case = tuple[dict[str, Any], list[Data], str, list[Data]]
CASES: dict[str, Case] = {
    "count": ({"count": 2}, [defect(1), defect(2)], "2 defects within 10 m", []),
    "area": ({"kind": "area", "area_mm2": 100}, [defect(1), defect(2)], "100.0 mm² of defects within 10 m", []),
    "density": ({"kind": "density", "per_m": 0.2}, [defect(1), defect(2)], "0.2 defects a metre within 10 m", []),
    "missed": ({"kind": "missed", "missed_m": 0.5}, [missed(0, 300), missed(700, 900)], "0.50 m of strip missed", []),
    "crowded": ({"kind": "crowded"}, [CROWDED], "1 crowded frame within 10 m", []),
    "repeat": (
        {"kind": "repeat", "marks": 5},
        [repeat(), repeat(state="update", marks=6)],
        "dent repeats each 1570.8 mm (bridle-1): 6 marks",
        [repeat(state="ended", marks=6)],
    ),
    "grade": ({"kind": "grade", "grade": "hold"}, [graded("block")], "coil C: block", [graded("release", "D")]),
    "health": (
        {"kind": "health", "status": "out_of_specification"},
        [camera("failure")],
        "top: failure, mean grey 2",
        [camera("normal")],
    ),
    "reload": (
        {"kind": "health"},
        [HEALTH],
        "inspector: maintenance required, line.toml: bad",
        [msgspec.structs.replace(HEALTH, state="reloaded")],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_raised_and_returned(case: Case) -> None:
    """Every kind of rule is raised by what it is for, not before all of it is there, and returns when that is gone."""
    facts, found, words, after = case
    desk = Desk(AlarmSection(name="a", off_delay_ms=0, **facts))
    for event in found[:-1]:
        assert desk.follow(event) == []
    (alarm,) = desk.follow(found[-1])
    assert alarm.isa_state == "unacknowledged" and alarm.message.startswith(words)
    assert alarm.value >= alarm.limit
    desk.restart()
    assert desk.follow() == []
    if not after:
        desk.run_on(10.2)
    assert states(desk.follow(*after)) == ["returned"]


OTHERS: list[tuple[dict[str, Any], list[Data]]] = [
    ({"count": 2}, [defect(1)]),
    ({"min_width_mm": 11}, [defect(1)]),
    ({"classes": ("dent",)}, [defect(1)]),
    ({"min_severity": "major"}, [defect(1)]),
    ({"kind": "area", "area_mm2": 100.1}, [defect(1), defect(2)]),
    ({"kind": "density", "per_m": 0.3}, [defect(1), defect(2)]),
    ({"kind": "density", "per_m": 0.1, "min_length_mm": 101}, [defect(1)]),
    ({"kind": "missed"}, [missed(0, 999), missed(999, 999), defect(1)]),
    ({"kind": "crowded", "classes": ("dent",)}, [CROWDED]),
    ({"kind": "repeat", "marks": 4}, [REPEAT]),
    ({"kind": "repeat", "classes": ("scratch",)}, [REPEAT]),
    ({"kind": "repeat", "rolls": ("bridle-2",)}, [REPEAT]),
    ({"kind": "grade", "grade": "block"}, [graded("hold"), graded("ungraded")]),
    ({"kind": "health", "status": "failure"}, [camera("check_function"), HEALTH, CROWDED]),
]


@pytest.mark.parametrize(("facts", "found"), OTHERS)
def test_not_raised(facts: dict[str, Any], found: list[Data]) -> None:
    """What another rule is for, or falls short of the limit, raises nothing."""
    assert Desk(AlarmSection(name="a", **facts)).follow(*found) == []


AT_THE_LIMIT: dict[str, tuple[dict[str, Any], list[Data]]] = {
    "size": (
        {"min_length_mm": 60, "min_width_mm": 0.2},
        [msgspec.structs.replace(defect(), start_mm=13.1, end_mm=73.1, left_mm=0.1, right_mm=0.3)],
    ),
    "area": (
        {"kind": "area", "area_mm2": 0.8},
        [
            msgspec.structs.replace(defect(place), camera=camera, area_mm2=area_mm2)
            for place, (camera, area_mm2) in enumerate((("one", 0.7), ("two", 0.1)))
        ],
    ),
    "density": (
        {"kind": "density", "per_m": 0.8},
        [msgspec.structs.replace(defect(number), camera=camera) for number, camera in enumerate(("one", *["two"] * 7))],
    ),
    "missed": ({"kind": "missed", "missed_m": 0.06}, [missed(13.1, 73.1)]),
}


@pytest.mark.parametrize("case", AT_THE_LIMIT.values(), ids=AT_THE_LIMIT)
def test_what_is_just_at_the_limit_raises(case: tuple[dict[str, Any], list[Data]]) -> None:
    """Wherever it lies, and of however many cameras: no error of a float decides."""
    facts, found = case
    assert states(Desk(AlarmSection(name="a", **facts)).follow(*found)) == ["unacknowledged"]


def test_what_is_just_above_the_deadband_does_not_return() -> None:
    """0.8 less 0.1 is 0.7, though not of floats."""
    desk = Desk(AlarmSection(name="a", kind="density", per_m=0.8, deadband=0.1, off_delay_ms=0))
    some = [msgspec.structs.replace(defect(number), start_mm=number, end_mm=number + 1.0) for number in range(8)]
    assert states(desk.follow(*some)) == ["unacknowledged"]
    assert desk.follow(msgspec.structs.replace(some[0], part_of="other")) == []


class Rated(Defect, frozen=True, kw_only=True, tag="defect"):
    """A defect with a severity, as soon as defects have one."""

    severity: str = ""


def test_severity() -> None:
    """Where defects have a severity a rule may ask for one, or a graver one."""
    facts = {name: getattr(defect(), name) for name in Defect.__struct_fields__}
    desk = Desk(AlarmSection(name="a", min_severity="major", count=2))
    assert desk.follow(*(Rated(**{**facts, "id": word, "severity": word}) for word in ("", "minor", "major"))) == []
    assert states(desk.follow(Rated(**{**facts, "id": "x", "severity": "critical"}))) == ["unacknowledged"]


ENDED = reported("C", "ended", 1.0)
FIRST = reported("C", "started")
NEXT: list[Data] = [ENDED, FIRST]
OF_A_COIL: dict[str, tuple[dict[str, Any], list[Data]]] = {
    "defects": ({}, [defect()]),
    "missed": ({"kind": "missed", "missed_m": 0.1}, [missed(0, 900)]),
    "crowded": ({"kind": "crowded"}, [CROWDED]),
    "repeat": ({"kind": "repeat"}, [REPEAT]),
    "grade": ({"kind": "grade", "grade": "hold"}, [ENDED, graded("hold")]),
}


@pytest.mark.parametrize(("facts", "found"), OF_A_COIL.values(), ids=OF_A_COIL)
def test_an_alarm_is_of_the_coil_that_raised_it(facts: dict[str, Any], found: list[Data]) -> None:
    """Coils of one name are kept apart, though the next begins with what raises it, or before the delay is over."""
    cases: list[tuple[list[list[Data]], int]] = [
        ([[FIRST, *found]], 0),
        ([[FIRST, *NEXT, *found]], 0),
        ([[FIRST, *found, *NEXT]], 1),
        ([[FIRST, *found], NEXT], 1),
        ([[FIRST, *found, *NEXT], NEXT], 2),
    ]
    for batches, coils_since in cases:
        desk = Desk(AlarmSection(name="a", on_delay_ms=1000, **facts))
        for events in batches:
            assert desk.follow(*events) == []
        desk.restart(after_ms=0)
        desk.follow()
        (alarm,) = desk.follow(after_ms=1000)
        assert (alarm.coil, alarm.isa_state, alarm.coils_since) == ("C", "unacknowledged", coils_since), batches


def test_strip_that_may_have_been_missed_counts() -> None:
    """Frames were lost as the coil ended: nobody knows how much they showed, and no alarm would be silence."""
    desk = Desk(AlarmSection(name="a", kind="missed", missed_m=8, within_m=10, off_delay_ms=0))
    assert desk.follow(msgspec.structs.replace(missed(50_000, 50_000), at_most_mm=7_900)) == []
    (alarm,) = desk.follow(msgspec.structs.replace(missed(50_000, 50_000), at_most_mm=8_000))
    assert alarm.state == "unacknowledged"


def test_missed_strip_counts_where_it_lies() -> None:
    """Of a long stretch only what lies within the last metres counts, and all cameras together."""
    desk = Desk(AlarmSection(name="a", kind="missed", missed_m=8, within_m=10, off_delay_ms=0))
    desk.reached_mm = {("C", "top"): 50_000.0, ("C", "bottom"): 50_000.0}
    (alarm,) = desk.follow(missed(0, 45_000), missed(46_000, 50_000, "bottom"))
    assert alarm.value == 9.0
    desk.run_on(2)
    (alarm,) = desk.follow()
    assert (alarm.isa_state, alarm.value) == ("returned", 7.0)


def test_the_worst_device_counts() -> None:
    """While one camera has failed the alarm stands, whatever another says."""
    desk = Desk(AlarmSection(name="a", kind="health", off_delay_ms=0))
    assert states(desk.follow(camera("failure"), camera("check_function", "bottom"))) == ["unacknowledged"]
    assert desk.follow(camera("normal")) == []
    assert states(desk.follow(camera("normal", "bottom"))) == ["returned"]


def test_a_blind_screen_is_a_device_of_its_own() -> None:
    """A recipe's status and a reload's end do not take each other's place."""
    blind = RecipeStatus(fault="screen_blind", state="raised", status="failure", message="m", recipe="r@1")
    desk = Desk(AlarmSection(name="a", kind="health", off_delay_ms=0))
    assert states(desk.follow(blind, HEALTH)) == ["unacknowledged"]
    assert desk.follow(msgspec.structs.replace(HEALTH, state="reloaded")) == []
    assert states(desk.follow(msgspec.structs.replace(blind, state="returned", status="normal"))) == ["returned"]


def test_repeats_of_two_rolls() -> None:
    """The repeat with most marks counts, and the alarm stands until both have ended."""
    desk = Desk(AlarmSection(name="a", kind="repeat", off_delay_ms=0))
    assert states(desk.follow(REPEAT, repeat(id="s", marks=9))) == ["unacknowledged"]
    assert desk.follow(repeat(id="s", marks=9, state="ended")) == []
    assert states(desk.follow(repeat(state="ended"))) == ["returned"]
