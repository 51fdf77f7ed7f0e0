"""Which folder is the archive: the one that this process took, not what lies there while its disk is unmounted.

Below a mount point there is a folder too. What is written there fills another disk, and is hidden once the first is
mounted again; an archive may lie there, begun at such a time, or left as it was copied to its disk. So who holds an
archive writes an id of its own into the lock's file, and looks for that under its name before each write.

Knows: one small file and its lock. Must not know: what an archive holds.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from contextlib import suppress
from pathlib import Path

LOCK = "archive.lock"
MOST_ID = 64
"""Bytes."""


class NotHere(OSError):
    """Another folder lies where the archive was."""


class Hold:
    """An archive's folder, made where there is none, held by this process from construction to `close`.

    Raises: BlockingIOError where another process holds it; OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: int | None = None
        self._id = b""
        self._stat = os.stat_result((0,) * 10)
        """Of the lock's file, as it was taken last."""
        self._take()

    def see_here(self) -> bool:
        """See that the archive lies there, and take it again after `let_go`; whether its lock is another file now.

        A folder that somebody removed is made again.

        Raises: NotHere where its disk is not mounted, or another archive lies there; OSError.
        """
        before = self._stat
        if self._lock is not None:
            with suppress(FileNotFoundError, NotADirectoryError):
                if os.path.samestat(os.stat(self._folder / LOCK), before):
                    return False
            self.let_go()
        self._take()
        return not os.path.samestat(self._stat, before)

    def let_go(self) -> None:
        """Hold nothing: its disk can be unmounted, mended and mounted again."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def _take(self) -> None:
        makes = not self._id or _device(self._folder) == self._stat.st_dev
        if makes:
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if makes else 0), 0o644)
        except FileNotFoundError as error:
            raise NotHere("its disk is not mounted") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BlockingIOError(error.errno, "another inspector writes there") from error
            found = os.read(lock, MOST_ID)
            own = self._id or uuid.uuid4().hex.encode()
            if not self._id or (makes and not found):
                os.ftruncate(lock, 0)
                os.pwrite(lock, own, 0)
            elif found != own:
                raise NotHere("another archive lies there")
        except BaseException:
            os.close(lock)
            raise
        self._lock, self._id, self._stat = lock, own, os.fstat(lock)


def _device(folder: Path) -> int:
    """The disk of a folder, or of the nearest there is above it."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir()).stat().st_dev
