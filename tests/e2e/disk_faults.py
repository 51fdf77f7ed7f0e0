"""A line whose journal's disk fails in every way, for real: what it reports, how soon, what of its events is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq

from inspector.client import Events
from inspector.gaps import Gap
from inspector.records.envelope import read_event
from inspector.records.events import Heartbeat, JournalStatus
from tests.e2e import own_disk
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

BOXES = [(10 * row, 10 * row + 5, 20, 40, DARK) for row in range(6)]
AT_ONCE = 8
"""Frames between two looks."""
MEANWHILE = 20
"""Frames that are inspected while the disk takes nothing."""
TMPFS = "mount -t tmpfs -o size=12m,mode=0700 tmpfs /mnt && mkdir /mnt/of && mount --bind /mnt/of"
"""A disk that is full in no time, of which a part is mounted."""
FILL, FREE = "cat /dev/zero > /mnt/filler 2>&-; true", "rm /mnt/filler"
READ_ONLY = "mount --bind {0} {0} && mount -o remount,bind,ro {0}"
UNMOUNT = "while mountpoint -q {0}; do umount {0} || exit 1; done"
PULLED = "umount --lazy {0}; true"
"""While it is written, as with a stick that is pulled out."""
DAMAGED_BYTES = 3 * 4096
"""Three pages."""


class FailingLine:
    """A line with a disk of its own, a camera, and a reader of what it reports of the disk."""

    def __init__(self, folder: Path, mount: str = TMPFS) -> None:
        """`mount` is the command for its disk, to which the folder is added; empty: it shares the test's."""
        self.disk = folder / "disk"
        self.mill = Mill(folder)
        if mount:
            self.mill.program = own_disk.program(self.disk, mount)
        self.mill.journal = {"path": "disk/journal", "max_mb": 32}
        self.mill.write()

    def __enter__(self) -> Self:
        self.mill.start()
        self.camera = Camera(self.mill)
        self._context = zmq.Context[zmq.Socket[bytes]]()
        self._reports = self._context.socket(zmq.SUB)
        self._reports.subscribe("health.heartbeat")
        self._reports.subscribe("journal.")
        self._reports.connect(self.mill.ports.address("events"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.destroy(linger=0)
        self.camera.__exit__(kind, error, trace)
        self.mill.__exit__(kind, error, trace)

    @property
    def seen(self) -> Path:
        """The disk as the inspector sees it, from out here."""
        return Path(f"/proc/{self.mill.daemon.child.pid}/root{self.disk}")

    def do(self, command: str) -> None:
        """Run a shell's command where the inspector is; `{}` stands for its disk."""
        own_disk.within(self.mill.daemon.child.pid, command.format(self.disk))

    def sends_until(self, done: Callable[[], bool], what: str) -> None:
        """Let frames with events come until something is so."""

        def is_done() -> bool:
            for _ in range(AT_ONCE):
                self.camera.send(*BOXES)
            return done()

        self.mill.wait_until(is_done, what)

    def fails(self, command: str) -> float:
        """Break the disk until it takes nothing, and return how soon that was reported, seconds.

        The command is given again behind the first report: a full disk has the ballast's room then.
        """
        while self._reports.poll(0):
            self._reports.recv_multipart()
        self.do(command)
        began_s, reported_s = time.monotonic(), list[float]()

        def takes_nothing() -> bool:
            while not reported_s and self._reports.poll(0):
                data = read_event(self._reports.recv_multipart()[1]).data
                assert isinstance(data, Heartbeat | JournalStatus)
                if isinstance(data, JournalStatus) or data.fault:
                    reported_s.append(time.monotonic() - began_s)
                    self.do(command)
            return bool(reported_s) and self.mill.metric("inspector_journal_written") == 0

        self.sends_until(takes_nothing, "report a disk that takes nothing")
        return reported_s[0]

    def goes_on(self) -> None:
        """See that frames are inspected while the disk takes nothing."""
        before = self.mill.metric("inspector_journal_waiting_events")
        for _ in range(MEANWHILE):
            self.camera.send(*BOXES)
        wanted = before + MEANWHILE * len(BOXES)
        self.mill.wait_until(lambda: self.mill.metric("inspector_journal_waiting_events") >= wanted, "keep the events")
        assert self.mill.metric("inspector_journal_written") == 0 and self.mill.get("/health")[0] == 200

    def gap(self) -> Gap:
        """Ask for what was recorded; return what a reader learns that gets none of it."""
        gaps, ports = list[Gap](), self.mill.ports
        with Events(
            ports.address("events"), replay=ports.address("replay"), after=(None, 0), timeout_s=1.0, on_gap=gaps.append
        ) as events:
            self.mill.wait_until(lambda: next(events, None) is not None or bool(gaps), "answer a reader")
        (gap,) = gaps
        return gap

    def does_in_time(self, command: str) -> None:
        """Do what the inspector may keep somebody from at times, for as long as it holds a file.

        It stands still meanwhile: between one mount that goes and the next it would write to what was below.
        """
        pid = self.mill.daemon.child.pid

        def is_done() -> bool:
            os.kill(pid, signal.SIGSTOP)
            try:
                self.do(command)
            except subprocess.CalledProcessError:
                return False
            finally:
                os.kill(pid, signal.SIGCONT)
            return True

        self.mill.wait_until(is_done, f"let anybody {command}")

    def damages(self, how: Callable[[], None]) -> float:
        """Do something to the files of the journal; return how soon it was reported, seconds."""
        before, began_s = self.mill.metric("inspector_journal_damaged"), time.monotonic()
        how()
        self.sends_until(lambda: self.mill.metric("inspector_journal_damaged") > before, "notice what was done")
        return time.monotonic() - began_s

    def files(self) -> list[Path]:
        """All files of the journal, oldest first."""
        return sorted(self.seen.glob("journal/events-*.sqlite"))

    def overwrite(self, file: Path) -> None:
        """Put noise in the middle of a file."""
        with file.open("r+b") as opened:
            opened.seek(file.stat().st_size // 2)
            opened.write(random.Random(file.name).randbytes(DAMAGED_BYTES))

    def mends(self, command: str) -> None:
        """Mend the disk, and wait until events are written again."""
        self.do(command)
        self.sends_until(lambda: self.mill.metric("inspector_journal_written") == 1, "write again")
