"""The strip picture: a place of the strip lies on its pixel, and of what was not seen nothing is shown."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.archive.collect import Collect
from inspector.archive.decimate import REST_S, Decimate, halved, halvings
from inspector.archive.files import remove
from inspector.archive.keeper import STRIP_DEPTH, Keeper, StripArchive
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import Store
from inspector.archive.strip_picture import DrawnTile, StripPicture, unknown
from inspector.archive.tiles import STRIP, TileStore, facts_of, names
from inspector.config.camera import CameraSection
from inspector.records.frame import Bytes2D
from inspector.records.stages import ArchiveAccount, Batch, Findings, Frame, Inspected, whole
from inspector.records.strip_tile import StripTile
from inspector.strip.strip import Strip
from tests.frames import camera, header, recipe

GROUND, MARK = 120, 255
Tile = tuple[StripTile, Bytes2D]


def utc() -> datetime:
    """The archive's clock."""
    return datetime(2026, 11, 27, 12, tzinfo=UTC)


class Line:
    """Cameras, and what keeps the strip picture of them; frames of sound strip with marks on it."""

    def __init__(self, folder: Path, *cameras: CameraSection, mm_per_px: float, rows: int, px: int) -> None:
        self.archive, self.rows, self.px = folder / "kept", rows, px
        self.recipe = msgspec.structs.replace(recipe("dark"), height=rows, width=px)
        section = ArchiveSection(path=str(self.archive), strip_mm_per_px=mm_per_px)
        strip = StripArchive(StripPicture("line", mm_per_px, utc), TileStore(section, utc))
        self.keeper = Keeper(Store(section, "line", utc), lambda event: None, strip)
        self.now_s, self.is_behind = 0.0, False
        has_room, undrawn = self.keeper.has_room_for_strip, self.keeper.undrawn
        self.decimate = Decimate(cameras, mm_per_px, has_room, undrawn, lambda: self.now_s)
        self.decimate.give_way(lambda: self.is_behind)
        self.strip, self.collect = Strip(cameras), Collect(self.keeper, 1)

    def pass_by(self, name: str, number: int, start_mm: float | None, pixels: Bytes2D | None = None) -> None:
        """Have a frame go all the way."""
        frame = Frame(
            header(number, camera=name, coil="C/1*", start_mm=start_mm, width=self.px, height=self.rows), number
        )
        drawn = np.full((self.rows, self.px), GROUND, np.uint8) if pixels is None else pixels
        batch = Batch((frame,), drawn[None].copy(), whole(drawn[None]), number)
        seen = Findings(arrivals=(Inspected(frame, (), self.recipe),), closed_ns=number)
        found = self.decimate(batch, seen)
        batch.pixels[:] = 0  # the batch's memory is used again
        self.collect(self.strip(found))

    def end(self) -> ArchiveAccount:
        """Stop, and return what became of frames."""
        self.collect(self.strip(Findings(closed_ns=10**9, is_last=True)))
        assert self.keeper.close(60.0)
        return self.keeper.account()

    def tiles(self, mm_per_px: float) -> list[Tile]:
        """What the archive holds."""
        found = []
        for path, name in names(self.archive, "C/1*"):
            facts = facts_of(path)
            assert facts is not None and facts.camera == name.camera
            if name.mm_per_px == mm_per_px:
                found.append((facts, cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)))
        return found  # type: ignore[return-value]


def brightest(tiles: list[Tile]) -> tuple[float, float, str]:
    """Where the brightest pixel lies by its tile's facts: from the head, across, and the camera."""
    facts, picture = max(tiles, key=lambda tile: int(tile[1].max()))
    row, column = np.unravel_index(int(picture.argmax()), picture.shape)
    along_mm, across_mm = (
        start_mm + (place + 0.5) * facts.mm_per_px
        for start_mm, place in ((facts.start_mm, float(column)), (facts.left_mm, float(row)))
    )
    return along_mm, across_mm, facts.camera


@pytest.mark.parametrize("seed", range(8))
def test_a_pixel_lies_at_its_metre_and_millimetre(tmp_path: Path, seed: int) -> None:
    """A mark of any camera, mirrored or not, scaled by any ratio, is drawn within a pixel of where it lies."""
    random = np.random.default_rng(seed)
    mm_per_px, rows, px = (
        round(float(random.uniform(2, 12)), 3),
        int(random.integers(20, 120)),
        int(random.integers(60, 300)),
    )
    by = camera(
        mm_per_px=float(random.uniform(0.2, 3)),
        mm_per_row=float(random.uniform(0.2, 3)),
        offset_mm=float(random.uniform(-50, 500)),
        mirror=bool(seed % 2),
    )
    line, start_mm = Line(tmp_path, by, mm_per_px=mm_per_px, rows=rows, px=px), float(random.uniform(3000, 9000))
    row, column = int(random.integers(rows, 6 * rows)), int(random.integers(2, px - 2))
    for number in range(6):
        pixels = np.full((rows, px), GROUND, np.uint8)
        reach = max(1, round(mm_per_px / by.mm_per_row)), max(1, round(mm_per_px / by.mm_per_px))
        top, left = row - number * rows, column
        pixels[max(0, top - reach[0]) : max(0, top + reach[0] + 1), max(0, left - reach[1]) : left + reach[1] + 1] = (
            MARK
        )
        line.pass_by(by.name, number, start_mm + number * rows * by.mm_per_row, pixels)
    account = line.end()
    along_mm, across_mm, _ = brightest(line.tiles(mm_per_px))
    lies_px = px - 1 - column if by.mirror else column
    assert account.drawn == 5 and account.undrawn == {"disk": 0, "unplaced": 1}, "the first leaps from the head"
    assert abs(along_mm - (start_mm + (row + 0.5) * by.mm_per_row)) <= mm_per_px + by.mm_per_row
    assert abs(across_mm - (by.offset_mm + (lies_px + 0.5) * by.mm_per_px)) <= mm_per_px + by.mm_per_px
    coarse = line.tiles(8 * mm_per_px)
    assert sum(to_mm - from_mm for facts, _ in coarse for from_mm, to_mm in facts.known_mm) == pytest.approx(
        5 * rows * by.mm_per_row, abs=0.1
    )


def test_each_of_two_cameras_answers_for_its_part(tmp_path: Path) -> None:
    """Where cameras overlap the picture of each is shown up to the seam, and no farther."""
    left, right = camera("left", mm_per_px=1.0), camera("right", mm_per_px=1.0, offset_mm=80.0)
    line = Line(tmp_path, left, right, mm_per_px=4.0, rows=40, px=100)
    for name in ("left", "right"):
        line.pass_by(name, 0, 0.0)
    line.end()
    own = {facts.camera: (facts.own_left_mm, facts.own_right_mm) for facts, _ in line.tiles(4.0)}
    assert own == {"left": (0.0, 90.0), "right": (90.0, 180.0)}


def test_nothing_is_shown_of_what_was_not_seen(tmp_path: Path) -> None:
    """A frame that never came leaves a hole in what is known, to the millimetre."""
    line = Line(tmp_path, camera(mm_per_px=1.0, mm_per_row=1.0), mm_per_px=4.0, rows=50, px=40)
    for number in (0, 1, 3):
        line.pass_by("top", number, 50.0 * number)
    line.end()
    [(facts, picture)] = line.tiles(4.0)
    assert facts.known_mm == ((0.0, 100.0), (150.0, 200.0)) and facts.start_mm == 0 and picture.shape == (10, 50)
    assert int(picture[:, 5].mean()) == pytest.approx(GROUND, abs=2)


def test_strip_that_runs_back_is_not_drawn(tmp_path: Path) -> None:
    """Of strip that runs back nobody knows how its rows passed; once it runs on, what was seen first stays."""
    line = Line(tmp_path, camera(mm_per_px=1.0, mm_per_row=1.0), mm_per_px=4.0, rows=50, px=40)
    places_mm = (0.0, 50.0, 100.0, 80.0, 40.0, 60.0, 110.0, 160.0)
    for number, start_mm in enumerate(places_mm):
        pixels = np.full((50, 40), GROUND if number < 3 or start_mm > 150 else 10, np.uint8)
        line.pass_by("top", number, start_mm, pixels)
    account = line.end()
    [(facts, picture)] = line.tiles(4.0)
    assert account.undrawn["unplaced"] == 2 and facts.known_mm == ((0.0, 210.0),)
    assert picture[:, :37].min() >= GROUND - 8, "what came first stays"


def test_a_position_that_leaps_is_not_believed(tmp_path: Path) -> None:
    """One frame with a wrong position, far ahead, is not drawn there."""
    line = Line(tmp_path, camera(mm_per_px=1.0, mm_per_row=1.0), mm_per_px=4.0, rows=50, px=40)
    for number, start_mm in enumerate((0.0, 50.0, 900_000.0, 150.0, 200.0)):
        line.pass_by("top", number, start_mm)
    account = line.end()
    assert account.undrawn["unplaced"] == 1
    assert max(to_mm for facts, _ in line.tiles(4.0) for _, to_mm in facts.known_mm) == 250.0


def test_beyond_what_may_wait_frames_are_counted(tmp_path: Path) -> None:
    """A disk that is slow costs frames of the picture, each counted, and the line nothing."""
    line = Line(tmp_path, camera(mm_per_px=1.0, mm_per_row=1.0), mm_per_px=4.0, rows=8, px=8)
    store = line.keeper._store
    count, frames = store.count, 2 * STRIP_DEPTH
    ends = iter([True])

    def slow() -> None:
        """Count only once all frames have passed."""
        if next(ends, False):
            passed.wait(60)
        count()

    passed = threading.Event()
    store.count = slow  # type: ignore[method-assign]
    for number in range(frames):
        line.pass_by("top", number, 8.0 * number)
    passed.set()
    account = line.end()
    assert account.undrawn["full"] > 0
    assert account.drawn + sum(account.undrawn.values()) == frames


def test_the_oldest_strip_goes(tmp_path: Path) -> None:
    """The picture keeps to its own limit: the oldest coil goes, and what is counted is what is there."""
    section = ArchiveSection(path=str(tmp_path), strip_max_gb=40_960 / 1e9)
    store = TileStore(section, utc)
    store.count()
    picture = StripPicture("line", 4.0, utc)
    line = Line(tmp_path / "other", camera(mm_per_px=1.0, mm_per_row=1.0), mm_per_px=4.0, rows=50, px=40)
    drawn: list[DrawnTile] = []
    line.keeper.draw = lambda swath: drawn.extend(picture.add(swath, 0.0))  # type: ignore[method-assign]
    for number in range(1500):
        line.pass_by("top", number, 50.0 * number)
    line.end()
    assert len(drawn) > 20
    for tile in drawn:
        store.add(tile)
    kept = sorted(name.index for _, name in names(tmp_path, "C/1*") if name.mm_per_px == 4.0)
    assert 0 < len(kept) <= 10 and kept == [tile.index for tile in drawn if tile.facts.mm_per_px == 4.0][-len(kept) :]
    before = store.bytes
    store.count()
    assert before == store.bytes <= 40_960


def any_tile(index: int) -> DrawnTile:
    """A tile of 8 kB."""
    facts = StripTile(
        line="l",
        coil="C",
        side="top",
        camera="top",
        begun=utc().isoformat(),
        mm_per_px=4.0,
        start_mm=2048.0 * index,
        left_mm=0.0,
        own_left_mm=0.0,
        own_right_mm=1.0,
        known_mm=(),
    )
    return DrawnTile(facts, index, bytes(8192))


def test_no_strip_goes_for_room_made_by_hand(tmp_path: Path) -> None:
    """Where the picture was cleared under a running inspector, none goes before it is really full."""
    store = TileStore(ArchiveSection(path=str(tmp_path), strip_max_gb=40_960 / 1e9), utc)
    for index in range(5):
        store.add(any_tile(index))
    shutil.rmtree(tmp_path / STRIP)
    for index in range(5):
        store.add(any_tile(index))
    assert sorted(name.index for _, name in names(tmp_path, "C")) == [0, 1, 2, 3, 4]


def test_what_was_being_drawn_as_a_process_ended_goes(tmp_path: Path) -> None:
    """A part of a tile's file, as the tiles are counted; the tile stays."""
    store = TileStore(ArchiveSection(path=str(tmp_path)), utc)
    store.add(any_tile(0))
    [(path, _)] = names(tmp_path, "C")
    path.with_suffix(".tmp").write_bytes(b"x")
    store.count()
    assert list(path.parent.iterdir()) == [path] and store.bytes == 8192


def test_old_strip_goes_by_a_steady_clock(tmp_path: Path) -> None:
    """A clock that is wrong for a moment removes none; one that goes on does."""
    now = [datetime.now(UTC)]
    store = TileStore(ArchiveSection(path=str(tmp_path)), lambda: now[0])
    store.add(any_tile(0))
    store.age()
    now[0] += timedelta(days=31)
    store.age()
    assert len(list(names(tmp_path, "C"))) == 1
    store.age()
    assert list(names(tmp_path, "C")) == [] and store.bytes == 0


def test_stray_files_do_not_stop_the_strip_picture(tmp_path: Path) -> None:
    """A file between the folders stays; strip goes as its limit asks for, also what somebody else removes meanwhile."""
    store = TileStore(ArchiveSection(path=str(tmp_path), strip_max_gb=40_960 / 1e9), utc)
    (tmp_path / STRIP).mkdir()
    (tmp_path / STRIP / ".DS_Store").write_text("")
    for index in range(9):
        store.add(any_tile(index))
    store.age()
    assert 0 < len(list(names(tmp_path, "C"))) <= 5 and store.bytes <= 40_960
    assert remove(tmp_path / STRIP / "gone.jpg") == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=6), st.integers(0, 60), st.integers(1, 30))
def test_what_is_unknown_is_the_rest(spans: list[tuple[int, int]], start: int, length: int) -> None:
    """Of a stretch exactly that is unknown which lies in none that is known."""
    known, covered, at = [], set(), 0
    for gap, long in spans:
        known.append((float(at + gap), float(at + gap + long)))
        covered |= set(range(at + gap, at + gap + long))
        at += gap + long
    found = unknown(known, float(start), float(start + length))
    cells = {cell for from_mm, to_mm in found for cell in range(int(from_mm), int(to_mm))}
    assert cells == set(range(start, start + length)) - covered


@pytest.mark.parametrize(("times", "wanted"), [(0.5, 0), (1.0, 0), (2.0, 1), (7.9, 2), (8.0, 3), (1000.0, 9)])
def test_pixels_become_no_larger_than_asked_for(times: float, wanted: int) -> None:
    """A side is halved as often as it may be."""
    assert halvings(times) == wanted


def test_a_small_picture_is_a_copy() -> None:
    """Even one that is as large as the frame: the batch's memory is used again."""
    pixels = np.full((4, 6), 7, np.uint8)
    small = halved(pixels, 0, 0)
    pixels[:] = 0
    assert small.min() == 7 and halved(pixels, 9, 9).shape == (1, 1)


@pytest.mark.parametrize("shape", [(256, 1600), (255, 1601), (64, 8192), (4096, 64)])
def test_a_large_picture_is_made_small_in_parts(shape: tuple[int, int]) -> None:
    """Whatever its size: the same picture as made at once."""
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    height, width = shape
    at_once = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    assert np.array_equal(halved(pixels, 1, 1), at_once)


def test_pictures_give_way_while_the_line_is_behind(tmp_path: Path) -> None:
    """What was not drawn is counted as such and shown as not seen; a moment after the line has caught up it goes on."""
    line = Line(tmp_path, camera(mm_per_px=1.0, mm_per_row=1.0), mm_per_px=10.0, rows=40, px=64)
    for number in range(8):
        line.is_behind = number in (2, 3)
        line.now_s = number * REST_S / 2
        line.pass_by("top", number, 40.0 * number)
    account = line.end()
    [(facts, _)] = line.tiles(10.0)
    assert account.undrawn["behind"] == 3 and account.drawn == 5
    assert facts.known_mm == ((0.0, 80.0), (200.0, 320.0))
