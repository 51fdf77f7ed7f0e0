"""The archive's thread, on disks that run full or are unmounted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspector.archive.keeper import RETRY_S, Keeper
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import Store
from inspector.records.commands import Asked, Relabel
from inspector.records.events import Data
from tests.inspector.archive.test_store import Clock, FullDisk, crop, sidecars


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A mount point as it looks once its disk is mounted: a link to a folder on another disk than `tmp_path`."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        if Path(disk).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is no other disk")
        place = tmp_path / "disk"
        place.symlink_to(disk)
        yield place


def mount(place: Path, folder: Path) -> None:
    """Have another folder lie there."""
    place.unlink()
    place.symlink_to(folder)


@pytest.mark.parametrize("why", ["its disk is not mounted", "another archive lies there"])
def test_nothing_is_written_where_the_disk_is_not_mounted(tmp_path: Path, place: Path, why: str) -> None:
    """Not into the folder below, nor into an archive that was left there; mounted as whatever device, it goes on."""
    below, disk, now_s, reports = tmp_path / "below", place.resolve(), [0.0], list[Data]()
    below.mkdir()
    if why == "another archive lies there":
        Store(ArchiveSection(path=str(below / "kept")), "l", Clock()).close()
        shutil.copytree(below, disk, dirs_exist_ok=True)
    before = sorted(below.rglob("*"))
    store = Store(ArchiveSection(path=str(place / "kept")), "l", Clock())
    keeper = Keeper(store, reports.append, clock_s=lambda: now_s[0])

    def keeps(number: int) -> str:
        now_s[0] += RETRY_S
        keeper.offer(crop(number))
        keeper.relabel(Asked(1, Relabel(coil="C", defect="C/1", label="sound", operator="Kim")))
        return next(keeper.relabelled(60.0))[1].message

    assert "has no crop" in keeps(0)
    for number, folder in enumerate((disk, shutil.copytree(disk, tmp_path / "copy")), 1):
        mount(place, below)
        assert f"cannot be written: {why}. Mount the archive's disk there, and ask again." in keeps(number)
        assert sorted(below.rglob("*")) == before
        mount(place, folder)
        keeps(number + 10)
    assert keeper.close(60.0)
    account = keeper.account()
    assert (account.written, account.dropped["disk"], account.is_failing, len(reports)) == (3, 2, False, 4)
    kept = account.bytes
    store.count()
    assert store.bytes == kept


def test_a_full_disk_is_not_walked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where a label is cut short: what was counted at first is right, whatever a million files would cost."""
    store, disk, now_s, walks = Store(ArchiveSection(path=str(tmp_path)), "l", Clock()), FullDisk(), [0.0], list[int]()
    count = store.count

    def counted() -> None:
        walks.append(store.bytes)
        count()

    monkeypatch.setattr(store, "count", counted)
    monkeypatch.setattr("inspector.archive.store.write", disk.write)
    keeper = Keeper(store, lambda _: None, clock_s=lambda: now_s[0])
    for writes in (2, 0, 1, 0, 4):
        disk.writes_left = writes
        now_s[0] += RETRY_S
        keeper.offer(crop(writes))
        keeper.relabel(Asked(1, Relabel(coil="C/1", defect="C/1/top/b/2/0", label="sound", operator="Kim")))
        assert len(list(keeper.relabelled(60.0))) == 1
    assert keeper.close(60.0)
    taken = store.bytes
    count()
    assert store.bytes == taken > 0 and len(walks) == 1 and len(sidecars(store)) == 2
