"""Frames of any size on an engine of one size: what comes back is what one engine of the frame's size would give."""

from functools import partial

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.engines.stub import Stub, grey_is_class
from inspector.engines.tiled import OVERLAP_PX, Tiled, tiles
from inspector.records.frame import Bytes3D
from inspector.records.recipe import UNMEASURED, Maps
from tests.frames import HEIGHT, RECIPE, WIDTH

PLANE = HEIGHT, WIDTH
LENGTHS = st.integers(1, 90)


@given(LENGTHS, LENGTHS, st.integers(0, 12))
def test_every_pixel_has_one_owner(rows: int, px: int, overlap_px: int) -> None:
    """Tiles lie within the frame where they fit, overlap as asked, and own each pixel once, far from their ends."""
    owners = np.zeros((rows, px), np.intp)
    cut = tiles((rows, px), PLANE, overlap_px)
    for tile in cut:
        owners[tile.first_row : tile.end_row, tile.first_px : tile.end_px] += 1
        assert tile.top <= tile.first_row < tile.end_row <= tile.top + HEIGHT
        assert tile.left <= tile.first_px < tile.end_px <= tile.left + WIDTH
        assert tile.top + HEIGHT <= max(rows, HEIGHT) and tile.left + WIDTH <= max(px, WIDTH)
        margin_px = min(overlap_px, WIDTH // 2) // 2
        assert tile.first_px == 0 or tile.first_px - tile.left >= margin_px
        assert tile.end_px == px or tile.left + WIDTH - tile.end_px >= margin_px
    assert (owners == 1).all()


@pytest.mark.parametrize("px", [2048, 4096, 8192, 16384])
@pytest.mark.parametrize("rows", [64, 256, 1024, 4096])
def test_no_more_tiles_than_the_overlap_takes(px: int, rows: int) -> None:
    """The tiles are the fewest that overlap so: one less would not reach across."""
    plane = 256, 1600
    across = -(-(px - OVERLAP_PX) // (plane[1] - OVERLAP_PX))
    assert len(tiles((rows, px), plane)) == across * -(-rows // plane[0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(LENGTHS, LENGTHS), min_size=1, max_size=4), st.integers(1, 5), st.integers(0, 10**6))
def test_stitched(sizes: list[tuple[int, int]], most: int, seed: int) -> None:
    """Whatever the frames' sizes and the engine's batch, each pixel's label comes back where the pixel was."""
    stub = Stub(RECIPE, see=grey_is_class(2))
    largest = max(rows for rows, _ in sizes), max(px for _, px in sizes)
    tiled, random = Tiled(stub, RECIPE, largest, most), np.random.default_rng(seed)
    batches = []
    for _ in range(3):
        frames = tiled.buffer(len(sizes))
        frames[:] = random.integers(0, 3, frames.shape)
        batches.append(frames)
    for number, frames in enumerate(batches):
        tiled.submit(frames, sizes)
        if number:
            check(tiled.result(), batches[number - 1], sizes)
    check(tiled.result(), batches[-1], sizes)
    tiled.close()
    assert stub.is_closed


def test_a_frame_is_as_far_off_as_its_farthest_tile() -> None:
    """A recipe that measures distance keeps that column; only classes that reach their threshold have maps."""
    card = msgspec.structs.replace(RECIPE, measures_distance=True)

    def see(planes: Bytes3D) -> Maps:
        """Answer that a tile is as far as its brightest pixel, in hundredths, and sound."""
        presence = np.zeros((len(planes), 3), np.float32)
        presence[:, 2] = planes.max((1, 2)) / 100
        return Maps(planes.copy(), planes.copy(), presence)

    size = HEIGHT, 3 * WIDTH
    tiled = Tiled(Stub(card, see), card, size, 2)
    frames = tiled.buffer(2)
    frames[:] = 10
    frames[1, 0, -1] = 150
    tiled.submit(frames)
    maps = tiled.result()
    assert np.allclose(maps.presence, [[0, 0, 0.1], [0, 0, 1.5]]) and not maps.labels.any()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((HEIGHT, WIDTH // 3 + 1), 1.5),
        ((HEIGHT, WIDTH // 3 - 1), UNMEASURED),
        ((HEIGHT // 3 - 1, 2 * WIDTH), UNMEASURED),
        ((HEIGHT // 3 + 1, 2 * WIDTH), 1.5),
    ],
)
def test_mirror_images_are_no_distance(size: tuple[int, int], expected: float) -> None:
    """A frame that fills little of the plane is unlike all that was taught by its pad alone: that does not count."""
    card = msgspec.structs.replace(RECIPE, measures_distance=True)
    for answer, distance in ((1.5, expected), (np.nan, np.nan)):
        presence = np.array([[0.1, 0.2, answer]], np.float32)
        see = partial(lambda answers, planes: Maps(planes, planes, answers.repeat(len(planes), 0)), presence)
        tiled = Tiled(Stub(card, see), card, size, 4)
        tiled.submit(np.zeros((1, *size), np.uint8))
        assert np.allclose(tiled.result().presence, [[0.1, 0.2, distance]], equal_nan=True)


def check(maps: Maps, frames: Bytes3D, sizes: list[tuple[int, int]]) -> None:
    """Compare maps with the grey levels of the frames; beyond a frame there is nothing."""
    for labels, confidence, frame, (rows, px) in zip(maps.labels, maps.confidence, frames, sizes, strict=True):
        assert (labels[:rows, :px] == frame[:rows, :px]).all()
        assert (labels == confidence).all()
        assert not labels[rows:].any() and not labels[:, px:].any()
    assert maps.presence.shape == (len(sizes), 2) and (maps.presence == 1).all()


def test_the_pad_shows_the_strip_itself() -> None:
    """What the network sees beyond a frame is the frame's mirror image, not an edge."""
    shown: list[Bytes3D] = []

    def see(planes: Bytes3D) -> Maps:
        shown.append(planes.copy())
        return Maps(planes, planes, np.zeros((len(planes), 2), np.float32))

    tiled = Tiled(Stub(RECIPE, see=see), RECIPE, (4, 7), 1)
    frame = np.arange(28, dtype=np.uint8).reshape(1, 4, 7)
    tiled.submit(frame)
    maps = tiled.result()
    (plane,) = shown[0]
    assert plane[0, :14].tolist() == [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0, 1]
    assert plane[:8, 0].tolist() == [0, 7, 14, 21, 14, 7, 0, 7]
    assert not maps.labels.any(), "no class was present"
