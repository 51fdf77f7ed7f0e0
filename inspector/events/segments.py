"""The journal's files: SQLite databases named after the first number in them, of which the newest is written.

Laws: what is not named like ours is left alone. A file gets its name once it is whole, so that an empty one under such
a name was emptied by another program: it is set aside, never removed.
One process at a time holds the folder itself, so that no name in it can be taken away to let another one in.

Knows: SQLite, the folder. Must not know: what an event is, sockets.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import apsw

from inspector.errors import DiskFull, JournalError
from inspector.events import index, sums
from inspector.events.retention import LIFE, life_s

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
STAGES = "CREATE TABLE IF NOT EXISTS stage (name TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID"
KEEP = "INSERT INTO stage VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state"
OURS = re.compile(r"events-(\d{12})\.sqlite")
SIDES = ("", "-wal", "-shm")
"""Further files that belong to a database file."""
MAKING, ASIDE = ".new", ".damaged"
"""Behind the name of a file that is not whole yet, and of one that was set aside."""
CHECKPOINT_PAGES = 128  # of 4 KiB: keeps the write-ahead log no larger than the smallest segment
BUSY_MS = 1000  # patience with somebody's SQLite shell


class Damaged(JournalError):
    """A file of ours whose content contradicts itself."""


class JournalFolder:
    """The journal's folder, made when it is not there, and held by this process until `close`.

    Raises: JournalError when another process holds it; OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_dir():
            path.mkdir(parents=True)
            _sync(path.parent)
        self._held: int | None = _hold(path)
        self.stat = os.fstat(self._held)
        """Which folder it is, and on which disk."""
        self._names: dict[int, Path] = {}
        self._written: dict[Path, int] = {}
        """Inode of each file of the newest segment."""
        for left in path.glob(f"events-*.sqlite{MAKING}*"):  # by a process that died while it made it
            left.unlink()

    def close(self) -> None:
        """Let others in."""
        if self._held is not None:
            os.close(self._held)
        self._held = None

    def starts(self) -> list[int]:
        """First numbers of the segments that are there, in order."""
        return sorted(int(ours[1]) for file in self.path.iterdir() if (ours := OURS.fullmatch(file.name)))

    def file(self, start: int) -> Path:
        """Name of the segment whose first number is `start`."""
        if start not in self._names:
            self._names[start] = self.path / f"events-{start:012d}.sqlite"
        return self._names[start]

    def size_bytes(self, start: int) -> int:
        """Size of a segment with its write-ahead log."""
        size = 0
        for side in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                size += _side(self.file(start), side).stat().st_size
        return size

    def lives(self, starts: Iterable[int]) -> dict[int, float]:
        """How long the journal had been written when each segment was written last, seconds; those that say it."""
        lives = dict[int, float]()
        for start in starts:
            with contextlib.suppress(apsw.Error), contextlib.closing(read_only(self.file(start))) as segment:
                for (state,) in segment.execute("SELECT state FROM stage WHERE name = ?", (LIFE,)):
                    lives[start] = life_s(state)
        return lives

    def unlink(self, start: int) -> None:
        """Remove a segment."""
        for side in SIDES:
            _side(self.file(start), side).unlink(missing_ok=True)

    def is_emptied(self, start: int) -> bool:
        """Whether nothing is left of a segment."""
        return self.file(start).stat().st_size == 0

    def set_aside(self, start: int) -> Path:
        """Take a segment out of the journal, and return what it is called now."""
        file = self.file(start)
        aside = file.with_name(file.name + ASIDE)
        for number in itertools.count(2):
            if not aside.exists():
                break
            aside = file.with_name(f"{file.name}{ASIDE}{number}")
        for side in SIDES:
            with contextlib.suppress(FileNotFoundError):
                _side(file, side).rename(_side(aside, side))
        _sync(self.path)
        return aside

    def begin(self, start: int, epoch: str, counts: Mapping[str, int], states: Mapping[str, bytes]) -> apsw.Connection:
        """Make a segment that takes over the numbers, and the stages' states, as they stand."""
        file = self.file(start)
        making = file.with_name(file.name + MAKING)
        try:
            with contextlib.closing(apsw.Connection(str(making))) as made:
                made.execute("PRAGMA synchronous = FULL")
                made.execute("BEGIN IMMEDIATE")
                made.execute(SCHEMA)
                made.execute("INSERT INTO journal VALUES (?)", (epoch,))
                made.executemany(COUNT, counts.items())
                made.execute(STAGES)
                made.executemany(KEEP, states.items())
                made.execute(index.TABLES)
                made.execute(sums.TABLE)
                made.execute("COMMIT")
            making.rename(file)
            _sync(self.path)
            segment = apsw.Connection(str(file))
            try:
                make_durable(segment)
                segment.execute("SELECT count(*) FROM stage").fetchall()  # makes the write-ahead log, which is watched
            except BaseException:
                segment.close()
                raise
        except BaseException:
            with contextlib.suppress(OSError):
                making.unlink(missing_ok=True)
                self.unlink(start)
            raise
        return segment

    def see_here(self) -> None:
        """See that it can be found under its name, also once it is let go.

        Raises: JournalError when its disk was unmounted, or another folder put in its place.
        """
        with contextlib.suppress(OSError):
            if os.path.samestat(self.path.stat(), self.stat):
                return
        raise JournalError(
            f"{self.path}: is not the journal's folder at present. Mount its disk; what it holds can be asked for then."
        )

    def watch(self, start: int) -> None:
        """Remember which files are written from now on."""
        files = (_side(self.file(start), side) for side in SIDES)
        self._written = {file: file.stat().st_ino for file in files}

    def check(self) -> None:
        """Find out whether what is written can still be found under its name.

        Raises: JournalError when a file that is in use, or the folder, was removed or replaced.
        """
        assert self._held is not None, "it is closed"
        for path, inode in ((self.path, self.stat.st_ino), *self._written.items()):
            try:
                found = path.stat().st_ino
            except FileNotFoundError:
                found = 0
            if found != inode:
                raise JournalError(
                    f"{path}: was {'replaced' if found else 'removed'} while the inspector writes to it; what it "
                    "records would be lost. Leave the folder to the inspector; stop it before you move or restore it."
                )


def read_only(file: Path) -> apsw.Connection:
    """Open a file to read; without its write-ahead log where it has none, so that reading makes no files."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    if not log_of(file).exists():
        uri += "&immutable=1"
    return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def open_to_write(file: Path) -> apsw.Connection | None:
    """Open a segment; None when it is an empty database.

    What a process that was killed had written and not synced is taken up, so it is put on disk first. Its write-ahead
    log ends there: in the next one no frame of a commit that a power cut had torn is left.

    Raises: JournalError when it is another journal's; apsw.Error; OSError.
    """
    with contextlib.suppress(FileNotFoundError):
        _sync(log_of(file), os.O_RDWR)
        _sync(file.parent)
    segment = apsw.Connection(str(file))
    try:
        ((application_id,),) = segment.execute("PRAGMA application_id")
        ((version,),) = segment.execute("PRAGMA user_version")
        ((tables,),) = segment.execute("SELECT count(*) FROM sqlite_schema")
        if tables == 0:
            segment.close()
            return None
        if (application_id, version) != (APPLICATION_ID, SCHEMA_VERSION):
            raise JournalError(
                f"{file}: is an SQLite file marked {application_id:#x} version {version}; expected a journal, "
                f"{APPLICATION_ID:#x} version {SCHEMA_VERSION}. "
                "Give another folder as journal.path, or use the program that wrote this one."
            )
        make_durable(segment)
        segment.execute(STAGES)  # a journal of 0.1 has none
        segment.execute(sums.TABLE)  # nor one of 0.2
        index.prepare(segment, writable=True)
        _end_log(segment)
    except BaseException:
        segment.close()
        raise
    return segment


def _end_log(segment: apsw.Connection) -> None:
    with contextlib.suppress(apsw.FullError, apsw.IOError):  # the journal folds it, once there is room
        segment.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def numbers(segment: apsw.Connection, start: int) -> tuple[str, int, dict[str, int]]:
    """Return a segment's epoch, last number and last number of each topic root.

    Raises: Damaged when its pages or its numbers contradict each other; apsw.Error.
    """
    for (fault,) in segment.execute("PRAGMA quick_check(1)"):
        if fault != "ok":
            raise Damaged(f"{segment.filename}: {fault}")
    epochs = [epoch for (epoch,) in segment.execute("SELECT epoch FROM journal")]
    counts = dict(segment.execute("SELECT root, topicseq FROM counter"))
    ((last, held),) = segment.execute("SELECT max(seq), count(*) FROM event")
    last = last or start - 1
    if len(epochs) != 1 or last != sum(counts.values()) or held != last - start + 1:
        raise Damaged(
            f"{held} events up to {last}, {len(epochs)} epochs, and topics that count {sum(counts.values())} events; "
            f"expected {last - start + 1} events, 1 epoch and the same count: rows were changed"
        )
    return epochs[0], last, counts


def changed(segment: apsw.Connection) -> tuple[str, str]:
    """Say which event is not as it was recorded, and which checksums; empty where none. Raises: apsw.Error."""
    found = sums.Sums(segment)
    event = found.first_damaged(segment.execute("SELECT seq, topic, payload FROM event ORDER BY seq"))
    row = next(iter(found.changed_to_the_end()), None)
    return (
        "" if event is None else sums.CHANGED.format(event),
        "" if row is None else sums.ROW_CHANGED.format(row),
    )


def epoch_of_events(segment: apsw.Connection) -> str | None:
    """Return the epoch that the last event names; None where there is none. Raises: apsw.Error."""
    named = "SELECT json_extract(CAST(payload AS TEXT), '$.epoch') FROM event ORDER BY seq DESC LIMIT 1"
    return next((None if epoch is None else str(epoch) for (epoch,) in segment.execute(named)), None)


def make_durable(segment: apsw.Connection) -> None:
    """Have every commit survive a power cut.

    Raises: JournalError where the file system cannot do that.
    """
    segment.set_busy_timeout(BUSY_MS)
    ((mode,),) = segment.execute("PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise JournalError(
            f"{segment.filename}: this file system allows no write-ahead log (journal_mode is {mode}). "
            "Put journal.path on a local disk."
        )
    segment.execute("PRAGMA synchronous = FULL")  # NORMAL loses acknowledged events in a power cut
    segment.execute("PRAGMA wal_autocheckpoint = 0")  # the journal folds it, and knows so when the database changes


@contextlib.contextmanager
def worded(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system report into a JournalError that says what to do."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        is_full = isinstance(error, apsw.FullError) or getattr(error, "errno", None) == errno.ENOSPC
        raise (DiskFull if is_full else JournalError)(f"{path}: {error}. {_advice(error, path)}") from error


def starved() -> bool:
    """Whether this process has no file descriptor left, as when a peer opens connections without end."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def _is_read_only(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return False


def _advice(error: Exception, path: Path) -> str:
    match error:
        case apsw.FullError() | OSError(errno=errno.ENOSPC):
            return "The disk is full: free space on it, or lower journal.max_mb."
        case apsw.ReadOnlyError() | OSError(errno=errno.EROFS) if _is_read_only(path):
            return "The file system is read-only: mount it to be written to. `dmesg` says why it became so."
        case apsw.NotADBError() | apsw.CorruptError() | apsw.SQLError():
            return "This is no journal, or a damaged one: move it away, and a new one (a new epoch) begins."
        case apsw.BusyError() | apsw.LockedError():
            return "Another program holds it open for writing: close that one."
        case apsw.ReadOnlyError() | PermissionError() | apsw.CantOpenError() | OSError():
            return "Give a folder as journal.path that this user may write to."
        case _:
            return "Check the disk (`dmesg`); what was recorded before is kept."


def log_of(file: Path) -> Path:
    """A segment's write-ahead log."""
    return _side(file, "-wal")


def _side(file: Path, side: str) -> Path:
    return file.with_name(file.name + side)


def _hold(path: Path) -> int:
    """Take the folder for this process, until it ends however it ends."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(os.fstat(folder))
        os.close(folder)
        raise JournalError(
            f"{path}: is in use by {holder}; expected one inspector to a journal. "
            "Stop that process, or give this line its own journal.path."
        ) from None
    except OSError:
        os.close(folder)
        raise
    return folder


def _holder(folder: os.stat_result) -> str:
    """Name the process that holds a folder, as far as the kernel shows it."""
    place = f"{os.major(folder.st_dev):02x}:{os.minor(folder.st_dev):02x}:{folder.st_ino}"
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[1:2] == ["FLOCK"] and place in words:
                return f"process {words[4]}"
    return "another process"


def _sync(path: Path, flags: int = os.O_RDONLY | os.O_DIRECTORY) -> None:
    """Put a file on disk, or the names in a folder: they need an fsync of their own."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
