"""The journal on a disk that is full, slow, or loses its power."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest

from inspector.errors import JournalError
from inspector.events.message import Message
from tests.disks import failing_disk
from tests.journals import ALARM, DEFECT, LONG_HEALTH, events, held, opened


def test_full_disk_is_reported_and_nothing_is_half_recorded(tmp_path: Path) -> None:
    """A full disk ends in words and in no event at all; with room again, the numbers go on without a hole."""
    with failing_disk() as disk:
        journal = opened(tmp_path)
        journal.record([DEFECT])
        disk.is_full = True
        with pytest.raises(JournalError, match=r"The disk is full: free space on it, or lower journal.max_mb"):
            journal.record([ALARM, DEFECT])
        disk.is_full = False
        assert [event.seq for event in events(held(journal))] == [1]
        journal.record([DEFECT])
        journal.close()
    journal = opened(tmp_path)
    assert [(event.type, event.seq) for event in events(held(journal))] == [
        ("defect.scratches", 1),
        ("defect.scratches", 2),
    ]
    journal.close()


@pytest.mark.parametrize("is_copied", [False, True])
def test_nothing_is_written_where_its_disk_was_mounted(tmp_path: Path, is_copied: bool) -> None:
    """Into no journal either that was left there as it was copied to its disk; mounted again, the numbers go on."""
    below, place = tmp_path / "below", tmp_path / "disk"
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        if Path(disk).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is no other disk")
        below.mkdir()
        if is_copied:
            (left := opened(below / "journal")).record([DEFECT])
            left.close()
            shutil.copytree(below, disk, dirs_exist_ok=True)
        place.symlink_to(disk)
        journal = opened(place / "journal")
        journal.record([DEFECT])
        before = {path: path.read_bytes() for path in below.rglob("*") if path.is_file()}
        place.unlink()
        place.symlink_to(below)
        for attempt in (partial(journal.record, [DEFECT]), journal.recover, journal.recover):
            with pytest.raises(JournalError):
                attempt()
        assert {path: path.read_bytes() for path in below.rglob("*") if path.is_file()} == before
        place.unlink()
        place.symlink_to(disk)
        journal.recover()
        last_seq = journal.last_seq
        journal.record([DEFECT])
        assert [event.seq for event in events(held(journal))][-2:] == [last_seq, last_seq + 1]
        journal.close()


def test_power_cuts_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Power cuts at random writes and fsyncs, any unsynced write lost, leave all that was recorded."""
    recorded: list[Message] = []
    with failing_disk() as disk:
        journal = opened(tmp_path / "running", max_mb=2)
        for _ in range(40):
            recorded += journal.record([DEFECT, LONG_HEALTH, ALARM])
            disk.acknowledged = len(recorded)
        journal.close()
    assert len(list((tmp_path / "running").glob("*.sqlite"))) > 1, "rotation was part of it"
    assert len(disk.cuts) > 50
    for number, (acknowledged, files) in enumerate(disk.cuts):
        path = tmp_path / f"cut-{number}"
        path.mkdir()
        for name, content in files.items():
            (path / Path(name).name).write_bytes(content)
        journal = opened(path, max_mb=2, epoch="e2")
        survived = list(held(journal))
        assert survived[:acknowledged] == recorded[:acknowledged]
        assert survived == recorded[: len(survived)]
        journal.close()


RECORDING = """
import os, sys, threading, time
from datetime import UTC, datetime
from pathlib import Path
from inspector.events.journal import Journal
from inspector.records.events import Health

def go_on():
    while not Path(os.environ["SYNCING"]).exists():
        time.sleep(0.001)
    Path(os.environ["PASSED"]).touch()

journal = Journal(Path(sys.argv[1]), 8, "/inspector/l", lambda: datetime.now(UTC), lambda: "e1")
os.environ["SYNCING"], os.environ["PASSED"] = sys.argv[2:]
threading.Thread(target=go_on).start()
journal.record([Health(state="started", message="", recipe="r", version="1")])
journal.close()
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="the disk that waits is made by a C compiler")
def test_a_slow_disk_stops_no_other_thread(tmp_path: Path) -> None:
    """A commit waits for the disk without the interpreter's lock: frames, heartbeats and replay go on meanwhile."""
    disk = tmp_path / "waiting_disk.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", disk, Path(__file__).with_name("waiting_disk.c")], check=True
    )
    command = [sys.executable, "-c", RECORDING, *(str(tmp_path / name) for name in ("journal", "syncing", "passed"))]
    done = subprocess.run(command, env={**os.environ, "LD_PRELOAD": str(disk)}, check=False)
    assert done.returncode == 0
    assert (tmp_path / "syncing").exists(), "the disk was never asked to wait"


def test_without_a_descriptor_the_file_grows_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever opens connections without end does not end the line: rotation waits until a file can be opened."""
    journal = opened(tmp_path, max_mb=1)
    journal.record([LONG_HEALTH])
    held_open: list[int] = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, limits[1]))
        with pytest.raises(OSError):
            while True:
                held_open.append(os.dup(0))
        for _ in range(10):
            journal.record([LONG_HEALTH] * 8)
        assert len(journal.position.starts) == 1
    finally:
        for number in held_open:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    journal.record([LONG_HEALTH] * 8)
    assert max(journal.position.starts) > 1
    assert caplog.text.count("no file descriptor left") == 1
    assert [event.seq for event in events(held(journal))] == [*range(journal.first_seq, 90)]
    journal.close()
