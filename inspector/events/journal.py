"""The journal: every event is on disk before anyone receives it.

Laws: `record` returns only when its events would survive a power cut, and they are there in order. `seq`, and
`topicseq` within each topic root, count from 1 without a hole for as long as the epoch lasts: over restarts,
crashes and rotation. What is replayed is, byte for byte, what was recorded. What the stages have to know after a
restart is kept with the last of the events that it follows from. One process at a time. The oldest
events go first, whole files at a time, because a full disk refuses DELETE but not unlink.

Knows: the envelope, the numbers, retention. Must not know: sockets, who listens, what a defect means.
One thread records; `replay` and `position` are for any one other thread besides.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import apsw

from inspector.events import home, index, sums
from inspector.events.ballast import Ballast, size_bytes
from inspector.events.message import Message, Replay, envelope, envelope_time, topic_root
from inspector.events.reader import Reader
from inspector.events.resume import NOTHING, JournalPosition, KnownEvents, resume
from inspector.events.retention import LIFE, Ages, gone
from inspector.events.segments import (
    CHECKPOINT_PAGES,
    COUNT,
    KEEP,
    Damaged,
    JournalFolder,
    log_of,
    starved,
    worded,
)
from inspector.events.verify import faults
from inspector.events.watch import FileWatch
from inspector.events.write_ahead import whole_frames
from inspector.records.envelope import LIMIT_SEQS
from inspector.records.events import Data, Heartbeat

log = logging.getLogger("inspector")

SEGMENTS = 16  # files in a full journal, by size and by age: the least part of it that retention takes away
GROUP_BYTES = 4 * 2**20
"""The most that one transaction writes: a group beyond it is recorded in several, so that retention keeps up."""
MOST_OF_A_DISK = 0.9
EVENT_BYTES = 256
"""No envelope is smaller: so it is known how many numbers a lost file can have given out."""


class Journal:
    """A folder of SQLite files (`events-<first seq>.sqlite`), of which the newest is written.

    `source` goes into every envelope; `new_epoch` is asked once, when the folder holds no journal yet.

    Raises: JournalError, from every method, when the disk or the files forbid it; close it then.
    """

    def __init__(
        self,
        path: Path,
        max_mb: int,
        source: str,
        clock_utc: Callable[[], datetime],
        new_epoch: Callable[[], str],
        *,
        max_days: int = 0,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_mb` and `max_days` bound what is held (0 days: any age); `clock_s` is monotonic."""
        self._path = path
        ballast = size_bytes(max_mb * 2**20)
        self._max_bytes = max_mb * 2**20 - ballast
        self._segment_bytes = self._max_bytes // SEGMENTS
        self._group_bytes = min(GROUP_BYTES, self._segment_bytes // 2)
        self._ages = Ages(max_days, SEGMENTS, clock_s)
        self._source = source
        self._clock_utc = clock_utc
        self._is_starved, self._log_pages = False, 0
        self._states: dict[str, bytes] = {}
        self._watch = FileWatch(clock_s)
        self.ballast = Ballast(path, ballast)
        self.epoch = ""
        self.position = NOTHING.position
        """Replaced whole after each commit, so that another thread reads numbers that belong together."""
        self.remarks: list[str] = []
        """What was found damaged while the numbers were taken up."""
        with worded(path):
            self._folder = JournalFolder(path)
            try:
                self._newest = self._take_up(NOTHING, new_epoch)
                home.settle(self._folder.path)
                self._home = home.found(self._folder)
                self._ages.take_up(self.position.starts, self._folder.lives(self.position.starts))
                self._retire()
            except BaseException:
                self._folder.close()
                raise
        self._reader = Reader(self._folder, self.remarks.append)

    @property
    def first_seq(self) -> int:
        """Oldest `seq` still held; `last_seq` + 1 when none is."""
        return self.position.first_seq

    @property
    def last_seq(self) -> int:
        """Newest `seq` recorded."""
        return self.position.last_seq

    @property
    def last_topicseq(self) -> Mapping[str, int]:
        """Last `topicseq` of each topic root."""
        return self.position.last_topicseq

    @property
    def states(self) -> Mapping[str, bytes]:
        """What each stage of the process before has to know to go on, by its name."""
        return MappingProxyType(self._states)

    def disk(self) -> tuple[int, int, int]:
        """Return what the journal takes, may take, and what is free on its disk, bytes; 0 where that is gone."""
        taken, free = sum(self._folder.size_bytes(start) for start in self.position.starts), 0
        with contextlib.suppress(OSError):
            disk = os.statvfs(self._path)
            free = disk.f_bavail * disk.f_frsize
        return taken + self.ballast.size_bytes, self._max_bytes + self.ballast.full_bytes, free

    def fills_its_disk(self) -> bool:
        """Whether nearly all that is on the disk is the journal: then nothing else can make room on it."""
        with contextlib.suppress(OSError):
            disk = os.statvfs(self._path)
            used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
            return self.disk()[0] >= MOST_OF_A_DISK * used
        return False

    def record(self, events: Sequence[Data], states: Mapping[str, bytes] = MappingProxyType({})) -> tuple[Message, ...]:
        """Number events, put them on disk, and return them as they are to be published.

        `states` are those of the stages after these events. One transaction, unless it is more than `GROUP_BYTES`;
        without events and with states as before, only see that the files are there.
        """
        assert not any(isinstance(data, Heartbeat) for data in events), "a heartbeat is never journalled"
        with worded(self._path):
            self._folder.check()
            self._look_for_damage()
            self._see_age()
            self._fold()
            changed = dict(states.items() - self._states.items())
            groups = [*self._groups(events)]
            if changed and not groups:
                groups = [([], dict(self.last_topicseq))]
            before = self.last_seq
            for number, (group, topicseq) in enumerate(groups, 1):
                first = self.last_seq - before
                self._commit(
                    group, events[first : first + len(group)], topicseq, changed if number == len(groups) else {}
                )
        return tuple(message for group, _ in groups for message in group)

    def heartbeat(self, position: JournalPosition | None = None, fault: str = "") -> Message:
        """Report how far the numbers go, up to `position` or now; neither numbered nor journalled itself.

        `fault` says why nothing is recorded at present.
        """
        _, last_seq, last_topicseq = position or self.position
        data = Heartbeat(last_seq=last_seq, last_topicseq=dict(last_topicseq), fault=fault)
        return envelope(self._source, self.epoch, data, time=self._time(), seq=0, topicseq=0)

    def replay(self, after_seq: int, limit: int, prefix: str = "") -> Replay:
        """Read back at most `limit` events after `after_seq` whose topics begin with `prefix`.

        Looks at no more than LIMIT_SEQS events, so ask again until `through_seq` is `last_seq`. What lies in a damaged
        file is left out.
        """
        return self._reader.page(self.position, after_seq, limit, prefix)

    def before(self, time: datetime) -> int:
        """Return the `seq` of the last event recorded before a time, by bisection; the one before the oldest held.

        Where the wall clock was set back meanwhile it is one of those at which that time was passed.
        """
        return self._reader.before(self.position, envelope_time(time))

    def since(self, after_seq: int) -> list[Message]:
        """Read back all events after `after_seq`, on the thread that records."""
        with contextlib.closing(Reader(self._folder, self.remarks.append)) as reader:
            found, after = list[Message](), after_seq
            while after < self.last_seq:
                page = reader.page(self.position, after, LIMIT_SEQS)
                found += page.messages
                after = page.through_seq
            return found

    def recover(self) -> None:
        """Take up the files again after a failed `record`, whatever became of them, and go on with the same numbers.

        `last_seq` says then how much of the failed group is on disk after all. What is damaged is set aside, as in
        `remarks`; a folder that is gone is made again.
        """
        known = KnownEvents(self.epoch, self.position, MappingProxyType(self._states))
        with worded(self._path):
            self.let_go()
            home.see_mounted(self._path, self._home)
            self._folder = JournalFolder(self._path)
            self._newest = self._take_up(known, lambda: known.epoch)
            self._home = home.found(self._folder)
            self._reader.look_in(self._folder)

    def let_go(self) -> None:
        """Hold nothing on the disk until `recover`: it can be unmounted, mended and mounted again."""
        with contextlib.suppress(apsw.Error):
            self._newest.close()
        self._folder.close()
        self._reader.let_go()

    def close(self) -> None:
        """Fold the write-ahead log into its file and let others open the journal; replay is not allowed any more."""
        with worded(self._path):
            try:
                self._reader.close()
                self._newest.close()
            finally:
                self._folder.close()

    # --- one group ------------------------------------------------------------------------------------------

    def _groups(self, events: Sequence[Data]) -> Iterator[tuple[list[Message], dict[str, int]]]:
        """Yield numbered messages and the topics' numbers after them, as much as one transaction may write."""
        time, topicseq = self._time() if events else "", dict(self.last_topicseq)
        group, size = list[Message](), 0
        for seq, data in enumerate(events, self.last_seq + 1):
            root = topic_root(data.topic)
            topicseq[root] = topicseq.get(root, 0) + 1
            group.append(envelope(self._source, self.epoch, data, time=time, seq=seq, topicseq=topicseq[root]))
            size += len(group[-1].payload)
            if size >= self._group_bytes:
                yield group, dict(topicseq)
                group, size = [], 0
        if group:
            yield group, topicseq

    def _commit(
        self, group: list[Message], events: Sequence[Data], topicseq: dict[str, int], states: Mapping[str, bytes]
    ) -> None:
        starts, last_seq, before = self.position
        is_begun = last_seq >= starts[-1]  # else the next file would have the name of this one
        if is_begun and self._folder.size_bytes(starts[-1]) >= self._segment_bytes:
            self._rotate()
            starts = self.position.starts
        segment = self._newest
        # Not `with segment`: apsw keeps the interpreter's lock while that commits, for a whole fsync; execute does not.
        segment.execute("BEGIN IMMEDIATE")
        try:
            rows = ((seq, *message) for seq, message in enumerate(group, last_seq + 1))
            segment.executemany("INSERT INTO event VALUES (?, ?, ?)", rows)
            index.enter(segment, enumerate(events, last_seq + 1))
            sums.enter(segment, last_seq + 1, group)
            segment.executemany(COUNT, topicseq.items() - before.items())
            segment.executemany(KEEP, [*states.items(), (LIFE, self._ages.state())])
            segment.execute("COMMIT")
        except BaseException:
            if segment.in_transaction:
                with contextlib.suppress(apsw.Error):
                    segment.execute("ROLLBACK")
            raise
        self._watch.leave_log(self._folder, starts[-1])
        self.position = JournalPosition(starts, last_seq + len(group), MappingProxyType(topicseq))
        self._states |= states

    def _fold(self) -> None:
        """Move a long write-ahead log into the database; a disk that cannot take it now may do later."""
        if self._log_pages >= CHECKPOINT_PAGES:
            with contextlib.suppress(apsw.Error):
                self._newest.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._log_pages = 0
            self._watch.leave(self._folder, self.position.starts[-1])

    def _adopt(self, segment: apsw.Connection) -> apsw.Connection:
        """Count the pages of a segment's log."""

        def count(_: apsw.Connection, schema: str, pages: int) -> int:
            self._log_pages = pages
            return apsw.SQLITE_OK

        self._log_pages = 0
        segment.set_wal_hook(count)
        return segment

    def _look_for_damage(self) -> None:
        """Write, and trust, no more in a file that another program damaged.

        Raises: Damaged where it holds nothing yet.
        """
        for start in self._watch.changed(self._folder, self.position.starts):
            file, is_written = self._folder.file(start), start == self.position.starts[-1]
            if is_written:  # what its log holds whole heals the file
                self._look_at_log(file)
                self._newest.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._watch.leave(self._folder, start)
            if not (found := faults(file) or (self._missing() if is_written else ())):
                continue
            words = f"{file}: was changed while the inspector runs, and is damaged: {' '.join(found[0].split())}"
            self.remarks.append(f"{words}. What is whole of it stays in replays")
            self._reader.distrust(start)
            if is_written and self.last_seq < start:
                raise Damaged(words)
            if is_written:
                self._rotate()

    def _missing(self) -> tuple[str, ...]:
        """Say what the file that is written has lost at its end, where nothing in it shows that."""
        ((last,),) = self._newest.execute("SELECT max(seq) FROM event")
        last_seq = last or self.position.starts[-1] - 1
        return () if last_seq == self.last_seq else (f"its last event is {last_seq}; expected {self.last_seq}",)

    def _look_at_log(self, file: Path) -> None:
        """See that SQLite may copy the log of the file that is written into it.

        Raises: Damaged where it was overwritten: `recover` takes up what is whole.
        """
        if self._log_pages <= whole_frames(log_file := log_of(file)):
            return
        self._reader.let_go()  # the last to close would copy it
        self._newest.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        raise Damaged(f"{log_file}: was changed while the inspector runs. Leave the folder to the inspector.")

    def _time(self) -> str:
        return envelope_time(self._clock_utc())

    # --- segments -------------------------------------------------------------------------------------------

    def _take_up(self, known: KnownEvents, new_epoch: Callable[[], str]) -> apsw.Connection:
        """Open the newest file, or begin one, and take over its numbers."""
        most_lost = (self._segment_bytes + self._group_bytes) // EVENT_BYTES
        (found, newest, _), remarks = resume(self._folder, most_lost, known)
        self.remarks += remarks
        self.epoch, self.position, self._states = found.epoch or new_epoch(), found.position, dict(found.states)
        self._ages.go_on(self._states.pop(LIFE, None))
        if newest is None:
            newest = self._begin()
        self._folder.watch(self.position.starts[-1])
        self._watch.leave(self._folder, *self.position.starts)
        return self._adopt(newest)

    def _begin(self) -> apsw.Connection:
        """Make the next segment, which takes over the numbers as they stand."""
        starts, last_seq, topicseq = self.position
        states = self._states | {LIFE: self._ages.state()}
        segment = self._folder.begin(last_seq + 1, self.epoch, topicseq, states)
        self.position = JournalPosition((*starts, last_seq + 1), last_seq, topicseq)
        self._ages.begin(starts)
        return segment

    def _rotate(self) -> None:
        """Begin the next segment, and close the one before, which folds its write-ahead log into it."""
        try:
            begun = self._begin()
        except (apsw.CantOpenError, OSError):
            if not starved():
                raise
            if not self._is_starved:
                log.warning("%s: no file descriptor left for the next file; the one before grows meanwhile", self._path)
            self._is_starved = True
            return
        self._is_starved = False
        before, self._newest = self._newest, self._adopt(begun)
        before.close()
        self._folder.watch(self.position.starts[-1])
        self._watch.leave(self._folder, *self.position.starts[-2:])
        self._retire()

    def _see_age(self) -> None:
        """Write no file for longer than a part of what is kept, and let go what is too old, however little comes."""
        starts, last_seq, _ = self.position
        if last_seq >= starts[-1] and self._ages.is_newest_long():
            self._rotate()
        elif starts[1:] and self._ages.is_old(starts[0]):
            self._retire()

    def _retire(self) -> None:
        """Unlink the oldest segments, so that one more and the last group still fit below the limits."""
        starts, last_seq, topicseq = self.position
        sizes = {start: self._folder.size_bytes(start) for start in starts}
        room_bytes = self._max_bytes - 2 * self._segment_bytes
        leaving = gone(sizes, self._ages.ended_s, room_bytes=room_bytes, since_s=self._ages.since_s)
        # Nobody asks for what is about to go.
        self.position = JournalPosition(tuple(start for start in starts if start not in leaving), last_seq, topicseq)
        for start in leaving:
            self._folder.unlink(start)
            self._ages.ended_s.pop(start, None)
