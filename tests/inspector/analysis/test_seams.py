"""A strip under several cameras shows the defects that it shows under one: minimums are those of the whole."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.analysis.analyse import Analyse
from inspector.analysis.settings import AnalysisSection
from inspector.config.camera import CameraSection
from inspector.config.geometry import TOUCH_MM
from inspector.records.events import Defect
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Maps, Recipe
from inspector.records.stages import Batch, Frame, FramePatch, Inferred, Inspected
from inspector.strip.settings import DefectSection, gaps
from inspector.strip.strip import Strip
from tests import frames
from tests.frames import HEIGHT, LAST, header, recipe

PX_MM = 3.0
"""Wider than what belongs together whatever the gap: neighbours touch, others do not."""
STRIP_PX, PLANES = 48, 3
BY = recipe("dark", "bright", min_area_mm2=4 * PX_MM, min_confidence=0.8)
NO_GAPS = [DefectSection(name, join_along_mm=0.0, join_across_mm=0.0) for name in ("dark", "bright")]
WIDE = [DefectSection("dark", join_along_mm=2.0, join_across_mm=PX_MM), DefectSection("bright", 4.0, 0.0)]
APART = gaps(NO_GAPS)
Found = tuple[str, float, float, float, float, float, float]
"""Class, start, end, left, right, area, confidence."""


def cameras(*places_px: tuple[int, int], **facts: Any) -> list[CameraSection]:
    """Make cameras that see these columns of the strip, from the first up to the last; the second one mirrored."""
    return [
        frames.camera(
            f"c{number}", mm_per_px=PX_MM, offset_mm=first * PX_MM, width=end - first, mirror=number == 1, **facts
        )
        for number, (first, end) in enumerate(places_px)
    ]


def analysed(
    of: CameraSection,
    labels: Bytes2D,
    confidence: Bytes2D,
    analyse: Analyse,
    *,
    at: int = 0,
    picture: Bytes2D | None = None,
    by: Recipe = BY,
    **facts: Any,
) -> list[Inspected]:
    """Analyse a plane of a camera, which holds as many frames as go into it; `at`: its place on the strip."""
    if of.mirror:
        labels, confidence = labels[:, ::-1], confidence[:, ::-1]
    rows, px = of.height or HEIGHT, labels.shape[1]
    firsts = range(0, HEIGHT, rows)
    facts |= {"coil": "C", "width": px, "height": rows}
    arrivals = tuple(
        Frame(header(row // rows, of.name, start_mm=float(row), **facts), 0)
        for row in (at * HEIGHT + first for first in firsts)
    )
    patches = tuple(FramePatch(0, first, rows, px) for first in firsts)
    batch = Batch(arrivals, (labels if picture is None else picture)[None], patches, 0)
    maps = Maps(labels[None], confidence[None], np.ones((1, 2), np.float32))
    return list(analyse(Inferred(batch, by, maps)).inspected)


def found(
    row: list[CameraSection],
    labels: Bytes2D,
    confidence: Bytes2D,
    by: Recipe = BY,
    sections: list[DefectSection] = NO_GAPS,
) -> list[Found]:
    """Send a strip by under cameras; return what is found, whole."""
    analyse, strip, events = Analyse(row, gaps=gaps(sections)), Strip(row, sections), list[Any]()
    for at in range(len(labels) // HEIGHT):
        for of in row:
            first = round(of.offset_mm / PX_MM)
            plane = np.s_[at * HEIGHT : (at + 1) * HEIGHT, first : first + of.width]
            seen = analysed(of, labels[plane], confidence[plane], analyse, at=at, by=by)
            events += strip(frames.findings(*seen)).events
    events += strip(LAST).events
    return sorted(
        (event.name, event.start_mm, event.end_mm, event.left_mm, event.right_mm, event.area_mm2, event.confidence)
        for event in events
        if isinstance(event, Defect) and event.is_whole
    )


ROWS = pytest.mark.parametrize(
    "row",
    [
        pytest.param(cameras((0, 28), (18, 48)), id="overlapping"),
        pytest.param(cameras((0, 28), (17, 48)), id="overlapping by an odd number of pixels"),
        pytest.param(cameras((0, 24), (24, 48)), id="abutting"),
        pytest.param(cameras((0, 20), (13, 33), (28, 48)), id="three"),
        pytest.param(cameras((0, 28), (20, 48), height=5), id="blocks of few rows"),
    ],
)


@ROWS
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 0.6))
def test_cameras_show_the_same_defects_as_one(row: list[CameraSection], seed: int, share: float) -> None:
    """Wherever seams cut a defect, it has its own area and confidence, and is reported by these; no pixel twice."""
    random = np.random.default_rng(seed)
    size = PLANES * HEIGHT, STRIP_PX
    labels = (random.integers(1, 3, size) * (random.random(size) < share)).astype(np.uint8)
    confidence = random.integers(128, 230, size).astype(np.uint8)
    assert found(row, labels, confidence) == found(cameras((0, STRIP_PX)), labels, confidence)


@ROWS
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.01, 0.3))
def test_the_whole_alone_decides(row: list[CameraSection], seed: int, share: float) -> None:
    """What is reported is, of all that lies there, what is large and sure enough: no piece of it is lost before."""
    random = np.random.default_rng(seed)
    size = PLANES * HEIGHT, STRIP_PX
    labels = (random.integers(1, 3, size) * (random.random(size) < share)).astype(np.uint8)
    confidence = random.integers(128, 215, size).astype(np.uint8)
    every = found(row, labels, confidence, recipe("dark", "bright"), WIDE)
    kind = BY.classes[0]
    assert found(row, labels, confidence, BY, WIDE) == [whole for whole in every if kind.may_report(whole[5], whole[6])]


TWO = cameras((0, 28), (20, 48))
"""The seam is at column 24."""


def drawn(*boxes: tuple[int, int, int, int]) -> tuple[Bytes2D, Bytes2D]:
    """Draw dark boxes on sound strip, first and end row, first and end column; return labels and confidence."""
    labels = np.zeros((HEIGHT, STRIP_PX), np.uint8)
    for top, bottom, left, right in boxes:
        labels[top:bottom, left:right] = 1
    return labels, labels * np.uint8(240)


@pytest.mark.parametrize("height", [HEIGHT, 5])
@pytest.mark.parametrize("sure_px", [16, 23, 24, 31])
def test_the_surer_part_counts_for_the_whole(sure_px: int, height: int) -> None:
    """A defect that is sure on one pixel alone, on whichever side of the seam, is reported with all of its area."""
    labels, confidence = drawn((2, 4, 16, 32))
    confidence[:] = np.minimum(confidence, 150)
    confidence[3, sure_px] = 240
    ((name, *_, area_mm2, best),) = found(cameras((0, 28), (20, 48), height=height), labels, confidence)
    assert (name, area_mm2, best) == ("dark", 32 * PX_MM, pytest.approx(240 / 255, abs=1e-6))


def test_what_is_too_small_on_both_sides_together_is_not_reported() -> None:
    """A speck on the seam goes on, and has come to nothing when it ends."""
    labels, confidence = drawn((3, 4, 23, 25))
    (seen,) = analysed(TWO[1], labels[:, 20:], confidence[:, 20:], Analyse(TWO, gaps=APART))
    assert [(piece.left_mm, piece.area_mm2) for piece in seen.detections] == [(24 * PX_MM, PX_MM)]
    assert found(TWO, labels, confidence) == []


@pytest.mark.parametrize(("hole_mm", "pieces"), [(0.0, 2), (TOUCH_MM, 2), (TOUCH_MM + 0.1, 0)])
def test_nothing_goes_on_where_no_camera_sees_it(hole_mm: float, pieces: int) -> None:
    """At a side's outer ends, and at a hole wider than what belongs together, a speck is a speck."""
    row = [
        frames.camera("left", mm_per_px=PX_MM),
        frames.camera("right", mm_per_px=PX_MM, offset_mm=20 * PX_MM + hole_mm),
    ]
    labels, confidence = (picture[:, :20] for picture in drawn((3, 4, 0, 1), (3, 4, 19, 20)))
    seen = [frame for of in row for frame in analysed(of, labels, confidence, Analyse(row, gaps=APART))]
    assert sum(len(frame.detections) for frame in seen) == pieces


@pytest.mark.parametrize(("lit_px", "pieces"), [(30, 0), (40, 1)])
def test_nothing_goes_on_beyond_the_strips_edge(lit_px: int, pieces: int) -> None:
    """Where the strip ends before the seam, at column 35, a speck on its edge is a speck."""
    row = cameras((0, 40), (30, 70), edges="right")
    labels, confidence = (picture[:, :40] for picture in drawn((3, 4, 29, 30), (3, 4, 34, 35)))
    picture = np.zeros((HEIGHT, 40), np.uint8)
    picture[:, :lit_px] = 120
    (seen,) = analysed(row[0], labels, confidence, Analyse(row, gaps=APART), picture=picture)
    assert len(seen.detections) == pieces


@pytest.mark.parametrize(("side", "areas_mm2"), [("top", []), ("bottom", [8 * PX_MM])])
def test_a_frame_of_the_other_side_has_no_seam(side: str, areas_mm2: list[float]) -> None:
    """Where its header names another side than its camera's section, nobody else answers for what it shows."""
    labels, confidence = (picture[:, :28] for picture in drawn((3, 5, 24, 28)))
    (seen,) = analysed(TWO[0], labels, confidence, Analyse(TWO, gaps=APART), side=side)
    assert [piece.area_mm2 for piece in seen.detections] == areas_mm2


@pytest.mark.parametrize(("most", "is_crowd"), [(3, False), (2, True)])
def test_specks_at_a_seam_count_as_regions(most: int, is_crowd: bool) -> None:
    """Five specks of a torn picture, wide as two of the recipe's, are a crowd like others: what goes on is bounded."""
    labels, confidence = drawn(*((row, row + 1, 24, 25) for row in range(0, HEIGHT, 2)))
    analyse = Analyse(TWO, AnalysisSection(max_regions=most), APART)
    (seen,) = analysed(TWO[1], labels[:, 20:], confidence[:, 20:], analyse)
    assert (seen.crowd is not None) is is_crowd
