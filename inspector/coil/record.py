"""A coil's record: what is on it, where it is worst, what was not seen, and what it is good for. Pure.

Knows: sums over what was seen. Must not know: the journal, rules' meaning (that is the grade's), files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import numpy as np

from inspector.coil.columns import Columns
from inspector.coil.grade import grade
from inspector.coil.seen import CoilHistory, doubt_sums, length_m, stretches
from inspector.coil.settings import GradingSection
from inspector.config.severity import SEVERITIES, SeveritySection
from inspector.records.coil import (
    VERDICTS,
    ClassSums,
    Coverage,
    RepeatSums,
    WorstMetre,
    inspected_length_m,
    per_100_m,
)
from inspector.records.events import CoilRecord

METRE_MM = 1000.0


def record(
    seen: CoilHistory,
    gradings: Sequence[GradingSection] = (),
    severities: Sequence[SeveritySection] = (),
    by_grade: Collection[str] = (),
) -> CoilRecord:
    """Sum up and grade a coil; `is_partial` while it runs. `by_grade`: alarms that a grade raises, by name."""
    grades = tuple(grade(seen, rules, severities, by_grade) for rules in gradings)
    worst = max((VERDICTS.index(grading.grade) for grading in grades), default=None)
    passage, totals, length_m = seen.passage, seen.totals, seen.length_mm / 1000
    over_m = inspected_length_m(length_m, totals.inspected_m, totals.missed_m)
    return CoilRecord(
        coil=passage.coil,
        is_partial=not passage.is_over,
        is_whole=passage.is_whole,
        first_seq=passage.first_seq,
        started=passage.started,
        ended=passage.ended,
        grade="ungraded" if worst is None else VERDICTS[worst],
        grades=grades,
        length_m=round(length_m, 3),
        inspected_m=totals.inspected_m,
        missed_m=totals.missed_m,
        defects=len(seen.columns),
        classes=tuple(class_sums(seen.columns, over_m, severities)),
        worst_metre=worst_metre(seen.columns),
        repeats=tuple(_repeats(seen)),
        coverage=tuple(_coverage(seen)),
        alarms=seen.alarms,
        crowded=len(seen.crowded),
        recipes=tuple(sorted({*totals.recipes, *seen.columns.recipes})),
        decisions=seen.decisions,
        is_estimated=totals.is_estimated,
        per_100_m=per_100_m(len(seen.columns), over_m),
        doubtful=doubt_sums(seen.doubtful),
    )


def as_recorded(made: CoilRecord, recorded: Sequence[CoilRecord]) -> CoilRecord:
    """The record of a coil's end, with what came later, for who has no rules at hand; `made` where there is none."""
    if not recorded or made.is_partial or recorded[-1].ended < made.ended:
        return made
    later = {name: getattr(made, name) for name in ("first_seq", "is_whole", "alarms", "decisions")}
    return msgspec.structs.replace(recorded[-1], **later)


def class_sums(columns: Columns, over_m: float, severities: Sequence[SeveritySection] = ()) -> list[ClassSums]:
    """Sum up the defects of each class, the most numerous first; `over_m` of strip were inspected."""
    levels = columns.severities(severities)
    sums = []
    for number, name in enumerate(columns.names):
        its = columns.kind == number
        numbers = np.bincount(levels[its], minlength=len(SEVERITIES))
        count = int(its.sum())
        sums.append(
            ClassSums(
                name=name,
                count=count,
                severities={word: int(number) for word, number in zip(SEVERITIES, numbers, strict=True)},
                area_mm2=round(float(columns.area_mm2[its].sum()), 1),
                longest_mm=round(float(columns.length_mm[its].max()), 1),
                per_100_m=per_100_m(count, over_m) or 0.0,
            )
        )
    return sorted(sums, key=lambda sums: (-sums.count, sums.name))


def worst_metre(columns: Columns) -> WorstMetre | None:
    """Find the metre that most defects touch; metres are counted from the head."""
    if not len(columns):
        return None
    first = np.floor(np.maximum(columns.start_mm, 0) / METRE_MM).astype(np.int64)
    last = np.floor(np.maximum(columns.end_mm, 0) / METRE_MM).astype(np.int64)
    metres = int(last.max()) + 2
    counts = np.cumsum(np.bincount(first, minlength=metres) - np.bincount(last + 1, minlength=metres))
    areas = np.cumsum(np.bincount(first, columns.area_mm2, metres) - np.bincount(last + 1, columns.area_mm2, metres))
    worst = int(np.lexsort((-areas, -counts))[0])
    return WorstMetre(start_m=float(worst), count=int(counts[worst]), area_mm2=round(float(areas[worst]), 1))


def _coverage(seen: CoilHistory) -> list[Coverage]:
    apart = stretches(seen.missed, 0.0, np.inf)
    return [
        Coverage(
            camera=span.camera,
            side=span.side,
            left_mm=round(span.left_mm, 1),
            right_mm=round(span.right_mm, 1),
            missed_m=round(length_m(apart.get(span.camera, ())), 3),
        )
        for span in seen.spans
    ]


def _repeats(seen: CoilHistory) -> list[RepeatSums]:
    return [
        RepeatSums(**{name: getattr(repeat, name) for name in RepeatSums.__struct_fields__}) for repeat in seen.repeats
    ]
