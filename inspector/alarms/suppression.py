"""Suppression by design: expressions over the line's condition, such as `line stands`. Pure.

    expression = term { "or" term }       term = factor { "and" factor }
    factor = "not" factor | "(" expression ")" | fact
    fact = "line stands" | "line slower than N m/min" | "first N m of coil" | "alarm NAME"

Knows: the words, and what they mean of the line. Must not know: states of the alarm that is suppressed, operators.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from inspector.records.stages import Findings

STANDS_NS = 2_000_000_000
"""The line stands when no camera's strip has come on for this long, and its speed is that of as much time."""
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


class StripMotion:
    """How the strip runs, by how far it comes from batch to batch."""

    def __init__(self) -> None:
        self._reached_mm: dict[tuple[str, str], float] = {}
        self._travel_mm = 0.0
        self._samples: deque[tuple[int, float]] = deque()
        """Time, and how far the strip had run by then; at least as old as `STANDS_NS` where anything is."""

    def follow(self, findings: Findings) -> None:
        """Take in how far the strip has come; what goes back, or begins, moves by what the farthest camera shows."""
        ways_mm = [
            reached_mm - self._reached_mm.get(key, 0.0)
            for key, reached_mm in findings.reached_mm.items()
            if reached_mm != self._reached_mm.get(key)
        ]
        self._reached_mm = dict(findings.reached_mm)
        self._travel_mm += max((abs(way_mm) for way_mm in ways_mm), default=0.0)
        samples, now_ns = self._samples, findings.closed_ns
        samples.append((now_ns, self._travel_mm))
        while len(samples) > 1 and samples[1][0] <= now_ns - STANDS_NS:
            samples.popleft()

    @property
    def stands(self) -> bool:
        """Whether nothing has moved for `STANDS_NS`; not known, and so not, in the first time after a start."""
        return self.is_known and self._samples[0][1] == self._travel_mm

    @property
    def speed_m_per_min(self) -> float:
        """Of the last `STANDS_NS`; infinite in the first time after a start, when it is not known."""
        if not self.is_known:
            return float("inf")
        (before_ns, before_mm), (now_ns, now_mm) = self._samples[0], self._samples[-1]
        return (now_mm - before_mm) * 60e6 / (now_ns - before_ns)

    def is_at_head(self, metres: float) -> bool:
        """Whether a coil under the cameras has come no farther than this."""
        return any(reached_mm <= metres * 1000 for reached_mm in self._reached_mm.values())

    @property
    def is_known(self) -> bool:
        """Whether it was followed for `STANDS_NS`."""
        return bool(self._samples) and self._samples[-1][0] - self._samples[0][0] >= STANDS_NS
