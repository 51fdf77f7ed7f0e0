"""Frames on disk until they are recorded, so that a killed camera program can send them after its start.

A folder belongs to one camera program. /dev/shm is fast and outlives the program, though not the machine.

Knows: files. Must not know: sockets, what a frame shows.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from inspector.errors import Busy, InspectorError
from inspector.wire import Part

SUFFIX = ".frame"
"""Behind a frame's number."""
DAMAGED, FOREIGN = ".damaged", ".foreign"
"""Behind the name of a file that was set aside: it holds no frame, or another camera's."""


class Spool:
    """A file for each frame, named by the order in which they came: its header, a line end, its pixels.

    Raises: Busy when another program has the folder, until `close`; InspectorError where it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise InspectorError(f"{folder}: is no folder for frames: {error.strerror}. Give another spool.") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(held)
            raise Busy(
                f"{folder}: another camera program keeps its frames there. Stop it, or give another spool."
            ) from error
        self._folder, self._held = folder, [held]
        self._numbers = itertools.count(self._last() + 1)

    def load(self) -> Iterator[tuple[Path, list[Part]]]:
        """Yield what is there, the oldest first: its file, header and pixels."""
        for file in self._files():
            head, _, payload = file.read_bytes().partition(b"\n")
            yield file, [head, payload]

    def add(self, parts: Sequence[Part]) -> Path:
        """Write a frame; once it returns, an end of this program does not lose it.

        Raises: InspectorError when the disk does not take it.
        """
        file = self._folder / f"{next(self._numbers):016d}{SUFFIX}"
        unfinished = file.with_suffix(".part")
        try:
            with unfinished.open("wb") as out:
                out.write(bytes(parts[0]) + b"\n")
                out.write(parts[1])
            unfinished.rename(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise InspectorError(f"{file}: the frame cannot be kept: {error.strerror}. Make room there.") from error
        return file

    def set_aside(self, file: Path, why: str) -> Path:
        """Take a file that can never be sent out of the spool, and return what it is called now."""
        return file.rename(file.with_name(file.name + why))

    def close(self) -> None:
        """Let another program have the folder."""
        while self._held:
            os.close(self._held.pop())

    def remove(self, file: Path) -> None:
        """Let a frame go."""
        with contextlib.suppress(FileNotFoundError):
            file.unlink()

    def _last(self) -> int:
        """The last number that is taken, by a file that was set aside too: another would be named as it is."""
        numbers = (file.name.partition(".")[0] for file in self._folder.glob(f"*{SUFFIX}*"))
        return max((int(number) for number in numbers if number.isdecimal()), default=0)

    def _files(self) -> list[Path]:
        return sorted(file for file in self._folder.glob(f"*{SUFFIX}") if file.stem.isdecimal() and file.is_file())
