"""From maps to detections: every region once, with its place and size in millimetres."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspector.analysis.analyse import Analyse, FrameDefects, detect
from inspector.analysis.settings import AnalysisSection
from inspector.config.camera import CameraSection, Footprint
from inspector.config.joins import Gaps, JoinGap
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Maps, Recipe
from inspector.records.stages import Crowd, Detection, Frame, Inferred, Inspected, Loss
from tests.frames import HEIGHT, RECIPE, WIDTH, batch, dropped, header, missing, recipe

SOUND = np.zeros((HEIGHT, WIDTH), np.uint8)
NO_GAPS = dict.fromkeys(("dark", "bright"), JoinGap(0.0, 0.0))


def found(
    labels: Bytes2D, by: Recipe = RECIPE, confidence: Bytes2D | None = None, gaps: Gaps = NO_GAPS
) -> list[Detection]:
    """Detect in a map of pixels that are 2 mm wide and 0.5 mm long, 100 mm from the edge."""
    if confidence is None:
        confidence = (labels > 0).astype(np.uint8) * 255
    presence = np.array([(labels == kind.id).any() for kind in by.classes], np.float32)
    footprint = Footprint(2.0, 0.5, 100.0, "top", HEIGHT / 2)
    regions = detect(labels, confidence, presence, by, footprint, max_regions=1000, gaps=gaps)
    assert isinstance(regions, FrameDefects)
    return list(regions.detections)


def box(top: int, bottom: int, left: int, right: int, class_id: int = 1) -> Bytes2D:
    """Draw a region on a sound map."""
    labels = SOUND.copy()
    labels[top:bottom, left:right] = class_id
    return labels


def test_millimetres() -> None:
    """A region is reported with box and area in millimetres, the camera's offset included, and its best probability."""
    labels = box(2, 6, 3, 8, class_id=2)
    confidence = np.where(labels, 130, 0).astype(np.uint8)
    confidence[3, 4] = 204
    assert found(labels, confidence=confidence) == [
        Detection(
            class_id=2,
            left_mm=106.0,
            right_mm=116.0,
            start_mm=1.0,
            end_mm=3.0,
            area_mm2=20.0,
            confidence=0.8,
        )
    ]


def test_outline() -> None:
    """Each region is known row by row, one box for each of its runs, in millimetres."""
    labels = box(0, 2, 5, 6)
    labels[1, 8:10] = labels[2, 5:9] = 1
    labels[8, 0] = 2
    seen = detect(labels, labels, np.ones(2, np.float32), RECIPE, Footprint(2.0, 0.5, 100.0, "top", 5), max_regions=9)
    assert isinstance(seen, FrameDefects) and seen.outline is not None
    assert [piece.class_id for piece in seen.detections] == [1, 2]
    assert seen.outline.of.tolist() == [0, 0, 0, 0, 1]
    assert seen.outline.boxes_mm.tolist() == [
        [0.0, 0.5, 110.0, 112.0],
        [0.5, 1.0, 110.0, 112.0],
        [0.5, 1.0, 116.0, 120.0],
        [1.0, 1.5, 110.0, 118.0],
        [4.0, 4.5, 100.0, 102.0],
    ]


@pytest.mark.parametrize(
    ("labels", "is_reported"),
    [
        (box(1, 4, 0, 3), False),
        (box(1, 4, 0, 4), True),
        (box(0, 1, 0, 1), True),
        (box(HEIGHT - 1, HEIGHT, 0, 1), True),
    ],
)
def test_minimum_area(labels: Bytes2D, is_reported: bool) -> None:
    """What is too small is left out, unless it touches an edge behind which it may go on."""
    assert bool(found(labels, recipe("dark", min_area_mm2=12.0))) is is_reported


@pytest.mark.parametrize(
    ("labels", "highest", "is_reported"),
    [
        (box(1, 4, 0, 3), 203, False),
        (box(1, 4, 0, 3), 204, True),
        (box(0, 4, 0, 3), 1, True),
        (box(HEIGHT - 3, HEIGHT, 0, 3), 1, True),
    ],
)
def test_minimum_confidence(labels: Bytes2D, highest: int, is_reported: bool) -> None:
    """One sure pixel is enough; what is nowhere sure is left out, unless it may go on and grow surer."""
    confidence = np.minimum(labels, 1)
    confidence[tuple(np.argwhere(labels)[-1])] = highest
    assert bool(found(labels, recipe("dark", min_confidence=0.8), confidence=confidence)) is is_reported


@pytest.mark.parametrize(
    ("columns", "highest", "pieces"),
    [((4, 8), (150, 204), 2), ((4, 8), (150, 203), 0), ((4, 9), (150, 204), 0), ((4, 8, 12), (204, 150, 150), 3)],
)
def test_pieces_have_the_area_and_the_confidence_of_all_that_lies_near(
    columns: tuple[int, ...], highest: tuple[int, ...], pieces: int
) -> None:
    """Dots of 4 mm2 are left out or kept together where no more than the gap, 6 mm, parts each from the next."""
    labels, confidence, gaps = SOUND.copy(), SOUND.copy(), {"dark": JoinGap(0.0, 6.0)}
    for column, best in zip(columns, highest, strict=True):
        labels[4:8, column] = 1
        confidence[4:8, column] = best
    by = recipe("dark", min_area_mm2=8.0, min_confidence=0.8)
    assert len(found(labels, by, confidence, gaps)) == pieces


@pytest.mark.parametrize(("top", "is_kept"), [(1, True), (2, True), (3, False), (6, False), (7, True)])
def test_a_speck_is_kept_where_its_next_piece_may_lie_in_another_frame(top: int, is_kept: bool) -> None:
    """No farther than the gap, 1 mm along, from the frame's first or last row; all that it is a piece of stays too."""
    labels = box(top, top + 1, 4, 5)
    assert bool(found(labels, recipe("dark", min_area_mm2=99.0), gaps={"dark": JoinGap(1.0, 0.0)})) is is_kept


def test_confidence_is_the_regions_own() -> None:
    """A surer neighbour within the same box does not lend its probability."""
    labels = box(0, 5, 0, 5)
    labels[1:4, 1:4] = 0
    labels[2, 2] = 1
    confidence = np.where(labels, 51, 0).astype(np.uint8)
    confidence[2, 2] = 255
    assert sorted(region.confidence for region in found(labels, confidence=confidence)) == [0.2, 1.0]


def test_presence_decides() -> None:
    """A class below its threshold everywhere is not looked for; one that just reaches it in 32 bits is."""
    by = recipe("dark", "bright")
    labels = box(2, 4, 2, 4, class_id=2)
    for share, count in ((0.5, 1), (np.nextafter(np.float32(0.5), np.float32(0)), 0)):
        presence = np.array([0, share], np.float32)
        found = detect(labels, labels, presence, by, Footprint(1.0, 1.0, 0.0, "top", HEIGHT), max_regions=9)
        assert isinstance(found, FrameDefects) and len(found.detections) == count


def flood(labels: Bytes2D) -> list[tuple[int, int, int, int, int, int]]:
    """Find regions the slow way: class, top, bottom, left, right, pixels."""
    left = {(y, x): int(labels[y, x]) for y, x in zip(*np.nonzero(labels), strict=True)}
    regions = []
    while left:
        start, kind = left.popitem()
        region, edge = [start], [start]
        while edge:
            y, x = edge.pop()
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if left.get(near) == kind:
                    del left[near]
                    region.append(near)
                    edge.append(near)
        ys, xs = [y for y, _ in region], [x for _, x in region]
        regions.append((kind, min(ys), max(ys) + 1, min(xs), max(xs) + 1, len(region)))
    return sorted(regions)


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.floats(0.05, 0.6))
def test_regions(seed: int, share: float) -> None:
    """On any map the regions are those that a flood fill finds."""
    random = np.random.default_rng(seed)
    labels = (random.integers(1, 3, SOUND.shape) * (random.random(SOUND.shape) < share)).astype(np.uint8)
    regions = [
        (
            region.class_id,
            region.start_mm / 0.5,
            region.end_mm / 0.5,
            (region.left_mm - 100) / 2,
            (region.right_mm - 100) / 2,
            region.area_mm2,
        )
        for region in found(labels)
    ]
    assert sorted(regions) == flood(labels)


def inferred(arrivals: list[Frame | Loss], planes: list[NDArray[np.uint8]]) -> Inferred:
    """Say that the network saw these maps."""
    labels = np.array(planes, np.uint8).reshape(-1, HEIGHT, WIDTH)
    presence = np.array([[(plane == kind).any() for kind in (1, 2)] for plane in planes], np.float32)
    return Inferred(batch(*arrivals, closed_ns=7), RECIPE, Maps(labels, labels * 100, presence) if planes else None)


def test_stage() -> None:
    """Each frame gets its own maps, camera and travel per row, and losses pass by in their place."""
    cameras = [
        CameraSection(name="top", mm_per_px=1.0, mm_per_row=1.0),
        CameraSection(name="bottom", mm_per_px=3.0, mm_per_row=2.0, offset_mm=50.0),
    ]
    lost = [missing(2), dropped(header(9))]
    arrivals: list[Frame | Loss] = [
        lost[0],
        Frame(header(0), 0),
        Frame(header(1, camera="bottom"), 0),
        lost[1],
        Frame(header(2, mm_per_row=0.25), 0),
    ]
    analysed = Analyse(cameras)(inferred(arrivals, [box(1, 2, 0, 1), box(2, 3, 0, 1), box(4, 5, 0, 1)]))
    assert analysed.closed_ns == 7
    first, top, bottom, second, slow = analysed.arrivals
    assert [first, second] == lost
    for arrival, left_mm, start_mm in ((top, 0, 1), (bottom, 50, 4), (slow, 0, 1)):
        assert isinstance(arrival, Inspected)
        (region,) = arrival.detections
        assert (region.left_mm, region.start_mm) == (left_mm, start_mm)


def test_a_frame_brings_its_distance_from_what_was_taught() -> None:
    """Where it was measured, and as far as it is a number; its other columns stay presences."""
    given = inferred([Frame(header(number), 0) for number in range(3)], [box(1, 2, 0, 1)] * 3)
    assert given.maps is not None
    presence = np.concatenate((given.maps.presence, np.array([[1.5], [np.nan], [-1.0]], np.float32)), axis=1)
    measured = msgspec.structs.replace(
        given,
        recipe=msgspec.structs.replace(RECIPE, measures_distance=True),
        maps=msgspec.structs.replace(given.maps, presence=presence),
    )
    stage = Analyse([CameraSection(name="top", mm_per_px=1.0, mm_per_row=1.0)])
    assert [frame.distance for frame in stage(measured).inspected] == [1.5, None, None]
    assert [frame.distance for frame in stage(given).inspected] == [None, None, None]


def test_tick() -> None:
    """A batch without frames passes through, so that the stages behind it learn of the time."""
    assert Analyse([])(inferred([missing(1)], [])).arrivals == (missing(1),)


def noise(height: int = 256, width: int = 1600) -> Bytes2D:
    """A frame in which every pixel is sound or of one of two classes, by chance."""
    return np.random.default_rng(0).integers(0, 3, (height, width)).astype(np.uint8)


def crowd_of(labels: Bytes2D, max_regions: int) -> Crowd:
    """Detect in a map of pixels of 1 mm, 100 mm from the edge, where it is too much to be listed."""
    confidence = (labels > 0).astype(np.uint8) * 204
    footprint = Footprint(1.0, 1.0, 100.0, "top", float(len(labels)))
    found = detect(labels, confidence, np.ones(2, np.float32), RECIPE, footprint, max_regions=max_regions)
    assert isinstance(found, Crowd)
    return found


def test_more_than_can_be_listed() -> None:
    """One region more than the limit, and all of them are summed up: counts by class, box, area, best probability."""
    labels = SOUND.copy()
    labels[2:8:2, 4:12:2] = 1
    labels[5, 15] = 2
    assert len(found(labels)) == 13
    footprint = Footprint(1.0, 1.0, 100.0, "top", HEIGHT)
    seen = detect(labels, labels, np.ones(2, np.float32), RECIPE, footprint, max_regions=13)
    assert isinstance(seen, FrameDefects) and len(seen.detections) == 13
    assert crowd_of(labels, 12) == Crowd(
        start_mm=2.0,
        end_mm=7.0,
        left_mm=104.0,
        right_mm=116.0,
        area_mm2=13.0,
        regions={"dark": 12, "bright": 1},
        confidence=0.8,
    )


def test_noise() -> None:
    """A frame of noise is a crowd however high the limit is, and counts at least what its first rows hold."""
    crowd = crowd_of(noise(), 10**6)
    assert sum(crowd.regions.values()) > 2_000
    assert (crowd.left_mm, crowd.right_mm, crowd.start_mm, crowd.end_mm) == (100.0, 1700.0, 0.0, 256.0)
    assert crowd.area_mm2 == np.count_nonzero(noise())


@pytest.mark.parametrize("specks", [300, 1000, 5000])
def test_a_frame_full_of_specks_is_neither_a_crowd_nor_many_defects(specks: int) -> None:
    """However many lie within the gap of others: no more than a frame may have are handed on."""
    labels = np.zeros((256, 1600), np.uint8)
    labels.reshape(-1)[np.random.default_rng(0).choice(labels.size, specks, replace=False)] = 1
    by, footprint = recipe("dark", min_area_mm2=100.0), Footprint(0.625, 0.625, 0.0, "top", 160.0)
    seen = detect(labels, labels, np.ones(1, np.float32), by, footprint, max_regions=99)
    assert isinstance(seen, FrameDefects) and len(seen.detections) <= 99


def test_the_stage_hands_on_a_crowd() -> None:
    """A frame of noise is inspected, with a crowd instead of detections; its neighbours in the batch keep theirs."""
    camera = CameraSection(name="top", mm_per_px=1.0, mm_per_row=1.0)
    frames: list[Frame | Loss] = [Frame(header(number), 0) for number in range(2)]
    stage = Analyse([camera], AnalysisSection(max_regions=5))
    full = SOUND.copy()
    full[::2, ::2] = 1
    first, second = stage(inferred(frames, [full, box(1, 2, 0, 1)])).arrivals
    assert isinstance(first, Inspected) and isinstance(second, Inspected)
    assert (first.detections, first.crowd and first.crowd.regions) == ((), {"dark": 50})
    assert (len(second.detections), second.crowd) == (1, None)
