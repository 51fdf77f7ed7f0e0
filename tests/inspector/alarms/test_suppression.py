"""Suppression by design: what expressions mean, and what they do to alarms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.alarms.suppression import Expression, Fact, parse
from inspector.records import commands
from tests.alarms import Desk, defect, section, states

STANDS, SLOW, HEAD, PITS = Fact("stands"), Fact("slower", 20.5), Fact("first", 30.0), Fact("alarm", name="pits")


@pytest.mark.parametrize(
    ("text", "true_of"),
    [
        ("line stands", [{STANDS}]),
        ("  line   stands ", [{STANDS}]),
        ("line slower than 20.5 m/min", [{SLOW}]),
        ("first 30 m of coil", [{HEAD}]),
        ("alarm pits", [{PITS}]),
        ("not alarm pits", [set(), {STANDS}]),
        ("line stands or alarm pits and first 30 m of coil", [{STANDS}, {PITS, HEAD}]),
        ("(line stands or alarm pits) and first 30 m of coil", [{STANDS, HEAD}, {PITS, HEAD}]),
        ("not (line stands or not alarm pits)", [{PITS}]),
    ],
)
def test_expressions(text: str, true_of: list[set[Fact]]) -> None:
    """`not` binds closest, then `and`, then `or`; parentheses go before."""
    expression = parse(text)
    for facts in true_of:
        assert expression.holds(facts.__contains__)
    assert not all(expression.holds(facts.__contains__) for facts in ({STANDS}, {PITS}, set(), {HEAD}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it ends too early"),
        ("line stand", '"line stand" is not understood; expected "line stands"'),
        ("line stands and", "it ends too early"),
        ("line stands line stands", '"line stands" follows a whole expression'),
        ("(line stands", "a parenthesis is not closed"),
        ("line stands)", '")" follows a whole expression'),
        ("or line stands", '"or" stands where'),
        ("alarm", '"alarm" is not understood'),
        ("line slower than -3 m/min", "is not understood"),
        ("line slower than 3 m/minute", "is not understood"),
        ("LINE STANDS", "is not understood"),
    ],
)
def test_what_is_no_expression(text: str, why: str) -> None:
    """A mistyped expression says where it fails and what was expected."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse(text)
    assert why in str(caught.value)


EXPRESSIONS = st.recursive(
    st.sampled_from([STANDS, SLOW, HEAD, PITS]).map(lambda fact: Expression("fact", fact=fact)),
    lambda inner: st.builds(
        lambda operator, parts: Expression(operator, tuple(parts[:1] if operator == "not" else parts)),
        st.sampled_from(["or", "and", "not"]),
        st.lists(inner, min_size=2, max_size=3),
    ),
    max_leaves=8,
)
WORDS = {STANDS: "line stands", SLOW: "line slower than 20.5 m/min", HEAD: "first 30 m of coil", PITS: "alarm pits"}


def written(expression: Expression) -> str:
    """Write an expression with all its parentheses."""
    if expression.operator == "fact":
        return WORDS[expression.fact]
    if expression.operator == "not":
        return f"not ({written(expression.parts[0])})"
    return f" {expression.operator} ".join(f"({written(part)})" for part in expression.parts)


@given(EXPRESSIONS, st.sets(st.sampled_from([*WORDS])))
def test_what_is_written_is_read(expression: Expression, facts: set[Fact]) -> None:
    """Any expression means after reading what it meant before writing; and whether it can hold is known."""
    read = parse(written(expression))
    assert read.holds(facts.__contains__) == expression.holds(facts.__contains__)
    assert expression.holds(facts.__contains__) in read.outcomes()


def test_suppressed_while_the_line_stands() -> None:
    """An alarm means nothing while the line stands: taken away, and raised when it runs and it is still met."""
    desk = Desk(section(suppressed_by="line stands"))
    desk.follow(defect())
    (suppressed,) = desk.follow(after_ms=2500)
    assert (suppressed.isa_state, suppressed.cause, suppressed.reason) == ("suppressed", "suppress", "line stands")
    desk.run_on(0.1)
    assert states(desk.follow()) == ["returned", "unacknowledged"]


def test_a_restart_does_not_end_a_suppression() -> None:
    """Until it is known again whether the line stands, what was suppressed stays so."""
    desk = Desk(section(suppressed_by="line stands"))
    desk.follow()
    assert states(desk.follow(after_ms=2500)) == ["suppressed"]
    desk.restart()
    for _ in range(12):
        assert desk.follow(after_ms=250) == []
    desk.run_on(1)
    assert states(desk.follow(after_ms=250)) == ["normal"]


def test_one_alarm_suppresses_another() -> None:
    """Of two alarms with one cause the operator sees one, in whichever order they are written."""
    pits = section(name="pits", classes=("pit",), off_delay_ms=0)
    for rules in ([section(suppressed_by="alarm pits"), pits], [pits, section(suppressed_by="alarm pits")]):
        desk = Desk(*rules)
        changes = desk.follow(defect(1), defect(2, name="pit"))
        assert {change.name: change.isa_state for change in changes} == {
            "pits": "unacknowledged",
            "scratches": "suppressed",
        }


def test_a_command_and_a_rule() -> None:
    """An alarm that both suppress is free when neither does any longer."""
    desk = Desk(section(suppressed_by="line stands"))
    desk.follow()
    desk.ask(commands.Suppress)
    desk.follow(after_ms=2500)
    assert desk.ask(commands.Unsuppress) == []
    assert desk.answer is not None and 'its rule suppresses it while "line stands"' in desk.answer.message
    desk.run_on(1)
    assert states(desk.follow()) == ["normal"]
    assert 'not suppressed by a command; its rule suppresses it while "line' in desk.refusal(commands.Unsuppress)


@pytest.mark.parametrize(
    ("text", "outcomes"),
    [
        ("line slower than 0 m/min", {False}),
        ("first 0 m of coil or line slower than 0 m/min", {False}),
        ("line slower than 5 m/min and not line slower than 10 m/min", {False}),
        ("first 30 m of coil or not first 10 m of coil", {True}),
        ("line slower than 10 m/min and not line slower than 5 m/min", {False, True}),
    ],
)
def test_what_can_never_hold_is_known(text: str, outcomes: set[bool]) -> None:
    """Numbers count: no line is slower than 0, and one that is slower than 5 m/min is slower than 10."""
    assert parse(text).outcomes() == outcomes
