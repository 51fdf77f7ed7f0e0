"""What the archive's strip picture has of a coil: which tiles there are, and where they lie.

Laws: the archive is read, never changed; it may be written meanwhile. A tile that cannot be read is left out.

Knows: the tiles' files. Must not know: HTTP, how a page draws them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from inspector.archive.tiles import STRIP, TileName, facts_of, names
from inspector.records.strip_tile import TILE_PX, StripTile

NEAR_S = 30.0
"""How far the clock of the archive's tiles and that of a coil's events may be apart: one machine's, but not at once."""
FEWER = 2.0
"""A picture whose pixels are this many times as large as the screen's is fine enough."""
REMEMBERED = 20_000
"""Tiles whose facts are not read twice."""


class BackdropTile(msgspec.Struct, frozen=True, array_like=True):
    """A tile as the page's script draws it."""

    image: str
    """Its file, from the archive's folder."""
    version: str
    """Another once the file is."""
    side: str
    mm_per_px: float
    start_mm: float
    left_mm: float
    own_left_mm: float
    own_right_mm: float
    known_mm: tuple[tuple[float, float], ...]


class Backdrop:
    """Reads the tiles of one archive; remembers what they say."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], StripTile | None] = {}

    def tiles(
        self,
        archive: Path,
        coil: str,
        span_mm: tuple[float, float],
        screen_mm: float,
        passed: tuple[str, str] = ("", ""),
    ) -> list[BackdropTile]:
        """Tiles that show a stretch of a coil, the oldest first, on a screen whose pixels cover so much strip.

        `passed`: when the coil began and ended, RFC 3339; empty where that is not known, or not yet so.
        """
        from_ms, to_ms = (_unix_ms(text, near_s) for text, near_s in zip(passed, (-NEAR_S, NEAR_S), strict=True))
        held = [
            (path, name)
            for path, name in names(archive, coil)
            if (from_ms is None or name.begun_ms >= from_ms) and (to_ms is None or name.begun_ms <= to_ms)
        ]
        level = fitting({name.mm_per_px for _, name in held}, screen_mm)
        shown = [(path, name) for path, name in held if name.mm_per_px == level and _lies_in(name, span_mm)]
        shown.sort(key=lambda tile: (tile[1].begun_ms, tile[1].index))
        return [tile for path, _ in shown if (tile := self._tile(archive, path))]

    def _tile(self, archive: Path, path: Path) -> BackdropTile | None:
        try:
            version = f"{path.stat().st_mtime_ns:x}"
        except OSError:  # it went meanwhile
            return None
        key = str(path), version
        if key not in self._facts:
            while len(self._facts) >= REMEMBERED:
                self._facts.pop(next(iter(self._facts)), None)
            self._facts[key] = facts_of(path)
        facts = self._facts.get(key)
        if facts is None:
            return None
        return BackdropTile(
            image=str(path.relative_to(archive)),
            version=version,
            side=facts.side,
            mm_per_px=facts.mm_per_px,
            start_mm=facts.start_mm,
            left_mm=facts.left_mm,
            own_left_mm=facts.own_left_mm,
            own_right_mm=facts.own_right_mm,
            known_mm=facts.known_mm,
        )


def fitting(sizes_mm: Iterable[float], screen_mm: float) -> float | None:
    """The largest size of pixels that is fine enough for a screen, else the smallest that there is."""
    sizes = sorted(sizes_mm)
    return max((size for size in sizes if size <= FEWER * screen_mm), default=sizes[0] if sizes else None)


def picture(archive: Path, name: str) -> Path | None:
    """The file of a tile, by its name as `tiles` gave it; None when it is no tile of this archive."""
    try:
        path = (archive / name).resolve()
        is_tile = path.is_relative_to((archive / STRIP).resolve()) and path.suffix == ".jpg" and path.is_file()
    except (OSError, ValueError):
        return None
    return path if is_tile else None


def _lies_in(name: TileName, span_mm: tuple[float, float]) -> bool:
    begin_mm, length_mm = name.index * TILE_PX * name.mm_per_px, TILE_PX * name.mm_per_px
    return begin_mm < span_mm[1] and begin_mm + length_mm > span_mm[0]


def _unix_ms(text: str, add_s: float) -> float | None:
    try:
        return (datetime.fromisoformat(text) + timedelta(seconds=add_s)).timestamp() * 1000
    except (ValueError, OverflowError):
        return None
