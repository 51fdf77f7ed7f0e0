"""One defect from its pieces: a coil cut into frames gives the defects that the uncut coil has."""

from collections.abc import Iterator
from typing import Any

import cv2
import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.analysis.analyse import detect
from inspector.config.camera import Footprint
from inspector.records.events import Defect
from inspector.records.frame import Bytes2D, Header
from inspector.records.recipe import Recipe
from inspector.records.stages import Detection, Inspected, Span
from inspector.strip.merge import PARTIAL_MM, TOUCH_MM, Merge, touching
from tests.frames import header, inspected, recipe

ROWS, COLUMNS, PX_MM = 6, 14, 3.0
"""Size of a frame, and of a pixel across: wider than TOUCH_MM, so that neighbours touch and others do not."""
Found = tuple[str, float, float, float, float, float, int]
"""Class, start, end, left, right, area, frames."""


def random_map(frames: int, seed: int, share: float) -> Bytes2D:
    """Make a coil of two classes, with as many defective pixels of each."""
    random = np.random.default_rng(seed)
    shape = (frames * ROWS, COLUMNS)
    return (random.integers(1, 3, shape) * (random.random(shape) < share)).astype(np.uint8)


COILS = st.builds(
    random_map,
    st.integers(1, 7),
    st.integers(0, 10**6),
    st.floats(0.05, 0.7),
)


def cut(coil: Bytes2D, by: Recipe, row_mm: float) -> Iterator[Inspected]:
    """Cut a coil into frames and detect in each alone."""
    for number, labels in enumerate(coil.reshape(-1, ROWS, COLUMNS)):
        presence = np.ones(len(by.classes), np.float32)
        footprint = Footprint(PX_MM, row_mm, 0.0, "top", ROWS * row_mm)
        regions = detect(labels, labels, presence, by, footprint, max_regions=1000)
        assert isinstance(regions, tuple)
        yield inspected(header(number, height=ROWS, width=COLUMNS, mm_per_row=row_mm), *regions, by=by)


def merged(coil: Bytes2D, by: Recipe, row_mm: float = 1.0) -> list[Defect]:
    """Send a coil through frame by frame; return all that is reported."""
    merge, reported = Merge("top", "C", "top"), list[Defect]()
    for number, frame in enumerate(cut(coil, by, row_mm)):
        reported += merge.add(frame, number * ROWS * row_mm)
    return reported + list(merge.close())


def shape(defect: Defect) -> Found:
    """What of a defect is compared."""
    return (
        defect.name,
        defect.start_mm,
        defect.end_mm,
        defect.left_mm,
        defect.right_mm,
        defect.area_mm2,
        defect.frames,
    )


def united(coil: Bytes2D, min_area_mm2: float) -> list[Found]:
    """Do the same the slow way: unite the regions of all frames by their extents on the rows where frames meet."""
    regions = []  # frame, class, rows and columns on the coil
    for frame, labels in enumerate(coil.reshape(-1, ROWS, COLUMNS)):
        for kind in (1, 2):
            count, numbers = cv2.connectedComponents((labels == kind).astype(np.uint8), connectivity=8)
            for number in range(1, count):
                ys, xs = np.nonzero(numbers == number)
                regions.append((frame, kind, ys + frame * ROWS, xs))
    group = list(range(len(regions)))
    for i, (frame, kind, ys, xs) in enumerate(regions):
        for j, (before, other, above_ys, above_xs) in enumerate(regions):
            if before == frame - 1 and other == kind:
                head, tail = xs[ys == frame * ROWS], above_xs[above_ys == frame * ROWS - 1]
                if len(head) and len(tail) and head.min() <= tail.max() + 1 and tail.min() <= head.max() + 1:
                    group = [group[i] if one == group[j] else one for one in group]
    defects = []
    for one in set(group):
        members = [region for region, name in zip(regions, group, strict=True) if name == one]
        ys, xs = (np.concatenate([member[axis] for member in members]) for axis in (2, 3))
        frames = len({member[0] for member in members})
        left_mm, right_mm, area_mm2 = xs.min() * PX_MM, (xs.max() + 1) * PX_MM, len(ys) * PX_MM
        if area_mm2 >= min_area_mm2:
            name = ("dark", "bright")[members[0][1] - 1]
            defects.append((name, ys.min(), ys.max() + 1, left_mm, right_mm, area_mm2, frames))
    return sorted(defects)


@settings(max_examples=50)
@given(COILS, st.sampled_from([0.0, 7.0, 40.0]))
def test_like_the_slow_way(coil: Bytes2D, min_area_mm2: float) -> None:
    """Any coil gives the defects that uniting all pieces at once gives; minimum areas are those of the whole."""
    defects = merged(coil, recipe("dark", "bright", min_area_mm2=min_area_mm2))
    assert sorted(map(shape, defects)) == united(coil, min_area_mm2)
    assert len({defect.id for defect in defects}) == len(defects)
    assert not any(defect.is_partial for defect in defects)


@settings(max_examples=50)
@given(COILS)
def test_nothing_that_is_connected_is_torn(coil: Bytes2D) -> None:
    """Regions of the uncut coil are each whole within one defect, and no area is lost or counted twice."""
    defects = merged(coil, recipe("dark", "bright"))
    for kind, name in enumerate(("dark", "bright"), 1):
        mask = (coil == kind).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        mine = [defect for defect in defects if defect.name == name]
        assert sum(defect.area_mm2 for defect in mine) == mask.sum() * PX_MM
        for x, y, width, height, _ in stats[1:]:
            assert any(
                defect.start_mm <= y
                and y + height <= defect.end_mm
                and defect.left_mm <= x * PX_MM
                and (x + width) * PX_MM <= defect.right_mm
                for defect in mine
            )
        assert len(mine) <= count - 1


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(1, 30), st.integers(1, 3), st.integers(1, 2)),
        max_size=12,
    )
)
def test_like_the_uncut_coil(strokes: list[tuple[int, int, int, int, int]]) -> None:
    """Strokes without forks come out exactly as the connected components of the uncut coil."""
    coil = np.zeros((7 * ROWS, 4 * 4), np.uint8)[:, :COLUMNS]
    for lane, top, length, width, kind in strokes:
        band = coil[top : top + length, lane * 4 : lane * 4 + width]
        if not coil[max(0, top - 1) : top + length + 1, lane * 4 : lane * 4 + 3].any():
            band[:] = kind
    expected = []
    for kind, name in enumerate(("dark", "bright"), 1):
        stats = cv2.connectedComponentsWithStats((coil == kind).astype(np.uint8), connectivity=8)[2]
        expected += [
            (name, y, y + h, x * PX_MM, (x + w) * PX_MM, area * PX_MM) for x, y, w, h, area in stats[1:].tolist()
        ]
    assert sorted(shape(defect)[:-1] for defect in merged(coil, recipe("dark", "bright"))) == sorted(expected)


def test_confidence_is_that_of_the_surest_piece() -> None:
    """A defect over two frames is reported whole if any of it is sure, and not at all if none of it is."""
    by = recipe("dark", min_confidence=0.8)
    for highest, count in ((0.9, 1), (0.7, 0)):
        merge = Merge("top", "C", "top")
        across = Span(0.0, 2.0)
        box: Any = {"class_id": 1, "left_mm": 0.0, "right_mm": 2.0}
        first = Detection(**box, start_mm=4.0, end_mm=6.0, area_mm2=4.0, confidence=0.5, tail=across)
        second = Detection(**box, start_mm=0.0, end_mm=3.0, area_mm2=6.0, confidence=highest, head=across)
        listed = [
            *merge.add(inspected(header(0, height=ROWS), first, by=by), 0.0),
            *merge.add(inspected(header(1, height=ROWS), second, by=by), ROWS),
        ]
        assert [(one.area_mm2, one.confidence, one.frames) for one in listed] == [(10.0, highest, 2)] * count


@settings(max_examples=50)
@given(COILS, st.sampled_from([0.0, 2000.0]))
def test_partial(coil: Bytes2D, min_area_mm2: float) -> None:
    """Every id that is reported ends in exactly one whole defect, which only grew; no area is reported whole twice."""
    defects = merged(coil, recipe("dark", "bright", min_area_mm2=min_area_mm2), row_mm=250.0)
    wholes = {defect.id: defect for defect in defects if not defect.is_partial}
    assert len(wholes) == sum(not defect.is_partial for defect in defects)
    assert {defect.id for defect in defects} == wholes.keys()
    last: dict[str, Defect] = {}
    for defect in defects:
        before = last.get(defect.id)
        if before is not None:
            assert before.is_partial
            assert defect.start_mm <= before.start_mm and defect.end_mm >= before.end_mm
            assert defect.area_mm2 >= before.area_mm2 and defect.frames >= before.frames
        last[defect.id] = defect
    if not min_area_mm2:
        assert sum(whole.area_mm2 for whole in wholes.values()) == (coil > 0).sum() * PX_MM * 250


def test_partial_is_told_every_two_metres() -> None:
    """Nobody waits for the end of a long scratch: it is reported as it grows, and once when it has ended."""
    coil = np.zeros((10 * ROWS, COLUMNS), np.uint8)
    coil[2:50, 4:6] = 1
    defects = merged(coil, recipe("dark"), row_mm=150.0)
    assert [defect.is_partial for defect in defects] == [True, True, False]
    assert {defect.id for defect in defects} == {"C/top/b/0/0"}
    assert {defect.start_mm for defect in defects} == {300.0}
    first, second, last = (defect.end_mm for defect in defects)
    assert first - 300 >= PARTIAL_MM and second - first >= PARTIAL_MM and last == 50 * 150


def test_two_that_were_told_remain_two() -> None:
    """When two long scratches meet, the one that joins is ended under its own id; neither id is left open."""
    coil = np.zeros((6 * ROWS, COLUMNS), np.uint8)
    coil[:, 2] = coil[:, 8] = 1
    coil[27, 2:9] = 1
    defects = merged(coil, recipe("dark"), row_mm=200.0)
    wholes = [defect for defect in defects if not defect.is_partial]
    assert [(whole.id, whole.end_mm) for whole in wholes] == [("C/top/b/0/1", 24 * 200.0), ("C/top/b/0/0", 36 * 200.0)]
    assert sum(whole.area_mm2 for whole in wholes) == (coil > 0).sum() * PX_MM * 200


def piece(start: float, end: float, head: Span | None, tail: Span | None) -> Detection:
    """Make a region of one class."""
    return Detection(
        class_id=1,
        start_mm=start,
        end_mm=end,
        left_mm=0.0,
        right_mm=10.0,
        area_mm2=5.0,
        confidence=0.9,
        head=head,
        tail=tail,
    )


def test_tolerance() -> None:
    """Pieces whose extents come as near as TOUCH_MM are one, a little farther apart they are two."""
    for distance_mm, count in ((TOUCH_MM, 1), (TOUCH_MM + 0.1, 2)):
        merge = Merge("top", "C", "top")
        above = piece(5.0, 10.0, None, Span(0.0, 4.0))
        below = piece(0.0, 5.0, Span(4.0 + distance_mm, 9.0), None)
        by = recipe("dark")
        defects = [*merge.add(inspected(header_of(0), above, by=by), 0.0)]
        defects += merge.add(inspected(header_of(1), below, by=by), 10.0)
        assert len(defects) == count


def header_of(number: int) -> Header:
    """Make a header captured at 1000 + its number."""
    return header(number, captured_ns=1000 + number)


def test_when_it_was_last_seen() -> None:
    """A defect carries the capture time and recipe of the last frame it was in, not of the one that showed its end."""
    merge, by = Merge("top", "C", "bottom"), recipe("dark")
    assert list(merge.add(inspected(header_of(0), piece(5, 10, None, Span(0, 4)), by=by), 0.0)) == []
    (defect,) = merge.add(inspected(header_of(1), by=by), 10.0)
    assert (defect.captured_ns, defect.recipe, defect.side, defect.frames) == (1000, "test@1", "bottom", 1)


def test_another_recipe_begins_anew() -> None:
    """When the recipe is replaced, what is open ends under the names of the recipe that saw it."""
    merge = Merge("top", "C", "top")
    old, new = recipe("dark"), recipe("bright", version="2")
    assert list(merge.add(inspected(header_of(0), piece(5, 10, None, Span(0, 4)), by=old), 0.0)) == []
    defects = list(merge.add(inspected(header_of(1), piece(0, 5, Span(0, 4), None), by=new), 10.0))
    assert [(defect.name, defect.recipe) for defect in defects] == [("dark", "test@1"), ("bright", "test@2")]


def test_the_same_recipe_read_again_does_not_tear() -> None:
    """A reload that changes nothing of the recipe leaves a defect whole."""
    merge, by = Merge("top", "C", "top"), recipe("dark")
    again = msgspec.structs.replace(by)
    assert list(merge.add(inspected(header_of(0), piece(5, 10, None, Span(0, 4)), by=by), 0.0)) == []
    (defect,) = merge.add(inspected(header_of(1), piece(0, 5, Span(0, 4), None), by=again), 10.0)
    assert (defect.start_mm, defect.end_mm, defect.frames) == (5.0, 15.0, 2)


def touches(head: Span, tail: Span) -> bool:
    """Whether two spans on neighbouring rows belong together."""
    return head.left_mm <= tail.right_mm + TOUCH_MM and tail.left_mm <= head.right_mm + TOUCH_MM


SPANS = st.lists(
    st.builds(lambda left, width: Span(left, left + width), st.floats(0, 60), st.floats(0, 40)), max_size=25
)


@given(SPANS, SPANS)
def test_the_sweep_finds_every_pair(heads: list[Span], tails: list[Span]) -> None:
    """Any spans, nested and overlapping ones too: the very pairs that holding all against all finds."""
    expected = [[place for place, tail in enumerate(tails) if touches(head, tail)] for head in heads]
    assert touching(heads, tails) == expected


@settings(max_examples=50)
@given(COILS, st.integers(0, 7), st.sampled_from([1.0, 250.0]))
def test_a_restart_tears_nothing(coil: Bytes2D, after: int, row_mm: float) -> None:
    """Written down and read again after any frame, open defects go on as if nothing had been."""
    by, merge, reported = recipe("dark", "bright"), Merge("top", "C", "top"), list[Defect]()
    for number, frame in enumerate(cut(coil, by, row_mm)):
        reported += merge.add(frame, number * ROWS * row_mm)
        if number == after:
            merge = msgspec.json.decode(msgspec.json.encode(merge), type=Merge)
    assert [*reported, *merge.close()] == merged(coil, by, row_mm)
