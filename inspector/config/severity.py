"""How severe a defect is: rules that the user writes, for whoever counts or grades."""

from __future__ import annotations

from collections.abc import Sequence
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


def severity(rules: Sequence[SeveritySection], name: str, extent: Extent) -> Severity:
    """How severe a defect is."""
    levels = [SEVERITIES.index(rule.level) for rule in rules if rule.applies(name, extent)]
    return SEVERITIES[max(levels, default=0)]
