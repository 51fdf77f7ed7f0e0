"""Suppression by design: expressions over the line's condition, such as `line stands`. Pure.

    expression = term { "or" term }       term = factor { "and" factor }
    factor = "not" factor | "(" expression ")" | fact
    fact = "line stands" | "line slower than N m/min" | "first N m of coil" | "alarm NAME"

Knows: the words. Must not know: what makes a fact hold, states of the alarm that is suppressed, operators.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

MOST_FACTS = 10
"""Different facts in one expression, so that whether it can hold is tried out at once: 1024 cases."""

FactKind = Literal["stands", "slower", "first", "alarm"]


class Fact(msgspec.Struct, frozen=True):
    """What an expression is made of."""

    kind: FactKind
    number: float = 0.0
    """Metres a minute, or metres."""
    name: str = ""
    """Of an alarm."""


Holds = Callable[[Fact], bool]


class Expression(msgspec.Struct, frozen=True):
    """Parsed: `parts` joined by the operator, or one fact."""

    operator: Literal["or", "and", "not", "fact"]
    parts: tuple[Expression, ...] = ()
    fact: Fact = Fact("stands")

    def holds(self, holds: Holds) -> bool:
        """Whether it is true, by what holds of the facts."""
        match self.operator:
            case "fact":
                return holds(self.fact)
            case "not":
                return not self.parts[0].holds(holds)
            case "and":
                return all(part.holds(holds) for part in self.parts)
            case _:
                return any(part.holds(holds) for part in self.parts)

    def facts(self) -> set[Fact]:
        """All facts in it."""
        if self.operator == "fact":
            return {self.fact}
        return set().union(*(part.facts() for part in self.parts))

    def outcomes(self) -> set[bool]:
        """Both, or the one that it always has whatever the facts are; both too where there are too many to try."""
        facts = sorted(self.facts(), key=str)
        if len(facts) > MOST_FACTS:
            return {True, False}
        cases = (dict(zip(facts, case, strict=True)) for case in itertools.product((False, True), repeat=len(facts)))
        return {self.holds(case.__getitem__) for case in cases if _can_be(case)}


def _can_be(case: Mapping[Fact, bool]) -> bool:
    """Whether facts can hold together: nothing is slower than 0, and what is slower than 5 is slower than 10."""
    measured = [fact for fact in case if fact.kind in ("slower", "first")]
    if any(case[fact] and fact.number <= 0 for fact in measured):
        return False
    pairs = itertools.permutations(measured, 2)
    return not any(
        less.kind == more.kind and less.number <= more.number and case[less] and not case[more] for less, more in pairs
    )


_TOKEN = re.compile(
    r"\s*(?:(?P<word>\b(?:or|and|not)\b|[()])"
    r"|(?P<stands>line stands)\b"
    r"|line slower than (?P<slower>\d+(?:\.\d+)?) m/min(?!\S*[\w/])"
    r"|first (?P<first>\d+(?:\.\d+)?) m of coil\b"
    r"|alarm (?P<alarm>[A-Za-z0-9][A-Za-z0-9_.:/-]*))"
)
FACTS = '"line stands", "line slower than 20 m/min", "first 30 m of coil" or "alarm NAME"'


def parse(text: str) -> Expression:
    """Read an expression.

    Raises: ValueError that says where it fails and what was expected there.
    """
    tokens = list(_tokens(" ".join(text.split())))
    expression = _joined(tokens, "or")
    if tokens:
        raise ValueError(f'"{_shown(tokens[0])}" follows a whole expression; expected "and", "or" or the end')
    return expression


def _tokens(text: str) -> Iterator[str | Fact]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f'"{text[at:].strip()}" is not understood; expected {FACTS}')
        at = found.end()
        word = found["word"]
        if word:
            yield word
        elif found["stands"]:
            yield Fact("stands")
        elif found["slower"]:
            yield Fact("slower", float(found["slower"]))
        elif found["first"]:
            yield Fact("first", float(found["first"]))
        else:
            yield Fact("alarm", name=found["alarm"])


def _joined(tokens: list[str | Fact], operator: Literal["or", "and"]) -> Expression:
    def part() -> Expression:
        return _joined(tokens, "and") if operator == "or" else _factor(tokens)

    parts = [part()]
    while tokens[:1] == [operator]:
        tokens.pop(0)
        parts.append(part())
    return Expression(operator, tuple(parts)) if len(parts) > 1 else parts[0]


def _factor(tokens: list[str | Fact]) -> Expression:
    if not tokens:
        raise ValueError(f"it ends too early; expected {FACTS}")
    token = tokens.pop(0)
    if isinstance(token, Fact):
        return Expression("fact", fact=token)
    if token == "not":
        return Expression("not", (_factor(tokens),))
    if token != "(":
        raise ValueError(f'"{token}" stands where one of {FACTS} was expected')
    inner = _joined(tokens, "or")
    if tokens[:1] != [")"]:
        raise ValueError('a parenthesis is not closed; expected ")"')
    tokens.pop(0)
    return inner


def _shown(token: str | Fact) -> str:
    if isinstance(token, str):
        return token
    return f"alarm {token.name}" if token.kind == "alarm" else f"line {token.kind}"
