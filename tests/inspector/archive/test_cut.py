"""What is copied of a batch: the right pixels, no more than there is room for, and sound strip at its rate."""

from __future__ import annotations

from random import Random

import msgspec
import numpy as np
import pytest

from inspector.analysis.analyse import FrameDefects, detect
from inspector.archive import masks
from inspector.archive.cut import LEAST_PX, MOST_OF_FRAME, MOST_PX, Cut
from inspector.config.camera import CameraSection
from inspector.records.frame import Bytes2D
from inspector.records.stages import Batch, Crop, Findings, Frame, Inspected, whole
from tests.frames import RECIPE, camera, header

TOP = camera(mm_per_px=0.5, mm_per_row=0.25, offset_mm=100.0)


def see(labels: Bytes2D, number: int = 0) -> tuple[Inspected, Bytes2D]:
    """A frame in which the network sees these labels, and its pixels: each is another than its neighbours."""
    height, width = labels.shape
    frame = Frame(header(number, width=width, height=height), 0)
    seen = detect(
        labels,
        np.full(labels.shape, 200, np.uint8),
        np.ones(2, np.float32),
        RECIPE,
        TOP.footprint(frame.header),
        max_regions=100,
    )
    assert isinstance(seen, FrameDefects)
    rows, columns = np.mgrid[:height, :width]
    return Inspected(frame, seen.detections, RECIPE, outline=seen.outline), (rows * 7 + columns * 3).astype(np.uint8)


def cut(
    *frames: tuple[Inspected, Bytes2D], by: CameraSection = TOP, room: bool = True
) -> tuple[tuple[Crop, ...], dict[str, int]]:
    """What is copied of a batch of frames, and how many crops were not made, by why."""
    skipped: dict[str, int] = {}

    def skip(crops: int, why: str) -> None:
        skipped[why] = skipped.get(why, 0) + crops

    stage = Cut([by], 0.0, lambda: room, skip, Random(1))
    stacked = np.stack([pixels for _, pixels in frames])
    batch = Batch(tuple(inspected.frame for inspected, _ in frames), stacked, whole(stacked), 0)
    found = stage(batch, Findings(arrivals=tuple(inspected for inspected, _ in frames), closed_ns=0))
    for pixels in batch.pixels:
        pixels[:] = 0  # the batch's memory is used again
    return found.crops, skipped


@pytest.mark.parametrize("seed", range(12))
def test_a_crop_shows_its_defect_where_it_was(seed: int) -> None:
    """Pixels and outlines are those of the frame, to the pixel, wherever the defect lies, and they are copies."""
    random = np.random.default_rng(seed)
    labels = np.zeros((int(random.integers(20, 200)), int(random.integers(20, 300))), np.uint8)
    for _ in range(4):
        top, left = (int(random.integers(0, side)) for side in labels.shape)
        labels[top : top + int(random.integers(1, 90)), left : left + int(random.integers(1, 90))] = random.integers(
            1, 3
        )
    inspected, pixels = see(labels)
    crops, _ = cut((inspected, pixels.copy()))
    assert len(crops) == len(inspected.detections)
    for crop in crops:
        height, width = crop.pixels.shape
        window = np.s_[crop.top_px : crop.top_px + height, crop.left_px : crop.left_px + width]
        assert np.array_equal(crop.pixels, pixels[window])
        assert min(height, LEAST_PX) == min(labels.shape[0], LEAST_PX) and max(height, width) <= MOST_PX
        drawn = np.zeros((height, width), np.uint8)
        for number in np.unique(crop.runs[:, 0]):
            mask = masks.draw(crop.runs[crop.runs[:, 0] == number, 1:], height, width)
            drawn[mask] = inspected.detections[number].class_id
            assert np.array_equal(masks.from_counts(masks.to_counts(mask), height, width), mask)
        assert np.array_equal(drawn, labels[window])
        assert crop.place.left_mm == 100.0 + crop.left_px * 0.5 and crop.place.start_mm == crop.top_px * 0.25


def test_a_mirrored_camera_s_crop_lies_as_on_the_strip() -> None:
    """Pixels and outlines of a mirrored picture are turned alike, and its place in the frame is that of the frame."""
    labels = np.zeros((80, 300), np.uint8)
    labels[30:40, 20:50] = 1
    inspected, pixels = see(labels)  # as the analysis gives it: from the operator's side
    ((crop,), _) = cut((inspected, pixels.copy()), by=msgspec.structs.replace(TOP, mirror=True))
    height, width = crop.pixels.shape
    rows, columns = slice(crop.top_px, crop.top_px + height), slice(crop.left_px, crop.left_px + width)
    assert np.array_equal(crop.pixels, pixels[rows, columns][:, ::-1])
    assert crop.place.left_mm == 100.0 + (300 - crop.left_px - width) * 0.5
    assert np.array_equal(masks.draw(crop.runs[:, 1:], height, width), labels[:, ::-1][rows, columns][:, ::-1] == 1)


def test_of_what_is_larger_than_a_crop_the_crop_shows_a_part() -> None:
    """A defect as long as the frame gives a crop that lies on it, whatever its way."""
    labels = np.zeros((64, 2000), np.uint8)
    for column in range(2000):
        labels[column * 64 // 2000, column] = 1
    ((crop,), _) = cut(see(labels))
    assert crop.pixels.shape == (64, MOST_PX)
    assert len(crop.runs) >= 10


def test_what_one_frame_costs_is_bounded() -> None:
    """Of many defects the largest are copied; the others are counted, whether there is room or not."""
    labels = np.zeros((120, 120), np.uint8)
    for number in range(30):
        row, column = divmod(number, 6)
        labels[row * 20 : row * 20 + 1 + number % 10, column * 20 : column * 20 + 5] = 1
    inspected, pixels = see(labels)
    crops, skipped = cut((inspected, pixels))
    assert skipped == {"frame": 30 - MOST_OF_FRAME}
    assert cut((inspected, pixels), room=False) == ((), {"frame": 30 - MOST_OF_FRAME, "full": MOST_OF_FRAME})
    areas = sorted((detection.area_mm2 for detection in inspected.detections), reverse=True)
    kept = [inspected.detections[crop.detection].area_mm2 for crop in crops if crop.detection is not None]
    assert kept == areas[:MOST_OF_FRAME]


def test_nothing_is_copied_where_there_is_no_room() -> None:
    """A line that is behind with its archive does no work for it, and counts what it left out."""
    labels = np.zeros((64, 64), np.uint8)
    labels[3:9, 5:9] = 1
    assert cut(see(labels), room=False) == ((), {"full": 1})


def test_sound_strip_is_kept_at_its_rate() -> None:
    """Of 4 km of sound strip come 40 crops at 10 a kilometre, at all places across."""
    stage = Cut([TOP], 10.0, lambda: True, lambda crops, why: None, Random(1))
    pixels = np.zeros((1, 400, 600), np.uint8)
    crops: list[Crop] = []
    for number in range(40_000):
        frame = Frame(header(number, width=600, height=400), 0)
        batch = Batch((frame,), pixels, whole(pixels), 0)
        crops += stage(batch, Findings(arrivals=(Inspected(frame, (), RECIPE),), closed_ns=0)).crops
    assert 39 <= len(crops) <= 40
    assert len({crop.left_px for crop in crops}) > 20 and all(crop.detection is None for crop in crops)


def test_specks_keep_no_sound_strip_away() -> None:
    """Strip with specks in each frame, which may never be reported, gives crops at the same rate, clear of all that is
    seen; a frame without such a place leaves it to the next.
    """
    stage = Cut([TOP], 1000.0, lambda: True, lambda crops, why: None, Random(1))
    specks, full = np.zeros((400, 1600), np.uint8), np.zeros((400, 1600), np.uint8)
    specks[np.ix_([2, 3, 397], range(200, 1600, 300))] = 1
    full[::20] = 1
    frames, crops = [see(labels) for labels in (specks, specks, full)], list[Crop]()
    for number in range(600):  # 60 m
        inspected, pixels = frames[number % 3]
        stacked = pixels[np.newaxis]
        batch = Batch((inspected.frame,), stacked, whole(stacked), 0)
        found = stage(batch, Findings(arrivals=(inspected,), closed_ns=0)).crops
        crops += [crop for crop in found if crop.detection is None]
        assert len(found) >= min(MOST_OF_FRAME, len(inspected.detections))
    assert 57 <= len(crops) <= 60
    for crop in crops:
        near = np.s_[crop.top_px - 16 : crop.top_px + 272, max(0, crop.left_px - 16) : crop.left_px + 272]
        assert crop.pixels.shape == (256, 256) and not len(crop.runs) and not specks[near].any()
