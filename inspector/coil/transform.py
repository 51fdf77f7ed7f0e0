"""A coil's file carried on to the next machine: where each defect will lie there. Pure.

Laws: elongation, reversal, turning over and shifting have exact inverses, but for the rounding of floating point. What
a crop cuts off is gone; a box that it cuts is cut, with its share of the area. A record's sums follow what is left.
A mark that repeats stays while one of its prints does. An alarm whose place is not known stays (`unplaced`).

Knows: positions. Must not know: the journal, rules, files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from inspector.coil.columns import Columns
from inspector.coil.marks import marks
from inspector.coil.seen import SAME_MM, doubt_sums, length_m, stretches
from inspector.records.coil import Decided
from inspector.records.coil_file import CoilFile
from inspector.records.events import Alarm, Crowded, Defect, Doubtful, Missed, Repeat

MOST_PERCENT = 10_000
"""A hundredfold: more than all passes of a mill."""
OTHER = {"top": "bottom", "bottom": "top"}
DIGITS = 6
"""Of millimetres: far below what any camera sees, and above what floating point rounds."""
Placed = TypeVar("Placed", Defect, Missed, Crowded, Doubtful)
Boxed = TypeVar("Boxed", Defect, Crowded)
replace = msgspec.structs.replace


def elongate(file: CoilFile, percent: float) -> CoilFile:
    """Make the strip longer by a share of its length; it becomes thinner, so that widths stay and areas grow with it.

    Raises: ValueError when nothing would be left, or more than a mill can make of it.
    """
    if not -100 < percent <= MOST_PERCENT:
        raise ValueError(
            f"an elongation of {percent:g} %; expected above -100, which leaves nothing, to {MOST_PERCENT}"
        )
    times = 1 + percent / 100
    moved = _moved(file, lambda start_mm, end_mm: (start_mm * times, end_mm * times), length_mm(file) * times)
    return replace(
        moved,
        record=replace(
            moved.record,
            inspected_m=file.record.inspected_m * times,
            missed_m=file.record.missed_m * times,
        ),
        welds_mm=tuple(weld_mm * times for weld_mm in file.welds_mm),
        defects=tuple(replace(defect, area_mm2=defect.area_mm2 * times) for defect in moved.defects),
        crowded=tuple(replace(crowd, area_mm2=crowd.area_mm2 * times) for crowd in moved.crowded),
        missed=tuple(replace(gap, at_most_mm=gap.at_most_mm * times) for gap in moved.missed),
        repeats=tuple(replace(repeat, period_mm=repeat.period_mm * times) for repeat in file.repeats),
    )


def reverse(file: CoilFile) -> CoilFile:
    """Swap head and tail: what was last comes first, and left becomes right, as the strip is turned around.

    Raises: ValueError when the coil still runs.
    """
    _refuse_partial(file, "where its tail will lie is not known")
    long_mm = length_mm(file)
    turned = _moved(file, lambda start_mm, end_mm: (long_mm - end_mm, long_mm - start_mm), long_mm)
    prints = _prints(file)
    repeats = [
        replace(repeat, newest=ids[0]) if ids and repeat.state == "ended" else repeat
        for repeat, ids in zip(file.repeats, prints, strict=True)
    ]
    welds_mm = tuple(sorted(long_mm - weld_mm for weld_mm in file.welds_mm))
    return _mirrored(replace(turned, welds_mm=welds_mm, before=file.after, after=file.before, repeats=tuple(repeats)))


def flip(file: CoilFile) -> CoilFile:
    """Turn the strip over: top becomes bottom, and left becomes right; head and tail stay."""
    turned = _mirrored(file)
    return replace(
        turned,
        record=replace(
            turned.record,
            coverage=tuple(
                replace(camera, side=OTHER.get(camera.side, camera.side)) for camera in turned.record.coverage
            ),
        ),
        defects=tuple(replace(defect, side=OTHER.get(defect.side, defect.side)) for defect in turned.defects),
        crowded=tuple(replace(crowd, side=OTHER.get(crowd.side, crowd.side)) for crowd in turned.crowded),
        repeats=tuple(replace(repeat, side=OTHER.get(repeat.side, repeat.side)) for repeat in turned.repeats),
    )


def shift(file: CoilFile, by_m: float) -> CoilFile:
    """Count from another point: everything lies so much farther from it."""
    by_mm = 1000 * by_m
    moved = _moved(file, lambda start_mm, end_mm: (start_mm + by_mm, end_mm + by_mm), length_mm(file) + by_mm)
    return replace(moved, welds_mm=tuple(weld_mm + by_mm for weld_mm in file.welds_mm))


def crop(file: CoilFile, from_m: float, to_m: float) -> CoilFile:
    """Cut a piece out, from one metre to another; positions count from its head.

    Raises: ValueError when it is no piece of the coil.
    """
    long_m = length_mm(file) / 1000
    if not 0 <= from_m < to_m <= long_m + SAME_MM / 1000:
        raise ValueError(f"a piece from {from_m:g} to {to_m:g} m; expected 0 <= from < to <= {long_m:g}, the length")
    to_m = min(to_m, long_m)
    from_mm, to_mm = 1000 * from_m, 1000 * to_m
    kept = replace(
        file,
        welds_mm=tuple(weld_mm for weld_mm in file.welds_mm if from_mm < weld_mm < to_mm),
        before="",
        after="",
        defects=tuple(_cut(file.defects, from_mm, to_mm)),
        missed=tuple(_cut(file.missed, from_mm, to_mm)),
        crowded=tuple(_cut(file.crowded, from_mm, to_mm)),
        doubtful=tuple(_cut(file.doubtful, from_mm, to_mm)),
    )
    kept = replace(kept, repeats=tuple(_left(file, kept)), raised=tuple(_raised(file, kept)))
    missed_m = sum(map(length_m, stretches(kept.missed, from_mm, to_mm).values()))
    cameras = {seen.camera for seen in file.record.coverage}  # one whose side was corrected stands there twice
    seen_m = max(1, len(cameras)) * (to_m - from_m)
    gone = Counter(alarm.name for alarm in file.raised) - Counter(alarm.name for alarm in kept.raised)
    alarms = {name: times - gone[name] for name, times in file.record.alarms.items() if times > gone[name]}
    sums = replace(file.record, missed_m=missed_m, inspected_m=seen_m - missed_m, alarms=alarms)
    return _renamed(shift(replace(kept, record=sums), -from_m), file.record.coil, to_mm - from_mm)


def unplaced(file: CoilFile) -> tuple[str, ...]:
    """Names of alarms of which the file does not say where on the coil they were raised; a crop keeps them."""
    ids = {defect.id for defect in file.defects}
    placed = Counter(alarm.name for alarm in file.raised if alarm.defect_id in ids)
    return tuple(name for name, times in file.record.alarms.items() if times > placed[name])


def weld(first: CoilFile, second: CoilFile) -> CoilFile:
    """Weld a coil behind another: one coil of the first's name, with a weld where they meet.

    What people decided stays where it is the same of both.

    Raises: ValueError when the first still runs.
    """
    _refuse_partial(first, "where another is welded to it is not known")
    long_mm, name = length_mm(first), first.record.coil
    behind = shift(second, long_mm / 1000)
    cameras = {(seen.camera, seen.side): seen for seen in (*second.record.coverage, *first.record.coverage)}
    whole = replace(
        first,
        welds_mm=_welds(first.welds_mm, long_mm, behind.welds_mm),
        after=second.after,
        defects=(*first.defects, *behind.defects),
        missed=(*first.missed, *behind.missed),
        repeats=(*first.repeats, *behind.repeats),
        crowded=(*first.crowded, *behind.crowded),
        doubtful=(*first.doubtful, *behind.doubtful),
        raised=(*first.raised, *behind.raised),
        record=replace(
            first.record,
            coverage=tuple(cameras.values()),
            inspected_m=first.record.inspected_m + second.record.inspected_m,
            missed_m=first.record.missed_m + second.record.missed_m,
            recipes=tuple(sorted({*first.record.recipes, *second.record.recipes})),
            alarms=dict(sorted((Counter(first.record.alarms) + Counter(second.record.alarms)).items())),
            is_partial=second.record.is_partial,
            is_whole=first.record.is_whole and second.record.is_whole,
            is_estimated=first.record.is_estimated or second.record.is_estimated,
            ended=second.record.ended,
            decisions=_agreed(first.record.decisions, second.record.decisions),
        ),
    )
    return _renamed(_gone_on(whole, first.repeats), name, long_mm + length_mm(second))


def _agreed(first: Sequence[Decided], second: Sequence[Decided]) -> tuple[Decided, ...]:
    """What was decided of both coils of a weld, in order; none where it is another thing, or of one of them alone."""
    decided = [decisions[-1].grade if decisions else "" for decisions in (first, second)]
    return tuple(sorted((*first, *second), key=lambda decision: decision.time)) if decided[0] == decided[1] else ()


def _gone_on(whole: CoilFile, before: Sequence[Repeat]) -> CoilFile:
    """Make one of what repeats on both coils of a weld, where its prints go on over it by whole turns."""
    kept = dict(enumerate(whole.repeats))
    for number, repeat in enumerate(before):
        for later in range(len(before), len(whole.repeats)):
            if later not in kept or kept[later].id != repeat.id:
                continue
            both = replace(kept[later], marks=repeat.marks + kept[later].marks)
            if len(_prints(replace(whole, repeats=(both,)))[0]) >= both.marks:
                kept[number] = both
                del kept[later]
                break
    return replace(whole, repeats=tuple(kept[number] for number in sorted(kept)))


def _refuse_partial(file: CoilFile, why: str) -> None:
    """Refuse what needs the whole coil.

    Raises: ValueError.
    """
    if file.record.is_partial:
        raise ValueError(f"coil {file.record.coil} still ran when its file was written: {why}; expected an ended coil")


def _welds(first: Sequence[float], at_mm: float, behind: Sequence[float]) -> tuple[float, ...]:
    """Welds of both and the one where they meet, which each of them may know already as its own end."""
    others = [weld_mm for weld_mm in (*first, *behind) if abs(weld_mm - at_mm) > SAME_MM]
    return tuple(sorted([*others, at_mm]))


def named(file: CoilFile, coil: str) -> CoilFile:
    """Give a coil another name."""
    return _renamed(file, coil, length_mm(file))


def length_mm(file: CoilFile) -> float:
    """Return a coil's length, exact where its file has it."""
    return file.length_mm or 1000 * file.record.length_m


def tidied(file: CoilFile) -> CoilFile:
    """Round positions to a nanometre: what people find in the file is 4700 and not 4699.999999999999."""

    def tidy(item: Placed) -> Placed:
        return replace(item, start_mm=round(item.start_mm, DIGITS), end_mm=round(item.end_mm, DIGITS))

    def across(item: Boxed) -> Boxed:
        item = replace(item, left_mm=round(item.left_mm, DIGITS), right_mm=round(item.right_mm, DIGITS))
        return tidy(item)

    return replace(
        file,
        length_mm=round(file.length_mm, DIGITS),
        welds_mm=tuple(round(weld_mm, DIGITS) for weld_mm in file.welds_mm),
        defects=tuple(map(across, file.defects)),
        missed=tuple(map(tidy, file.missed)),
        doubtful=tuple(map(tidy, file.doubtful)),
        crowded=tuple(map(across, file.crowded)),
        repeats=tuple(
            replace(repeat, period_mm=round(repeat.period_mm, DIGITS), across_mm=round(repeat.across_mm, DIGITS))
            for repeat in file.repeats
        ),
    )


def _moved(file: CoilFile, to: Callable[[float, float], tuple[float, float]], long_mm: float) -> CoilFile:
    """Give every box other ends along the strip."""

    def move(item: Placed) -> Placed:
        start_mm, end_mm = to(item.start_mm, item.end_mm)
        return replace(item, start_mm=start_mm, end_mm=end_mm)

    doubtful = tuple(map(move, file.doubtful))
    return replace(
        file,
        length_mm=long_mm,
        record=replace(file.record, length_m=long_mm / 1000, doubtful=doubt_sums(doubtful)),
        defects=tuple(map(move, file.defects)),
        missed=tuple(map(move, file.missed)),
        doubtful=doubtful,
        crowded=tuple(map(move, file.crowded)),
    )


def _mirrored(file: CoilFile) -> CoilFile:
    """Swap left and right about the middle of what the cameras see."""
    coverage = file.record.coverage
    edges = [edge for camera in coverage for edge in (camera.left_mm, camera.right_mm)]
    edges = edges or [edge for defect in file.defects for edge in (defect.left_mm, defect.right_mm)]
    both_mm = min(edges, default=0.0) + max(edges, default=0.0)
    return replace(
        file,
        record=replace(
            file.record,
            coverage=tuple(
                replace(camera, left_mm=both_mm - camera.right_mm, right_mm=both_mm - camera.left_mm)
                for camera in coverage
            ),
        ),
        defects=tuple(
            replace(
                defect,
                left_mm=both_mm - defect.right_mm,
                right_mm=both_mm - defect.left_mm,
                edge_mm=defect.far_edge_mm,
                far_edge_mm=defect.edge_mm,
                reach_mm=defect.far_reach_mm,
                far_reach_mm=defect.reach_mm,
            )
            for defect in file.defects
        ),
        crowded=tuple(
            replace(crowd, left_mm=both_mm - crowd.right_mm, right_mm=both_mm - crowd.left_mm) for crowd in file.crowded
        ),
        repeats=tuple(replace(repeat, across_mm=both_mm - repeat.across_mm) for repeat in file.repeats),
    )


def _cut(boxes: Iterable[Placed], from_mm: float, to_mm: float) -> Iterable[Placed]:
    """Yield what of boxes lies between two positions; a defect that is cut keeps its share of the area."""
    for box in boxes:
        start_mm, end_mm = max(box.start_mm, from_mm), min(box.end_mm, to_mm)
        if end_mm < start_mm or (end_mm == start_mm and box.end_mm > box.start_mm):
            continue
        cut = replace(box, start_mm=start_mm, end_mm=end_mm)
        length_mm = box.end_mm - box.start_mm
        if isinstance(cut, Defect | Crowded) and isinstance(box, Defect | Crowded) and length_mm:
            cut = replace(cut, area_mm2=box.area_mm2 * (end_mm - start_mm) / length_mm)
        yield cut


def _prints(file: CoilFile) -> list[list[str]]:
    """Ids of the prints of each repeat, along the coil; none where its newest is not among the defects."""
    columns, places = Columns(file.defects), {defect.id: place for place, defect in enumerate(file.defects)}
    columns.freeze()
    return [[file.defects[place].id for place in found] for found in marks(columns, file.repeats, places)]


def _left(file: CoilFile, piece: CoilFile) -> Iterator[Repeat]:
    """Yield what repeats on a piece with the prints that lie there; all of it where their places are unknown."""
    kept = {defect.id for defect in piece.defects}
    for repeat, ids in zip(file.repeats, _prints(file), strict=True):
        left = [print_id for print_id in ids if print_id in kept]
        if left:
            yield replace(repeat, newest=left[-1], marks=len(left))
        elif not ids:
            yield repeat


def _raised(file: CoilFile, piece: CoilFile) -> Iterator[Alarm]:
    """Yield the alarms that defects of a piece raised, and those whose place is unknown."""
    gone = {defect.id for defect in file.defects} - {defect.id for defect in piece.defects}
    return (alarm for alarm in file.raised if alarm.defect_id not in gone)


def _renamed(file: CoilFile, coil: str, long_mm: float) -> CoilFile:
    """Give all parts one coil's name."""
    return replace(
        file,
        length_mm=long_mm,
        record=replace(file.record, coil=coil, length_m=long_mm / 1000, doubtful=doubt_sums(file.doubtful)),
        defects=tuple(replace(defect, coil=coil) for defect in file.defects),
        missed=tuple(replace(missed, coil=coil) for missed in file.missed),
        doubtful=tuple(replace(stretch, coil=coil) for stretch in file.doubtful),
        repeats=tuple(replace(repeat, coil=coil) for repeat in file.repeats),
        crowded=tuple(replace(crowd, coil=coil) for crowd in file.crowded),
        raised=tuple(replace(alarm, coil=coil) for alarm in file.raised),
    )
