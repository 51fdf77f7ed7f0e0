"""Rules that cannot be meant: found before the line starts. Pure.

A rule that can never raise its alarm, never let it return, or that another one contradicts, is a fault, and the line
does not start; one that only adds nothing is a remark.

Knows: the sections of alarms, and what of the line bounds a quantity. Must not know: files, recipes' other facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from inspector.alarms import suppression
from inspector.alarms.settings import GRADES, KEYS, LIMITS, WITHIN, AlarmSection, FloodSection
from inspector.alarms.suppression import Expression
from inspector.alarms.window import MOST_ITEMS
from inspector.config.severity import SeveritySection, never
from inspector.records.events import Priority
from inspector.words import counted

PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high")
"""Ascending."""
SHORTER = 10
"""How many times shorter than configured a frame may be by its header (intake believes no more)."""
PLAIN = AlarmSection(name="plain")
"""What a section is where only its name is given."""


class LineFacts(msgspec.Struct, frozen=True):
    """What of the line bounds what a rule can measure."""

    cameras: int
    width_mm: float
    """Strip that the cameras of the wider side see across."""
    rolls: tuple[str, ...] = ()
    severities: tuple[SeveritySection, ...] = ()
    classes: tuple[str, ...] = ()
    """Of the recipe; none: not known."""
    is_graded: bool = True
    """Whether coils are graded."""
    worst: str = GRADES[-1]
    """The worst grade that a coil may get."""
    frame_mm: float = 0.0
    """Strip that the shortest frame covers; 0: not known."""
    frame_defects: int = MOST_ITEMS
    """Defects that a frame may show at most: with more it is crowded."""


def faults(sections: Sequence[AlarmSection], flood: FloodSection, line: LineFacts) -> Iterator[str]:
    """Say what is wrong, a sentence each."""
    names = [section.name for section in sections]
    for section in sections:
        where = f'alarm "{section.name}"'
        for fault in (*_key_faults(section), *_limit_faults(section, line), *_suppression_faults(section, names)):
            yield f"{where}: {fault}"
    yield from _circles(sections)
    yield from _contradictions(sections)
    if flood.ends_below > flood.more_than:
        yield (
            f"flood.ends_below is {flood.ends_below} and flood.more_than is {flood.more_than}; expected to end below "
            "what begins it. Lower ends_below."
        )


def remarks(sections: Sequence[AlarmSection]) -> Iterator[str]:
    """Say what is no fault, but hardly meant."""
    for first, second in combinations(sections, 2):
        for sooner, later in ((first, second), (second, first)):
            if _same(first, second) and sooner.limit < later.limit and _urgency(sooner) >= _urgency(later):
                yield (
                    f'alarm "{later.name}" adds nothing: whenever it is raised, "{sooner.name}" is already, with '
                    f"priority {sooner.priority}. Raise the priority of {later.name}, or remove it."
                )
    for section in sections:
        expression = _parsed(section)
        if expression is not None and expression.outcomes() == {False}:
            yield (
                f'alarm "{section.name}": suppressed_by "{section.suppressed_by}" can never hold, so it suppresses '
                "nothing. Remove it."
            )


def _key_faults(section: AlarmSection) -> Iterator[str]:
    """Keys that mean nothing to the kind of rule."""
    for key, kinds in KEYS.items():
        if section.kind not in kinds and getattr(section, key) != getattr(PLAIN, key):
            own = ", ".join(name for name, users in KEYS.items() if section.kind in users) or "none but its limit"
            yield f'{key} means nothing to kind = "{section.kind}"; expected {own}. Remove it, or correct the kind.'


def _limit_faults(section: AlarmSection, line: LineFacts) -> Iterator[str]:
    """Limits that nothing can reach, or that nothing can come back from."""
    key = LIMITS[section.kind]
    if section.kind in (*WITHIN, "repeat") and section.deadband >= section.limit:
        yield (
            f"deadband is {section.deadband:g} and {key} is {section.limit:g}: it could never return to normal. "
            f"Expected a deadband below {section.limit:g}. Lower it."
        )
    if section.kind == "grade" and section.grade == GRADES[0]:
        yield f'grade is "{section.grade}": every graded coil would raise it. Expected "hold" or "block".'
    if section.kind == "grade" and not line.is_graded:
        yield 'kind is "grade": it can never be raised, for no coil is graded. Write a [[grading]], or remove it.'
    elif section.kind == "grade" and section.limit > GRADES.index(line.worst):
        yield (
            f'grade is "{section.grade}": it can never be raised, for no [[grading]] makes a coil worse than '
            f'"{line.worst}". Write such a limit, or lower the grade.'
        )
    if section.kind in ("defects", "crowded") and section.count > (most := _most(section, line)):
        yield (
            f"count is {section.count} within_m = {section.within_m:g}: it can never be raised, for "
            f"{counted(line.cameras, 'camera')} can show at most {most} there. Lower it, or raise within_m."
        )
    if why := never(section.min_severity, section.classes, line.severities, line.classes):
        yield f'min_severity is "{section.min_severity}": it can never be raised, for {why}'
    most_m = section.within_m * line.cameras
    if section.kind == "missed" and section.missed_m > most_m:
        yield (
            f"missed_m is {section.missed_m:g} within_m = {section.within_m:g}: it can never be raised, for "
            f"{counted(line.cameras, 'camera')} can miss at most {most_m:g} m there. Lower it, or raise within_m."
        )
    if section.kind == "density" and section.per_m * section.within_m > (most := _most(section, line)):
        yield (
            f"per_m is {section.per_m:g} within_m = {section.within_m:g}, {section.per_m * section.within_m:g} "
            f"defects; {counted(line.cameras, 'camera')} can show at most {most} there, so it can never be raised. "
            "Lower per_m."
        )
    if section.min_width_mm > line.width_mm:
        yield (
            f"min_width_mm is {section.min_width_mm:g}: it can never be raised, for the cameras see {line.width_mm:g} "
            "mm across. Lower it."
        )
    for roll in section.rolls:
        if roll not in line.rolls:
            known = f"one of {', '.join(line.rolls)}" if line.rolls else "none: the file has no [[roll]]"
            yield f'rolls names "{roll}"; expected {known}. Correct it.'


def _most(section: AlarmSection, line: LineFacts) -> int:
    """How many defects, or crowded frames, all windows can hold; a header may make frames a tenth as long."""
    if not line.frame_mm:
        return line.cameras * MOST_ITEMS
    frames = 2 + int(SHORTER * 1000 * section.within_m / line.frame_mm)
    return line.cameras * min(MOST_ITEMS, frames * (1 if section.kind == "crowded" else line.frame_defects))


def _suppression_faults(section: AlarmSection, names: Sequence[str]) -> Iterator[str]:
    if not section.suppressed_by:
        return
    try:
        expression = suppression.parse(section.suppressed_by)
    except ValueError as error:
        yield f"suppressed_by: {error}. Correct it."
        return
    for name in sorted({fact.name for fact in expression.facts()} - {""}):
        if name == section.name:
            yield "suppressed_by names the alarm itself: it could never be raised for longer than a batch. Remove that."
        elif name not in names:
            yield f'suppressed_by names alarm "{name}"; expected one of {", ".join(names)}. Correct it.'
    if expression.outcomes() == {True}:
        yield f'suppressed_by "{section.suppressed_by}" always holds: it can never be raised. Correct it.'


def _circles(sections: Sequence[AlarmSection]) -> Iterator[str]:
    """Alarms that suppress one another in a circle: which one is raised would be chance."""
    asks = {
        section.name: {fact.name for fact in expression.facts()} - {"", section.name}
        for section in sections
        if (expression := _parsed(section))
    }
    while True:
        free = [name for name, asked in asks.items() if not asked & asks.keys()]
        if not free:
            break
        for name in free:
            del asks[name]
    if asks:
        yield (
            f"the suppressed_by of {', '.join(sorted(asks))} ask about each other in a circle; expected none that "
            "depends on itself. Remove one of them."
        )


def _contradictions(sections: Sequence[AlarmSection]) -> Iterator[str]:
    """Two rules for the same condition that want different things of the operator."""
    for first, second in combinations(sections, 2):
        if _same(first, second) and first.limit == second.limit and first.name != second.name:
            if first.priority != second.priority:
                why = f"one with priority {first.priority}, the other {second.priority}"
            elif first.latch != second.latch:
                why = "one of them latches"
            else:
                why = "an operator would answer the same thing twice"
            yield (
                f'alarms "{first.name}" and "{second.name}" have the same condition: {why}. Expected one rule for each '
                "condition. Remove one of them."
            )


def _same(first: AlarmSection, second: AlarmSection) -> bool:
    """Whether two rules measure the same."""
    ours = {"name", "priority", "latch", "suppressed_by", "max_shelve_min", "deadband", LIMITS[first.kind]}
    ours |= {"on_delay_ms", "off_delay_ms"}
    return all(
        getattr(first, key) == getattr(second, key) for key in AlarmSection.__struct_fields__ if key not in ours
    ) and (first.on_delay_ms, first.suppressed_by) == (second.on_delay_ms, second.suppressed_by)


def _urgency(section: AlarmSection) -> int:
    return PRIORITIES.index(section.priority)


def _parsed(section: AlarmSection) -> Expression | None:
    """The expression; None where there is none, or none that can be read."""
    try:
        return suppression.parse(section.suppressed_by) if section.suppressed_by else None
    except ValueError:
        return None
