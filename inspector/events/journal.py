"""The journal: every event is on disk before anyone hears it.

Laws: `record` returns only when its events would survive a power cut, all of one call or none. `seq`, and
`topicseq` within each topic root, count from 1 without a hole for as long as the epoch lasts: over restarts,
crashes and rotation. What is replayed is, byte for byte, what was recorded. One process at a time. The oldest
events go first, whole files at a time, because a full disk refuses DELETE but not unlink.

Knows: the envelope, the folder's files, SQLite. Must not know: sockets, who listens, what a defect means.
Everything here belongs to one thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import apsw

from inspector.errors import JournalError
from inspector.records.events import CONTRACT, Data, Event, Heartbeat, write_event

APPLICATION_ID = 0x1A5BEC70  # marks our files to `file` and to us
SCHEMA_VERSION = 1
SCHEMA = f"""
CREATE TABLE journal (epoch TEXT NOT NULL) STRICT;
CREATE TABLE counter (root TEXT PRIMARY KEY, topicseq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE event (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL) STRICT;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""
COUNT = "INSERT INTO counter VALUES (?, ?) ON CONFLICT (root) DO UPDATE SET topicseq = excluded.topicseq"
REPLAY = """SELECT seq, topic, payload FROM event
WHERE seq > ?1 AND seq <= ?2 AND substr(topic, 1, length(?3)) = ?3 ORDER BY seq LIMIT ?4"""

SEGMENT_FILES = "events-*.sqlite"
SEGMENTS = 16  # files in a full journal: the least part of it that retention takes away
SCAN_SEQS = 4096  # read in one replay at most, 2 MB or so: a rare topic must not hold up the line
CHECKPOINT_PAGES = 128  # of 4 KiB: keeps the write-ahead log no larger than the smallest segment
BUSY_MS = 1000  # patience with somebody's SQLite shell


class Message(NamedTuple):
    """An event as it is journalled, replayed and published."""

    topic: str
    payload: bytes
    """The Event, as JSON."""


class Replay(NamedTuple):
    """Events read back, in order of `seq`."""

    messages: tuple[Message, ...]
    through_seq: int
    """Nothing asked for and still held is missing up to here; ask on from here."""


def topic_root(topic: str) -> str:
    """First word of a topic with its dot, by which `topicseq` counts: `defect.` of `defect.patches`."""
    return topic[: topic.index(".") + 1]


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
    ) -> None:
        self._path = path
        self._max_bytes = max_mb * 2**20
        self._source = source
        self._clock_utc = clock_utc
        self._topicseq: dict[str, int] = {}
        self.epoch = ""
        self.last_seq = 0
        with _worded(path):
            if not path.is_dir():
                path.mkdir(parents=True)
                _sync(path.parent)
            self._lock = _lock(path)
            try:
                self._starts = sorted(int(file.stem.split("-")[1]) for file in path.glob(SEGMENT_FILES))
                self._newest = self._resume() or self._begin(new_epoch())
                self._retire()
            except BaseException:
                os.close(self._lock)
                raise

    @property
    def first_seq(self) -> int:
        """Oldest `seq` still held; `last_seq` + 1 when none is."""
        return self._starts[0]

    @property
    def last_topicseq(self) -> Mapping[str, int]:
        """Last `topicseq` of each topic root."""
        return MappingProxyType(self._topicseq)

    def record(self, said: Sequence[Data]) -> tuple[Message, ...]:
        """Number what was said, put it on disk in one transaction, and return it as it is to be published."""
        assert not any(isinstance(data, Heartbeat) for data in said), "a heartbeat is never journalled"
        if not said:
            return ()
        with _worded(self._path):
            if self._bytes_of(self._starts[-1]) >= self._max_bytes // SEGMENTS:
                self._rotate()
            time, topicseq = self._time(), dict(self._topicseq)
            rows = []
            for seq, data in enumerate(said, self.last_seq + 1):
                root = topic_root(data.topic)
                topicseq[root] = topicseq.get(root, 0) + 1
                rows.append((seq, self._envelope(data, time, seq, topicseq[root])))
            with self._newest:  # a transaction
                self._newest.executemany(
                    "INSERT INTO event VALUES (?, ?, ?)", ((seq, *message) for seq, message in rows)
                )
                self._newest.executemany(COUNT, topicseq.items() - self._topicseq.items())
        self._topicseq = topicseq
        self.last_seq += len(rows)
        return tuple(message for _, message in rows)

    def heartbeat(self) -> Message:
        """Say how far the numbers go; neither numbered nor journalled itself."""
        data = Heartbeat(last_seq=self.last_seq, last_topicseq=self._topicseq)
        return self._envelope(data, self._time(), seq=0, topicseq=0)

    def replay(self, after_seq: int, limit: int, prefix: str = "") -> Replay:
        """Read back at most `limit` events after `after_seq` whose topics begin with `prefix`.

        Looks at no more than SCAN_SEQS events, so ask again until `through_seq` is `last_seq`.
        """
        assert limit > 0
        after = max(after_seq, self.first_seq - 1)
        through = min(self.last_seq, after + SCAN_SEQS)
        found: list[tuple[int, str, bytes]] = []
        for start, next_start in zip(self._starts, [*self._starts[1:], self.last_seq + 1], strict=True):
            if next_start <= after + 1 or start > through or len(found) == limit:
                continue
            with _worded(self._path), self._reading(start) as segment:
                found += segment.execute(REPLAY, (after, through, prefix, limit - len(found)))
        if found and len(found) == limit:
            through = found[-1][0]
        return Replay(tuple(Message(topic, payload) for _, topic, payload in found), through)

    def close(self) -> None:
        """Fold the write-ahead log into its file and let others open the journal."""
        with _worded(self._path):
            self._newest.close()
            os.close(self._lock)

    def _envelope(self, data: Data, time: str, seq: int, topicseq: int) -> Message:
        event = Event(
            id=f"{self.epoch}-{seq or f'0-{time}'}",
            source=self._source,
            type=data.topic,
            time=time,
            subject=data.subject,
            contract=CONTRACT,
            epoch=self.epoch,
            seq=seq,
            topicseq=topicseq,
            data=data,
        )
        return Message(event.type, write_event(event))

    def _time(self) -> str:
        return self._clock_utc().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # --- segments ---------------------------------------------------------------------------------------

    def _file(self, start: int) -> Path:
        return self._path / f"events-{start:012d}.sqlite"

    def _bytes_of(self, start: int) -> int:
        file, size = self._file(start), 0
        for part in (file, file.with_name(file.name + "-wal")):
            with contextlib.suppress(FileNotFoundError):
                size += part.stat().st_size
        return size

    def _resume(self) -> apsw.Connection | None:
        """Open the newest segment and take up its numbers; None where there is none."""
        while self._starts:
            segment = _open_to_write(self._file(self._starts[-1]))
            if segment is not None:
                ((self.epoch,),) = segment.execute("SELECT epoch FROM journal")
                self._topicseq = dict(segment.execute("SELECT root, topicseq FROM counter"))
                ((last,),) = segment.execute("SELECT max(seq) FROM event")
                self.last_seq = last or self._starts[-1] - 1
                assert self.last_seq == sum(self._topicseq.values()), "an event has one seq and one topicseq"
                return segment
            self._unlink(self._starts.pop())  # the process died while it made this file
        return None

    def _begin(self, epoch: str) -> apsw.Connection:
        """Make the next segment, which takes over the numbers as they stand."""
        start = self.last_seq + 1
        self.epoch = epoch
        segment = apsw.Connection(str(self._file(start)))
        _make_durable(segment)
        with segment:
            segment.execute(SCHEMA)
            segment.execute("INSERT INTO journal VALUES (?)", (epoch,))
            segment.executemany(COUNT, self._topicseq.items())
        self._starts.append(start)
        _sync(self._path)
        return segment

    def _rotate(self) -> None:
        """Close the newest segment, which folds its write-ahead log into it, and begin the next."""
        self._newest.close()
        self._retire()
        self._newest = self._begin(self.epoch)

    def _retire(self) -> None:
        """Unlink the oldest segments, so that one more and the last group still fit below the limit."""
        sizes = {start: self._bytes_of(start) for start in self._starts}
        room = self._max_bytes - 2 * (self._max_bytes // SEGMENTS)
        while len(self._starts) > 1 and sum(sizes.values()) > room:
            oldest = self._starts.pop(0)
            self._unlink(oldest)
            del sizes[oldest]

    def _unlink(self, start: int) -> None:
        file = self._file(start)
        for part in (file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")):
            part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _reading(self, start: int) -> Iterator[apsw.Connection]:
        if start == self._starts[-1]:
            yield self._newest
            return
        older = apsw.Connection(str(self._file(start)), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            yield older
        finally:
            older.close()


def _open_to_write(file: Path) -> apsw.Connection | None:
    """Open a segment; None when it is an empty database."""
    segment = apsw.Connection(str(file))
    ((application_id,),) = segment.execute("PRAGMA application_id")
    ((version,),) = segment.execute("PRAGMA user_version")
    ((tables,),) = segment.execute("SELECT count(*) FROM sqlite_schema")
    if tables == 0:
        segment.close()
        return None
    if (application_id, version) != (APPLICATION_ID, SCHEMA_VERSION):
        segment.close()
        raise JournalError(
            f"{file}: is an SQLite file marked {application_id:#x} version {version}; expected a journal, "
            f"{APPLICATION_ID:#x} version {SCHEMA_VERSION}. "
            "Give another folder as journal.path, or use the program that wrote this one."
        )
    _make_durable(segment)
    return segment


def _make_durable(segment: apsw.Connection) -> None:
    segment.set_busy_timeout(BUSY_MS)
    ((mode,),) = segment.execute("PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise JournalError(
            f"{segment.filename}: this file system allows no write-ahead log (journal_mode is {mode}). "
            "Put journal.path on a local disk."
        )
    segment.execute("PRAGMA synchronous = FULL")  # NORMAL loses acknowledged events in a power cut
    segment.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def _lock(path: Path) -> int:
    """Take the folder for this process, until it ends however it ends."""
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        os.close(lock)
        raise JournalError(
            f"{path}: is in use by process {holder or '?'}; expected one inspector to a journal. "
            "Stop that process, or give this line its own journal.path."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _sync(folder: Path) -> None:
    """Put the names in a folder on disk: they need an fsync of their own."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _worded(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into a JournalError that says what to do."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise JournalError(f"{path}: {error}. {_advice(error)}") from error


def _advice(error: Exception) -> str:
    match error:
        case apsw.FullError() | OSError(errno=errno.ENOSPC):
            return "The disk is full: free space on it, or lower journal.max_mb."
        case apsw.NotADBError() | apsw.CorruptError():
            return "This is no journal, or a damaged one: move it away, and a new one (a new epoch) begins."
        case apsw.BusyError() | apsw.LockedError():
            return "Another program holds it open for writing: close that one."
        case apsw.ReadOnlyError() | PermissionError() | apsw.CantOpenError() | OSError():
            return "Give a folder as journal.path that this user may write to."
        case _:
            return "Check the disk (`dmesg`); what was recorded before is kept."
