"""The journal on a disk that is full, slow, or loses its power."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from inspector.errors import JournalError
from inspector.events.journal import Message
from tests.journals import ALARM, DEFECT, LONG_HEALTH, events, held, opened


class FailingDisk(apsw.VFS):
    """SQLite's door to the disk: fills up on request, and knows what a power cut would leave of each file."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__("failing", base="unix", makedefault=True)
        self.chance = chance
        self.is_full = False
        self.durable: dict[str, bytes] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        """Writes (offset, bytes) and truncations (size, None) since the last fsync."""
        self.acknowledged = 0
        self.cuts: list[tuple[int, dict[str, bytes]]] = []
        """What was acknowledged when the power went, and the files then."""

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        opened_file = FailingFile(self, name, flags)
        self.follow(f"{opened_file.name}.new", opened_file.name)
        return opened_file

    def follow(self, before: str, name: str) -> None:
        """Take what is known of a file along to the name that it has now."""
        if before in self.durable and not Path(before).exists():
            self.durable[name], self.pending[name] = self.durable.pop(before), self.pending.pop(before)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)
        self.pending.pop(filename, None)

    def sync(self, name: str) -> None:
        self.durable[name] = self.after_cut(name, loses=lambda: False)
        self.pending[name] = []

    def after_cut(self, name: str, loses: Callable[[], bool]) -> bytes:
        content = bytearray(self.durable.get(name, b""))
        for offset, written in self.pending.get(name, ()):
            if loses():
                continue
            if written is None:
                del content[offset:]
                continue
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(written)] = written
        return bytes(content)

    def maybe_cut(self) -> None:
        if self.chance.random() < 0.08:
            names = [name for name in self.durable | self.pending if Path(name).exists()]
            files = {name: self.after_cut(name, lambda: self.chance.random() < 0.5) for name in names}
            self.cuts.append((self.acknowledged, files))


class FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self.disk = disk
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.is_full:
            raise apsw.FullError("full")
        super().xWrite(data, offset)
        self.disk.pending.setdefault(self.name, []).append((offset, bytes(data)))
        self.disk.maybe_cut()

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self.disk.pending.setdefault(self.name, []).append((newsize, None))

    def xSync(self, flags: int) -> None:
        self.disk.maybe_cut()
        super().xSync(flags)
        self.disk.sync(self.name)
        self.disk.maybe_cut()


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    """The disk of every SQLite connection opened meanwhile."""
    disk = FailingDisk(random.Random(7))
    try:
        yield disk
    finally:
        disk.unregister()


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
