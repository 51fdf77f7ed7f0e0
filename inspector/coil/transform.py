"""A coil's file carried on to the next machine: where each defect will lie there. Pure.

Laws: elongation, reversal, turning over and shifting have exact inverses, but for the rounding of floating point. What
a crop cuts off is gone; a box that it cuts is cut, with its share of the area. A record's sums follow what is left.

Knows: positions. Must not know: the journal, rules, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from inspector.coil.seen import length_m, stretches
from inspector.records.coil_file import CoilFile
from inspector.records.events import Crowded, Defect, Missed, Repeat

SAME_MM = 1.0
"""A coil's length is known to a millimetre: a weld so near its end is at its end."""
MOST_PERCENT = 10_000
"""A hundredfold: more than all passes of a mill."""
OTHER = {"top": "bottom", "bottom": "top"}
Placed = TypeVar("Placed", Defect, Missed, Crowded)
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
    moved = _moved(file, lambda start_mm, end_mm: (start_mm * times, end_mm * times), file.record.length_m * times)
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
        repeats=tuple(replace(repeat, period_mm=repeat.period_mm * times) for repeat in file.repeats),
    )


def reverse(file: CoilFile) -> CoilFile:
    """Swap head and tail: what was last comes first, and left becomes right, as the strip is turned around."""
    length_mm = 1000 * file.record.length_m
    turned = _moved(file, lambda start_mm, end_mm: (length_mm - end_mm, length_mm - start_mm), file.record.length_m)
    turned = replace(turned, welds_mm=tuple(sorted(length_mm - weld_mm for weld_mm in file.welds_mm)))
    return _mirrored(turned)


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
    moved = _moved(file, lambda start_mm, end_mm: (start_mm + by_mm, end_mm + by_mm), file.record.length_m + by_m)
    return replace(moved, welds_mm=tuple(weld_mm + by_mm for weld_mm in file.welds_mm))


def crop(file: CoilFile, from_m: float, to_m: float) -> CoilFile:
    """Cut a piece out, from one metre to another; positions count from its head.

    Raises: ValueError when it is no piece of the coil.
    """
    if not 0 <= from_m < to_m <= file.record.length_m + 1e-9:
        raise ValueError(
            f"a piece from {from_m:g} to {to_m:g} m; expected 0 <= from < to <= {file.record.length_m:g}, the length"
        )
    from_mm, to_mm = 1000 * from_m, 1000 * to_m
    kept = replace(
        file,
        welds_mm=tuple(weld_mm for weld_mm in file.welds_mm if from_mm < weld_mm < to_mm),
        defects=tuple(_cut(file.defects, from_mm, to_mm)),
        missed=tuple(_cut(file.missed, from_mm, to_mm)),
        crowded=tuple(_cut(file.crowded, from_mm, to_mm)),
    )
    missed_m = sum(map(length_m, stretches(kept.missed, from_mm, to_mm).values()))
    seen_m = max(1, len(file.record.coverage)) * (to_m - from_m)
    sums = replace(file.record, missed_m=missed_m, inspected_m=seen_m - missed_m)
    return _renamed(shift(replace(kept, record=sums), -from_m), file.record.coil, to_m - from_m)


def weld(first: CoilFile, second: CoilFile) -> CoilFile:
    """Weld a coil behind another: one coil of the first's name, with a weld where they meet."""
    behind = shift(second, first.record.length_m)
    name = first.record.coil
    cameras = {camera.camera: camera for camera in (*second.record.coverage, *first.record.coverage)}
    whole = replace(
        first,
        welds_mm=_welds(first.welds_mm, 1000 * first.record.length_m, behind.welds_mm),
        defects=(*first.defects, *behind.defects),
        missed=(*first.missed, *behind.missed),
        repeats=(*first.repeats, *behind.repeats),
        crowded=(*first.crowded, *behind.crowded),
        record=replace(
            first.record,
            coverage=tuple(cameras.values()),
            inspected_m=first.record.inspected_m + second.record.inspected_m,
            missed_m=first.record.missed_m + second.record.missed_m,
        ),
    )
    return _renamed(whole, name, first.record.length_m + second.record.length_m)


def _welds(first: Sequence[float], at_mm: float, behind: Sequence[float]) -> tuple[float, ...]:
    """Welds of both and the one where they meet, which each of them may know already as its own end."""
    others = [weld_mm for weld_mm in (*first, *behind) if abs(weld_mm - at_mm) > SAME_MM]
    return tuple(sorted([*others, at_mm]))


def named(file: CoilFile, coil: str) -> CoilFile:
    """Give a coil another name."""
    return _renamed(file, coil, file.record.length_m)


def _moved(file: CoilFile, to: Callable[[float, float], tuple[float, float]], long_m: float) -> CoilFile:
    """Give every box other ends along the strip."""

    def move(item: Placed) -> Placed:
        start_mm, end_mm = to(item.start_mm, item.end_mm)
        return replace(item, start_mm=start_mm, end_mm=end_mm)

    return replace(
        file,
        record=replace(file.record, length_m=long_m),
        defects=tuple(map(move, file.defects)),
        missed=tuple(map(move, file.missed)),
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
            replace(defect, left_mm=both_mm - defect.right_mm, right_mm=both_mm - defect.left_mm)
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
        if not isinstance(cut, Missed) and not isinstance(box, Missed) and length_mm:
            cut = replace(cut, area_mm2=box.area_mm2 * (end_mm - start_mm) / length_mm)
        yield cut


def _renamed(file: CoilFile, coil: str, long_m: float) -> CoilFile:
    """Give all parts one coil's name; what repeats is kept while one of its ends is."""
    left = {defect.id for defect in file.defects}
    repeats: list[Repeat] = [
        replace(repeat, coil=coil) for repeat in file.repeats if repeat.newest in left or repeat.id in left
    ]
    return replace(
        file,
        record=replace(file.record, coil=coil, length_m=long_m),
        defects=tuple(replace(defect, coil=coil) for defect in file.defects),
        missed=tuple(replace(missed, coil=coil) for missed in file.missed),
        repeats=tuple(repeats),
        crowded=tuple(replace(crowd, coil=coil) for crowd in file.crowded),
    )
