"""A file of blocks kept for a full disk: given up, it leaves room to record that the disk is full, and what follows.

Knows: one file in the journal's folder. Must not know: SQLite, what is recorded.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

log = logging.getLogger("inspector")

NAME = "ballast"
MOST_BYTES = 16 * 2**20
"""Some 30 000 events."""
FREE_TIMES = 4
"""It is laid again once this many times its size is free: a disk that is full would be full again at once."""


def size_bytes(max_bytes: int) -> int:
    """Size of the ballast of a journal that may take `max_bytes`, of which it is a part."""
    return min(MOST_BYTES, max_bytes // 32)


class Ballast:
    """The ballast of one folder; a disk that cannot spare it goes without."""

    def __init__(self, folder: Path, size: int) -> None:
        self._file = folder / NAME
        self._size = size

    def __str__(self) -> str:
        return str(self._file)

    @property
    def full_bytes(self) -> int:
        """Size of it when it is laid."""
        return self._size

    @property
    def size_bytes(self) -> int:
        """Disk space of it now."""
        try:
            facts = self._file.lstat()
        except OSError:
            return 0
        return facts.st_blocks * 512 if stat.S_ISREG(facts.st_mode) else 0  # a link to another file is no ballast

    @property
    def is_laid(self) -> bool:
        """Whether it is there, whole."""
        return self.size_bytes >= self._size

    def lay(self) -> bool:
        """Take the blocks, where the disk can well spare them; return whether they are taken."""
        if self.is_laid:
            return True
        try:
            disk = os.statvfs(self._file.parent)
            if disk.f_bavail * disk.f_frsize < FREE_TIMES * self._size:
                return False
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(self._file, flags, 0o644), "wb") as file:  # never through a link, or into a pipe
                os.posix_fallocate(file.fileno(), 0, self._size)
                os.fsync(file.fileno())
        except OSError as error:
            log.warning("%s: no ballast for a full disk: %s", self._file, error.strerror)
            self.give_up()
            return False
        return True

    def give_up(self) -> bool:
        """Free the blocks; return whether there were any."""
        was_laid = self.is_laid
        try:
            self._file.unlink(missing_ok=True)
        except OSError:
            return False
        return was_laid
