"""Whether a journal's folder is the one that its events were recorded in, or a copy: a backup that was put back.

A copy gives numbers out again that readers have dealt with already, and nothing in it shows that. So a file in the
folder says which file it is: its inode and, where the file system has it, the inode's generation, which no copy keeps.
A snapshot of the whole disk keeps both, and is not noticed.

Knows: one small file. Must not know: events, numbers.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
from pathlib import Path

from inspector import plain_file

NAME = "home"
SKIPPED = 10**9
"""Numbers of each topic that a line can have given out since the copy was made: 100 a second for 115 days."""
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


def _identity(descriptor: int) -> bytes:
    generation = array.array("l", [0])
    with contextlib.suppress(OSError):  # tmpfs has none, and uses no inode again
        fcntl.ioctl(descriptor, _GENERATION, generation)
    return b"%d %d\n" % (os.fstat(descriptor).st_ino, generation[0])
