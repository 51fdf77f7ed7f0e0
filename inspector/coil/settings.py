"""The sections that say how a coil is graded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Annotated, Literal

from inspector.config.reader import Section, key
from inspector.config.severity import SEVERITIES, SeveritySection, never
from inspector.records.coil import VERDICTS, Verdict
from inspector.records.names import Name


class LimitSection(Section, frozen=True):
    """More than `max_count` of what it counts, and the coil is no longer released."""

    name: Annotated[Name, key("Names it in the reasons of a grade.")]
    grade: Annotated[Literal["hold", "block"], key("What the coil becomes beyond the limit.")]
    max_count: Annotated[int, key("Highest number allowed.", ge=0, le=100_000_000)]
    counts: Annotated[
        Literal["defects", "repeats", "alarms"],
        key("What is counted: defects, repeats of one mark, or alarms that were raised.", "defects"),
    ] = "defects"
    within_m: Annotated[
        float, key("Length of strip, anywhere on the coil, that the limit is for; 0: the whole coil.", ge=0, le=100_000)
    ] = 0.0
    classes: Annotated[
        tuple[Name, ...], key("Classes it counts, or names of alarms; none means all.", 'Write classes = ["NAME"].')
    ] = ()
    side: Annotated[Literal["both", "top", "bottom"], key("Side of the strip.")] = "both"
    min_severity: Annotated[
        Literal["minor", "major", "critical"], key("Only defects at least so severe, by the [[severity]] rules.")
    ] = "minor"
    min_length_mm: Annotated[float, key("Only defects at least this long along the strip.", ge=0, le=1_000_000)] = 0.0
    min_width_mm: Annotated[float, key("Only defects at least this wide across the strip.", ge=0, le=100_000)] = 0.0
    min_area_mm2: Annotated[float, key("Only defects at least this large.", ge=0, le=1_000_000_000)] = 0.0
    min_confidence: Annotated[float, key("Only defects at least this certain.", ge=0, le=1)] = 0.0

    def counts_all_of(self, other: LimitSection) -> bool:
        """Whether whatever another limit counts is counted by this one too, over the same strip."""
        if (self.counts, self.within_m) != (other.counts, other.within_m) or self.side not in ("both", other.side):
            return False
        if self.classes and not (other.classes and set(other.classes) <= set(self.classes)):
            return False
        sizes = ("min_length_mm", "min_width_mm", "min_area_mm2", "min_confidence")
        is_wider = all(getattr(self, size) <= getattr(other, size) for size in sizes)
        return is_wider and SEVERITIES.index(self.min_severity) <= SEVERITIES.index(other.min_severity)

    @property
    def counted(self) -> tuple[object, ...]:
        """What it counts: two limits that count the same differ in how many they allow."""
        return tuple(
            getattr(self, name) for name in self.__struct_fields__ if name not in ("name", "grade", "max_count")
        )


class GradingSection(Section, frozen=True):
    """One customer's or order's rules. A coil is released, held or blocked by each [[grading]] of its own."""

    name: Annotated[Name, key("Who or what it grades for.")]
    version: Annotated[Name, key("Version of these rules; it stands in every grade. Change it with the rules.")]
    head_m: Annotated[float, key("Dead zone at the head: recorded, not graded.", ge=0, le=100_000)] = 0.0
    tail_m: Annotated[float, key("Dead zone at the tail.", ge=0, le=100_000)] = 0.0
    edge_mm: Annotated[
        float,
        key(
            "Dead zone along both edges: the strip's own where `camera.edges` follows them, else of what cameras see.",
            ge=0,
            le=10_000,
        ),
    ] = 0.0
    weld_m: Annotated[
        float, key("Dead zone on either side of a weld, within the coil and at its ends.", ge=0, le=100_000)
    ] = 0.0
    max_missed_m: Annotated[
        float,
        key(
            "Metres of graded strip that may be missed, summed over the cameras; beyond, never `release`.", ge=0, le=1e6
        ),
    ] = 0.0
    missed: Annotated[Literal["hold", "block"], key("What a coil with more missed metres becomes.")] = "hold"
    max_crowded: Annotated[
        int, key("Frames that may have shown more than can be listed; beyond, as if missed.", ge=0, le=1_000_000)
    ] = 0
    max_doubtful_m: Annotated[
        float,
        key(
            "Metres of graded strip that may be inspected and not surely seen, as their camera or the recipe had a "
            "fault, summed over the cameras; beyond, as if missed.",
            ge=0,
            le=1e6,
        ),
    ] = 0.0
    limit: Annotated[
        tuple[LimitSection, ...],
        key("A [[grading.limit]] section for each limit.", "Write [[grading.limit]] on a line of its own."),
    ] = ()


def faults(gradings: Sequence[GradingSection]) -> Iterator[str]:
    """Yield what contradicts itself in rules, or can never decide."""
    for section in gradings:
        names = [limit.name for limit in section.limit]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield (
                f'grading "{section.name}" has {names.count(name)} limits "{name}"; expected one of each name. '
                "Rename the others."
            )
        for limit in section.limit:
            if limit.counts != "defects" and (limit.within_m or _sized(limit)):
                yield (
                    f'grading "{section.name}": limit "{limit.name}" counts {limit.counts}, and sets sizes, severity, '
                    "a confidence or within_m, which are those of defects. Remove them."
                )
            if limit.counts == "alarms" and limit.side != "both":
                yield (
                    f'grading "{section.name}": limit "{limit.name}" counts alarms, and sets side = "{limit.side}"; an '
                    "alarm is of no side. Remove it."
                )
            for rival in section.limit:
                is_pair = limit.grade == "hold" and rival.grade == "block" and rival.counts_all_of(limit)
                if is_pair and limit.max_count >= rival.max_count:
                    yield (
                        f'grading "{section.name}": limit "{limit.name}" holds beyond {limit.max_count} what '
                        f'"{rival.name}" blocks beyond {rival.max_count}: it can never decide. Allow less in '
                        f'"{limit.name}".'
                    )


def unseen(
    gradings: Sequence[GradingSection],
    widths_mm: Mapping[str, float],
    severities: Sequence[SeveritySection] = (),
    known: Collection[str] = (),
) -> Iterator[str]:
    """Yield rules that leave nothing to grade, or want what cannot come.

    `widths_mm`: strip seen, by side; `known`: the recipe's classes.
    """
    width_mm = max(widths_mm.values())
    for section in gradings:
        if 2 * section.edge_mm >= width_mm:
            yield (
                f'grading "{section.name}": edge_mm is {section.edge_mm:g}, and the cameras see {width_mm:g} mm '
                f"across: nothing is left to grade. Expected less than {width_mm / 2:g}. Lower it."
            )
        for limit in section.limit:
            if limit.min_width_mm > width_mm:
                yield (
                    f'grading "{section.name}": limit "{limit.name}" counts defects {limit.min_width_mm:g} mm wide or '
                    f"more, and the cameras see {width_mm:g} mm across: it can never decide. Lower min_width_mm."
                )
            if limit.counts == "defects" and (why := never(limit.min_severity, limit.classes, severities, known)):
                yield (
                    f'grading "{section.name}": limit "{limit.name}" counts {limit.min_severity} defects: it can never '
                    f"decide, for {why}"
                )


def remarks(gradings: Sequence[GradingSection], widths_mm: Mapping[str, float]) -> Iterator[str]:
    """Yield what is no fault, but hardly meant."""
    for section in gradings:
        if not section.limit:
            yield (
                f'grading "{section.name}" has no [[grading.limit]]: it grades by missed strip alone, and no defect is '
                "too many for it. Write a limit, or remove the grading."
            )
        for side, width_mm in widths_mm.items():
            if 2 * section.edge_mm >= width_mm:
                yield (
                    f'grading "{section.name}": edge_mm is {section.edge_mm:g}, and the cameras see {width_mm:g} mm of '
                    f"the {side} side: nothing of it is graded. Expected less than {width_mm / 2:g}. Lower it."
                )
        for limit in section.limit:
            if limit.side != "both" and limit.side not in widths_mm:
                yield (
                    f'grading "{section.name}": limit "{limit.name}" counts the {limit.side} side, and no camera is '
                    "configured there: it decides only where frame headers name that side. Correct one of them."
                )
        for (place, loose), (before, strict) in permutations(enumerate(section.limit), 2):
            if loose.grade != strict.grade or not strict.counts_all_of(loose):
                continue
            is_twice = loose.counted == strict.counted and loose.max_count == strict.max_count
            if loose.max_count >= strict.max_count and (before < place or not is_twice):
                yield (
                    f'grading "{section.name}": limit "{loose.name}" adds nothing: "{strict.name}" allows '
                    f"{'no more' if loose.max_count == strict.max_count else 'less'} of the same, for the same grade. "
                    "Remove one of them."
                )


def worst(gradings: Sequence[GradingSection]) -> Verdict:
    """Return the worst grade that a coil may get."""
    grades = {limit.grade for section in gradings for limit in section.limit} | {section.missed for section in gradings}
    return max(grades, key=VERDICTS.index, default="release")


def _sized(limit: LimitSection) -> bool:
    sizes = limit.min_length_mm, limit.min_width_mm, limit.min_area_mm2, limit.min_confidence
    return any(sizes) or limit.min_severity != SEVERITIES[0]
