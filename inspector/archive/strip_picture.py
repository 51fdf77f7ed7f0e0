"""The decimated picture of the strip under construction: frames' small pictures on a raster of each coil. Stateful.

Laws: a pixel of the raster is the average of what was seen on its square of strip, to within a pixel of the small
pictures, which are no larger. What was seen once stays: strip that comes by again changes nothing in a tile
that is open. Where nothing was seen a tile says so. Clocks are passed in.

Knows: small pictures and where they lie. Must not know: files, threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.records.frame import Bytes2D
from inspector.records.stages import Swath
from inspector.records.strip_tile import TILE_PX, StripTile

MOST_ROWS = 65_000
"""Of a camera's tile: libjpeg takes 65 500."""
COARSE = 8
"""A second picture has pixels this many times as large: of a whole coil it takes a 64th."""
AT_ONCE, DRAW_S = 32, 0.25
"""Pictures that are drawn at once, and how long one waits for others."""
APART_MM = 0.05
"""What begins so near to the end of another follows it."""
WRITE_S = 0.4, 2.0
"""How often an open tile is written, of the fine picture and of the coarse one."""
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 70]
NEAR_MM = 1e-6


class PlacedSwath(msgspec.Struct, frozen=True, eq=False):
    """A frame's small picture, and where on which coil it lies."""

    swath: Swath
    camera: str
    coil: str
    side: str
    start_mm: float

    @property
    def end_mm(self) -> float:
        """Where it ends."""
        return self.start_mm + self.swath.length_mm


class DrawnTile(msgspec.Struct, frozen=True, eq=False):
    """A tile as it stands, ready to be written."""

    facts: StripTile
    index: int
    """Its place on the raster: whole tiles between the coil's head and its first column."""
    jpeg: bytes


class OpenTile:
    """A tile under construction: sums of what was seen, and how much of each column was."""

    def __init__(self, placed: PlacedSwath, index: int, mm_per_px: float, begun: datetime, now_s: float) -> None:
        swath = placed.swath
        self.placed, self.index, self.mm_per_px, self.begun = placed, index, mm_per_px, begun
        self.first_row = math.floor(swath.own_left_mm / mm_per_px + NEAR_MM)
        self.rows = max(1, math.ceil(swath.own_right_mm / mm_per_px - NEAR_MM) - self.first_row)
        self._sums = np.zeros((self.rows, TILE_PX), np.float32)
        self._weights = np.zeros(TILE_PX, np.float32)
        self._known: list[tuple[float, float]] = []
        self.written_s, self.is_changed = now_s, False

    @property
    def start_mm(self) -> float:
        """Where its first column begins."""
        return self.index * TILE_PX * self.mm_per_px

    def takes(self, placed: PlacedSwath) -> bool:
        """Whether a picture is of the same coil, side and field of view."""
        mine, its = self.placed, placed
        return (mine.coil, mine.side, _span(mine.swath)) == (its.coil, its.side, _span(its.swath))

    def add(self, placed: PlacedSwath) -> None:
        """Draw what of a picture lies here, as far as it was not seen before."""
        swath, end_mm = placed.swath, self.start_mm + TILE_PX * self.mm_per_px
        span = max(self.start_mm, placed.start_mm), min(end_mm, placed.end_mm)
        rows_mm = np.arange(self.first_row, self.first_row + self.rows + 1, dtype=np.float64) * self.mm_per_px
        seen = integrals(swath.pixels.T.astype(np.float64), swath.left_mm, swath.right_mm, rows_mm)
        widths_mm = np.diff(np.clip(rows_mm, swath.left_mm, swath.right_mm))
        seen /= np.maximum(widths_mm, NEAR_MM)[:, None]
        for from_mm, to_mm in unknown(self._known, *span):
            first = max(0, math.floor((from_mm - self.start_mm) / self.mm_per_px + NEAR_MM))
            last = min(TILE_PX, math.ceil((to_mm - self.start_mm) / self.mm_per_px - NEAR_MM))
            columns_mm = np.clip(self.start_mm + np.arange(first, last + 1) * self.mm_per_px, from_mm, to_mm)
            self._sums[:, first:last] += integrals(seen.T, placed.start_mm, placed.end_mm, columns_mm).T
            self._weights[first:last] += np.diff(columns_mm)
            self._known = joined([*self._known, (from_mm, to_mm)])
            self.is_changed = True

    def draw(self, line: str) -> DrawnTile:
        """Make a file of what was seen so far."""
        seen = np.flatnonzero(self._weights > 0)
        first, last = int(seen[0]), int(seen[-1]) + 1
        picture = np.rint(self._sums[:, first:last] / np.maximum(self._weights[first:last], 1e-9)).astype(np.uint8)
        facts = StripTile(
            line=line,
            coil=self.placed.coil,
            side=self.placed.side,
            camera=self.placed.camera,
            begun=self.begun.isoformat(timespec="milliseconds"),
            mm_per_px=self.mm_per_px,
            start_mm=round(self.start_mm + first * self.mm_per_px, 6),
            left_mm=round(self.first_row * self.mm_per_px, 6),
            own_left_mm=round(self.placed.swath.own_left_mm, 3),
            own_right_mm=round(self.placed.swath.own_right_mm, 3),
            known_mm=tuple(
                (round(from_mm, 3), round(to_mm, 3)) for from_mm, to_mm in joined(self._known, self.mm_per_px)
            ),
        )
        return DrawnTile(facts, self.index, commented(picture, msgspec.json.encode(facts)))


class StripPicture:
    """Takes small pictures in, and gives tiles out: each while it grows now and then, and once it is full."""

    def __init__(self, line: str, mm_per_px: float, clock_utc: Callable[[], datetime]) -> None:
        self._line, self._clock_utc = line, clock_utc
        self._levels = tuple(zip((mm_per_px, COARSE * mm_per_px), WRITE_S, strict=True))
        self._open: dict[tuple[str, float], dict[int, OpenTile]] = {}
        """Tiles under construction by camera and size of pixels, then by their place."""
        self._waiting: dict[str, list[PlacedSwath]] = {}
        """Pictures by camera that follow one another, and are drawn at once: one costs nearly as much as many."""
        self._drawn_s: dict[str, float] = {}

    def add(self, placed: PlacedSwath, now_s: float) -> Iterator[DrawnTile]:
        """Take a picture in; yield the tiles that are known to be full."""
        waiting = self._waiting.setdefault(placed.camera, [])
        if waiting and not follows(waiting, placed):
            yield from self._draw(placed.camera, now_s)
        waiting.append(placed)
        if len(waiting) >= AT_ONCE:
            yield from self._draw(placed.camera, now_s)

    def _draw(self, camera: str, now_s: float) -> Iterator[DrawnTile]:
        """Draw what waits of a camera."""
        placed = together(self._waiting[camera])
        self._waiting[camera].clear()
        self._drawn_s[camera] = now_s
        for mm_per_px, _ in self._levels:
            tiles = self._open.setdefault((placed.camera, mm_per_px), {})
            tile_mm = TILE_PX * mm_per_px
            first = math.floor(placed.start_mm / tile_mm + NEAR_MM)
            last = math.ceil(placed.end_mm / tile_mm - NEAR_MM)
            for index in [index for index, tile in tiles.items() if not (first <= index < last and tile.takes(placed))]:
                yield from self._drawn([tiles.pop(index)], now_s)
            for index in range(first, last):
                if index not in tiles:
                    tiles[index] = OpenTile(placed, index, mm_per_px, self._clock_utc(), now_s)
                tiles[index].add(placed)

    def due(self, now_s: float) -> Iterator[DrawnTile]:
        """Yield open tiles that have changed and were not written lately."""
        for camera, waiting in self._waiting.items():
            if waiting and now_s - self._drawn_s.get(camera, -math.inf) >= DRAW_S:
                yield from self._draw(camera, now_s)
        for (_, mm_per_px), tiles in self._open.items():
            each_s = dict(self._levels)[mm_per_px]
            yield from self._drawn([tile for tile in tiles.values() if now_s - tile.written_s >= each_s], now_s)

    def last(self) -> Iterator[DrawnTile]:
        """Yield what is open, and forget it."""
        for camera in [camera for camera, waiting in self._waiting.items() if waiting]:
            yield from self._draw(camera, 0.0)
        tiles = [tile for group in self._open.values() for tile in group.values()]
        self._open.clear()
        yield from self._drawn(tiles, 0.0)

    @property
    def is_changed(self) -> bool:
        """Whether a picture waits, or a tile has changed since it was written."""
        return any(self._waiting.values()) or any(
            tile.is_changed for tiles in self._open.values() for tile in tiles.values()
        )

    def _drawn(self, tiles: list[OpenTile], now_s: float) -> Iterator[DrawnTile]:
        for tile in tiles:
            if tile.is_changed:
                tile.is_changed, tile.written_s = False, now_s
                yield tile.draw(self._line)


def follows(waiting: list[PlacedSwath], placed: PlacedSwath) -> bool:
    """Whether a picture goes on where those that wait end, of the same camera as it saw then."""
    first, swath = waiting[0], placed.swath
    end_mm = first.start_mm + sum(earlier.swath.length_mm for earlier in waiting)
    row_mm, own_mm = (shown.length_mm / len(shown.pixels) for shown in (first.swath, swath))
    return (
        (first.coil, first.side, _span(first.swath)) == (placed.coil, placed.side, _span(swath))
        and first.swath.pixels.shape[1] == swath.pixels.shape[1]
        and math.isclose(row_mm, own_mm, rel_tol=1e-6)
        and abs(placed.start_mm - end_mm) <= APART_MM
    )


def together(waiting: list[PlacedSwath]) -> PlacedSwath:
    """Pictures that follow one another as one."""
    first = waiting[0]
    if len(waiting) == 1:
        return first
    pixels = np.concatenate([placed.swath.pixels for placed in waiting])
    length_mm = sum(placed.swath.length_mm for placed in waiting)
    return msgspec.structs.replace(
        first, swath=msgspec.structs.replace(first.swath, pixels=pixels, length_mm=length_mm)
    )


def integrals(cells: NDArray[np.float64], begin: float, end: float, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """What lies between neighbouring edges (E) of N equal cells from `begin` to `end`: (E - 1, ...) of (N, ...).

    Value times length: beyond the cells there is nothing.
    """
    count, length = len(cells), (end - begin) / len(cells)
    places = np.clip((edges - begin) / length, 0, count)
    below = np.minimum(places.astype(np.intp), count - 1)
    heights = np.concatenate([np.zeros_like(cells[:1]), np.cumsum(cells, axis=0)])
    return np.diff(heights[below] + (places - below)[:, None] * cells[below], axis=0) * length


def joined(stretches: list[tuple[float, float]], apart_mm: float = NEAR_MM) -> list[tuple[float, float]]:
    """Stretches in their order, those that lie no farther apart made one."""
    found: list[tuple[float, float]] = []
    for from_mm, to_mm in sorted(stretches):
        if found and from_mm <= found[-1][1] + apart_mm:
            found[-1] = found[-1][0], max(found[-1][1], to_mm)
        else:
            found.append((from_mm, to_mm))
    return found


def unknown(known: list[tuple[float, float]], from_mm: float, to_mm: float) -> list[tuple[float, float]]:
    """What of a stretch lies in none of those that are known, in their order."""
    found: list[tuple[float, float]] = []
    for start_mm, end_mm in known:
        if end_mm <= from_mm or start_mm >= to_mm:
            continue
        if start_mm - from_mm > NEAR_MM:
            found.append((from_mm, start_mm))
        from_mm = max(from_mm, end_mm)
    return [*found, (from_mm, to_mm)] if to_mm - from_mm > NEAR_MM else found


def commented(picture: Bytes2D, comment: bytes) -> bytes:
    """A JPEG of a grey picture with a comment in it (ITU-T T.81, B.2.4.5: COM behind the start of the image)."""
    is_made, jpeg = cv2.imencode(".jpg", picture, QUALITY)
    assert is_made, "8-bit grey pixels make a JPEG"
    encoded = jpeg.tobytes()
    return encoded[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + encoded[2:]


def _span(swath: Swath) -> tuple[float, ...]:
    return swath.left_mm, swath.right_mm, swath.own_left_mm, swath.own_right_mm
