"""Whether a journal is what was recorded: every page, every number, every event read. Only reads; the daemon may write.

Knows: the files, the numbers' laws, the envelope. Must not know: what an event means.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from inspector.errors import JournalError
from inspector.events.segments import APPLICATION_ID, ASIDE, OURS, log_of, read_only, worded
from inspector.events.sums import CHANGED, ROW_CHANGED, Sums
from inspector.events.write_ahead import lost_commits
from inspector.records.envelope import read_event
from inspector.words import counted

FAULTS_NAMED = 5
"""Of each file; the others are counted."""


class Checked(msgspec.Struct, frozen=True):
    """One file of a journal."""

    file: str
    first_seq: int
    last_seq: int
    """`first_seq` - 1 where it holds none, or cannot be read."""
    events: int
    epoch: str
    faults: tuple[str, ...]
    """What is wrong; empty where nothing is."""


def verify(path: Path) -> Iterator[Checked]:
    """Yield each file of a journal, oldest first, with what is wrong with it; then those that were set aside.

    Raises: JournalError when there is no journal.
    """
    with worded(path):
        names = sorted(file.name for file in path.iterdir()) if path.is_dir() else []
    files = [path / name for name in names if OURS.fullmatch(name)]
    if not files:
        raise JournalError(f"{path}: holds no journal; expected files like events-000000000001.sqlite.")
    reading = _Reading()
    yield from map(reading.file, files)
    for name in names:
        if ASIDE in name and not name.endswith(("-wal", "-shm")):
            yield Checked(name, 0, -1, 0, "", ("was set aside: its events are in no replay",))


def faults(file: Path) -> tuple[str, ...]:
    """Return what is wrong with one file of a journal, read whole."""
    return _Reading().file(file).faults


class _Reading:
    """One pass over a journal's files, in their order."""

    def __init__(self) -> None:
        self._epoch = ""
        self._last_seq = 0
        self._counts: dict[str, int] = {}
        """Last `topicseq` by the topic's root."""
        self._faults: list[str] = []

    def file(self, file: Path) -> Checked:
        """Read a file whole."""
        first_seq, events = int(file.stem.partition("-")[2]), 0
        self._faults, epoch = [], ""
        if 0 < self._last_seq < first_seq - 1:
            self._faults.append(f"events {self._last_seq + 1} to {first_seq - 1} are in no file")
        self._last_seq = first_seq - 1
        try:
            with contextlib.closing(read_only(file)) as segment:
                segment.execute("BEGIN")  # all of one moment, while the daemon writes
                epoch = self._head(segment)
                self._log(log_of(file))
                sums = Sums(segment)
                for row in segment.execute("SELECT seq, topic, payload FROM event ORDER BY seq"):
                    self._event(*row)
                    if not sums.is_whole(*row):
                        self._faults.append(CHANGED.format(row[0]))
                    events += 1
                self._faults += [ROW_CHANGED.format(first) for first in sums.changed_to_the_end()]
        except (apsw.Error, OSError) as error:
            self._faults.append(f"cannot be read on: {error}")
        faults, more = tuple(self._faults[:FAULTS_NAMED]), len(self._faults) - FAULTS_NAMED
        return Checked(
            file.name, first_seq, self._last_seq, events, epoch, (*faults, f"and {more} more") if more > 0 else faults
        )

    def _head(self, segment: apsw.Connection) -> str:
        """Check its pages and whose it is; return its epoch."""
        ((marked,),) = segment.execute("PRAGMA application_id")
        if marked != APPLICATION_ID:
            self._faults.append(f"is marked {marked:#x}; expected {APPLICATION_ID:#x}: it is no journal's")
        pages = (str(fault) for (fault,) in segment.execute("PRAGMA integrity_check(10)"))
        self._faults += (fault for fault in pages if fault != "ok")
        epochs = [str(epoch) for (epoch,) in segment.execute("SELECT epoch FROM journal")]
        if len(epochs) != 1 or self._epoch not in ("", epochs[0]):
            self._faults.append(f"is of epoch {', '.join(epochs) or 'none'}; expected {self._epoch or 'one'}")
        self._epoch = epochs[0] if epochs else self._epoch
        return self._epoch

    def _log(self, file: Path) -> None:
        """Look for commits that are in the log and cannot be read."""
        with contextlib.suppress(FileNotFoundError):
            if commits := lost_commits(file):
                self._faults.append(
                    f"its write-ahead log was changed: {counted(commits, 'commit')} behind that are lost"
                )

    def _event(self, seq: int, topic: str, payload: bytes) -> None:
        root = topic.partition(".")[0]
        if seq != self._last_seq + 1:
            self._faults.append(f"event {seq} follows {self._last_seq}")
        self._last_seq = seq
        try:
            event = read_event(payload)
        except (ValueError, RecursionError) as error:
            self._faults.append(f"event {seq} cannot be read: {error}")
            return
        if (event.seq, event.type, event.epoch) != (seq, topic, self._epoch):
            self._faults.append(f"event {seq}, {topic}, says that it is {event.seq} of {event.epoch}, {event.type}")
        before = self._counts.get(root)
        if before is not None and event.topicseq != before + 1:
            self._faults.append(f"event {seq} is number {event.topicseq} of {root}; the one before was {before}")
        self._counts[root] = event.topicseq
