"""Files that are files: a pipe in the place of one has its reader wait for ever, and a device never ends.

And who may read them.

Knows: what the system says of a file. Must not know: what is in it.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def opened(path: Path) -> BinaryIO:
    """Open a file to be read.

    Raises: OSError, also for what is there and is no file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # of a pipe it would wait for a writer
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is a pipe or a device, and no file", str(path))


def read(path: Path) -> bytes:
    """Read a whole file.

    Raises: OSError as `opened`.
    """
    with opened(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Read a whole file of UTF-8 text; a byte order mark is left out.

    Raises: OSError as `opened`; UnicodeDecodeError.
    """
    return read(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def share(file: Path | int, like: os.stat_result) -> None:
    """Let whoever may read a file like that one read this, whatever the umask was: root writes what a service reads.

    Raises: OSError.
    """
    there = os.stat(file)
    if os.geteuid() == 0 and there.st_gid != like.st_gid:
        os.chown(file, -1, like.st_gid)
    mode = stat.S_IMODE(there.st_mode)
    if (shared := mode | like.st_mode & 0o444) != mode:
        os.chmod(file, shared)
