"""The archive's folder: whole pairs of files, bounded, the oldest first, labelled ones last."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from inspector.archive.draft import ArchiveEntry, Draft, entry
from inspector.archive.files import write
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import LABELLED, SEEN, Store
from inspector.errors import ArchiveError
from inspector.records.commands import Relabel
from inspector.records.crop import Sidecar
from inspector.records.extent import Extent
from inspector.records.stages import Crop, Detection, Placed
from tests.defects import any_defect
from tests.frames import header, inspected

NOW = datetime(2024, 11, 27, 12, tzinfo=UTC)


class Clock:
    """A clock that one can set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Noon."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """An archive of 100 kB."""
    opened = Store(ArchiveSection(path=str(tmp_path / "archive"), max_gb=1e-4), "l", clock)
    yield opened
    opened.close()


class FullDisk:
    """A disk that takes N more files; None: as many as there are."""

    def __init__(self) -> None:
        self.writes_left: int | None = None

    def write(self, path: Path, content: bytes) -> None:
        """Write a file, or raise."""
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.writes_left -= 1
        write(path, content)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    """The disk on which the archive lies."""
    disk = FullDisk()
    monkeypatch.setattr("inspector.archive.store.write", disk.write)
    return disk


def crop(number: int, coil: str = "C/1", place: int = 0) -> ArchiveEntry:
    """A crop of a defect."""
    pixels = np.random.default_rng(number).integers(0, 255, (40, 50)).astype(np.uint8)
    seen = Crop(0, 0, 2, 3, pixels, np.array([[0, 5, 7, 9]], np.int32), Extent(**BOX))
    draft = Draft(seen, inspected(header(number), DETECTION), Placed(coil, "top", 1000.0))
    defect = any_defect(id=f"{coil}/top/b/{number}/0", coil=coil, name="dark")
    return entry(draft, defect, place, lambda piece: piece)


def add(store: Store, number: int, coil: str = "C/1", place: int = 0) -> str:
    """Write a crop of a defect, and return the defect's id."""
    added, before = crop(number, coil, place), set(store.folder.glob(f"{SEEN}/*/*/*"))
    store.add(added)
    for file in set(store.folder.glob(f"{SEEN}/*/*/*")) - before:
        os.utime(file, (NOW.timestamp() + number,) * 2)
    assert added.defect is not None
    return added.defect.id


DETECTION = Detection(start_mm=7, end_mm=8, left_mm=10, right_mm=12, area_mm2=2, class_id=1, confidence=0.9)
BOX = {"start_mm": 2.0, "end_mm": 42.0, "left_mm": 3.0, "right_mm": 53.0, "area_mm2": 2000.0}


def sidecars(store: Store, kind: str = "*") -> list[Sidecar]:
    """All that is in the archive, by the frame's number."""
    found = [msgspec.json.decode(path.read_bytes(), type=Sidecar) for path in store.folder.glob(f"{kind}/*/*/*.json")]
    return sorted(found, key=lambda crop: crop.number)


def label(
    store: Store, defect: str, name: str = "sound", coil: str = "C/1", *, operator: str = "Kim", seen: str | None = None
) -> tuple[bool, str]:
    """Label a defect, and return what became of it."""
    answer, event = store.relabel(Relabel(coil=coil, defect=defect, label=name, operator=operator, seen=seen))
    assert (event is not None) == answer.is_done
    return answer.is_done, answer.message


def test_a_crop_is_kept_without_loss(store: Store) -> None:
    """The picture is byte for byte what was seen, and its sidecar states where."""
    add(store, 5)
    (path,) = store.folder.glob(f"{SEEN}/2024-11-27/C%2F1/*.png")
    picture, was = cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.random.default_rng(5).integers(0, 255, (40, 50))
    assert picture is not None and np.array_equal(picture, was)
    (crop,) = sidecars(store)
    assert (crop.image, crop.coil, crop.number, crop.name) == (path.name, "C/1", 5, "dark")
    assert (crop.place.start_mm, crop.place.left_mm, crop.mm_per_px) == (1002.0, 3.0, 1.0)
    assert crop.regions[0].box_px == (7, 5, 2, 1) and crop.regions[0].is_subject


def test_the_oldest_go_first_and_labelled_ones_last(store: Store) -> None:
    """However much is written, the archive stays below its limit, and what a person labelled is still there."""
    first = add(store, 0)
    assert label(store, first)[0]
    for number in range(1, 40):
        add(store, number)
        assert store.bytes <= 1e5
    counted = store.bytes
    store.count()
    assert store.bytes == counted
    kept = [crop.number for crop in sidecars(store, SEEN)]
    assert kept == list(range(40 - len(kept), 40)) and len(kept) >= 5
    assert [crop.number for crop in sidecars(store, LABELLED)] == [0]


def test_labelled_ones_go_when_nothing_else_is_left(store: Store) -> None:
    """The limit holds for them too."""
    for number in range(40):
        label(store, add(store, number))
        assert store.bytes <= 1.1e5
    assert 30 < sidecars(store)[-1].number < 40


def test_labelled_ones_do_not_pay_for_room_made_by_hand(store: Store) -> None:
    """Where `seen` was cleared under a running inspector, no label goes before the archive is really full."""
    for number in range(12):
        add(store, number)
    assert label(store, add(store, 12))[0] and store.bytes > 9e4
    shutil.rmtree(store.folder / SEEN)
    for number in range(13, 17):
        add(store, number)
    assert [crop.number for crop in sidecars(store)] == [12, 13, 14, 15, 16] and store.bytes < 5e4


def age(store: Store) -> None:
    """Have old crops removed by a clock that has gone on for a while."""
    for _ in range(3):
        store.age()


def test_a_clock_that_is_wrong_for_a_moment_removes_nothing(store: Store, clock: Clock) -> None:
    """Not as the inspector starts, nor later; where it stays so, crops without a label go before those with one."""
    label(store, add(store, 0))
    add(store, 1)
    late = NOW + timedelta(days=3651)
    for now in (late, NOW, NOW, late, NOW, NOW, late):
        clock.now = now
        store.age()
    left = [len(sidecars(store))]
    for _ in range(2):
        store.age()
        left.append(len(sidecars(store)))
    assert left == [2, 1, 0]


def test_old_crops_go(store: Store, clock: Clock) -> None:
    """By age too, and their folders with them; labelled ones stay longer."""
    label(store, add(store, 0))
    add(store, 1)
    clock.now = NOW + timedelta(days=91)
    age(store)
    assert [crop.number for crop in sidecars(store)] == [0]
    assert list((store.folder / SEEN).iterdir()) == []


def test_stray_files_stop_nothing(store: Store, clock: Clock) -> None:
    """What a file manager or a person left between the folders stays, and crops come and go."""
    label(store, add(store, 0))
    for place in (SEEN, LABELLED, f"{SEEN}/2024-11-27"):
        (store.folder / place).mkdir(exist_ok=True)
        (store.folder / place / ".DS_Store").write_bytes(b"junk")
    for number in range(1, 40):
        add(store, number)
        assert store.bytes <= 1e5
    clock.now = NOW + timedelta(days=3651)
    age(store)
    assert sidecars(store) == [] and len(list(store.folder.rglob(".DS_Store"))) == 3


@pytest.mark.parametrize(("labels", "days"), [(("sound", ""), 91), (("sound",), 3651), (("sound", "dark"), 3651)])
def test_a_label_makes_no_crop_younger(store: Store, clock: Clock, labels: tuple[str, ...], days: int) -> None:
    """Given, changed or taken back: it goes when it is old, and those of later days after it."""
    defect = add(store, 0)
    assert all(label(store, defect, name)[0] for name in labels)
    clock.now += timedelta(days=1)
    add(store, 1)
    clock.now = NOW + timedelta(days=days)
    age(store)
    assert sidecars(store) == []


@pytest.mark.parametrize(("text", "name"), [("sound", "sound"), ("bright", "bright"), ("2", "bright"), ("1", "dark")])
def test_a_label_is_a_class_by_name_or_number(store: Store, text: str, name: str) -> None:
    """All crops of the defect carry it, and who stated so."""
    defect = add(store, 3)
    add(store, 3, place=1)
    add(store, 4)
    assert label(store, defect, text) == (True, f"dark {defect} is {name} now (2 crops).")
    labels = [
        (crop.number, crop.label and crop.label.name, crop.label and crop.label.operator) for crop in sidecars(store)
    ]
    assert labels == [(3, name, "Kim"), (3, name, "Kim"), (4, None, None)]
    assert label(store, defect, "1")[0]
    assert [crop.label and crop.label.name for crop in sidecars(store)] == ["dark", "dark", None]


@pytest.mark.parametrize("text", ["0", "3", "blue"])
def test_what_is_no_class_is_refused(store: Store, text: str) -> None:
    """With the classes that there are."""
    is_done, message = label(store, add(store, 3), text)
    assert not is_done and "expected dark, bright" in message


def test_a_defect_that_the_archive_does_not_have_is_refused(store: Store) -> None:
    """Of another coil too."""
    defect = add(store, 3)
    assert not label(store, defect + "0")[0]
    assert not label(store, defect, coil="C2")[0]


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b'{"image":"\xff\xfe"}', bytes(range(128, 256))])
def test_a_damaged_sidecar_is_no_crop(store: Store, content: bytes) -> None:
    """As after a loss of power: the others of its defect are labelled, and alone it is as if it were not there."""
    defect = add(store, 3)
    (damaged,) = store.folder.glob(f"{SEEN}/*/*/*.json")
    add(store, 3, place=1)
    damaged.write_bytes(content)
    assert label(store, defect) == (True, f"dark {defect} is sound now (1 crop).")
    for labelled in store.folder.glob(f"{LABELLED}/*/*/*.json"):
        labelled.unlink()
    assert not label(store, defect)[0]


def test_two_writers_of_one_archive_are_refused(store: Store) -> None:
    """The second says why."""
    with pytest.raises(ArchiveError, match="another inspector writes there"):
        Store(ArchiveSection(path=str(store.folder)), "l", Clock())


def test_a_place_that_cannot_be_written_is_refused() -> None:
    """With the reason, and what to do."""
    with pytest.raises(ArchiveError, match=r"/proc/self/archive, where nothing can be written: .*Make room"):
        Store(ArchiveSection(path="/proc/self/archive"), "l", Clock())


def test_a_label_is_taken_back(store: Store) -> None:
    """The crops lie where those without one lie, and the archive's size is right."""
    defect = add(store, 3)
    assert label(store, defect)[0]
    assert label(store, defect, "") == (True, f"dark {defect} has no label now (1 crop).")
    assert [crop.label for crop in sidecars(store, SEEN)] == [None] and not sidecars(store, LABELLED)
    counted = store.bytes
    store.count()
    assert store.bytes == counted


def test_two_people_do_not_overwrite_each_other(store: Store, clock: Clock) -> None:
    """Who saw what no longer stands is refused with both names; who saw what stands is not."""
    defect = add(store, 3)
    assert label(store, defect, "sound", operator="Lee", seen="")[0]
    is_done, message = label(store, defect, "dark", seen="")
    assert not is_done and "Lee labelled it sound" in message and "after Kim looked" in message
    first = sidecars(store)[0].label
    assert first and (first.name, first.operator) == ("sound", "Lee")
    clock.now = NOW + timedelta(seconds=1)
    assert label(store, defect, "", seen=first.time)[0]
    is_done, message = label(store, defect, "dark", operator="Lee", seen=first.time)
    assert not is_done and "was taken back" in message


@pytest.mark.parametrize("writes", range(1, 6))
def test_a_label_that_a_full_disk_cut_short_is_asked_for_again(store: Store, disk: FullDisk, writes: int) -> None:
    """Wherever it was cut: the same order goes through, another person's does not, and the size is right throughout."""
    defect = add(store, 3)
    add(store, 3, place=1)
    add(store, 3, place=2)
    disk.writes_left = writes
    with pytest.raises(OSError, match="No space"):
        label(store, defect, seen="")
    disk.writes_left = None
    taken = store.bytes
    store.count()
    assert store.bytes == taken
    assert sorted(path.stem for path in store.folder.rglob("*.png")) == sorted(
        path.stem for path in store.folder.rglob("*.json")
    )
    if writes > 1:
        assert "Kim labelled it sound" in label(store, defect, operator="Lee", seen="")[1]
    assert label(store, defect, seen="") == (True, f"dark {defect} is sound now (3 crops).")
    assert [crop.label is not None for crop in sidecars(store)] == [True] * 3
    counted = store.bytes
    store.count()
    assert store.bytes == counted


def test_a_crop_without_its_sidecar_leaves_nothing(store: Store, disk: FullDisk) -> None:
    """Where the disk takes the picture alone."""
    disk.writes_left = 1
    with pytest.raises(OSError, match="No space"):
        add(store, 3)
    assert list(store.folder.rglob("*.png")) == []


def test_what_was_being_written_as_a_process_ended_goes(store: Store) -> None:
    """A picture without a sidecar and a part of a file, as the crops are counted; whole crops stay."""
    label(store, add(store, 3))
    add(store, 4)
    whole = sorted(path for path in store.folder.rglob("*.*") if path.is_file())
    for kind in (SEEN, LABELLED):
        for name in ("top-1-0.png", "top-2-0.tmp"):
            (store.folder / kind / "2024-11-27" / "C%2F1" / name).write_bytes(b"x")
    counted = store.bytes
    store.count()
    assert store.bytes == counted and sorted(path for path in store.folder.rglob("*.*") if path.is_file()) == whole
