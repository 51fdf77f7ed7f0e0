"""The files of the strip picture in an archive's folder, bounded by size and age.

    strip/DAY/COIL/SIDE_MM_INDEX_BEGUN_CAMERA.jpg      its facts are the JPEG's comment

DAY is when it was begun (UTC), COIL and CAMERA are escaped as in a URL, MM is the size of a pixel, INDEX the tile's
place along the coil, BEGUN when it was begun, UNIX ms.

Laws: a file is whole or not there. The oldest go first. One process writes; readers check all they read.

Knows: files. Must not know: threads, the line, how a tile is drawn.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import msgspec

from inspector.archive.files import DAY_S, PART, TRIMMED, disk_bytes, entries, oldest, remove, under, write
from inspector.archive.settings import ArchiveSection
from inspector.archive.steady import SteadyClock
from inspector.records.names import file_name
from inspector.records.strip_tile import StripTile
from inspector.words import counted

if TYPE_CHECKING:  # who reads tiles draws none, and loads nothing that does
    from inspector.archive.strip_picture import DrawnTile

log = logging.getLogger("inspector")

STRIP = "strip"
MOST_COMMENT = 65_537
"""Bytes up to the end of the comment."""


class TileName(msgspec.Struct, frozen=True):
    """What the name of a tile's file says."""

    side: str
    mm_per_px: float
    index: int
    begun_ms: int
    camera: str

    def __str__(self) -> str:
        return f"{self.side}_{self.mm_per_px:.12g}_{self.index}_{self.begun_ms}_{quote(self.camera, safe='')}.jpg"


class TileStore:
    """The strip picture of an archive that this process writes."""

    def __init__(
        self,
        section: ArchiveSection,
        clock_utc: Callable[[], datetime],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._section = Path(section.path) / STRIP, section
        self._steady = SteadyClock(clock_utc, clock_s)
        self.bytes = 0
        """Disk space of all tiles, once they were counted."""

    def count(self) -> None:
        """Find out how much space the tiles take; remove what a process left that ended while it wrote.

        Raises: OSError.
        """
        taken = 0
        for folder in under(self._folder, "*", "*"):
            for file in entries(folder):
                if file.name.endswith(PART):
                    remove(folder / file.name)
                elif file.name.endswith(".jpg"):
                    taken += disk_bytes(file)
        self.bytes = taken

    def add(self, tile: DrawnTile) -> None:
        """Write a tile in place of its earlier state; the oldest go where there is no room.

        Raises: OSError.
        """
        begun = datetime.fromisoformat(tile.facts.begun)
        folder = self._folder / begun.strftime("%Y-%m-%d") / file_name(tile.facts.coil)
        folder.mkdir(parents=True, exist_ok=True)
        facts = tile.facts
        name = TileName(facts.side, facts.mm_per_px, tile.index, round(begun.timestamp() * 1000), facts.camera)
        path = folder / str(name)
        before = disk_bytes(path)
        write(path, tile.jpeg)
        self.bytes += disk_bytes(path) - before
        most_bytes = self._section.strip_max_gb * 1e9
        if self.bytes > most_bytes:
            self._make_room(TRIMMED * most_bytes)

    def age(self) -> None:
        """Remove what is older than it may become, by a clock that goes on as time does.

        Raises: OSError.
        """
        now_s, looks = self._steady.look()
        days, gone = self._section.strip_max_days, 0
        for path, written_s in oldest(self._folder, "*.jpg") if looks else ():
            if written_s >= now_s - days * DAY_S:
                break
            self.bytes -= remove(path)
            gone += 1
        if gone:
            log.info("archive: %s of the strip picture removed, older than %g days", counted(gone, "tile"), days)

    def _make_room(self, to_bytes: float) -> None:
        self.count()  # somebody may have made room by hand
        for path, _ in oldest(self._folder, "*.jpg"):
            if self.bytes <= to_bytes:
                return
            self.bytes -= remove(path)


def names(archive: Path, coil: str) -> Iterator[tuple[Path, TileName]]:
    """Yield the tiles' files of a coil's name, of all its passages, in no particular order."""
    for path in under(archive / STRIP, "*", file_name(coil), "*.jpg"):
        if name := parsed(path.name):
            yield path, name


def parsed(name: str) -> TileName | None:
    """What a file's name says; None where it is no tile's."""
    parts = name.removesuffix(".jpg").split("_", 4)
    try:
        side, mm_per_px, index, begun_ms, camera = parts
        return TileName(side, float(mm_per_px), int(index), int(begun_ms), unquote(camera))
    except ValueError:
        return None


def facts_of(path: Path) -> StripTile | None:
    """Read what a tile says of itself; None where it is gone, damaged or of another version."""
    try:
        with path.open("rb") as file:
            head = file.read(MOST_COMMENT)
        length = int.from_bytes(head[4:6], "big")
        if head[:4] != b"\xff\xd8\xff\xfe" or len(head) < 4 + length:
            return None
        return msgspec.json.decode(head[6 : 4 + length], type=StripTile)
    except (OSError, ValueError):
        return None
