"""A reader's cursor: the last event of a journal that it has dealt with, in a file that survives a kill.

Knows: one small file and its lock, and when to write it. Must not know: events, who reads.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from datetime import datetime
from pathlib import Path

import msgspec

from inspector import plain_file
from inspector.errors import EXIT_CONFIG, Busy, InspectorError

KEEP_S = 0.2
"""How often a place is written down: after a kill, what came since then comes again."""


class Cursor(msgspec.Struct, frozen=True):
    """An event of one journal."""

    epoch: str
    """The journal's identity."""
    seq: int
    """Number of the last event that needs no sending any more."""
    time: str = ""
    """When that event was sent: one of this number and a later time is another. Empty where nobody knows: where it was
    not seen, as a heartbeat alone led past it, and in what 0.2 kept.
    """

    def is_at(self, other: Cursor) -> bool:
        """Whether both are of the same place."""
        return (self.epoch, self.seq) == (other.epoch, other.seq)


class CursorError(InspectorError):
    """The file with the cursor cannot be used."""

    exit_code = EXIT_CONFIG


class CursorFile:
    """Reads and writes the cursor; one process at a time, from construction to `close`.

    Raises: Busy when another reader has it; CursorError when it holds something else, or cannot be reached.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._lock = path.with_name(f"{path.name}.lock").open("w")
        except OSError as error:
            raise CursorError(
                f"{path}: cannot be written: {error.strerror}. Give a file in a folder of ours."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise Busy(f"{path}: another reader keeps its cursor there. Stop it, or give another file.") from error
        try:
            self.cursor = self._read()
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Let another reader have it."""
        self._lock.close()

    def keep(self, cursor: Cursor) -> None:
        """Replace the cursor on disk: there is the old one or the new one, whatever happens meanwhile.

        Raises: InspectorError when the disk does not take it.
        """
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(cursor))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise InspectorError(
                f"{self._path}: the cursor cannot be written: {error.strerror}. Make room, or give another file; what "
                "came since it was written last comes again."
            ) from error
        self.cursor = cursor

    def _read(self) -> Cursor | None:
        """Return the cursor; None where none is kept."""
        try:
            return msgspec.json.decode(plain_file.read(self._path), type=Cursor)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CursorError(f"{self._path}: cannot be read: {error.strerror}. Mend its rights.") from error
        except ValueError as error:
            raise CursorError(
                f"{self._path}: holds no cursor in a journal: {error}. Remove it, and say where to begin."
            ) from error


class KeptPlace:
    """How far a reader has come, written to its file now and then; without a file it is only noted.

    Raises: what CursorFile does.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = CursorFile(path) if path is not None else None
        self.cursor = self._file.cursor if self._file is not None else None
        """Up to where all was dealt with."""
        self._kept_s = -KEEP_S

    def note(self, cursor: Cursor) -> None:
        """Note that all was dealt with up to this event, itself included; the time of a place is that noted first."""
        if self.cursor is None or not self.cursor.is_at(cursor):
            self.cursor = cursor

    def keep_at_times(self) -> None:
        """Write the place down, unless that was done a moment ago."""
        if time.monotonic() - self._kept_s >= KEEP_S:
            self.keep()

    def keep(self) -> None:
        """Write the place down. Raises: InspectorError when the disk does not take it."""
        self._kept_s = time.monotonic()
        if self._file is not None and self.cursor is not None and self.cursor != self._file.cursor:
            self._file.keep(self.cursor)

    def close(self) -> None:
        """Write the place down, and let another reader have the file. Raises: as `keep`."""
        try:
            self.keep()
        finally:
            self.release()

    def release(self) -> None:
        """Let another reader have the file, as it is; never raises."""
        if self._file is not None:
            self._file.close()


def place(after: tuple[str | None, int] | Cursor | None, since: int | datetime | None) -> tuple[str | None, int] | None:
    """Return epoch and number of what was dealt with, if it is known by its number."""
    if isinstance(after, Cursor):
        return after.epoch, after.seq
    if after is None and isinstance(since, int):
        return None, max(0, since - 1)
    return after
