"""Frames of any size on an engine of one size: cut into overlapping tiles, and their maps stitched.

This is the one place that knows tiles. Each tile shows the network more than it answers for: where two overlap, each
has the half that lies nearer to its middle. A frame smaller than a tile is padded with its own mirror image, so that
the network sees no edge; nothing of the pad is returned. Of a plane that is mostly such images no distance is: the
picture is unlike all that was taught, however sound the strip.

Knows: sizes, pixels, maps. Must not know: cameras, millimetres, which engine it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.engines.segmenter import Segmenter, suspicious
from inspector.records.frame import Bytes2D, Bytes3D
from inspector.records.recipe import UNMEASURED, Maps, Recipe

OVERLAP_PX = 64
"""Pixels across by which neighbouring tiles overlap at least: what the network has to see around a pixel to know it.
Along the travel they need not: there frame follows frame, and no other camera's frames overlap either."""
Size = tuple[int, int]
"""Rows and pixels across."""
LEAST_SHARE = 1 / 3
"""Of a plane's rows, and of its pixels across. On sound strip `steel-fast` gives an eighth of the pixels distances of
1.2 to 1.6, and a quarter 0.9 to 1.1, where up to 1 is covered (LOG.md).
"""


class Tile(msgspec.Struct, frozen=True):
    """A window of a frame, and the part of it that its maps are used of; rows and columns of the frame."""

    top: int
    left: int
    first_row: int
    end_row: int
    first_px: int
    end_px: int


@cache
def tiles(frame: Size, plane: Size, overlap_px: int = OVERLAP_PX) -> tuple[Tile, ...]:
    """Cut a frame of one size into the fewest tiles of another, spread evenly; together they own each pixel once."""
    rows = list(_stretches(frame[0], plane[0], 0))
    columns = list(_stretches(frame[1], plane[1], overlap_px))
    return tuple(
        Tile(top, left, first_row, end_row, first_px, end_px)
        for top, first_row, end_row in rows
        for left, first_px, end_px in columns
    )


def is_mostly_mirrored(frame: Size, plane: Size) -> bool:
    """Whether a frame is so small that its mirror images are most of what the network sees."""
    return any(length < LEAST_SHARE * whole for length, whole in zip(frame, plane, strict=True))


def _stretches(length: int, tile: int, overlap_px: int) -> Iterator[tuple[int, int, int]]:
    """Yield along one axis where each tile begins, and the first and the end of what it owns."""
    overlap_px = min(overlap_px, tile // 2)
    count = max(1, -(-(length - overlap_px) // (tile - overlap_px)))
    starts = [round(place * (length - tile) / max(1, count - 1)) for place in range(count)]
    seams = [(start + tile + following) // 2 for start, following in pairwise(starts)]
    yield from zip(starts, [0, *seams], [*seams, length], strict=True)


class _Job(msgspec.Struct):
    """A batch of frames whose tiles are under way."""

    frames: Bytes3D
    labels: Bytes3D
    confidence: Bytes3D
    presence: NDArray[np.float32]
    left: int
    """Tiles without a result."""


class _Piece(msgspec.Struct):
    """One tile of one frame."""

    job: _Job
    frame: int
    size: Size
    tile: Tile


class Tiled:
    """A `Segmenter` for frames of other sizes than its engine's; `max_planes` is what the engine takes at once."""

    def __init__(self, engine: Segmenter, recipe: Recipe, frame: Size, max_planes: int) -> None:
        """`frame` is the size of the largest frame."""
        self.engine = engine
        self.name, self.facts, self.in_flight = engine.name, engine.facts, engine.in_flight
        self._plane, self._frame, self._most = (recipe.height, recipe.width), frame, max_planes
        self._thresholds = np.array([kind.threshold for kind in recipe.classes], np.float32)
        self._columns = recipe.columns
        self._jobs: deque[_Job] = deque()
        self._waiting: deque[_Piece] = deque()
        self._begun: deque[list[_Piece]] = deque()

    def buffer(self, frames: int) -> Bytes3D:
        """Return ordinary memory: the tiles that are cut from it lie near the engine."""
        return np.empty((frames, *self._frame), np.uint8)

    def submit(self, frames: Bytes3D, sizes: Iterable[Size] | None = None) -> None:
        """Begin to assess `(N, H, W) uint8`; `sizes`: rows and columns of each that are a frame."""
        count = len(frames)
        shape = (count, *frames.shape[1:])
        presence = np.zeros((count, self._columns), np.float32)
        presence[:, len(self._thresholds) :] = UNMEASURED
        job = _Job(frames, np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), presence, 0)
        for number, size in enumerate(sizes or [self._frame] * count):
            pieces = [_Piece(job, number, size, tile) for tile in tiles(size, self._plane)]
            self._waiting.extend(pieces)
            job.left += len(pieces)
        self._jobs.append(job)
        self._pump()

    def result(self) -> Maps:
        """Wait for the oldest submitted batch; the maps have its frames' shape.

        Raises: EngineError.
        """
        job = self._jobs[0]
        while job.left:
            self._pump()
            maps = self.engine.result()
            self._stitch(self._begun.popleft(), maps)
        self._pump()
        self._jobs.popleft()
        return Maps(job.labels, job.confidence, job.presence)

    def memory(self) -> dict[str, int]:
        """Return the engine's."""
        return self.engine.memory()

    def close(self) -> None:
        """Close the engine."""
        self._jobs.clear()
        self._waiting.clear()
        self.engine.close()

    def _pump(self) -> None:
        """Keep the engine busy: cut as many tiles as it takes."""
        while self._waiting and len(self._begun) < self.engine.in_flight:
            pieces = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            planes = self.engine.buffer(len(pieces))[: len(pieces)]
            for plane, piece in zip(planes, pieces, strict=True):
                rows, columns = piece.size
                _cut(piece.job.frames[piece.frame, :rows, :columns], piece.tile, plane)
            self.engine.submit(planes)
            self._begun.append(pieces)

    def _stitch(self, pieces: Sequence[_Piece], maps: Maps) -> None:
        """Put the maps of tiles where they belong; those in which no class reaches its threshold are 0."""
        for place, piece in enumerate(pieces):
            job, tile, presence = piece.job, piece.tile, maps.presence[place]
            job.left -= 1
            if is_mostly_mirrored(piece.size, self._plane):
                presence = presence.copy()
                presence[len(self._thresholds) :] *= 0
                presence[len(self._thresholds) :] += UNMEASURED  # what is no number stays none
            # A frame is as far from what was taught as the farthest of its tiles; what is no number stays none.
            np.maximum(job.presence[piece.frame], presence, out=job.presence[piece.frame])
            if not suspicious(presence[None], self._thresholds):
                continue
            rows, columns = slice(tile.first_row, tile.end_row), slice(tile.first_px, tile.end_px)
            inside = (
                slice(tile.first_row - tile.top, tile.end_row - tile.top),
                slice(tile.first_px - tile.left, tile.end_px - tile.left),
            )
            job.labels[piece.frame, rows, columns] = maps.labels[place][inside]
            job.confidence[piece.frame, rows, columns] = maps.confidence[place][inside]


def _cut(frame: Bytes2D, tile: Tile, plane: Bytes2D) -> None:
    """Copy a tile of a frame into a plane; what lies beyond the frame is its mirror image."""
    rows, columns = plane.shape
    top, left = max(0, tile.top), max(0, tile.left)
    seen = frame[top : top + rows, left : left + columns]
    if seen.shape == plane.shape:
        np.copyto(plane, seen)
        return
    below, right = rows - seen.shape[0], columns - seen.shape[1]
    plane[:] = cv2.copyMakeBorder(seen, 0, below, 0, right, cv2.BORDER_REFLECT_101)
