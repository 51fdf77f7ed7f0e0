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

from inspector.config.motion import RunningTime
from inspector.records.stages import Findings

STANDS_NS = 2_000_000_000
"""The line stands when no camera's strip has come on for this long, and its speed is that of as much time."""
DEAD_NS = 10_000_000_000
"""A camera whose strip has not come on while another's ran for so long shows no longer how far a coil is."""
HEAD_SEEN = 2
"""A camera came at a coil's head where after two batches the coil is at most this many times as far as it has seen."""
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


class _Lane(msgspec.Struct, frozen=True):
    """How a coil runs under a camera."""

    reached_mm: float
    moved_ns: int
    """When it came on last."""
    running_ns: int
    """How long the line had run by then."""
    since_ns: int
    """Since when it has come on without a pause of `STANDS_NS`."""
    is_late: bool = False
    """Whether then the camera came out of nowhere: to a coil that others saw, or as it had been dead."""
    seen_mm: float = 0.0
    """What a camera that came to such a coil has seen of it, while it is late."""

    def has_run(self, now_ns: int) -> bool:
        """Whether it has come on for `STANDS_NS`; what a camera shows before that may be a leap."""
        return now_ns - self.since_ns >= STANDS_NS


class StripMotion:
    """How the strip runs, by how far it comes from batch to batch."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], _Lane] = {}
        """By coil and camera."""
        self._running = RunningTime()
        """By any strip that came on."""
        self._travel_mm: dict[str, float] = {}
        """How far strip has run under each camera: the frames of one may come in other batches than another's."""
        self._samples: deque[tuple[int, dict[str, float]]] = deque()
        """Time, and how far the strip had run by then; at least as old as `STANDS_NS` where anything is."""

    def follow(self, findings: Findings) -> None:
        """Take in how far the strip has come; what goes back, or begins, moves by what its camera shows."""
        samples, now_ns = self._samples, findings.closed_ns
        running_ns = self._running.after(now_ns, STANDS_NS)
        ends_mm = findings.reached_mm.items()
        lanes = {place: self._lane(place, reached_mm, running_ns, findings) for place, reached_mm in ends_mm}
        moved = [place for place, lane in lanes.items() if lane is not self._lanes.get(place)]
        ways_mm = {place[1]: self._way_mm(place, lanes[place], findings) for place in moved}
        self._lanes = lanes
        if moved:
            self._travel_mm = self._travel_mm | {at: self._travel_mm.get(at, 0.0) + mm for at, mm in ways_mm.items()}
            self._running.run_on(now_ns, STANDS_NS)
        samples.append((now_ns, self._travel_mm))
        while len(samples) > 1 and samples[1][0] <= now_ns - STANDS_NS:
            samples.popleft()

    def _lane(self, place: tuple[str, str], reached_mm: float, running_ns: int, findings: Findings) -> _Lane:
        """How a coil runs that has come so far now; the lane of before where it has not moved."""
        before, now_ns, seen_mm = self._lanes.get(place), findings.closed_ns, findings.inspected_mm.get(place[1], 0.0)
        if before is None:
            coils, cameras = {coil for coil, _ in self._lanes}, {camera for _, camera in self._lanes}
            is_late = place[0] in coils and place[1] not in cameras
            return _Lane(reached_mm, now_ns, running_ns, now_ns, is_late, seen_mm)
        if reached_mm == before.reached_mm:
            return before
        if now_ns - before.moved_ns < STANDS_NS:
            seen_mm = before.seen_mm + seen_mm if before.seen_mm else 0.0
            is_late = before.is_late and reached_mm > HEAD_SEEN * seen_mm
            return _Lane(reached_mm, now_ns, running_ns, before.since_ns, is_late, seen_mm)
        return _Lane(reached_mm, now_ns, running_ns, now_ns, self._is_dead(before))

    def _way_mm(self, place: tuple[str, str], lane: _Lane, findings: Findings) -> float:
        """How far a coil has come on under a camera since the last batch.

        What a camera shows first is what it saw: how fast strip ran before it came, or came back, nobody knows.
        """
        before, seen_mm = self._lanes.get(place), findings.inspected_mm.get(place[1])
        if before is None:
            is_known = any(place[0] == coil for coil, _ in self._lanes)
            return (0.0 if is_known else lane.reached_mm) if seen_mm is None else seen_mm
        way_mm = abs(lane.reached_mm - before.reached_mm)
        return way_mm if lane.has_run(findings.closed_ns) else seen_mm or way_mm

    def _is_dead(self, lane: _Lane) -> bool:
        return self._running.ran_ns - lane.running_ns >= DEAD_NS

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
        way_mm = max((mm - before_mm.get(camera, 0.0) for camera, mm in now_mm.items()), default=0.0)
        return way_mm * 60e6 / (now_ns - before_ns)

    def is_at_head(self, metres: float) -> bool:
        """Whether a coil has come no farther than this under a camera that is not dead, or just back."""
        return any(
            lane.reached_mm <= metres * 1000
            and not self._is_dead(lane)
            and (lane.has_run(self._samples[-1][0]) or not lane.is_late)
            for lane in self._lanes.values()
        )

    @property
    def is_known(self) -> bool:
        """Whether it was followed for `STANDS_NS`."""
        return bool(self._samples) and self._samples[-1][0] - self._samples[0][0] >= STANDS_NS
