"""The rule by which found is distinguished from missed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.records.events import Defect, Missed
from inspector.records.recipe import DefectClass
from inspector.score import Score, score, tolerance_mm
from inspector.simulator.sheet import CLASSES, Planted

KINDS = tuple(
    DefectClass(id=number, name=name, threshold=0.5, min_area_mm2=100.0) for number, name in enumerate(CLASSES, start=1)
)
CRACK = Planted(0, 2, start_mm=1000.0, end_mm=1100.0, left_mm=200.0, right_mm=210.0, area_mm2=500.0)
SCRATCH = Planted(1, 3, start_mm=1050.0, end_mm=1950.0, left_mm=600.0, right_mm=610.0, area_mm2=5000.0)


Box = tuple[float, float, float, float]


def defect(name: str, box: Box, number: int = 0) -> Defect:
    """Make what the inspector would report of a box: start, end, left and right, millimetres."""
    start_mm, end_mm, left_mm, right_mm = box
    place = f"{name}/{start_mm}/{left_mm}/{number}"
    size = {"start_mm": start_mm, "end_mm": end_mm, "left_mm": left_mm, "right_mm": right_mm}
    origin = {"camera": "top", "coil": "C1", "side": "top", "recipe": "r@1", "captured_ns": 1}
    rest = {"id": place, "name": name, "area_mm2": 200.0, "confidence": 0.9, "is_partial": False, "frames": 1}
    return msgspec.convert({"kind": "defect", **size, **origin, **rest}, Defect)


def whole(planted: Planted, name: str | None = None) -> Defect:
    """Report a planted defect exactly, or under another name."""
    box = (planted.start_mm, planted.end_mm, planted.left_mm, planted.right_mm)
    return defect(name or CLASSES[planted.class_id - 1], box)


def counts(result: Score, name: str) -> tuple[int, int, int, int, int]:
    """Planted, found, confused, missed and false of one class."""
    sums = next(sums for sums in result.classes if sums.name == name)
    return sums.planted, sums.found, sums.confused, sums.missed, sums.false


def test_found_missed_false() -> None:
    """A defect that is reported is found, one that is not is missed, a report of nothing is false."""
    result = score([whole(CRACK), defect("patch", (5000, 5050, 0, 50))], [CRACK, SCRATCH], KINDS, 50.0)
    assert counts(result, "crack") == (1, 1, 0, 0, 0)
    assert counts(result, "scratch") == (1, 0, 0, 1, 0)
    assert counts(result, "patch") == (0, 0, 0, 0, 1)
    assert result.recall == 0.5
    assert result.false_per_100m == 2.0
    assert result.planted("missed") == (SCRATCH,)
    assert [defect.name for defect in result.false] == ["patch"]


def test_other_class_is_confused_not_false() -> None:
    """A defect seen under a wrong name is neither found nor missed, and the report is not false."""
    result = score([whole(CRACK, "scratch")], [CRACK], KINDS, 1.0)
    assert counts(result, "crack") == (1, 0, 1, 0, 0)
    assert result.outcomes[0].seen_as == ("scratch",)
    assert counts(result, "scratch") == (0, 0, 0, 0, 0)


def test_right_class_beats_wrong_ones() -> None:
    """A defect that is reported under its own name too is found."""
    assert counts(score([whole(CRACK, "patch"), whole(CRACK)], [CRACK], KINDS, 1.0), "crack")[1] == 1


def test_one_report_may_find_two() -> None:
    """Two defects that the inspector reports as one are both found: nobody overlooks either."""
    other = msgspec.structs.replace(CRACK, number=5, start_mm=1150.0, end_mm=1200.0)
    assert score([defect("crack", (1000, 1200, 200, 210))], [CRACK, other], KINDS, 1.0).recall == 1.0


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ((1104.9, 1200.0, 200.0, 210.0), 1),
        ((1105.1, 1200.0, 200.0, 210.0), 0),
        ((900.0, 995.1, 200.0, 210.0), 1),
        ((1000.0, 1100.0, 214.9, 220.0), 1),
        ((1000.0, 1100.0, 215.1, 220.0), 0),
    ],
)
def test_tolerance(box: Box, found: int) -> None:
    """Boxes a few millimetres apart still belong together; not more."""
    assert score([defect("crack", box)], [CRACK], KINDS, 1.0).total.found == found


@pytest.mark.parametrize(
    ("mm_per_px", "mm"), [(0.05, 0.8), (0.32, 5.0), (0.625, 5.0), (1.0, 5.0), (1.25, 5.0), (2.0, 8.0), (5.0, 20.0)]
)
def test_tolerance_follows_the_scale(mm_per_px: float, mm: float) -> None:
    """It is 5 mm where those are at least 4 pixels, two squares that a recipe decides in, and at most 16."""
    assert tolerance_mm(mm_per_px) == mm


@pytest.mark.parametrize("is_reported", [True, False])
def test_small_is_counted_apart(is_reported: bool) -> None:
    """Below the minimum area nothing is owed, whether it was found or not, and a report is not false."""
    small = msgspec.structs.replace(CRACK, area_mm2=99.0)
    total = score([whole(small)] * is_reported, [small], KINDS, 1.0).total
    assert (total.planted, total.small, total.false) == (0, 1, 0)


@pytest.mark.parametrize(("end_mm", "unseen"), [(1049.0, 0), (1051.0, 1)])
def test_unseen_is_counted_apart(end_mm: float, unseen: int) -> None:
    """A defect that lies mostly in strip not inspected is no miss of the network."""
    gap = Missed(camera="top", coil="C1", start_mm=0.0, end_mm=end_mm, reasons={"lost": 1})
    total = score([], [CRACK], KINDS, 1.0, [gap]).total
    assert (total.unseen, total.missed) == (unseen, 1 - unseen)


def test_last_report_of_an_id_counts() -> None:
    """The parts of a long defect that still goes on are one defect."""
    part = msgspec.structs.replace(whole(SCRATCH), end_mm=1100.0, is_partial=True)
    end = msgspec.structs.replace(whole(SCRATCH), id=part.id)
    result = score([part, end], [SCRATCH], KINDS, 1.0)
    assert result.found == (end,)


def test_nothing_to_divide_by() -> None:
    """Without defects or strip there is no recall and no rate, rather than a wrong one."""
    result = score([], [], KINDS, 0.0)
    assert (result.recall, result.false_per_100m) == (None, None)


COORDINATES = st.floats(0, 1000)


@given(
    st.lists(st.tuples(st.integers(1, 4), COORDINATES, COORDINATES, st.floats(0, 300)), max_size=12),
    st.lists(st.tuples(st.sampled_from(CLASSES), COORDINATES, COORDINATES), max_size=12),
    st.tuples(COORDINATES, COORDINATES),
)
def test_everything_is_counted_once(
    planted: list[tuple[int, float, float, float]],
    reported: list[tuple[str, float, float]],
    gap: tuple[float, float],
) -> None:
    """Every planted defect has exactly one verdict, every report is true or false, and the sums agree."""
    targets = [
        Planted(i, kind, start_mm=y, end_mm=y + 40, left_mm=x, right_mm=x + 20, area_mm2=area)
        for i, (kind, y, x, area) in enumerate(planted)
    ]
    reports = [defect(name, (y, y + 40, x, x + 20), i) for i, (name, y, x) in enumerate(reported)]
    missed = Missed(camera="top", coil="C1", start_mm=min(gap), end_mm=max(gap), reasons={})
    result = score(reports, targets, KINDS, 1.0, [missed])
    total = result.total
    assert sorted(outcome.planted.number for outcome in result.outcomes) == list(range(len(targets)))
    assert total.planted == total.found + total.confused + total.missed
    assert total.planted + total.small + total.unseen == len(targets)
    assert {report.id for report in (*result.found, *result.false)} == {report.id for report in reports}
    assert len(result.found) + len(result.false) == len(reports)
    assert total.false == len(result.false)
