"""The table of states: each row and column by what really happens to an alarm, and what holds of all of it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inspector.alarms import states as table
from inspector.alarms.states import CAUSES, STATES, TABLE, Cause
from inspector.records import commands
from inspector.records.events import Alarm, AlarmState, IsaState
from tests.alarms import Desk, section

ORDERS: dict[Cause, type[commands.AlarmOrder]] = {
    "acknowledge": commands.Acknowledge,
    "reset": commands.Reset,
    "unshelve": commands.Unshelve,
    "suppress": commands.Suppress,
    "unsuppress": commands.Unsuppress,
    "out_of_service": commands.TakeOut,
    "in_service": commands.PutBack,
}
SHELVED_MIN = 30
OTHERS = section(name="others", count=5)


def cause(desk: Desk, name: Cause) -> list[Alarm]:
    """Bring about a cause of the table."""
    match name:
        case "met":
            return desk.meet(desk.now_ms)
        case "gone" | "held":
            desk.replace(section(latch=name == "held"))
            return desk.leave()
        case "shelve":
            return desk.ask(commands.Shelve, minutes=SHELVED_MIN)
        case "expire":
            return desk.follow(after_ms=SHELVED_MIN * 60_000)
        case "retire":
            desk.replace(OTHERS)
            return desk.follow()
        case _:
            return desk.ask(ORDERS[name])


def known(state: IsaState, name: Cause) -> IsaState:
    """What a cause of the table leads to, from the shortest way: what is put aside then was normal."""
    becomes = table.becomes(state, name)
    assert becomes
    return becomes


def way(to: IsaState) -> list[Cause]:
    """The shortest way from `normal`."""
    ways: dict[IsaState, list[Cause]] = {"normal": []}
    edge: list[IsaState] = ["normal"]
    for state in edge:
        for name in TABLE[state]:
            becomes = known(state, name)
            if becomes not in ways:
                ways[becomes] = [*ways[state], name]
                edge.append(becomes)
    return ways[to]


@pytest.mark.parametrize("name", CAUSES)
@pytest.mark.parametrize("state", STATES)
def test_each_cause_in_each_state(state: IsaState, name: Cause) -> None:
    """What the table says happens, once, as one event that says from what; and what it does not say does not."""
    desk = Desk()
    for step in way(state):
        cause(desk, step)
    assert desk.state == state
    changes = cause(desk, name)
    becomes = table.becomes(state, name)
    on_record = becomes == state and name in ("gone", "held")  # it was gone before: nothing new
    expected = [] if becomes is None or on_record else [(name, becomes)]
    assert [(change.cause, change.isa_state) for change in changes] == expected
    assert desk.alarms.states().get("scratches", "normal") == (becomes or state)
    if name != "retire":
        assert all(change.state == STATES[becomes or state].word for change in changes)
        assert desk.follow(after_ms=10) == []


def test_every_state_is_reached_and_left() -> None:
    """From every state every other one is reached: none is a dead end, and none is never entered."""
    assert set(TABLE) == set(STATES) == set(get_args(IsaState))
    for state in STATES:
        reached: set[IsaState] = {state}
        edge: list[IsaState] = [state]
        while edge:
            at = edge.pop()
            news = {known(at, name) for name in TABLE[at]} - reached
            reached |= news
            edge += news
        assert reached == set(STATES)


def test_every_cause_does_something() -> None:
    """No cause is written down that leads nowhere, and the words of contract 1.0 are all still used."""
    assert {name for causes in TABLE.values() for name in causes} == set(CAUSES) == set(get_args(Cause))
    assert {state.word for state in STATES.values()} == set(get_args(AlarmState))
    assert [state.letter for state in STATES.values()] == list("ABCDEFGHI")


def test_what_is_kept_from_people_comes_back_as_it_was_left() -> None:
    """No acknowledgement is skipped: only a rule that is gone ends an alarm that is shelved, suppressed or out."""
    aside = {*filter(table.is_aside, STATES)}
    for state in aside:
        back = {name: becomes for name, becomes in TABLE[state].items() if becomes not in aside}
        assert back.pop("retire") == "normal" and {*back.values()} == {table.AS_LEFT}


ASIDE: list[tuple[Cause, Cause]] = [
    ("shelve", "unshelve"),
    ("shelve", "expire"),
    ("suppress", "unsuppress"),
    ("out_of_service", "in_service"),
]
AS_LEFT: list[tuple[list[Cause], IsaState, IsaState]] = [
    ([], "normal", "normal"),
    (["met"], "returned", "latched_unacknowledged"),
    (["met", "acknowledge"], "normal", "latched_acknowledged"),
    (["met", "gone"], "returned", "latched_unacknowledged"),
    (["met", "gone", "acknowledge"], "normal", "latched_acknowledged"),
]


@pytest.mark.parametrize("aside", ASIDE)
@pytest.mark.parametrize("is_latching", [False, True])
@pytest.mark.parametrize(("steps", "plain", "latched"), AS_LEFT)
def test_each_state_comes_back(
    steps: list[Cause], plain: IsaState, latched: IsaState, is_latching: bool, aside: tuple[Cause, Cause]
) -> None:
    """What an operator has not acknowledged or reset waits for them still, whoever kept it aside meanwhile, over a
    restart too; what was met meanwhile and is gone is on record, no more; what is met now is raised once.
    """
    desk = Desk(section(latch=is_latching))
    expected = latched if is_latching else plain
    for step in steps:
        desk.leave() if step == "gone" else cause(desk, step)
    for is_met in (False, True):
        cause(desk, aside[0])
        desk.leave()
        desk.meet(desk.now_ms)
        if not is_met:
            desk.leave()
        desk.restart(after_ms=1000)
        changes = cause(desk, aside[1])
        raised = [("unacknowledged", True)] if is_met else []
        assert [(change.isa_state, change.annunciate) for change in changes] == [(expected, False), *raised]


def test_what_is_put_aside_twice_comes_back_too() -> None:
    """A latched alarm that is suppressed, shelved and taken out of service is latched still, once it is back."""
    desk = Desk(section(latch=True))
    desk.meet()
    desk.leave()
    twice: list[Cause] = ["suppress", "shelve", "out_of_service", "in_service"]
    for name in twice:
        changes = cause(desk, name)
    assert [change.isa_state for change in changes] == ["latched_unacknowledged", "suppressed"]
    assert [change.isa_state for change in cause(desk, "unsuppress")] == ["latched_unacknowledged"]
    answered: list[Cause] = ["acknowledge", "suppress", "unsuppress", "reset"]
    for name in answered:
        cause(desk, name)
    assert desk.state == "normal"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(list(CAUSES)), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 4000)),
        st.tuples(st.just("run"), st.integers(0, 20)),
        st.tuples(st.just("restart"), st.integers(0, 3_000_000)),
        st.tuples(st.just("together"), st.integers(0, 3)),
    ),
    max_size=30,
)


@given(STEPS, st.integers(1, 3), st.sampled_from([0, 500]), st.sampled_from([0, 3000]), st.booleans())
@example([("met", 0), ("run", 11), ("together", 0)], 1, 0, 3000, False)
@example([("met", 0), ("run", 11), ("shelve", 0), ("unshelve", 0)], 1, 0, 3000, False)
def test_life(steps: list[tuple[Any, int]], count: int, on_delay_ms: int, off_delay_ms: int, latch: bool) -> None:
    """Whatever happens: each change follows the table and is one event, each event tells the state and the condition as
    they are, no alarm that is met is lost, and a restart changes nothing.
    """
    rule = section(count=count, on_delay_ms=on_delay_ms, off_delay_ms=off_delay_ms, latch=latch)
    desk = Desk(rule)
    state: IsaState = "normal"
    left: IsaState = "normal"
    is_met = False
    for name, amount in steps:
        changes = act(desk, rule, name, amount)
        for change in changes:
            becomes = TABLE[state][change.cause]  # type: ignore[index]
            assert change.isa_state == (left if becomes == table.AS_LEFT else becomes)
            if not table.is_aside(state):
                left = table.left(state, is_latching=latch)
            assert change.annunciate == (change.isa_state == "unacknowledged" != state)
            assert bool(change.operator) == (change.cause in {*ORDERS, "shelve"})
            state, is_met = change.isa_state, change.is_met
        status = desk.status()
        assert (status.isa_state, status.is_met) == (state, is_met)
        if not table.is_aside(state):
            assert is_met == (state in ("unacknowledged", "acknowledged"))
        if not on_delay_ms and not off_delay_ms:
            assert is_met == (status.value >= status.limit)


def act(desk: Desk, rule: Any, name: Any, amount: int) -> list[Alarm]:
    """Do one step of a life."""
    match name:
        case "wait":
            return desk.follow(after_ms=amount)
        case "run":
            desk.run_on(amount)
            return desk.follow(after_ms=10)
        case "restart":
            before = desk.alarms.states()
            desk.restart(rule, after_ms=amount)
            assert desk.alarms.states() == before
            return desk.follow()
        case "together":  # several commands with one batch, and a defect
            asked: Any = [commands.Shelve(alarm="scratches", operator="Kim", minutes=1)]
            asked += [kind(alarm="scratches", operator="Lee") for kind in (*ORDERS.values(),)[amount :: amount + 2]]
            return desk.follow(asked=tuple(asked))
        case "gone" | "held" | "retire":  # the rule stays as it is
            return desk.leave() if name != "retire" else desk.meet(desk.now_ms)
        case _:
            return cause(desk, name)
