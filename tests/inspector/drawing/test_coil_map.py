"""The map of a coil: what must be seen on it is there, and where it should be."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from inspector.drawing.canvas import Canvas, Colour, Rect
from inspector.drawing.coil_map import CoilMap, Fold, draw, save
from inspector.drawing.palette import CLASS_COLOURS, FALSE, MARGIN_PX, MISSED, PAGE_PX, PAPER, UNSEEN
from inspector.records.events import Defect, Missed
from inspector.records.recipe import DefectClass
from inspector.score import score
from inspector.simulator.sheet import CLASSES, Planted
from inspector.simulator.thumbnail import SHRINK, Thumbnail

KINDS = tuple(
    DefectClass(id=number, name=name, threshold=0.5, min_area_mm2=100.0) for number, name in enumerate(CLASSES, start=1)
)
SCRATCH = Planted(0, 3, start_mm=14_000.0, end_mm=16_000.0, left_mm=400.0, right_mm=410.0, area_mm2=9000.0)
CRACK = Planted(1, 2, start_mm=5000.0, end_mm=5100.0, left_mm=700.0, right_mm=710.0, area_mm2=500.0)
GAP = Missed(camera="top", coil="C1", start_mm=20_000.0, end_mm=22_000.0, reasons={"lost": 12})


def reported(planted: Planted, name: str) -> Defect:
    """Report a planted defect exactly, under a name."""
    fields = {**msgspec.to_builtins(planted), "id": f"{planted.number}", "name": name, "kind": "defect"}
    origin = {"camera": "top", "coil": "C1", "side": "top", "recipe": "r@1", "captured_ns": 1}
    return msgspec.convert({**fields, **origin, "confidence": 0.9, "is_partial": False, "frames": 1}, Defect)


def coil_map(metres: float = 60.0, defects: tuple[Defect, ...] = (), missed: tuple[Missed, ...] = ()) -> CoilMap:
    """Make the map of a coil on which a scratch, over a fold, and a crack were planted."""
    return CoilMap(
        title="Coil C1",
        subtitle="60 m",
        foot="Simulated.",
        thumbnail=np.full((round(metres * 200), 200), 90, np.uint8),
        mm_per_row=5.0,
        mm_per_px=5.0,
        score=score(defects, [SCRATCH, CRACK], KINDS, metres, missed),
        missed=missed,
    )


def count(canvas: Canvas, where: Rect, colour: Colour) -> int:
    """How many pixels of a place have exactly this colour."""
    place = canvas[where.top : where.bottom, where.left : where.right]
    return int((place == np.array(colour, np.uint8)).all(axis=2).sum())


def around(coil: CoilMap, planted: Planted) -> list[Rect]:
    """Where on the page a planted defect and its outlines lie."""
    return [piece.grown(12) for piece in Fold(coil).box(planted)]


def test_found_is_drawn_in_the_colour_of_its_class() -> None:
    """A scratch that was found is outlined in its colour, in both rows when it lies across a fold."""
    coil = coil_map(defects=(reported(SCRATCH, "scratch"),))
    canvas = draw(coil)
    first, second = around(coil, SCRATCH)
    assert first.right >= PAGE_PX - MARGIN_PX
    assert second.left <= MARGIN_PX
    assert all(count(canvas, piece, CLASS_COLOURS[2]) > 100 for piece in (first, second))
    assert all(count(canvas, piece, MISSED) == 0 for piece in (first, second))


def test_missed_is_unmistakable() -> None:
    """What was missed, or confused, is drawn in a colour that nothing else on the strip has."""
    for defects in ((), (reported(CRACK, "patch"),)):
        coil = coil_map(defects=defects)
        (piece,) = around(coil, CRACK)
        assert count(draw(coil), piece, MISSED) > 100


def test_false_is_unmistakable() -> None:
    """A false report has a colour of its own."""
    nothing = msgspec.structs.replace(CRACK, start_mm=30_000.0, end_mm=30_050.0)
    coil = coil_map(defects=(reported(nothing, "crack"),))
    (piece,) = around(coil, nothing)
    assert count(draw(coil), piece, FALSE) > 100


def test_strip_not_inspected_is_hatched() -> None:
    """A stretch that nobody looked at cannot be taken for sound strip."""
    coil = coil_map(missed=(GAP,))
    (piece,) = Fold(coil).stretch(GAP.start_mm, GAP.end_mm)
    canvas = draw(coil)
    assert count(canvas, piece, UNSEEN) > 0.05 * piece.width * piece.height
    assert count(canvas, Rect(piece.right + 3, piece.top, piece.right + 300, piece.bottom), UNSEEN) == 0


@pytest.mark.parametrize("metres", [0.2, 3.0, 60.0, 100.0, 2500.0])
def test_every_length_fits(metres: float) -> None:
    """From one frame to a whole coil the map is as wide as the page, and no higher than two screens."""
    height, width, _ = draw(coil_map(metres)).shape
    assert width == PAGE_PX
    assert height <= 2400


@pytest.mark.parametrize("metres", [6.3, 12.5, 31.0, 61.0, 400.0, 1010.0])
def test_no_row_is_left_nearly_empty(metres: float) -> None:
    """Rows become a little longer where that saves a last one that would hold next to nothing."""
    fold = Fold(coil_map(metres))
    rest_mm = fold.length_mm - (fold.rows - 1) * fold.row_mm
    assert fold.rows == 1 or rest_mm > 0.15 * fold.row_mm
    assert fold.rows * fold.row_mm >= fold.length_mm - 1


def test_tags_keep_clear_of_each_other() -> None:
    """Several misses in one place can all be read: no tag hides another."""
    thumbnail = coil_map().thumbnail
    crowd = [msgspec.structs.replace(CRACK, number=n, start_mm=5000.0 + 40 * n) for n in range(4)]
    coil = msgspec.structs.replace(coil_map(), score=score([], crowd, KINDS, 60.0), thumbnail=thumbnail)
    mask = (draw(coil)[240:] == np.array(MISSED, np.uint8)).all(axis=2).astype(np.uint8)
    solid = cv2.erode(mask, np.ones((3, 40), np.uint8))  # tags are solid over their letters, boxes are not
    assert cv2.connectedComponents(solid)[0] - 1 >= 4


def test_nothing_at_all() -> None:
    """A demo that was broken off at once still gets its page."""
    empty = msgspec.structs.replace(coil_map(), thumbnail=Thumbnail().image, score=score([], [], KINDS, 0.0))
    assert (draw(empty)[0, 0] == PAPER).all()


def test_saved_is_drawn(tmp_path: Path) -> None:
    """The file holds the picture, pixel for pixel."""
    save(coil_map(), tmp_path / "coil.png")
    saved = cv2.imread(str(tmp_path / "coil.png"))
    assert saved is not None
    assert np.array_equal(saved, draw(coil_map()))


def test_thumbnail_averages() -> None:
    """Frames are shrunk by averaging and follow each other along the strip."""
    thumbnail = Thumbnail()
    for level in (40, 80):
        thumbnail.add(np.full((256, 1600), level, np.uint8))
    rows = 256 // SHRINK
    assert thumbnail.image.shape == (2 * rows, 1600 // SHRINK)
    assert (thumbnail.image[:rows] == 40).all()
    assert (thumbnail.image[rows:] == 80).all()
