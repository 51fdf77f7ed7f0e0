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
            desk.alarms.replace([section(latch=name == "held")])
            return desk.leave()
        case "shelve":
            return desk.ask(commands.Shelve, minutes=SHELVED_MIN)
        case "expire":
            return desk.follow(after_ms=SHELVED_MIN * 60_000)
        case "retire":
            desk.alarms.replace([OTHERS])
            return desk.follow()
        case _:
            return desk.ask(ORDERS[name])


def way(to: IsaState) -> list[Cause]:
    """The shortest way from `normal`."""
    ways: dict[IsaState, list[Cause]] = {"normal": []}
    edge: list[IsaState] = ["normal"]
    for state in edge:
        for name, becomes in TABLE[state].items():
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
    becomes = TABLE[state].get(name)
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
            news = set(TABLE[edge.pop()].values()) - reached
            reached |= news
            edge += news
        assert reached == set(STATES)


def test_every_cause_does_something() -> None:
    """No cause is written down that leads nowhere, and the words of contract 1.0 are all still used."""
    assert {name for causes in TABLE.values() for name in causes} == set(CAUSES) == set(get_args(Cause))
    assert {state.word for state in STATES.values()} == set(get_args(AlarmState))
    assert [state.letter for state in STATES.values()] == list("ABCDEFGHI")


def test_what_is_kept_from_people_comes_back_through_normal() -> None:
    """No acknowledgement is skipped: out of shelf, suppression and service an alarm begins as if it were new."""
    for state in filter(table.is_aside, STATES):
        inside = {becomes for becomes in TABLE[state].values() if not table.is_aside(becomes)}
        assert inside == {"normal"}


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
    is_met = False
    for name, amount in steps:
        changes = act(desk, rule, name, amount)
        for change in changes:
            assert TABLE[state][change.cause] == change.isa_state  # type: ignore[index]
            assert change.annunciate == (change.isa_state == "unacknowledged" != state)
            assert bool(change.operator) == (change.cause in {*ORDERS, "shelve"})
            state, is_met = change.isa_state, change.is_met
        status = desk.alarms._alarms["scratches"].status()
        assert (status.isa_state, status.is_met) == (state, is_met)
        if not table.is_aside(state):
            assert is_met == (state in ("unacknowledged", "acknowledged"))
        if not on_delay_ms and not off_delay_ms:
            assert is_met == desk.alarms._alarms["scratches"].condition.is_met


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
