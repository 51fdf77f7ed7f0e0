"""How severe a defect is: rules that the user writes, for all that count or grade defects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Literal

from inspector.config.reader import Section, key
from inspector.records.extent import Extent
from inspector.records.names import Name

Severity = Literal["minor", "major", "critical"]
SEVERITIES: tuple[Severity, ...] = ("minor", "major", "critical")


class SeveritySection(Section, frozen=True):
    """Defects of these classes that are at least so large are so severe; the severest rule counts, else `minor`."""

    level: Annotated[Literal["major", "critical"], key("How severe they are.")]
    classes: Annotated[
        tuple[Name, ...], key("Classes of defects, by the recipe's names; none means all.", 'Write classes = ["NAME"].')
    ] = ()
    min_length_mm: Annotated[float, key("At least this long along the strip.", ge=0, le=1_000_000)] = 0.0
    min_width_mm: Annotated[float, key("At least this wide across the strip.", ge=0, le=100_000)] = 0.0
    min_area_mm2: Annotated[float, key("At least this large.", ge=0, le=1_000_000_000)] = 0.0

    def applies(self, name: str, extent: Extent) -> bool:
        """Whether a defect of a class and an extent meets the rule."""
        return (
            (not self.classes or name in self.classes)
            and extent.length_mm >= self.min_length_mm
            and extent.width_mm >= self.min_width_mm
            and extent.area_mm2 >= self.min_area_mm2
        )


def faults(rules: Sequence[SeveritySection], width_mm: float) -> Iterator[str]:
    """Say which rules can never decide; `width_mm`: strip that the cameras see across."""
    for place, rule in enumerate(rules):
        where = f"severity {place + 1} ({rule.level})"
        if rule.min_width_mm > width_mm:
            yield (
                f"{where}: min_width_mm is {rule.min_width_mm:g}: it can never decide, for the cameras see "
                f"{width_mm:g} mm across. Lower it."
            )
        for number, rival in enumerate(rules):
            rank, over = SEVERITIES.index(rule.level), SEVERITIES.index(rival.level)
            if _covers(rival, rule) and (over > rank or (over == rank and number < place and _covers(rule, rival))):
                yield (
                    f"{where} can never decide: whatever it concerns is {rival.level} by severity {number + 1}. "
                    "Correct one of them, or remove it."
                )
                break


def never(
    level: Severity, classes: Sequence[str], rules: Sequence[SeveritySection], known: Collection[str] = ()
) -> str:
    """Why no defect of these classes, none: of any, is ever so severe, and what to do; empty where one can be.

    Empty too where a class is not `known`: that is a fault of its own, and its cause may be this one's.
    """
    rank = SEVERITIES.index(level)
    those = [rule for rule in rules if SEVERITIES.index(rule.level) >= rank]
    is_met = any(not rule.classes or not classes or not set(rule.classes).isdisjoint(classes) for rule in those)
    named = {*classes, *(name for rule in those for name in rule.classes)}
    if rank == 0 or is_met or (known and not named <= set(known)):
        return ""
    if not those:
        return f"no [[severity]] makes a {level} defect. Write one with that level."
    return f"no [[severity]] makes a {level} defect of {' or '.join(classes)}. Correct the classes of one of them."


def _covers(wide: SeveritySection, narrow: SeveritySection) -> bool:
    """Whether all that one rule concerns the other does too."""
    sizes = ("min_length_mm", "min_width_mm", "min_area_mm2")
    return all(getattr(wide, size) <= getattr(narrow, size) for size in sizes) and (
        not wide.classes or (bool(narrow.classes) and set(narrow.classes) <= set(wide.classes))
    )


def severity(rules: Sequence[SeveritySection], name: str, extent: Extent) -> Severity:
    """How severe a defect is."""
    levels = [SEVERITIES.index(rule.level) for rule in rules if rule.applies(name, extent)]
    return SEVERITIES[max(levels, default=0)]
