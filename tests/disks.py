"""A disk for SQLite that fills up, and that knows what a power cut would leave."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw


class FailingDisk(apsw.VFS):
    """SQLite's door to the disk: fills up on request, and knows what a power cut would leave of each file."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__("failing", base="unix", makedefault=True)
        self.chance = chance
        self.is_full = False
        self.fills_until: Callable[[], bool] | None = None
        """It is full until this is true."""
        self.fills_after: int | None = None
        """It is full after N more writes."""
        self.durable: dict[str, bytes] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        """Writes (offset, bytes) and truncations (size, None) since the last fsync."""
        self.acknowledged = 0
        self.cuts: list[tuple[int, dict[str, bytes]]] = []
        """What was acknowledged when the power went, and the files then."""

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        opened_file = FailingFile(self, name, flags)
        self.follow(f"{opened_file.name}.new", opened_file.name)
        return opened_file

    def follow(self, before: str, name: str) -> None:
        """Take what is known of a file along to the name that it has now."""
        if before in self.durable and not Path(before).exists():
            self.durable[name], self.pending[name] = self.durable.pop(before), self.pending.pop(before)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)
        self.pending.pop(filename, None)

    def sync(self, name: str) -> None:
        self.durable[name] = self.after_cut(name, loses=lambda: False)
        self.pending[name] = []

    def after_cut(self, name: str, loses: Callable[[], bool]) -> bytes:
        content = bytearray(self.durable.get(name, b""))
        for offset, written in self.pending.get(name, ()):
            if loses():
                continue
            if written is None:
                del content[offset:]
                continue
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(written)] = written
        return bytes(content)

    def before_a_write(self) -> None:
        """Refuse where the disk is full."""
        if self.fills_after is not None:
            self.fills_after -= 1
            if self.fills_after == 0:
                self.is_full, self.fills_after = True, None
        if self.is_full or (self.fills_until is not None and not self.fills_until()):
            raise apsw.FullError("full")

    def maybe_cut(self) -> None:
        if self.chance.random() < 0.08:
            names = [name for name in self.durable | self.pending if Path(name).exists()]
            files = {name: self.after_cut(name, lambda: self.chance.random() < 0.5) for name in names}
            self.cuts.append((self.acknowledged, files))


class FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self.disk = disk
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.before_a_write()
        super().xWrite(data, offset)
        self.disk.pending.setdefault(self.name, []).append((offset, bytes(data)))
        self.disk.maybe_cut()

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self.disk.pending.setdefault(self.name, []).append((newsize, None))

    def xSync(self, flags: int) -> None:
        self.disk.maybe_cut()
        super().xSync(flags)
        self.disk.sync(self.name)
        self.disk.maybe_cut()


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    """The disk of every SQLite connection opened meanwhile."""
    disk = FailingDisk(random.Random(7))
    try:
        yield disk
    finally:
        disk.unregister()
