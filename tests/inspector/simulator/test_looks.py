"""The looks of procedural steel: the plain one stays what it is, the mill's keeps a coil's laws."""

import pickle

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.simulator.looks import LOOKS, MILL, PLAIN, UNUSUAL
from inspector.simulator.mill.steel import MillSteel
from inspector.simulator.mill.unusual import KINDS, UnusualSteel
from inspector.simulator.rolls import RollMark
from inspector.simulator.sheet import CLASSES, Rendered, Sheet

WIDTH_PX, FRAMES, MM = 800, 24, 0.625
PLANTED = "0:4 1:4 2:1 5000:1 10000:2 10001:3 10002:4 15096:1 20000:1 25192:1"
AREA_MM2 = 11649.219
GREYS = [[71.7, 96.5, 102.5, 110.2, 122.4, 106.9, 91.2, 71.9], [67.8, 95.2, 112.0, 120.6, 122.6, 109.8, 92.1, 70.1]]


@pytest.fixture(scope="module", params=[(3, MILL), *((number + 3, UNUSUAL) for number in range(len(KINDS)))])
def coil(request: pytest.FixtureRequest) -> Sheet:
    """A narrow coil with many defects, of the mill's look and of each unusual kind."""
    seed, look = request.param
    return Sheet(seed, width_px=WIDTH_PX, defects_per_m=10.0, lookalikes_per_m=6.0, look=look)


@pytest.fixture(scope="module")
def walk(coil: Sheet) -> Rendered:
    """Its first frames, put together."""
    frames = [coil.frame(index) for index in range(FRAMES)]
    return Rendered(
        pixels=np.concatenate([frame.pixels for frame in frames]),
        labels=np.concatenate([frame.labels for frame in frames]),
    )


def test_plain_steel_is_what_it_always_was() -> None:
    """A seed's plain coil is the one that the shipped recipes were taught on: its defects, and its greys to a tenth."""
    sheet = Sheet(5, width_px=640, defects_per_m=6, lookalikes_per_m=6, marks=[RollMark(period_mm=700, across_mm=200)])
    planted = sheet.planted(0, 1500)
    assert " ".join(f"{defect.number}:{defect.class_id}" for defect in planted) == PLANTED
    assert round(sum(defect.area_mm2 for defect in planted), 3) == AREA_MM2
    greys = cv2.resize(sheet.frame(3).pixels.astype(np.float32), (8, 2), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(greys, GREYS, atol=0.1)


def test_any_window_shows_the_frames_bytes(coil: Sheet, walk: Rendered) -> None:
    """Also on a sheet that was sent to another process, and in any order."""
    fresh = pickle.loads(pickle.dumps(coil))
    assert fresh.look == coil.look
    for first_row, rows in ((5000, 700), (0, 1), (255, 2), (1023, 300)):
        window = fresh.strip(first_row, rows)
        assert np.array_equal(window.pixels, walk.pixels[first_row : first_row + rows])
        assert np.array_equal(window.labels, walk.labels[first_row : first_row + rows])


def test_what_was_planted_is_what_the_labels_say(coil: Sheet, walk: Rendered) -> None:
    """Each defect is one piece of its class, of exactly its extent and area; all four classes come."""
    planted = [defect for defect in coil.planted(0, FRAMES * 256 * MM) if defect.end_mm <= FRAMES * 256 * MM]
    has_ends = coil.look == UNUSUAL and KINDS[coil.seed % len(KINDS)] == "ends"
    assert len(planted) > (3 if has_ends else 10)  # where there is no strip there is no room
    assert {defect.class_id for defect in coil.planted(0, 40_000)} == set(range(1, 1 + len(CLASSES)))
    for defect in planted:
        rows = slice(round(defect.start_mm / MM), round(defect.end_mm / MM))
        px = slice(round(defect.left_mm / MM), round(defect.right_mm / MM))
        mask = (walk.labels[rows, px] == defect.class_id).astype(np.uint8)
        assert cv2.connectedComponents(mask)[0] == 2
        assert np.count_nonzero(mask) * MM * MM == defect.area_mm2


def test_every_defect_changes_the_strip() -> None:
    """Inside of its outline a defect is seen; outside nothing is changed."""
    sound = Sheet(6, width_px=WIDTH_PX, defects_per_m=0.0, lookalikes_per_m=0.0, look=MILL)
    marked = Sheet(6, width_px=WIDTH_PX, defects_per_m=8.0, lookalikes_per_m=0.0, look=MILL)
    before, after = sound.strip(0, 4096), marked.strip(0, 4096)
    change = cv2.absdiff(before.pixels, after.pixels)
    assert not change[after.labels == 0].any()
    grain = _grain(before.pixels)
    for defect in marked.planted(0, 4096 * MM):
        rows = slice(round(defect.start_mm / MM), min(4096, round(defect.end_mm / MM)))
        px = slice(round(defect.left_mm / MM), round(defect.right_mm / MM))
        assert np.percentile(change[rows, px][after.labels[rows, px] == defect.class_id], 98) > grain, defect


def test_light_falls_off_within_an_exposure() -> None:
    """As on 95 % of the real frames, the last rows are brighter than the first; plain steel's light knows no frame."""
    for look, low, high in ((MILL, 1.15, 1.8), (PLAIN, 0.93, 1.07)):
        frames = [Sheet(seed, width_px=320, look=look).frame(2).pixels.astype(float) for seed in range(8)]
        rises = [frame[170:].mean() / frame[:86].mean() for frame in frames]
        assert low < np.mean(rises) < high


def test_one_edge_of_the_strip_is_in_the_picture_at_most() -> None:
    """None of the real frames shows both."""
    seen = [0, 0]
    for seed in range(24):
        left_px, right_px = LOOKS[MILL].steel(seed, 64, 256).edges_px(0, 256)
        shown = bool((left_px > 0).any()), bool((right_px < 64).any())
        assert not all(shown)
        seen = [seen[0] + shown[0], seen[1] + shown[1]]
    assert all(seen)


def test_beyond_the_ends_of_the_strip_there_is_nothing() -> None:
    """Where no strip is, the picture is dark and no defect lies; strip comes again, and ends again."""
    seed = KINDS.index("ends")
    sheet = Sheet(seed, width_px=WIDTH_PX, defects_per_m=12.0, look=UNUSUAL)
    drawn = sheet.strip(0, 8192)
    dark = (drawn.pixels < 20).mean(axis=1) == 1
    assert 0.2 < dark.mean() < 0.75
    assert np.count_nonzero(np.diff(dark.astype(int)) == 1) >= 8
    assert drawn.labels.any() and not drawn.labels[dark].any()


def test_floor_plate_repeats_itself() -> None:
    """Ribs and studs come again at the same distance, lit more than the steel that they stand on, and shaded."""
    for kind in ("ribs", "studs"):
        seed = KINDS.index(kind)
        steel = UnusualSteel(seed, 640, 256)
        rows = 2 * steel.cell_rows
        pattern = (steel.surface(0, 8 * rows) - MillSteel(seed, 640, 256).surface(0, 8 * rows)).reshape(8, rows, 640)
        assert np.allclose(pattern[0], pattern[5], atol=0.01)
        assert pattern.max() > steel.contrast_grey and pattern.min() < -steel.contrast_grey
        assert 0.01 < (pattern > steel.contrast_grey).mean() < 0.5


def test_strip_is_lit_up_to_its_end() -> None:
    """Where an end leans, the part of a row that is still strip is seen, whichever side's edge is in the picture."""
    looked_at = 0
    for seed in range(KINDS.index("ends"), 60, len(KINDS)):
        steel = UnusualSteel(seed, 320, 256)
        inside_rows = steel._inside_rows(np.arange(2048))
        left_px, right_px = MillSteel.edges_px(steel, 0, 2048)  # without its ends
        across = np.arange(320)
        on_strip = (across > left_px[:, None] + 40) & (across < right_px[:, None] - 40) & (inside_rows > 0)
        rows = ((inside_rows < 0).any(axis=1) & (on_strip.sum(axis=1) > 20)).nonzero()[0]
        if len(rows):
            picture = steel.expose(steel.surface(0, 2048), 0)
            assert (picture[rows][on_strip[rows]] > 15).mean() > 0.5  # nothing beyond the strip is as bright
            looked_at += 1
    assert looked_at > 5


def test_a_look_that_does_not_exist_is_refused() -> None:
    """The message names those that do."""
    with pytest.raises(ValueError, match="look is shiny; expected plain or mill or unusual"):
        Sheet(1, look="shiny")


def _grain(pixels: NDArray[np.uint8]) -> float:
    steel = pixels[:, 300:500].astype(np.float32)
    return float((steel - cv2.GaussianBlur(steel, (0, 0), 4)).std())
