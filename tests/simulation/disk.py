"""A disk for the journal that knows what a power cut would leave, to the write and to the name.

What was written and not synced is lost or kept, each write by itself, in part too. A name is on disk once its folder
was synced, as POSIX says; names that came, changed and went since then are kept up to some point in their order.

Knows: SQLite's VFS, and the calls of `os` that the journal makes besides. Must not know: what is recorded.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from inspector.events.journal import Journal
from tests.simulation.line import Clocks, Setup
from tests.simulation.writer import Writer

SECTOR_BYTES = 512
"""What a disk writes whole."""


class File:
    """What a disk knows of one file, whatever its name is."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes | None]] = []
        """Writes (offset, bytes) and truncations (size, None) since the last sync."""

    def sync(self) -> None:
        """Have all of it on disk."""
        for offset, written in self.pending:
            _apply(self.durable, offset, written)
        self.pending.clear()

    def after_cut(self, chance: random.Random) -> bytes:
        """What is left of it."""
        content = bytearray(self.durable)
        for offset, written in self.pending:
            fate = chance.random()
            if fate < 0.45:
                continue
            _apply(content, offset, _torn(written, chance) if written is not None and fate > 0.9 else written)
        return bytes(content)


def _torn(written: bytes, chance: random.Random) -> bytes:
    return written[: chance.randrange(len(written) // SECTOR_BYTES + 1) * SECTOR_BYTES]


def _apply(content: bytearray, offset: int, written: bytes | None) -> None:
    if written is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(written)] = written


Names = dict[str, File]


class Disk(Writer, apsw.VFS):
    """The disk of one folder; files elsewhere are none of its business."""

    def __init__(self, folder: Path) -> None:
        super().__init__("simulated", base="unix", makedefault=True)
        self._root = str(folder)
        self.forget()

    def forget(self) -> None:
        """Begin with an empty folder, and power."""
        for left in Path(self._root).iterdir():
            _os["unlink"](left)
        self._names: Names = {}
        self._durable: Names = {}
        self._changes: list[Callable[[Names], None]] = []
        """Of names, since the folder was synced."""
        self.is_full = False
        self.start()

    def open(self, setup: Setup, clocks: Clocks, name: str) -> Journal:
        """Give a process its journal; `name` is the epoch, where none has begun."""
        folder, utc, max_mb = Path(self._root), clocks.utc, setup.journal_mb
        return Journal(folder, max_mb, "/inspector/l", utc, lambda: name, max_days=1, clock_s=clocks.monotonic_s)

    # --- what happens to it -----------------------------------------------------------------------------------

    def cut(self, chance: random.Random) -> None:
        """Cut the power, of a process that is dead: leave what a disk would hold then."""
        for change in self._changes[: chance.randint(0, len(self._changes))]:
            change(self._durable)
        left = {name: file.after_cut(chance) for name, file in self._durable.items() if not name.endswith("-shm")}
        for path in Path(self._root).iterdir():
            _os["unlink"](path)
        self._names = {}
        for name, content in left.items():
            Path(name).write_bytes(content)
            file = self._names[name] = File()
            file.durable[:] = content
        self._durable, self._changes = dict(self._names), []

    def file(self, name: str) -> File:
        """A file by its name, made where it is not there."""
        if name not in self._names:
            file = self._names[name] = File()
            self._change(lambda names: names.__setitem__(name, file))
        return self._names[name]

    def sync_names(self) -> None:
        """Have the folder on disk."""
        self._durable, self._changes = dict(self._names), []

    def _change(self, change: Callable[[Names], None]) -> None:
        self._changes.append(change)

    # --- SQLite's way to it -----------------------------------------------------------------------------------

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        if self.is_dead and self.holds(path) and not Path(path).exists():
            raise apsw.CantOpenError("the process is dead")
        return OpenFile(self, name, path, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        if self.passes():
            super().xDelete(filename, syncdir)
            self._gone(filename)

    # --- the rest ---------------------------------------------------------------------------------------------

    def holds(self, path: Any) -> bool:
        """Whether a path lies in its folder."""
        return isinstance(path, str | os.PathLike) and str(path).startswith(self._root)

    def rename(self, before: Any, after: Any) -> None:
        """Rename a file, as `os.rename`."""
        if not self.holds(before):
            _os["rename"](before, after)
        elif self.passes():
            _os["rename"](before, after)
            old, new = str(before), str(after)

            def move(names: Names) -> None:
                if old in names:
                    names[new] = names.pop(old)

            move(self._names)
            self._change(move)

    def unlink(self, path: Any, **facts: Any) -> None:
        """Remove a file, as `os.unlink`."""
        if not self.holds(path):
            _os["unlink"](path, **facts)
        elif self.passes():
            _os["unlink"](path, **facts)
            self._gone(str(path))

    def fsync(self, number: int) -> None:
        """Sync a folder or a file, as `os.fsync`: files that SQLite does not write are of no consequence here."""
        path = os.readlink(f"/proc/self/fd/{number}")
        if path == self._root and self.passes():
            self.sync_names()
        elif path in self._names and self.passes():
            self._names[path].sync()

    def statvfs(self, path: Any) -> os.statvfs_result:
        """As `os.statvfs`; a disk that is full is so of other files, which somebody can remove."""
        found: os.statvfs_result = _os["statvfs"](path)
        return os.statvfs_result((*found[:3], 0, 0, *found[5:])) if self.is_full and self.holds(path) else found

    def _gone(self, name: str) -> None:
        self._names.pop(name, None)

        def remove(names: Names) -> None:
            names.pop(name, None)

        self._change(remove)


class OpenFile(apsw.VFSFile):
    """A file as SQLite has it open."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, path: str, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk, self._name = disk, path
        self._file = disk.file(path) if disk.holds(path) else File()

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk.is_full and not self._disk.is_dead:
            raise apsw.FullError("full")
        if self._disk.passes():
            super().xWrite(data, offset)
            self._file.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        if self._disk.passes():
            super().xTruncate(newsize)
            self._file.pending.append((newsize, None))

    def xSync(self, flags: int) -> None:
        if self._disk.passes():
            self._file.sync()
            if self._name.endswith(("-wal", "-journal")):  # SQLite syncs the folder with the first sync of such a file
                self._disk.sync_names()


_os: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ("rename", "unlink", "fsync", "statvfs")}


@contextmanager
def simulated_disk(folder: Path) -> Iterator[Disk]:
    """The disk of a folder, for whatever opens files in it meanwhile."""
    disk = Disk(folder)
    try:
        for name in _os:
            setattr(os, name, getattr(disk, name))
        yield disk
    finally:
        for name, call in _os.items():
            setattr(os, name, call)
        disk.unregister()
