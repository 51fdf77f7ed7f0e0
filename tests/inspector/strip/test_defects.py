"""One defect from its pieces: a coil cut into frames gives the defects that the uncut coil has."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.analysis.analyse import FrameDefects, detect
from inspector.config.camera import Footprint
from inspector.config.geometry import TOUCH_MM
from inspector.config.joins import JoinGap
from inspector.config.severity import SeveritySection
from inspector.records.events import Defect
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Certainty, Recipe
from inspector.records.stages import Detection, Inspected
from inspector.strip.defects import LAG_MM, MOST_BOXES, MOST_OPEN, UPDATE_MM, Assembly, Joins
from tests.frames import header, inspected, recipe

ROWS, COLUMNS, PX_MM = 6, 14, 3.0
"""Size of a frame, and of a pixel across: wider than TOUCH_MM, so that neighbours touch and others do not."""
NO_GAPS = Joins({"dark": JoinGap(0.0, 0.0), "bright": JoinGap(0.0, 0.0)})
Found = tuple[str, float, float, float, float, float]
"""Class, start, end, left, right, area."""


def random_map(frames: int, seed: int, share: float) -> Bytes2D:
    """Make a coil of two classes, this share of its pixels defective."""
    random = np.random.default_rng(seed)
    shape = (frames * ROWS, COLUMNS)
    return (random.integers(1, 3, shape) * (random.random(shape) < share)).astype(np.uint8)


COILS = st.builds(random_map, st.integers(1, 7), st.integers(0, 10**6), st.floats(0.05, 0.7))


def assembly(*cameras: str) -> Assembly:
    """Make the assembly of the top side of a coil under these cameras."""
    return Assembly("C", "top", dict.fromkeys(cameras or ("top",), 0.0))


def cut(
    coil: Bytes2D, by: Recipe, row_mm: float = 1.0, *, camera: str = "top", offset_mm: float = 0.0
) -> Iterator[tuple[Inspected, float]]:
    """Cut a coil into frames and detect in each alone; yield each with its position."""
    for number, labels in enumerate(coil.reshape(-1, ROWS, coil.shape[1])):
        presence = np.ones(len(by.classes), np.float32)
        seen = detect(
            labels,
            labels,
            presence,
            by,
            Footprint(PX_MM, row_mm, offset_mm, "top", ROWS * row_mm),
            max_regions=1000,
        )
        assert isinstance(seen, FrameDefects)
        of = header(number, camera, height=ROWS, width=labels.shape[1], mm_per_row=row_mm)
        frame = msgspec.structs.replace(inspected(of, *seen.detections, by=by), outline=seen.outline)
        yield frame, number * ROWS * row_mm


def reported(
    coil: Bytes2D, by: Recipe, row_mm: float = 1.0, gaps: Joins = NO_GAPS, restart_after: int = -1
) -> list[Defect]:
    """Send a coil through frame by frame; return all that is reported."""
    top, events = assembly(), list[Defect]()
    for number, (frame, at_mm) in enumerate(cut(coil, by, row_mm)):
        events += top.add(frame, at_mm, at_mm + ROWS * row_mm, gaps)
        if number == restart_after:
            top = msgspec.json.decode(msgspec.json.encode(top), type=Assembly)
    return events + top.flush(NO_GAPS)


def wholes(events: list[Defect]) -> list[Defect]:
    """What is counted in the end."""
    return [defect for defect in events if defect.phase == "end" and not defect.part_of]


def shape(defect: Defect) -> Found:
    """What of a defect is compared."""
    return (defect.name, defect.start_mm, defect.end_mm, defect.left_mm, defect.right_mm, defect.area_mm2)


def united(coil: Bytes2D, rows: int, columns: int, min_area_mm2: float = 0.0) -> list[Found]:
    """Do the same the slow way: dilate each pixel by the gap and look what is connected on the uncut coil."""
    defects = []
    for kind, name in ((1, "dark"), (2, "bright")):
        mask = coil == kind
        ys, xs = np.nonzero(mask)
        group = list(range(len(ys)))
        for i in range(len(ys)):
            for j in range(i):
                if abs(ys[i] - ys[j]) <= rows + 1 and abs(xs[i] - xs[j]) <= columns + 1:
                    old, new = group[i], group[j]
                    group = [new if member == old else member for member in group]
        for member in set(group):
            mine = [place for place, name_of in enumerate(group) if name_of == member]
            y, x = ys[mine], xs[mine]
            if (area_mm2 := len(mine) * PX_MM) >= min_area_mm2:
                box = float(y.min()), float(y.max() + 1), float(x.min() * PX_MM), float((x.max() + 1) * PX_MM)
                defects.append((name, *box, area_mm2))
    return sorted(defects)


def test_its_severity_is_that_of_the_size_that_it_states() -> None:
    """11.96 mm are reported as 12.0, and a rule that asks for 12 is met by them, as it is in the coil's grade."""
    coil = np.zeros((2 * ROWS, COLUMNS), np.uint8)
    coil[:4, 2] = 1
    rules = (SeveritySection(level="critical", min_length_mm=12.0),)
    (defect,) = wholes(reported(coil, recipe("dark"), 2.99, msgspec.structs.replace(NO_GAPS, severities=rules)))
    assert (defect.length_mm, defect.severity) == (12.0, "critical")


@settings(max_examples=60, deadline=None)
@given(COILS, st.sampled_from([0.0, 7.0, 40.0]))
def test_like_the_uncut_coil(coil: Bytes2D, min_area_mm2: float) -> None:
    """Without gaps the defects are the connected regions of the uncut coil; minimum areas are those of the whole."""
    found = wholes(reported(coil, recipe("dark", "bright", min_area_mm2=min_area_mm2)))
    expected = []
    for kind, name in enumerate(("dark", "bright"), 1):
        stats = cv2.connectedComponentsWithStats((coil == kind).astype(np.uint8), connectivity=8)[2]
        expected += [
            (name, y, y + h, x * PX_MM, (x + w) * PX_MM, area * PX_MM)
            for x, y, w, h, area in stats[1:].tolist()
            if area * PX_MM >= min_area_mm2
        ]
    assert sorted(map(shape, found)) == sorted(expected)
    assert len({defect.id for defect in found}) == len(found)


@settings(max_examples=60, deadline=None)
@given(COILS, st.integers(0, 9), st.integers(0, 3))
def test_gaps_join(coil: Bytes2D, rows: int, columns: int) -> None:
    """Pieces are one defect exactly where pixels of theirs are no more than the gap apart, across frames or not."""
    sparse = coil * (np.random.default_rng(len(coil)).random(coil.shape) < 0.15)
    gaps = Joins(dict.fromkeys(("dark", "bright"), JoinGap(float(rows), columns * PX_MM)))
    assert sorted(map(shape, wholes(reported(sparse, recipe("dark", "bright"), gaps=gaps)))) == united(
        sparse, rows, columns
    )


@settings(max_examples=60, deadline=None)
@given(COILS, st.sampled_from([0.0, 2000.0]), st.integers(0, 2))
def test_phases(coil: Bytes2D, min_area_mm2: float, gap_rows: int) -> None:
    """Every id is new at most once and first, ends once and last, and only grows; no area is counted twice."""
    gaps = Joins(dict.fromkeys(("dark", "bright"), JoinGap(gap_rows * 250.0, 0.0)))
    events = reported(coil, recipe("dark", "bright", min_area_mm2=min_area_mm2), 250.0, gaps)
    by_id: dict[str, list[Defect]] = {}
    for defect in events:
        by_id.setdefault(defect.id, []).append(defect)
        assert defect.is_partial == (defect.phase != "end")
    for life in by_id.values():
        phases = [defect.phase for defect in life]
        assert phases in ([*["new"][: len(phases) - 1], *["update"] * (len(phases) - 2), "end"],)
        assert all(earlier.area_mm2 <= later.area_mm2 for earlier, later in pairwise(life))
    ids = {defect.id for defect in wholes(events)}
    for defect in events:
        if defect.part_of:
            assert defect.part_of in by_id and defect.id not in ids
    if not min_area_mm2:
        assert sum(whole.area_mm2 for whole in wholes(events)) == (coil > 0).sum() * PX_MM * 250


def test_an_event_has_the_defects_own_probability() -> None:
    """Where the recipe says how, confidence follows from the whole defect's size; what is reported stays the same."""
    coil = np.zeros((3 * ROWS, COLUMNS), np.uint8)
    coil[:, 2] = 1  # one defect over three frames, its most certain pixel as uncertain as can be
    plain = recipe("dark")
    larger = Certainty(constant=-3.0, log_odds=0.0, log_area=1.0, log_length=0.0)
    kind = msgspec.structs.replace(plain.classes[0], certainty=larger)
    stated = msgspec.structs.replace(plain, classes=(kind,))
    (before,), (after,) = (wholes(reported(coil, by)) for by in (plain, stated))
    assert before.confidence == pytest.approx(plain.probabilities[1], abs=1e-6)
    assert after.confidence == pytest.approx(larger.probability(after.area_mm2, after.length_mm, 0.5), abs=1e-6)
    assert msgspec.structs.replace(before, confidence=after.confidence) == after


@settings(max_examples=50, deadline=None)
@given(COILS, st.integers(0, 7), st.sampled_from([1.0, 250.0]), st.integers(0, 3))
def test_a_restart_tears_nothing(coil: Bytes2D, after: int, row_mm: float, gap_rows: int) -> None:
    """Written down and read again after any frame, open defects go on as if nothing had been."""
    by, gaps = recipe("dark", "bright"), Joins({"dark": JoinGap(gap_rows * row_mm, 4.0)})
    assert reported(coil, by, row_mm, gaps, restart_after=after) == reported(coil, by, row_mm, gaps)


def scratch(frames: int, *, columns: int = COLUMNS) -> Bytes2D:
    """Draw a scratch that goes through all frames and is interrupted for a row in each."""
    coil = np.zeros((frames * ROWS, columns), np.uint8)
    coil[:, 4:6] = 1
    coil[::ROWS] = 0
    return coil


def test_one_scratch_through_400_frames() -> None:
    """Whatever the number of frames and fragments, it is one defect with one id, known from its first frame on."""
    events = reported(scratch(400), recipe("dark"), gaps=Joins({"dark": JoinGap(1.0, 0.0)}))
    (whole,) = wholes(events)
    assert (whole.start_mm, whole.end_mm, whole.frames) == (1.0, 400.0 * ROWS, 400)
    assert whole.area_mm2 == 400 * (ROWS - 1) * 2 * PX_MM
    assert {defect.id for defect in events} == {"C/top/b/0/0"}
    assert events[0].phase == "new" and events[0].end_mm == ROWS


def test_what_is_kept_of_a_long_one_is_bounded() -> None:
    """After a hundred frames, as after ten, only what a later frame may touch is kept."""
    top, sizes = assembly(), []
    for frame, at_mm in cut(scratch(100), recipe("dark")):
        top.add(frame, at_mm, at_mm + ROWS, Joins({"dark": JoinGap(7.0, 0.0)}))
        sizes.append(len(msgspec.json.encode(top)))
    assert len(top.open) == 1 and len(top.open[0].boxes()) <= 8
    assert max(sizes) < 2 * sizes[10]


@pytest.mark.parametrize("beyond_mm", [-1e-4, -1e-9, 0.0, 1e-9, 1e-4])
def test_one_that_ends_where_the_gap_does_goes_on(beyond_mm: float) -> None:
    """Whichever side of the limit rounding puts its end on, the next frame finds something of it, or it is over."""
    by, gaps = recipe("dark"), Joins({"dark": JoinGap(4.0, 4.0)})
    top = assembly()
    top.add(inspected(header(0), piece(0, 6 + beyond_mm, 0, 1), by=by), 0.0, 10.0, gaps)
    events = top.add(inspected(header(1), piece(0, 1, 0, 1), by=by), 10.0, 20.0, gaps)
    (whole,) = wholes(events + top.flush(gaps))
    assert whole.frames == 2 and whole.end_mm == 11.0


def test_a_state_that_kept_no_box_of_an_open_one_is_gone_on_with() -> None:
    """Versions before wrote such; the defect goes on from its hull."""
    by, gaps = recipe("dark"), Joins({"dark": JoinGap(4.0, 4.0)})
    top = assembly()
    top.add(inspected(header(0), piece(0, 10, 0, 1), by=by), 0.0, 10.0, gaps)
    top.open[0].near = b""
    events = top.add(inspected(header(1), piece(0, 1, 0, 1), by=by), 10.0, 20.0, gaps)
    assert [whole.frames for whole in wholes(events + top.flush(gaps))] == [2]


def test_a_long_one_is_reported_as_it_grows() -> None:
    """It is reported each time it has doubled, and every two metres; so an alarm does not wait for its end."""
    coil = np.zeros((30 * ROWS, COLUMNS), np.uint8)
    coil[2:170, 4:6] = 1
    events = reported(coil, recipe("dark"), row_mm=150.0)
    assert [defect.phase for defect in events] == ["new", *["update"] * (len(events) - 2), "end"]
    ends = [defect.end_mm for defect in events]
    assert ends[0] == 900.0 and ends[-1] == 170 * 150.0
    assert all(after - before <= UPDATE_MM + ROWS * 150 for before, after in pairwise(ends))


def test_two_that_meet_are_one() -> None:
    """When two scratches that were reported meet, the later one ends as a part of the other, which has all the area."""
    coil = np.zeros((6 * ROWS, COLUMNS), np.uint8)
    coil[:, 2] = coil[1:, 8] = 1
    coil[27, 2:9] = 1
    events = reported(coil, recipe("dark"))
    (part,) = [defect for defect in events if defect.part_of]
    (whole,) = wholes(events)
    assert (part.id, part.part_of, part.phase) == ("C/top/b/0/1", whole.id, "end")
    assert whole.area_mm2 == (coil > 0).sum() * PX_MM


def piece(start: float, end: float, left: float, right: float, **facts: Any) -> Detection:
    """Make a region of one class."""
    usual = {"class_id": 1, "area_mm2": 5.0, "confidence": 0.9}
    return Detection(**{**usual, **facts}, start_mm=start, end_mm=end, left_mm=left, right_mm=right)


@pytest.mark.parametrize(("distance_mm", "count"), [(TOUCH_MM, 1), (TOUCH_MM + 0.1, 2)])
def test_tolerance(distance_mm: float, count: int) -> None:
    """Pieces on neighbouring rows that come as near as TOUCH_MM are one whatever the gap; a little farther, two."""
    top, by = assembly(), recipe("dark")
    top.add(inspected(header(0), piece(5, 10, 0, 4), by=by), 0.0, 10.0, NO_GAPS)
    found = top.add(inspected(header(1), piece(0, 5, 4 + distance_mm, 9), by=by), 10.0, 20.0, NO_GAPS)
    assert len(wholes(found)) == count


def test_a_box_is_no_outline() -> None:
    """What lies within the box of a slanted scratch, but farther from its pixels than the gap, is another defect."""
    coil = np.zeros((10 * ROWS, 60), np.uint8)
    coil[range(60), range(60)] = 1
    coil[40:50, 3:5] = 1
    found = wholes(reported(coil, recipe("dark"), gaps=Joins({"dark": JoinGap(10.0, 10 * PX_MM)})))
    assert sorted((defect.start_mm, defect.end_mm) for defect in found) == [(0.0, 60.0), (40.0, 50.0)]


def test_confidence_is_that_of_the_best_piece() -> None:
    """A defect over two frames is reported whole if any of it is sure, and not at all if none of it is."""
    by = recipe("dark", min_confidence=0.8)
    for best, count in ((0.9, 1), (0.7, 0)):
        top, found = assembly(), list[Defect]()
        frames = [piece(4, 10, 0, 2, confidence=0.5), piece(0, 3, 0, 2, confidence=best)]
        for number, region in enumerate(frames):
            found += top.add(inspected(header(number), region, by=by), number * 10.0, number * 10.0 + 10.0, NO_GAPS)
        assert [(defect.area_mm2, defect.confidence, defect.frames) for defect in found] == [(10.0, best, 2)] * count


def test_when_it_was_last_seen() -> None:
    """A defect carries the capture time and recipe of the last frame it was in, not of the one that showed its end."""
    top, by = assembly(), recipe("dark")
    top.add(inspected(header(0, captured_ns=1000), piece(5, 10, 0, 4), by=by), 0.0, 10.0, NO_GAPS)
    (defect,) = top.add(inspected(header(1, captured_ns=1001), by=by), 10.0, 20.0, NO_GAPS)
    assert (defect.captured_ns, defect.recipe, defect.side, defect.frames) == (1000, "test@1", "top", 1)


def test_another_recipe_begins_a_new_one() -> None:
    """When the recipe is replaced, what is open ends under the names of the recipe that saw it."""
    top = assembly()
    old, new = recipe("dark"), recipe("bright", version="2")
    top.add(inspected(header(0), piece(5, 10, 0, 4), by=old), 0.0, 10.0, NO_GAPS)
    defects = [*top.add(inspected(header(1), piece(0, 5, 0, 4), by=new), 10.0, 20.0, NO_GAPS), *top.flush(NO_GAPS)]
    assert [(defect.name, defect.recipe) for defect in defects] == [("dark", "test@1"), ("bright", "test@2")]


def test_the_same_recipe_read_again_does_not_tear() -> None:
    """A reload that changes nothing of the recipe leaves a defect whole."""
    top, by = assembly(), recipe("dark")
    top.add(inspected(header(0), piece(5, 10, 0, 4), by=by), 0.0, 10.0, NO_GAPS)
    again = msgspec.structs.replace(by)
    (defect,) = wholes(top.add(inspected(header(1), piece(0, 5, 0, 4), by=again), 10.0, 30.0, NO_GAPS))
    assert (defect.start_mm, defect.end_mm, defect.frames) == (5.0, 15.0, 2)


@settings(max_examples=40, deadline=None)
@given(COILS, st.integers(0, 6), st.integers(0, 3))
def test_two_cameras(coil: Bytes2D, lag: int, gap_rows: int) -> None:
    """A strip seen by two cameras side by side, one some frames behind, has the defects that one camera would find."""
    by = recipe("dark", "bright")
    gaps = Joins(dict.fromkeys(("dark", "bright"), JoinGap(float(gap_rows), 0.0)))
    left = list(cut(coil[:, :6], by, camera="left"))
    right = list(cut(coil[:, 6:], by, camera="right", offset_mm=6 * PX_MM))
    both, events = assembly("left", "right"), list[Defect]()
    for number in range(len(left) + lag):
        for frames, place in ((left, number), (right, number - lag)):
            if 0 <= place < len(frames):
                frame, at_mm = frames[place]
                events += both.add(frame, at_mm, at_mm + ROWS, gaps)
    events += both.flush(NO_GAPS)
    assert sorted(map(shape, wholes(events))) == sorted(map(shape, wholes(reported(coil, by, gaps=gaps))))


def test_a_dead_camera_holds_nothing_back() -> None:
    """A defect ends at the latest when another camera is LAG_MM past it, or when the one that is behind has left."""
    by = recipe("dark")
    for leaves in (True, False):
        both = assembly("left", "right")
        (new,) = both.add(inspected(header(0, "left"), piece(1, 3, 0, 4), by=by), 0.0, 10.0, NO_GAPS)
        assert new.phase == "new"
        assert both.reach("left", LAG_MM, NO_GAPS) == []
        (end,) = both.leave("right", NO_GAPS) if leaves else both.reach("left", LAG_MM + 4, NO_GAPS)
        assert (end.id, end.phase) == (new.id, "end")


def test_the_number_of_open_ones_is_bounded() -> None:
    """Beyond MOST_OPEN the ones that lie farthest back are ended; the boxes of a single one are bounded too."""
    both, by = assembly("left", "right"), recipe("dark")
    specks = [piece(n % 100, n % 100 + 0.5, n // 100 * 10, n // 100 * 10 + 1) for n in range(MOST_OPEN + 5)]
    events = both.add(inspected(header(0, "left"), *specks, by=by), 0.0, 100.0, NO_GAPS)
    assert len(both.open) == MOST_OPEN
    assert [event.start_mm for event in events if event.phase == "end"] == [0.0] * 5
    wall = assembly("left", "right")
    coil = np.ones((2 * ROWS, 2), np.uint8)
    for frame, _ in cut(coil, by, camera="left"):
        for at_mm in range(0, 6 * MOST_BOXES // 5, ROWS):
            wall.add(frame, float(at_mm), float(at_mm + ROWS), Joins({"dark": JoinGap(10_000.0, 0.0)}))
    assert all(len(defect.boxes()) <= MOST_BOXES for defect in wall.open)
