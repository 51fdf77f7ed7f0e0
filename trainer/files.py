"""Files that are either old or new, never half of each, and folders that one program writes into."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inspector import plain_file
from trainer.errors import UserError

PNG = b"\x89PNG"
"""How a picture of ours begins."""


def refuse_foreign(path: Path, begins: bytes = b"") -> None:
    """Refuse to replace what is no file, or a file that does not begin as ours do; an empty one is nobody's.

    Raises: UserError.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise UserError(f"{path}: is no file; expected a file's name. Correct it.")
    with path.open("rb") as file:
        found = file.read(len(begins))
    if found and found != begins:
        raise UserError(
            f"{path}: stands there already and is not what this command writes; expected another name, or none of that "
            "name. Correct it, or move that file away."
        )


@contextmanager
def replace_file(path: Path, begins: bytes = b"") -> Iterator[Path]:
    """Lend a temporary path next to `path`; at the end what was written there is synced and takes its place.

    Who could read the file before can read it after. After an exception `path` is as it was. Survives a kill and, on a
    file system that keeps rename order, a power cut.

    Raises:
        UserError: what stands there is no file, or does not begin with `begins` as ours do.
    """
    refuse_foreign(path, begins)
    path = path.resolve()  # a link goes on pointing there
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            if path.exists():
                plain_file.share(file.fileno(), path.stat())
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _clear(folder: Path) -> None:
    """Remove temporary files of programs that no longer run: a kill leaves a checkpoint's whole size each time."""
    for path in folder.glob(".*.tmp"):
        match = re.fullmatch(r"\..+\.(\d{1,9})\.tmp", path.name)
        if match and path.is_file() and not _is_running(int(match[1])):
            path.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        pass
    return True


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keep a folder, made if need be, to this program until the end; a kill lets go of it.

    What was made here goes again where an error leaves nothing in it; what a killed program was writing goes at once.
    A file system that knows no locks cannot tell, and then nothing is held.

    Raises:
        UserError: another program holds it.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:
            os.close(held)
            raise UserError(
                f"{folder}: another trainer writes into it; expected one at a time. Wait until that has ended, or give "
                "another folder (--out)."
            ) from None
    else:
        _clear(folder)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # not empty
            for place in made:
                place.rmdir()
        raise
    finally:
        os.close(held)
