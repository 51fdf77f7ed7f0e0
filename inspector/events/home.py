"""Whether a journal's folder is the one that its events were recorded in, or a copy: a backup that was put back.

A copy gives numbers out again that readers have dealt with already, and nothing in it shows that. So a file in the
folder says which file it is: its inode and, where the file system has it, the inode's generation, which no copy keeps.
A snapshot of the whole disk keeps both, and is not noticed.

One that was moved to another disk looks the same: only who moved it knows, and says so (`move`).

Knows: one small file, and the folder's lock. Must not know: events, numbers.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
from pathlib import Path

from inspector import plain_file
from inspector.errors import JournalError
from inspector.events.segments import JournalFolder, worded

NAME = "home"
_GENERATION = 0x80087601
"""FS_IOC_GETVERSION of linux/fs.h."""


def is_copy(folder: Path) -> bool:
    """Whether the folder's mark was made for another file; a journal of 0.2, without one, is believed."""
    try:
        with plain_file.opened(folder / NAME) as file:
            return file.read(100) != _identity(file.fileno())
    except OSError:
        return False


def settle(folder: Path) -> None:
    """Mark the folder as the one that is written; on a disk that does not take it all stays as it was."""
    new = folder / f"{NAME}.new"
    with contextlib.suppress(OSError):
        new.unlink(missing_ok=True)
        with new.open("xb") as file:
            file.write(_identity(file.fileno()))
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / NAME)  # keeps the inode, and is whole after a power cut


def move(folder: Path) -> None:
    """Mark a folder as moved, not copied: what it holds is all that was recorded.

    Raises: JournalError where there is no journal, an inspector runs on it, or its disk does not take the mark.
    """
    if not any(folder.glob("events-*.sqlite")):
        raise JournalError(f"{folder}: holds no journal; expected its files, events-*.sqlite. Give its folder.")
    with worded(folder), contextlib.closing(JournalFolder(folder)):
        settle(folder)
    if is_copy(folder):
        raise JournalError(f"{folder / NAME}: cannot be written. Run it as the user that the inspector runs as.")


def _identity(descriptor: int) -> bytes:
    generation = array.array("l", [0])
    with contextlib.suppress(OSError):  # tmpfs has none, and uses no inode again
        fcntl.ioctl(descriptor, _GENERATION, generation)
    return b"%d %d\n" % (os.fstat(descriptor).st_ino, generation[0])
