"""Alarms: the table of states row by row, the delays to the nanosecond, and the window in metres."""

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.alarms.alarms import Alarms
from inspector.alarms.rules import Condition
from inspector.alarms.settings import AlarmSection
from inspector.alarms.states import TABLE
from inspector.records.events import Alarm, AlarmState, Data, Defect
from inspector.records.stages import Findings
from tests.defects import any_defect

MS = 1_000_000
SECTION = AlarmSection(name="scratches", classes=("scratch",), within_m=10.0, on_delay_ms=0, off_delay_ms=3000)
DEFECT = any_defect(
    name="scratch", start_mm=900.0, end_mm=1000.0, right_mm=10.0, area_mm2=50.0, confidence=0.9, recipe="test@1"
)


def defect(number: int = 1, **facts: Any) -> Defect:
    """Make a defect that meets the rule, but for the facts given."""
    return msgspec.structs.replace(DEFECT, id=str(number), **facts)


class Desk:
    """Alarms, with a strip that one can run and a clock that one can set."""

    def __init__(self, *sections: AlarmSection) -> None:
        self.sections = sections or (SECTION,)
        self.alarms = Alarms(self.sections)
        self.now_ms = 0
        self.reached_mm = {("C", "top"): 1000.0}

    def hear(self, *said: Data, after_ms: float = 0) -> list[Alarm]:
        """Pass on what was said, some time after the last; return the changes of state."""
        self.now_ms += int(after_ms)
        found = Findings(events=said, reached_mm=self.reached_mm, closed_ns=self.now_ms * MS)
        answer = self.alarms(found)
        assert answer.events[: len(said)] == said
        assert msgspec.structs.replace(answer, events=said) == found
        return [event for event in answer.events[len(said) :] if isinstance(event, Alarm)]

    def restart(self, *sections: AlarmSection) -> None:
        """Begin again with what was kept, in a process whose clock stands elsewhere."""
        kept = self.alarms.state()
        self.alarms = Alarms(sections or self.sections)
        self.now_ms += 1_000_000
        self.alarms.restore(kept, self.now_ms * MS)

    def run_on(self, metres: float) -> None:
        """Let the strip run."""
        self.reached_mm = {key: reached_mm + metres * 1000 for key, reached_mm in self.reached_mm.items()}

    def acknowledge(self) -> list[Alarm]:
        """Acknowledge the alarm; return the changes of state."""
        assert self.alarms.acknowledge("scratches")
        return self.hear()

    def get_to(self, state: AlarmState) -> None:
        """Go to a state the shortest way, and leave the condition met only where the state needs it."""
        if state != "normal":
            self.hear(defect())
        if state == "acknowledged":
            self.acknowledge()
        if state == "returned":
            self.run_on(100)
            self.hear()
            self.hear(after_ms=3000)
        assert self.state == state

    @property
    def state(self) -> AlarmState:
        """Where the alarm stands."""
        return self.alarms.states()["scratches"]


def states(changes: list[Alarm]) -> list[str]:
    """States that were told."""
    return [change.state for change in changes]


STATES: tuple[AlarmState, ...] = ("normal", "unacknowledged", "acknowledged", "returned")
STEPS: list[tuple[AlarmState, str, AlarmState | None]] = [
    ("normal", "met", "unacknowledged"),
    ("normal", "gone", None),
    ("normal", "acknowledge", None),
    ("unacknowledged", "met", None),
    ("unacknowledged", "gone", "returned"),
    ("unacknowledged", "acknowledge", "acknowledged"),
    ("acknowledged", "met", None),
    ("acknowledged", "gone", "normal"),
    ("acknowledged", "acknowledge", None),
    ("returned", "met", "unacknowledged"),
    ("returned", "gone", None),
    ("returned", "acknowledge", "normal"),
]


@pytest.mark.parametrize(("state", "cause", "becomes"), STEPS)
def test_table(state: AlarmState, cause: str, becomes: AlarmState | None) -> None:
    """Each row and column of the table: from this state, for this cause, to that state, told once."""
    desk = Desk()
    desk.get_to(state)
    if cause == "met":
        changes = desk.hear(defect(2, end_mm=desk.reached_mm["C", "top"]))
    elif cause == "gone":
        desk.run_on(100)
        desk.hear()
        changes = desk.hear(after_ms=3000)
    else:
        changes = desk.acknowledge()
    assert states(changes) == ([becomes] if becomes else [])
    assert desk.state == (becomes or state)
    assert desk.hear(after_ms=10_000) == []


def test_table_is_the_codes() -> None:
    """The steps above are those that the code follows: no transition is left untested."""
    steps = {state: {cause: becomes for one, cause, becomes in STEPS if one == state and becomes} for state in STATES}
    assert steps == TABLE


def test_no_state_is_a_dead_end() -> None:
    """From every state every other one is reached."""
    for state in STATES:
        reached, edge = {state}, [state]
        while edge:
            news = set(TABLE[edge.pop()].values()) - reached
            reached |= news
            edge += news
        assert reached == set(STATES)


def test_one_alarm_is_raised_once() -> None:
    """However many defects meet the rule while an alarm lasts, it is raised once, and told what completed it."""
    desk = Desk(msgspec.structs.replace(SECTION, count=2))
    assert desk.hear(defect(1)) == []
    (alarm,) = desk.hear(defect(2))
    assert alarm == Alarm(
        name="scratches",
        state="unacknowledged",
        priority="medium",
        coil="C",
        camera="top",
        message="2 defects within 10 m (scratch)",
        count=2,
        defect_id="2",
    )
    for number in range(3, 20):
        assert desk.hear(defect(number), after_ms=100) == []


def test_parts_of_one_defect_count_once() -> None:
    """A long defect that is told again as it grows is one defect."""
    desk = Desk(msgspec.structs.replace(SECTION, count=2))
    for end_mm in (1000.0, 1100.0, 1200.0):
        assert desk.hear(defect(1, end_mm=end_mm, is_partial=True)) == []


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
    desk = Desk(msgspec.structs.replace(SECTION, min_area_mm2=40.0, min_length_mm=80.0))
    assert bool(desk.hear(defect(**facts))) is is_met


def test_window() -> None:
    """Defects count together while they lie within so many metres of where the strip has come."""
    section = msgspec.structs.replace(SECTION, count=2, off_delay_ms=0)
    desk = Desk(section)
    assert desk.hear(defect(1)) == []
    desk.run_on(10)
    assert states(desk.hear(defect(2, start_mm=10_900.0, end_mm=11_000.0))) == ["unacknowledged"]
    desk.run_on(0.001)
    assert states(desk.hear()) == ["returned"]
    desk.run_on(10)
    assert desk.hear(defect(3, start_mm=21_000.0, end_mm=21_001.0)) == []


def test_window_of_each_camera() -> None:
    """A camera that stands far behind another on the same coil has its own window, and both count together."""
    desk = Desk(msgspec.structs.replace(SECTION, count=3))
    desk.reached_mm = {("C", "top"): 50_000.0, ("C", "bottom"): 1000.0}
    assert desk.hear(defect(1, camera="bottom")) == []
    assert desk.hear(defect(2, camera="bottom")) == []
    assert states(desk.hear(defect(3, end_mm=50_000.0))) == ["unacknowledged"]


def test_coils_count_apart() -> None:
    """Two coils at once under the cameras do not make one alarm together, and a coil that has left counts no more."""
    desk = Desk(msgspec.structs.replace(SECTION, count=2, off_delay_ms=0))
    desk.reached_mm = {("C", "top"): 1000.0, ("D", "bottom"): 1000.0}
    assert desk.hear(defect(1), defect(2, coil="D", camera="bottom")) == []
    assert states(desk.hear(defect(3))) == ["unacknowledged"]
    del desk.reached_mm["C", "top"]
    assert states(desk.hear()) == ["returned"]


def test_position_set_back() -> None:
    """Where the position begins again, the window does too: no alarm stays until it is reached once more."""
    desk = Desk(msgspec.structs.replace(SECTION, off_delay_ms=0))
    desk.reached_mm = {("C", "top"): 90_000.0}
    assert states(desk.hear(defect(end_mm=90_000.0))) == ["unacknowledged"]
    desk.reached_mm = {("C", "top"): 0.0}
    assert states(desk.hear()) == ["returned"]


def test_on_delay() -> None:
    """The condition must hold for the whole delay: a shorter one raises nothing, and the next begins anew."""
    desk = Desk(msgspec.structs.replace(SECTION, on_delay_ms=1000))
    assert desk.hear(defect(1)) == []
    assert desk.hear(after_ms=999) == []
    desk.run_on(100)
    assert desk.hear(after_ms=1) == []
    assert desk.hear(defect(2, end_mm=101_000.0), after_ms=500) == []
    assert desk.hear(after_ms=999) == []
    assert states(desk.hear(after_ms=1)) == ["unacknowledged"]


def test_off_delay() -> None:
    """A condition that comes back within the delay is the same alarm still."""
    desk = Desk()
    desk.hear(defect(1))
    desk.run_on(100)
    assert desk.hear() == []
    assert desk.hear(after_ms=2999) == []
    assert desk.hear(defect(2, end_mm=101_000.0)) == []
    desk.run_on(100)
    assert desk.hear() == []
    assert desk.hear(after_ms=2999) == []
    assert states(desk.hear(after_ms=1)) == ["returned"]


def test_acknowledging_does_not_start_the_delay_anew() -> None:
    """The off-delay counts from when the condition went, whenever the operator acknowledges."""
    desk = Desk()
    desk.hear(defect())
    desk.run_on(100)
    desk.hear()
    desk.now_ms += 2000
    assert states(desk.acknowledge()) == ["acknowledged"]
    assert states(desk.hear(after_ms=1000)) == ["normal"]


def test_acknowledge_nothing() -> None:
    """Acknowledging what is no alarm is refused, and disturbs nothing."""
    desk = Desk()
    assert not desk.alarms.acknowledge("scratch")
    assert desk.hear() == []


def test_replace_keeps_state() -> None:
    """New rules leave a standing alarm as it stands; the new limits hold for it from then on."""
    desk = Desk()
    desk.hear(defect())
    desk.alarms.replace([msgspec.structs.replace(SECTION, priority="high")])
    assert desk.hear(after_ms=1) == [] and desk.state == "unacknowledged"
    desk.alarms.replace([msgspec.structs.replace(SECTION, priority="high", min_area_mm2=51.0, off_delay_ms=0)])
    (change,) = desk.hear(after_ms=1)
    assert (change.state, change.priority, change.count) == ("returned", "high", 0)


def test_replace_drops_and_adds() -> None:
    """An alarm whose rule is gone goes back to normal, told once; a new one begins normal."""
    desk = Desk()
    desk.hear(defect())
    desk.alarms.replace([msgspec.structs.replace(SECTION, name="others", count=5)])
    assert [(change.name, change.state) for change in desk.hear()] == [("scratches", "normal")]
    assert desk.alarms.states() == {"others": "normal"}


def test_requests_keep_their_order() -> None:
    """An acknowledgement before a replacement is not lost in it."""
    desk = Desk()
    desk.hear(defect())
    desk.alarms.acknowledge("scratches")
    desk.alarms.replace([SECTION])
    assert states(desk.hear()) == ["acknowledged"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("defect"), st.integers(0, 200)),
            st.tuples(st.just("run"), st.integers(0, 20)),
            st.tuples(st.just("wait"), st.integers(0, 4000)),
            st.tuples(st.sampled_from(["acknowledge", "restart"]), st.just(0)),
        ),
        max_size=40,
    ),
    st.integers(1, 3),
    st.sampled_from([0, 500]),
    st.sampled_from([0, 3000]),
)
def test_life(steps: list[tuple[str, int]], count: int, on_delay_ms: int, off_delay_ms: int) -> None:
    """Whatever happens, changes follow the table, none is told twice, and an alarm is met when it is raised."""
    desk = Desk(msgspec.structs.replace(SECTION, count=count, on_delay_ms=on_delay_ms, off_delay_ms=off_delay_ms))
    state: AlarmState = "normal"
    for number, (kind, amount) in enumerate(steps):
        changes: list[Alarm] = []
        if kind == "defect":
            end_mm = desk.reached_mm["C", "top"] - amount * 100
            changes = desk.hear(defect(number, start_mm=end_mm - 10, end_mm=end_mm))
        elif kind == "run":
            desk.run_on(amount)
            changes = desk.hear(after_ms=10)
        elif kind == "wait":
            changes = desk.hear(after_ms=amount)
        elif kind == "restart":
            desk.restart()
            assert desk.state == state
        else:
            changes = desk.acknowledge()
        for change in changes:
            assert change.state in TABLE[state].values()
            if change.state == "unacknowledged":
                assert change.count >= count
            state = cast(AlarmState, change.state)
    assert desk.state == state


@pytest.mark.parametrize("state", STATES)
def test_a_restart_changes_no_state(state: AlarmState) -> None:
    """Whatever state an alarm is in, it is in after a restart, without an event, and goes on by the table."""
    desk = Desk()
    desk.get_to(state)
    desk.restart()
    assert desk.state == state
    assert desk.hear() == []
    if "acknowledge" in TABLE[state]:
        assert states(desk.acknowledge()) == [TABLE[state]["acknowledge"]]


def test_a_restart_keeps_the_window() -> None:
    """Defects from before a restart count with those after it, and are left behind with their metres."""
    desk = Desk(msgspec.structs.replace(SECTION, count=3, off_delay_ms=0))
    assert desk.hear(defect(1), defect(2)) == []
    desk.restart()
    assert states(desk.hear(defect(3))) == ["unacknowledged"]
    desk.run_on(10.1)
    assert states(desk.hear()) == ["returned"]


def test_a_restart_begins_no_delay_again() -> None:
    """What was left of a delay is left after a restart; the time in between counts for nothing."""
    desk = Desk()
    desk.hear(defect())
    desk.run_on(100)
    desk.hear()
    desk.hear(after_ms=2000)
    desk.restart()
    assert desk.hear(after_ms=999) == []
    assert states(desk.hear(after_ms=1)) == ["returned"]


def test_a_rule_that_is_gone_after_a_restart() -> None:
    """An alarm whose rule was taken away meanwhile goes back to normal, reported once; a new rule begins normal."""
    desk = Desk()
    desk.hear(defect())
    desk.restart(msgspec.structs.replace(SECTION, name="others", count=5))
    assert desk.alarms.acknowledge("others") and not desk.alarms.acknowledge("scratches")
    assert [(change.name, change.state) for change in desk.hear()] == [("scratches", "normal")]
    assert desk.alarms.states() == {"others": "normal"}


def test_a_state_of_another_version_is_refused() -> None:
    """What cannot be read is an error, and leaves the alarms as new."""
    desk = Desk()
    for state in (b"", b"[]", b'{"scratches":{"state":"normal"}}'):
        with pytest.raises(ValueError):
            desk.alarms.restore(state, 0)
    assert desk.state == "normal"


def test_what_is_kept_of_a_line_that_stands_stays_the_same() -> None:
    """While nothing happens nothing new has to be written, however long that is."""
    desk = Desk()
    desk.hear(defect(), after_ms=10_000)
    before = desk.alarms.state()
    desk.hear(after_ms=10_000)
    assert desk.alarms.state() != before or desk.hear(after_ms=10_000) == []
    before = desk.alarms.state()
    desk.hear(after_ms=250)
    assert desk.alarms.state() == before


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
    condition = Condition(AlarmSection(name="any", classes=("scratch",), within_m=0.01, count=99))
    reached_mm: dict[tuple[str, str], float] = {}
    said: dict[str, Defect] = {}
    for coil, camera, end_mm, number in steps:
        reached_mm[coil, camera] = float(end_mm)
        said = {name: one for name, one in said.items() if abs(reached_mm[one.coil, one.camera] - one.end_mm) <= 10}
        found = defect(number, coil=coil, camera=camera, start_mm=end_mm - 1.0, end_mm=float(end_mm))
        said[found.id] = found
        condition.follow(Findings(closed_ns=0, events=(found,), reached_mm=reached_mm))
        per_coil = [sum(one.coil == coil for one in said.values()) for coil in ("C", "D")]
        assert condition.count == max(per_coil)
        assert condition.defects == said
