"""Frames on disk until they are recorded, so that a killed camera program can send them after its start.

A folder belongs to one camera. /dev/shm is fast and outlives the program, though not the machine.

Knows: files. Must not know: sockets, what a frame shows.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from inspector.wire import Part

SUFFIX = ".frame"


class Spool:
    """A file for each frame, named by the order in which they came: its header, a line end, its pixels."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._numbers = itertools.count(max((int(file.stem) for file in self._files()), default=0) + 1)

    def load(self) -> Iterator[tuple[Path, list[Part]]]:
        """Yield what is there, the oldest first: its file, header and pixels."""
        for file in self._files():
            head, _, payload = file.read_bytes().partition(b"\n")
            yield file, [head, payload]

    def add(self, parts: Sequence[Part]) -> Path:
        """Write a frame; once it returns, an end of this program does not lose it."""
        file = self._folder / f"{next(self._numbers):016d}{SUFFIX}"
        unfinished = file.with_suffix(".part")
        with unfinished.open("wb", buffering=0) as out:
            out.write(bytes(parts[0]) + b"\n")
            out.write(parts[1])
        unfinished.rename(file)
        return file

    def remove(self, file: Path) -> None:
        """Let a frame go."""
        with contextlib.suppress(FileNotFoundError):
            file.unlink()

    def _files(self) -> list[Path]:
        return sorted(file for file in self._folder.glob(f"*{SUFFIX}") if file.stem.isdigit())
