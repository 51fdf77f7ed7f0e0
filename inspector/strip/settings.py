"""The sections that say what one defect is, what repeats, and which rolls of the line print marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from inspector.config.joins import JoinGap
from inspector.config.reader import Section, key
from inspector.records.names import Name


class DefectSection(Section, frozen=True):
    """When fragments of one class are one defect; a class without such a section has these defaults."""

    name: Annotated[Name, key("The class, by the recipe's name.")]
    join_along_mm: Annotated[
        float,
        key("Fragments that lie no farther apart along the strip (and across) are one defect.", ge=0, le=10_000),
    ] = JoinGap().along_mm
    join_across_mm: Annotated[float, key("The same across the strip.", ge=0, le=1000)] = JoinGap().across_mm


def gaps(sections: Iterable[DefectSection]) -> dict[str, JoinGap]:
    """Return the gaps that are configured, by class."""
    return {kind.name: JoinGap(kind.join_along_mm, kind.join_across_mm) for kind in sections}


class RepeatSection(Section, frozen=True):
    """Marks that come again at a constant distance along the strip, as a damaged roll prints them."""

    min_period_mm: Annotated[
        float, key("Shortest distance at which a mark repeats: the smallest roll's circumference.", ge=50, le=20_000)
    ] = 300.0
    max_period_mm: Annotated[
        float, key("Longest distance at which a mark repeats: the largest roll's, elongated.", ge=50, le=50_000)
    ] = 6000.0
    across_mm: Annotated[float, key("How far two prints of one mark may lie apart across the strip.", gt=0, le=100)] = (
        4.0
    )
    along_mm: Annotated[float, key("How exactly a mark's position along the strip is known.", gt=0, le=100)] = 2.0
    stretch_percent: Annotated[
        float, key("How much the distance may vary from turn to turn, percent.", "0.3 suits an encoder.", gt=0, le=5)
    ] = 0.3


class RollSection(Section, frozen=True):
    """One roll of the line."""

    name: Annotated[Name, key("What people call it.")]
    circumference_mm: Annotated[float, key("Its circumference.", gt=0, le=20_000)]
    elongation_percent: Annotated[
        float,
        key("How much longer the strip becomes between this roll and the cameras, percent.", ge=-50, le=1000),
    ] = 0.0
