"""Whether a journal's folder is the one that its events were recorded in, or a copy: a backup that was put back.

A copy gives numbers out again that readers have dealt with already, and nothing in it shows that. So a file in the
folder says which file it is: its inode and, where the file system has it, the inode's generation, which no copy keeps.
A snapshot of the whole disk keeps both, and is not noticed.

One that was moved to another disk looks the same: only who moved it knows, and says so (`move`).

Below a mount point there may be a folder with a journal, too: one that was left there when it was copied to its disk.
So where the disk is another than before, the mark must be the one that was made on it.

Knows: one small file, and the folder's lock. Must not know: events, numbers.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
from pathlib import Path
from typing import NamedTuple

from inspector import plain_file
from inspector.errors import JournalError
from inspector.events.segments import OURS, JournalFolder, worded

NAME = "home"
_GENERATION = 0x80087601
"""FS_IOC_GETVERSION of linux/fs.h."""


class Home(NamedTuple):
    """Where a journal was found as it was taken up."""

    device: int
    mark: bytes
    """Empty where the disk took none."""


def found(folder: JournalFolder) -> Home:
    """Where a journal lies now."""
    return Home(folder.stat.st_dev, _mark(folder.path))


def see_mounted(path: Path, home: Home) -> None:
    """See that a folder is not one where the journal's disk was mounted before, with an older copy of it or without.

    Raises: JournalError when it is.
    """
    if next(place for place in (path, *path.parents) if place.is_dir()).stat().st_dev == home.device:
        return
    if path.is_dir() and any(OURS.fullmatch(file.name) for file in path.iterdir()) and _mark(path) == home.mark:
        return
    raise JournalError(
        f"{path}: the disk of the journal is not mounted here any more. Mount it; or restart the inspector to go on "
        "without it."
    )


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


def _mark(folder: Path) -> bytes:
    try:
        with plain_file.opened(folder / NAME) as file:
            return file.read(100)
    except OSError:
        return b""


def _identity(descriptor: int) -> bytes:
    generation = array.array("l", [0])
    with contextlib.suppress(OSError):  # tmpfs has none, and uses no inode again
        fcntl.ioctl(descriptor, _GENERATION, generation)
    return b"%d %d\n" % (os.fstat(descriptor).st_ino, generation[0])
