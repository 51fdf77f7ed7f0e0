"""Rules that cannot be meant: each bad one with the exact words."""

from __future__ import annotations

from typing import Any

import pytest

from inspector.alarms.check import LineFacts, faults, remarks
from inspector.alarms.settings import AlarmSection, FloodSection
from inspector.config.severity import SeveritySection

LINE = LineFacts(cameras=2, width_mm=1000.0, rolls=("bridle-1",), severities=(SeveritySection(level="major"),))


def rule(name: str = "a", **facts: Any) -> AlarmSection:
    """Make a rule."""
    return AlarmSection(name=name, **facts)


BAD: list[tuple[list[AlarmSection], str]] = [
    (
        [rule(count=3, deadband=3)],
        'alarm "a": deadband is 3 and count is 3: it could never return to normal. Expected a deadband below '
        "3. Lower it.",
    ),
    (
        [rule(kind="missed", missed_m=21, within_m=10)],
        'alarm "a": missed_m is 21 within_m = 10: it can never be raised, for 2 cameras can miss at most 20 m there. '
        "Lower it, or raise within_m.",
    ),
    (
        [rule(kind="density", per_m=2001, within_m=100)],
        'alarm "a": per_m is 2001 within_m = 100, 200100 defects; 2 cameras can show at most 200000 there, so it can '
        "never be raised. Lower per_m.",
    ),
    (
        [rule(min_width_mm=1001)],
        'alarm "a": min_width_mm is 1001: it can never be raised, for the cameras see 1000 mm across. Lower it.',
    ),
    (
        [rule(min_severity="critical")],
        'alarm "a": min_severity is "critical": it can never be raised, for no [[severity]] makes a critical '
        "defect. Write one with that level.",
    ),
    (
        [rule(kind="grade", grade="release")],
        'alarm "a": grade is "release": every graded coil would raise it. Expected "hold" or "block".',
    ),
    ([rule(kind="repeat", rolls=("x",))], 'alarm "a": rolls names "x"; expected one of bridle-1. Correct it.'),
    (
        [rule(kind="health", within_m=5)],
        'alarm "a": within_m means nothing to kind = "health"; expected status. Remove it, or correct the kind.',
    ),
    (
        [rule(suppressed_by="line stand")],
        'alarm "a": suppressed_by: "line stand" is not understood; expected "line stands", "line slower than 20 '
        'm/min", "first 30 m of coil" or "alarm NAME". Correct it.',
    ),
    (
        [rule(suppressed_by="line stands or not line stands")],
        'alarm "a": suppressed_by "line stands or not line stands" always holds: it can never be raised. Correct it.',
    ),
    (
        [rule(suppressed_by="alarm a")],
        'alarm "a": suppressed_by names the alarm itself: it could never be raised for longer than a batch. '
        "Remove that.",
    ),
    (
        [rule(suppressed_by="alarm b")],
        'alarm "a": suppressed_by names alarm "b"; expected one of a. Correct it.',
    ),
    (
        [rule(suppressed_by="alarm b"), rule("b", count=2, suppressed_by="alarm a")],
        "the suppressed_by of a, b ask about each other in a circle; expected none that depends on itself. "
        "Remove one of them.",
    ),
    (
        [rule(), rule("b", priority="high")],
        'alarms "a" and "b" have the same condition: one with priority medium, the other high. Expected one rule for '
        "each condition. Remove one of them.",
    ),
    (
        [rule(), rule("b", latch=True)],
        'alarms "a" and "b" have the same condition: one of them latches. Expected one rule for each condition. '
        "Remove one of them.",
    ),
]


@pytest.mark.parametrize(("rules", "words"), BAD)
def test_bad_rules(rules: list[AlarmSection], words: str) -> None:
    """Each is refused with what was found, what was expected and what to do, and nothing else is."""
    assert list(faults(rules, FloodSection(), LINE)) == [words]


GOOD = [
    [rule(count=3, deadband=2.5)],
    [rule(), rule("b", count=5, priority="high")],
    [rule(), rule("b", classes=("pit",))],
    [rule(), rule("b", suppressed_by="alarm a")],
    [rule(kind="grade"), rule("b", kind="grade", grade="block", priority="high"), rule("c", kind="health")],
    [rule(on_delay_ms=1), rule("b", on_delay_ms=2)],
]


@pytest.mark.parametrize("rules", GOOD)
def test_good_rules(rules: list[AlarmSection]) -> None:
    """Escalations, rules for other classes and rules that wait for others are no contradictions."""
    assert list(faults(rules, FloodSection(), LINE)) == [] == list(remarks(rules))


def test_a_line_that_grades_nothing() -> None:
    """A rule for grades can never be raised where no coil is graded."""
    (words,) = faults([rule(kind="grade")], FloodSection(), LineFacts(cameras=1, width_mm=1.0, is_graded=False))
    assert words == (
        'alarm "a": kind is "grade": it can never be raised, for no coil is graded. Write a [[grading]], or remove it.'
    )


def test_a_flood_that_never_ends() -> None:
    """A flood has to end below what begins it."""
    (words,) = faults([], FloodSection(more_than=3, ends_below=4), LINE)
    assert words == (
        "flood.ends_below is 4 and flood.more_than is 3; expected to end below what begins it. Lower ends_below."
    )


def test_remarks() -> None:
    """What adds nothing is remarked, and does not stop the line."""
    rules = [rule(), rule("b", count=5), rule("c", classes=("pit",), suppressed_by="line stands and not line stands")]
    assert list(faults(rules, FloodSection(), LINE)) == []
    assert list(remarks(rules)) == [
        'alarm "b" adds nothing: whenever it is raised, "a" is already, with priority medium. Raise the priority of b, '
        "or remove it.",
        'alarm "c": suppressed_by "line stands and not line stands" can never hold, so it suppresses nothing. '
        "Remove it.",
    ]
