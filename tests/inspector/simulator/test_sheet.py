"""The procedural coil: the same bytes however it is asked, true labels, steel that is not too easy."""

import pickle

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.simulator.sheet import CLASSES, Planted, Rendered, Sheet

WIDTH_PX = 800
FRAMES = 60
MM = 0.625


@pytest.fixture(scope="module")
def busy() -> Sheet:
    """A narrow coil with many defects and look-alikes."""
    return Sheet(5, width_px=WIDTH_PX, defects_per_m=4.0, lookalikes_per_m=6.0)


@pytest.fixture(scope="module")
def walk(busy: Sheet) -> Rendered:
    """The first FRAMES frames of the busy coil, put together."""
    return _joined([busy.frame(index) for index in range(FRAMES)])


def test_frames_do_not_depend_on_the_order_they_are_asked_in(busy: Sheet, walk: Rendered) -> None:
    """A frame has the same bytes on a fresh sheet that never saw those before it, and when asked again."""
    fresh = Sheet(5, width_px=WIDTH_PX, defects_per_m=4.0, lookalikes_per_m=6.0)
    for index in (41, 3, 17, 41):
        assert _same(fresh.frame(index), _window(walk, index * 256, 256))


def test_a_sheet_survives_pickling(busy: Sheet, walk: Rendered) -> None:
    """A worker process gets the same coil from a few bytes."""
    sent = pickle.dumps(busy)
    assert len(sent) < 1000
    assert _same(pickle.loads(sent).frame(9), _window(walk, 9 * 256, 256))


@pytest.mark.parametrize(("first_row", "rows"), [(0, 1), (100, 300), (1023, 2), (5000, 1025), (14000, 77)])
def test_windows_agree_with_frames(busy: Sheet, walk: Rendered, first_row: int, rows: int) -> None:
    """Any window of rows shows the bytes of the frames it lies in, across frame and block borders."""
    assert _same(busy.strip(first_row, rows), _window(walk, first_row, rows))


def test_planted_is_what_the_labels_say(busy: Sheet, walk: Rendered) -> None:
    """Every defect is one connected piece of the joined labels, with exactly its class, extent and area."""
    planted = busy.planted(0.0, FRAMES * 256 * MM)
    whole = [defect for defect in planted if defect.end_mm <= FRAMES * 256 * MM]
    assert len(whole) > 20
    for defect in whole:
        box = _box(defect)
        pieces, pixels = cv2.connectedComponents((walk.labels[box] == defect.class_id).astype(np.uint8))
        assert pieces == 2
        assert np.count_nonzero(pixels) * MM * MM == defect.area_mm2
        assert pixels.any(axis=1)[[0, -1]].all() and pixels.any(axis=0)[[0, -1]].all()
    claimed = np.zeros_like(walk.labels)
    for defect in planted:
        claimed[_box(defect)] = 1
    assert not walk.labels[claimed == 0].any()
    areas_mm2 = sum(defect.area_mm2 for defect in whole)
    cut = sum(int(np.count_nonzero(walk.labels[_box(defect)])) for defect in planted if defect not in whole)
    assert np.count_nonzero(walk.labels) * MM * MM == pytest.approx(areas_mm2 + cut * MM * MM)


def test_planted_is_asked_by_extent(busy: Sheet) -> None:
    """A defect is returned for every interval it reaches into, ends exclusive, with numbers that increase."""
    planted = busy.planted(0.0, 20_000.0)
    numbers = [defect.number for defect in planted]
    starts_mm = [defect.start_mm for defect in planted]
    assert numbers == sorted(set(numbers)) and starts_mm == sorted(starts_mm)
    for defect in planted[:20]:
        assert defect in busy.planted(defect.end_mm - MM, defect.end_mm)
        assert defect in busy.planted(defect.start_mm, defect.start_mm + MM)
        assert defect not in busy.planted(defect.end_mm, defect.end_mm + 500)
        assert defect not in busy.planted(defect.start_mm - 500, defect.start_mm)
    assert busy.planted(300.0, 300.0) == ()


def test_defects_keep_their_distance(busy: Sheet) -> None:
    """No two defects come closer than 12 pixels, so that none can be taken for a part of another."""
    planted = busy.planted(0.0, 60_000.0)
    gap_mm = 12 * MM
    for order, defect in enumerate(planted):
        for neighbour in planted[order + 1 :]:
            along_mm = max(defect.start_mm, neighbour.start_mm) - min(defect.end_mm, neighbour.end_mm)
            across_mm = max(defect.left_mm, neighbour.left_mm) - min(defect.right_mm, neighbour.right_mm)
            assert max(along_mm, across_mm) >= gap_mm


def test_all_classes_appear_at_about_the_density_asked_for() -> None:
    """A kilometre of coil has all four classes, in about the shares and the number promised."""
    planted = Sheet(1).planted(0.0, 150_000.0)
    assert 1.2 * 150 < len(planted) < 1.7 * 150
    shares = np.bincount([defect.class_id for defect in planted], minlength=5)[1:] / len(planted)
    assert len(shares) == len(CLASSES)
    np.testing.assert_allclose(shares, [0.2, 0.15, 0.4, 0.25], atol=0.12)


def test_lookalikes_change_pixels_and_never_labels() -> None:
    """Stains, drops, dust, streaks and chalk are drawn, but the truth stays what it was without them."""
    plain = Sheet(8, width_px=WIDTH_PX, lookalikes_per_m=0.0)
    dirty = Sheet(8, width_px=WIDTH_PX, lookalikes_per_m=15.0)
    clean, soiled = plain.strip(0, 3072), dirty.strip(0, 3072)
    assert clean.labels.any() and np.array_equal(clean.labels, soiled.labels)
    assert np.mean(clean.pixels != soiled.pixels) > 0.02
    alone = Sheet(8, width_px=WIDTH_PX, defects_per_m=0.0, lookalikes_per_m=15.0)
    assert not alone.strip(0, 4096).labels.any() and alone.planted(0.0, 10_000.0) == ()


def test_every_defect_can_be_seen() -> None:
    """Inside its mask, every defect changes some pixels by clearly more than the grain of the steel."""
    sound = Sheet(6, defects_per_m=0.0, lookalikes_per_m=0.0)
    sheet = Sheet(6, lookalikes_per_m=0.0)
    for defect in sheet.planted(0.0, 40_000.0):
        first_row, rows = round(defect.start_mm / MM), round((defect.end_mm - defect.start_mm) / MM)
        columns = slice(round(defect.left_mm / MM), round(defect.right_mm / MM))
        steel = sound.strip(first_row, rows).pixels[:, columns].astype(np.float32)
        shown = sheet.strip(first_row, rows)
        marked = shown.labels[:, columns] == defect.class_id
        change = np.abs(shown.pixels[:, columns] - steel)[marked]
        grain = (steel - cv2.GaussianBlur(steel, (0, 0), 4)).std()
        assert np.percentile(change, 97) > 1.2 * grain, defect


def test_a_threshold_does_not_find_the_defects() -> None:
    """The best global threshold on intensity or on local contrast stays below a pooled pixel Dice of 0.35."""
    coils = [Sheet(seed) for seed in range(4)]
    frames = [coil.frame(index) for coil in coils for index in range(0, 60, 10)]
    grey = np.stack([frame.pixels for frame in frames])
    wrong = np.stack([frame.labels for frame in frames]) > 0
    contrast = np.stack([cv2.absdiff(image, cv2.blur(image, (61, 61))) for image in grey])
    assert wrong.any()
    for score in (grey, 255 - grey, contrast):
        assert _best_dice(score, wrong) < 0.35


def test_there_are_no_seams() -> None:
    """Neighbouring rows differ no more where frames, blocks and texture pools meet than anywhere else."""
    steel = Sheet(5, width_px=WIDTH_PX, defects_per_m=0.0, lookalikes_per_m=0.0)
    steps = np.abs(np.diff(steel.strip(0, 10_240).pixels.astype(np.float32), axis=0)).mean(axis=1)
    for period_rows in (256, 520, 1021, 1024, 1531):
        seams = steps[period_rows - 1 :: period_rows]
        assert seams.mean() < 1.1 * steps.mean()
        assert seams.max() < 1.05 * np.delete(steps, np.s_[period_rows - 1 :: period_rows]).max()


def test_beyond_the_edges_it_is_black_and_defects_lie_on_the_strip() -> None:
    """Beyond a strip's edge there is only the sensor's noise, and no defect ever reaches there."""
    black_px = 0
    for seed in range(6):
        sheet = Sheet(seed, defects_per_m=5.0)
        for index in range(0, 40, 8):
            frame = sheet.frame(index)
            black = cv2.erode((cv2.blur(frame.pixels, (9, 9)) < 9).astype(np.uint8), np.ones((9, 9))) > 0
            black_px += int(np.count_nonzero(black))
            assert not frame.labels[black].any()
            assert not black[:, 400:1200].any()
            assert frame.pixels[black].max(initial=0) <= 30
    assert black_px > 100_000


def test_seeds_are_different_steel() -> None:
    """Coils of different seeds differ in brightness and in grain, not only in where their defects lie."""
    frames = [Sheet(seed, width_px=WIDTH_PX).frame(0) for seed in range(6)]
    pixels = [frame.pixels[:, 200:600].astype(np.float32) for frame in frames]
    assert np.ptp([image.mean() for image in pixels]) > 15
    grain = [(image - cv2.GaussianBlur(image, (0, 0), 2)).std() for image in pixels]
    assert max(grain) > 1.5 * min(grain)


def test_refusals_say_what_to_do() -> None:
    """Impossible sizes and windows are refused with what was found and what was expected."""
    with pytest.raises(ValueError, match="mm_per_px is 0; expected more than 0"):
        Sheet(0, mm_per_px=0)
    with pytest.raises(ValueError, match="defects_per_m is -1; expected 0"):
        Sheet(0, defects_per_m=-1)
    with pytest.raises(ValueError, match="window starts at row -256"):
        Sheet(0, width_px=64).frame(-1)


def _joined(frames: list[Rendered]) -> Rendered:
    return Rendered(
        pixels=np.concatenate([frame.pixels for frame in frames]),
        labels=np.concatenate([frame.labels for frame in frames]),
    )


def _window(whole: Rendered, first_row: int, rows: int) -> Rendered:
    shown = slice(first_row, first_row + rows)
    return Rendered(pixels=whole.pixels[shown], labels=whole.labels[shown])


def _same(first: Rendered, second: Rendered) -> bool:
    return first.pixels.tobytes() == second.pixels.tobytes() and first.labels.tobytes() == second.labels.tobytes()


def _box(defect: Planted) -> tuple[slice, slice]:
    return (
        slice(round(defect.start_mm / MM), round(defect.end_mm / MM)),
        slice(round(defect.left_mm / MM), round(defect.right_mm / MM)),
    )


def _best_dice(score: NDArray[np.uint8], wrong: NDArray[np.bool_]) -> float:
    """Return the highest Dice that `score >= threshold` reaches against `wrong` over all 256 thresholds."""
    found = np.bincount(score.ravel(), minlength=256)[::-1].cumsum()
    right = np.bincount(score[wrong], minlength=256)[::-1].cumsum()
    return float((2 * right / (found + np.count_nonzero(wrong))).max())
