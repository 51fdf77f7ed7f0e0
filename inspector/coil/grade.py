"""What a coil is good for, by rules that the user wrote: release, hold or block, each with its reasons. Pure.

Laws: a coil with more metres missed or not surely seen than allowed, or with an unknown length of missed ones, one that
the journal no longer holds whole, or one that dead zones cover from end to end is never released. A defect is left out
only when it lies in one dead zone altogether. A reason names what was found, what was allowed, and where.

Knows: rules, columns. Must not know: the journal, files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from inspector.coil.columns import Bools, Columns, Floats, Ints, at_least
from inspector.coil.seen import SAME_MM, CoilHistory, length_m, stretches
from inspector.coil.settings import GradingSection, LimitSection
from inspector.config.geometry import SIDES
from inspector.config.severity import SEVERITIES, SeveritySection
from inspector.records.coil import VERDICTS, Grade, Verdict
from inspector.records.events import Doubtful, Missed
from inspector.records.extent import SIZE_DIGITS
from inspector.records.stages import Gap
from inspector.words import counted

UNKNOWN: frozenset[Gap] = frozenset({"restart", "unconfirmed"})
"""Reasons why strip was missed of which nobody knows how long it was, whatever lost frames explain of it."""
NEAR_MM = 0.05
"""Positions are reported to a tenth of a millimetre."""


class Finding(NamedTuple):
    """One reason why a coil is not released."""

    verdict: Verdict
    reason: str


def grade(
    seen: CoilHistory,
    rules: GradingSection,
    severities: Sequence[SeveritySection] = (),
    by_grade: Collection[str] = (),
) -> Grade:
    """Grade a coil by one set of rules; one that runs still has no tail, and so no dead zone there.

    `by_grade`: names of alarms that a grade raises. A limit counts none of them.
    """
    counts = graded(seen, rules)
    missed_m, doubtful = length_m(_graded(seen, rules, seen.missed)), _graded(seen, rules, seen.doubtful)
    levels = seen.columns.severities(severities)
    alarms = {name: times for name, times in seen.alarms.items() if name not in by_grade}
    findings = [*_not_seen(seen, rules, missed_m), *_not_surely_seen(seen, rules, doubtful)]
    for limit in rules.limit:
        findings += _beyond(seen, limit, counts, levels, alarms)
    worst = max((VERDICTS.index(finding.verdict) for finding in findings), default=0)
    order = sorted(findings, key=lambda finding: -VERDICTS.index(finding.verdict))
    return Grade(
        rules=rules.name,
        version=rules.version,
        grade=VERDICTS[worst],
        reasons=tuple(f"{finding.verdict}: {finding.reason}" for finding in order),
        graded=int(counts.sum()),
        left_out=int(len(counts) - counts.sum()),
        missed_m=round(missed_m, 3),
        doubtful_m=round(length_m(doubtful), 3),
    )


def _graded(seen: CoilHistory, rules: GradingSection, strip: Iterable[Missed | Doubtful]) -> list[tuple[float, float]]:
    """What of some strip is graded; all cameras."""
    apart = stretches(strip, *zone_mm(seen, rules)).values()
    return [part for lane in apart for part in outside(lane, seen.welds_mm, 1000 * rules.weld_m)]


def zone_mm(seen: CoilHistory, rules: GradingSection) -> tuple[float, float]:
    """Begin and end of what is graded along the coil."""
    tail_mm = 1000 * rules.tail_m if seen.passage.is_over else 0.0
    return 1000 * rules.head_m, seen.length_mm - tail_mm


def outside(
    gaps: Iterable[tuple[float, float]], welds_mm: Sequence[float], reach_mm: float
) -> list[tuple[float, float]]:
    """Return what of stretches lies farther than `reach_mm` from every weld."""
    left = list(gaps)
    for weld_mm in welds_mm if reach_mm else ():
        first_mm, last_mm = weld_mm - reach_mm, weld_mm + reach_mm
        parts = [part for start, end in left for part in ((start, min(end, first_mm)), (max(start, last_mm), end))]
        left = [(start, end) for start, end in parts if end > start]
    return left


def graded(seen: CoilHistory, rules: GradingSection) -> Bools:
    """Which defects count."""
    columns = seen.columns
    from_mm, to_mm = zone_mm(seen, rules)
    counts: Bools = (columns.end_mm > from_mm + NEAR_MM) | (from_mm <= 0)
    if seen.passage.is_over and rules.tail_m:
        counts &= columns.start_mm < to_mm - NEAR_MM
    for weld_mm in seen.welds_mm if rules.weld_m else ():
        reach_mm = 1000 * rules.weld_m
        before_mm, behind_mm = weld_mm - reach_mm - NEAR_MM, weld_mm + reach_mm + NEAR_MM
        counts &= (columns.start_mm < before_mm) | (columns.end_mm > behind_mm)
    if rules.edge_mm:
        for number, side in enumerate(SIDES):
            left_mm, right_mm = seen.edges_mm(side)
            near_mm = np.where(np.isnan(columns.reach_mm), columns.right_mm - left_mm, columns.reach_mm)
            far_mm = np.where(np.isnan(columns.far_reach_mm), right_mm - columns.left_mm, columns.far_reach_mm)
            inside = np.minimum(near_mm, far_mm) > rules.edge_mm + NEAR_MM
            counts &= inside | (columns.side != number)
    return counts


def _not_seen(seen: CoilHistory, rules: GradingSection, missed_m: float) -> Iterator[Finding]:
    if missed_m > rules.max_missed_m + NEAR_MM / 1000:
        yield Finding(
            rules.missed, f"{missed_m:.3f} m of graded strip were not inspected, {rules.max_missed_m:g} m are allowed"
        )
    elif (maybe_m := missed_m + _behind_m(seen, rules)) > rules.max_missed_m + NEAR_MM / 1000:
        yield Finding(
            rules.missed,
            f"up to {maybe_m:.3f} m of graded strip may not have been inspected, as frames were lost while the coil "
            f"ended, {rules.max_missed_m:g} m are allowed",
        )
    if unknown_mm := _unknown_mm(seen):
        yield Finding(
            rules.missed,
            f"strip of unknown length was not inspected in {counted(len(unknown_mm), 'place')} (the first at "
            f"{unknown_mm[0] / 1000:.3f} m)",
        )
    if len(seen.crowded) > rules.max_crowded:
        first = min(seen.crowded, key=lambda crowd: crowd.start_mm)
        yield Finding(
            rules.missed,
            f"{counted(len(seen.crowded), 'frame')} showed more than can be listed (the first at "
            f"{first.start_mm / 1000:.3f} m), {rules.max_crowded} are allowed",
        )
    if seen.passage.is_over and _is_dead(seen, rules):
        yield Finding(rules.missed, f"nothing is graded: all {seen.length_mm / 1000:.3f} m lie in dead zones")
    if not seen.passage.is_whole:
        yield Finding(rules.missed, "the journal no longer holds all of this coil")


def _not_surely_seen(
    seen: CoilHistory, rules: GradingSection, doubtful: Sequence[tuple[float, float]]
) -> Iterator[Finding]:
    doubtful_m = length_m(doubtful)
    if doubtful_m > rules.max_doubtful_m + NEAR_MM / 1000:
        graded = (stretch for stretch in seen.doubtful if _graded(seen, rules, [stretch]))
        faults = sorted({fault for stretch in graded for fault in stretch.faults})
        yield Finding(
            rules.missed,
            f"{doubtful_m:.3f} m of graded strip were not surely seen (the first at {min(doubtful)[0] / 1000:.3f} m; "
            f"{', '.join(faults)}), {rules.max_doubtful_m:g} m are allowed",
        )


def _is_dead(seen: CoilHistory, rules: GradingSection) -> bool:
    """Whether dead zones of head, tail and welds together cover the coil from end to end."""
    reach_m = rules.weld_m if seen.welds_mm else 0.0
    between = outside([zone_mm(seen, rules)], seen.welds_mm, 1000 * reach_m)
    return rules.head_m + rules.tail_m + reach_m > 0 and length_m(between) <= NEAR_MM / 1000


class _Ahead(NamedTuple):
    """What of the strip is graded, along one direction."""

    from_mm: float
    """Where it begins to be."""
    end_mm: float
    """The end of the coil."""
    dead_mm: float
    """The dead zone there."""
    welds_mm: tuple[float, ...]
    weld_mm: float
    """The dead zone on either side of each."""

    def meets(self, at_mm: float, at_most_mm: float) -> bool:
        """Whether the coil, or one that it is welded of, can have ended within so much strip."""
        return any(-SAME_MM <= end_mm - at_mm <= at_most_mm + SAME_MM for end_mm in (*self.welds_mm, self.end_mm))

    def graded_m(self, at_mm: float, at_most_mm: float) -> float:
        """How much of so much strip is graded at most: the end or the weld that follows may lie behind all of it."""
        to_mm = at_mm + at_most_mm
        welds_mm = [max(weld_mm, to_mm) if weld_mm >= at_mm - SAME_MM else weld_mm for weld_mm in self.welds_mm]
        start_mm, stop_mm = max(at_mm, self.from_mm), min(to_mm, max(self.end_mm, to_mm) - self.dead_mm)
        return length_m(outside([(start_mm, max(start_mm, stop_mm))], welds_mm, self.weld_mm))


def _behind_m(seen: CoilHistory, rules: GradingSection) -> float:
    """How much graded strip frames may have shown that were lost as the coil ended; all cameras.

    It lies behind the gap; before it where the coil was turned round since, as a head or a weld there shows.
    """
    (from_mm, to_mm), weld_mm = zone_mm(seen, rules), 1000 * rules.weld_m
    ahead = _Ahead(from_mm, seen.length_mm, seen.length_mm - to_mm, seen.welds_mm, weld_mm)
    back = _Ahead(-to_mm, 0.0, from_mm, tuple(-at_mm for at_mm in seen.welds_mm), weld_mm)
    maybe_m = 0.0
    for gap in (gap for gap in seen.missed if gap.at_most_mm):
        ways = [(ahead, gap.end_mm), (back, -gap.start_mm)]
        met = [(way, at_mm) for way, at_mm in ways if way.meets(at_mm, gap.at_most_mm)]
        maybe_m += max(way.graded_m(at_mm, gap.at_most_mm) for way, at_mm in met or ways[:1])
    return maybe_m


def _unknown_mm(seen: CoilHistory) -> list[float]:
    """Where strip passed unseen of which nobody knows how long it was; all cameras, in order.

    Within dead zones too: it may have reached out of them.
    """
    places = {(gap.camera, gap.end_mm) for gap in seen.missed if not UNKNOWN.isdisjoint(gap.reasons)}
    return sorted(at_mm for _, at_mm in places)


def _beyond(
    seen: CoilHistory, limit: LimitSection, counts: Bools, levels: Ints, alarms: Mapping[str, int]
) -> Iterator[Finding]:
    allowed = f"{limit.max_count} {'is' if limit.max_count == 1 else 'are'} allowed ({limit.name})"
    kinds = f" ({' or '.join(limit.classes)})" if limit.classes else ""
    if limit.counts == "defects":
        columns = seen.columns
        met = counts & _meets(columns, limit, levels)
        number, start_mm, end_mm = densest(columns.start_mm[met], columns.end_mm[met], 1000 * limit.within_m)
        where = f" from {start_mm / 1000:.3f} to {end_mm / 1000:.3f} m" if number else ""
        if limit.within_m:
            where = f" within {limit.within_m:g} m,{where}"
        what = counted(number, _noun(limit)) + kinds + where
    elif limit.counts == "repeats":
        repeats = [repeat for repeat in seen.repeats if not limit.classes or repeat.name in limit.classes]
        repeats = [repeat for repeat in repeats if limit.side in ("both", repeat.side)]
        number, what = len(repeats), counted(len(repeats), "repeating mark") + kinds
    else:
        number = sum(times for name, times in alarms.items() if not limit.classes or name in limit.classes)
        what = counted(number, "alarm") + kinds
    if number > limit.max_count:
        yield Finding(limit.grade, f"{what}, {allowed}")


def _noun(limit: LimitSection) -> str:
    return "defect" if limit.min_severity == SEVERITIES[0] else f"{limit.min_severity} defect"


def _meets(columns: Columns, limit: LimitSection, levels: Ints) -> Bools:
    met = (
        columns.of(limit.classes)
        & at_least(columns.length_mm, limit.min_length_mm)
        & at_least(columns.width_mm, limit.min_width_mm)
        & at_least(columns.area_mm2, limit.min_area_mm2)
        & at_least(columns.confidence, limit.min_confidence)
        & (levels >= SEVERITIES.index(limit.min_severity))
    )
    return met if limit.side == "both" else met & (columns.side == SIDES.index(limit.side))


def densest(start_mm: Floats, end_mm: Floats, within_mm: float) -> tuple[int, float, float]:
    """The most defects that any `within_mm` of strip touch together, and from where to where those lie.

    0 asks for the whole coil. A stretch that touches most can be moved until it begins where one of them ends.
    """
    if not len(start_mm):
        return 0, 0.0, 0.0
    if not within_mm:
        return len(start_mm), float(start_mm.min()), float(end_mm.max())
    ends, starts = np.sort(end_mm), np.sort(start_mm)
    begun = np.searchsorted(starts, np.round(ends + within_mm, SIZE_DIGITS), side="right")
    numbers = begun - np.searchsorted(ends, ends, side="left")
    best_mm = float(ends[int(numbers.argmax())])
    touched = (end_mm >= best_mm) & (start_mm <= round(best_mm + within_mm, SIZE_DIGITS))
    return int(touched.sum()), float(start_mm[touched].min()), float(end_mm[touched].max())
