"""What cameras see across: seams in the middle of overlaps, holes in millimetres, overlaps that cannot be."""

from typing import Any

import msgspec
import numpy as np
import pytest

from inspector.analysis.analyse import Analyse
from inspector.config.camera import CameraSection
from inspector.config.geometry import faults, fields, remarks, spans, widths_mm
from inspector.records.events import Defect
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Maps
from inspector.records.stages import Batch, Findings, Frame, Inferred, whole
from inspector.strip.strip import Strip
from tests import frames
from tests.frames import HEIGHT, RECIPE, WIDTH, batch, header

LEFT, RIGHT = "left", "right"


def camera(name: str, offset_mm: float, **facts: Any) -> CameraSection:
    """Make a camera that sees 20 mm from `offset_mm` on."""
    return frames.camera(name, offset_mm=offset_mm, **facts)


def test_seams() -> None:
    """Each camera answers for its strip up to the middle of an overlap; the two sides do not meet."""
    cameras = [camera("c", 32.0), camera("a", 0.0), camera("b", 16.0), camera("below", 10.0, side="bottom")]
    own = {name: (field.own_left_mm, field.own_right_mm) for name, field in fields(cameras, RECIPE).items()}
    assert own == {"a": (0.0, 18.0), "b": (18.0, 34.0), "c": (34.0, 52.0), "below": (10.0, 30.0)}
    assert list(faults(cameras, RECIPE)) == [] == remarks(cameras, RECIPE)


def test_what_a_side_sees_counts_once() -> None:
    """Widths leave out what two cameras see both, and strip that none sees; a camera's span is all that it sees."""
    cameras = [camera("a", 0.0), camera("b", 16.0), camera("c", 40.0), camera("below", 10.0, side="bottom")]
    assert widths_mm(cameras, RECIPE) == {"top": 56.0, "bottom": 20.0}
    assert {(span.camera, span.left_mm, span.right_mm) for span in spans(cameras, RECIPE)} == {
        ("a", 0.0, 20.0),
        ("b", 16.0, 36.0),
        ("c", 40.0, 60.0),
        ("below", 10.0, 30.0),
    }


def test_a_hole_is_named_in_millimetres() -> None:
    """Where cameras of one side leave strip unseen, it is reported which, and how much."""
    (words,) = remarks([camera(LEFT, 0.0), camera(RIGHT, 22.5)], RECIPE)
    assert words.startswith("cameras left and right leave a hole of 2.5 mm on the top side, from 20 to 22.5 mm across")


def test_cameras_that_abut_leave_no_hole() -> None:
    """Also where millimetres are no round numbers in binary: 1433.6 and 716.8 are a little less than 2150.4."""
    row = [camera(str(place), offset_mm, width=2048, mm_per_px=0.35) for place, offset_mm in ((2, 1433.6), (3, 2150.4))]
    assert remarks(row, RECIPE) == []
    assert [field.seams for field in fields(row, RECIPE).values()] == [(False, True), (True, False)]


@pytest.mark.parametrize(("offset_mm", "remarked"), [(10.0, False), (9.0, True), (0.5, True)])
def test_an_overlap_of_more_than_half_a_frame_is_hardly_meant(offset_mm: float, remarked: bool) -> None:
    """Two cameras of two sides whose sections do not say so leave half of each side to the other: a remark says it."""
    row = [camera(LEFT, 0.0), camera(RIGHT, offset_mm)]
    words = remarks(row, RECIPE)
    assert [f"left and right overlap by {20 - offset_mm:g} mm on the top side" in word for word in words] == (
        [True] * remarked
    )
    assert remarks([row[0], msgspec.structs.replace(row[1], side="bottom")], RECIPE) == []


@pytest.mark.parametrize("facts", [{"offset_mm": 4.0, "mm_per_px": 0.5}, {"width": 7, "offset_mm": 13.0}])
def test_an_overlap_of_a_whole_frame_cannot_be(facts: dict[str, Any]) -> None:
    """A camera that sees only what another sees too is refused, unless it looks at the other side."""
    inside = msgspec.structs.replace(camera(RIGHT, 0.0), **facts)
    (words,) = faults([camera(LEFT, 0.0), inside], RECIPE)
    assert "overlap by" in words and "expected less than a frame" in words
    below = msgspec.structs.replace(inside, side="bottom")
    assert list(faults([camera(LEFT, 0.0), below], RECIPE)) == []


def seen(cameras: list[CameraSection], *pictures: Bytes2D) -> Findings:
    """Analyse one frame of each camera; a pixel's grey is its class."""
    arrivals = [Frame(header(0, seen_by.name, coil="C", start_mm=0.0), 0) for seen_by in cameras]
    maps = Maps(np.array(pictures), np.array(pictures) * 100, np.ones((len(pictures), 2), np.float32))
    return Analyse(cameras)(Inferred(batch(*arrivals), RECIPE, maps))


def test_cameras_of_which_nobody_wrote_where_they_are_see_all() -> None:
    """As before there were offsets: each answers for its frames, and a remark names both."""
    alike = [camera(LEFT, 0.0), camera(RIGHT, 0.0)]
    assert not [*faults(alike, RECIPE)]
    assert all(
        (field.own_left_mm, field.own_right_mm) == (0, field.right_mm) for field in fields(alike, RECIPE).values()
    )
    (words,) = remarks(alike, RECIPE)
    assert LEFT in words and RIGHT in words and "Correct side or offset_mm of one of them" in words


def test_scales_far_from_each_other() -> None:
    """50 mm a pixel next to 1 is a slip of the pen, whether or not the recipe knows its own; 4 is another camera."""
    unknown = msgspec.structs.replace(RECIPE, mm_per_px=0.0)
    (words,) = remarks([camera(LEFT, 0.0), camera(RIGHT, 20.0, mm_per_px=50.0)], unknown)
    assert words == "cameras left and right: mm_per_px is 1 and 50, 50 times apart. Correct one of them."
    assert not remarks([camera(LEFT, 0.0), camera(RIGHT, 20.0, mm_per_px=4.0)], unknown)


def test_a_defect_in_the_overlap_counts_once() -> None:
    """Seen by two cameras, it is one defect with its own area, whether it lies on the seam or next to it."""
    cameras = [camera(LEFT, 0.0), camera(RIGHT, 10.0)]
    strip = np.zeros((HEIGHT, 30), np.uint8)
    strip[2:4, 13:18] = 1  # on the seam at 15 mm
    strip[6:8, 11:13] = 2  # in the overlap, left of it
    findings = seen(cameras, strip[:, :WIDTH], strip[:, 10:])
    stage = Strip(cameras)
    events = [*stage(findings).events, *stage(Findings(closed_ns=0, is_last=True)).events]
    whole = {event.name: event for event in events if isinstance(event, Defect) and event.is_whole}
    assert len([event for event in events if isinstance(event, Defect) and event.is_whole]) == 2
    assert (whole["dark"].left_mm, whole["dark"].right_mm, whole["dark"].area_mm2) == (13.0, 18.0, 10.0)
    assert (whole["bright"].left_mm, whole["bright"].right_mm, whole["bright"].area_mm2) == (11.0, 13.0, 4.0)


def test_a_mirrored_camera() -> None:
    """A camera that looks from the other side has its left and right put right."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[2:4, 1:5] = 1
    (arrival,) = seen([camera(LEFT, 100.0, mirror=True)], picture).inspected
    (piece,) = arrival.detections
    assert (piece.left_mm, piece.right_mm, piece.area_mm2) == (115.0, 119.0, 8.0)


def test_the_edge_is_found_and_followed() -> None:
    """A defect's distance is from the strip's edge, beyond which there is none; where it is lost nothing is guessed."""
    of = camera(LEFT, 100.0, edges="left", width=40)
    labels = np.zeros((HEIGHT, 40), np.uint8)
    labels[2:4, 20:25] = labels[6:8, 1:4] = 1
    maps, analyse = Maps(labels[None], labels[None] * 100, np.ones((1, 2), np.float32)), Analyse([of])
    for dark_px, edge_mm, count in ((10, 110.0, 1), (12, 112.0, 1), (12, 112.0, 1), (0, None, 2)):
        picture = np.full((1, HEIGHT, 40), 120, np.uint8)
        picture[:, :, :dark_px] = 0
        arrivals = (Frame(header(0, LEFT, coil="C", start_mm=0.0, width=40), 0),)
        (arrival,) = analyse(Inferred(Batch(arrivals, picture, whole(picture), 0), RECIPE, maps)).inspected
        assert (arrival.edge_mm, len(arrival.detections)) == (edge_mm, count)


def both_edges(analyse: Analyse, left_px: int, right_px: int, **facts: Any) -> tuple[float | None, float | None]:
    """Where the edges lie by a frame that shows strip between two columns."""
    picture = np.zeros((1, HEIGHT, 40), np.uint8)
    picture[:, :, left_px:right_px] = 120
    labels = np.zeros((1, HEIGHT, 40), np.uint8)
    maps = Maps(labels, labels, np.ones((1, 2), np.float32))
    arrivals = (Frame(header(0, LEFT, **{"coil": "C", "width": 40, **facts}), 0),)
    (arrival,) = analyse(Inferred(Batch(arrivals, picture, whole(picture), 0), RECIPE, maps)).inspected
    return arrival.edge_mm, arrival.far_edge_mm


def test_both_edges_are_reported() -> None:
    """Where the strip ends on either side, across the line; a frame that shows one of them leaves the other out."""
    analyse = Analyse([camera(LEFT, 100.0, edges="both", width=40)])
    for left_px, right_px, edges_mm in ((10, 30, (110.0, 130.0)), (0, 30, (None, 130.0)), (10, 40, (110.0, None))):
        assert both_edges(analyse, left_px, right_px) == edges_mm


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"coil": "D"}),
        ({"start_mm": 900.0}, {"coil": "D", "start_mm": 950.0}),
        ({"start_mm": 900.0}, {"boot": "again", "start_mm": 950.0}),
        ({"coil": None, "start_mm": 900.0}, {"coil": None, "start_mm": 30.0}),
        ({"coil": None, "start_mm": 900.0}, {"start_mm": 950.0}),
    ],
    ids=["named", "welded", "boot", "nameless", "named late"],
)
def test_the_next_coil_is_cut_at_its_own_edges(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Wider or narrower, from its first frame on; a rim that is torn within a coil moves nothing."""
    for width_px, other_px in (((10, 30), (2, 38)), ((2, 38), (10, 30))):
        analyse = Analyse([camera(LEFT, 0.0, edges="both", width=40)])
        shown = [*[(width_px, before)] * 4, (other_px, before), (other_px, after)]
        assert [both_edges(analyse, *px, **facts) for px, facts in shown] == [width_px] * 5 + [other_px]


def test_edges_beyond_which_another_camera_looks() -> None:
    """The strip cannot end where the next camera sees it go on."""
    cameras = [camera(LEFT, 0.0, edges="both"), camera(RIGHT, 18.0, edges="right")]
    assert remarks(cameras, RECIPE) == [
        "camera left watches the strip's right edge, and camera right looks beyond it on the top side. Correct edges, "
        "offset_mm or side."
    ]


def test_a_scale_far_from_the_recipes() -> None:
    """Millimetres that are many times off what the recipe was taught on are a slip of the hand, or need scaling."""
    taught = msgspec.structs.replace(RECIPE, mm_per_px=0.6)
    (words,) = remarks([camera(LEFT, 0.0, mm_per_px=0.5, mm_per_row=6.0)], taught)
    assert words == (
        "camera left: mm_per_row is 6, and recipe test@1 was taught on 0.6: defects look 10 times off in size. Correct "
        "it, or set scale = true."
    )
    assert remarks([camera(LEFT, 0.0, mm_per_px=0.5, mm_per_row=6.0, scale=True)], taught) == []
