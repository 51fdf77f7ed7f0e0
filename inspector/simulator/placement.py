"""Where the objects of an endless coil lie: drawn block by block, so that any block can be had alone.

Laws: an object starts in the block that drew it and is at most MAX_ROWS long; a defect lies wholly on the
strip; a defect yields to every earlier one it would come closer to than GAP_PX, even to one that yielded
itself, so that what happens in a block depends on no more than the REACH_BLOCKS before it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

import msgspec
import numpy as np

from inspector.simulator.defects import Painter, paint_crack, paint_patch, paint_pitted, paint_scratch
from inspector.simulator.lookalikes import (
    paint_chalk,
    paint_dust,
    paint_grain_streak,
    paint_stain,
    paint_water,
)
from inspector.simulator.noise import Floats

BLOCK_ROWS = 1024
MAX_ROWS = 3000
REACH_BLOCKS = -(-MAX_ROWS // BLOCK_ROWS)
GAP_PX = 12
_FROM_EDGE_PX = 8
_NEAR_EDGE = 0.12
"""Share of the strip, on either side, that is near its edge."""
_MOST_MATES = 9
_MATES_WITHIN_ROWS, _MATES_WITHIN_PX = 110, 190
"""How far mates lie from the first, a deviation."""


class Edged(Protocol):
    """What an object lies on."""

    width_px: int

    def edges_px(self, first_row: int, rows: int) -> tuple[Floats, Floats]:
        """Return the strip's left and right edge at each row, both (rows,), perhaps outside the picture."""


class ObjectKind(msgspec.Struct, frozen=True):
    """One kind of object: its painter, its share among its like, and the box sizes it may be drawn at."""

    paint: Painter
    share: float
    rows: tuple[int, int]
    px: tuple[int, int]
    is_slender: bool = False
    """Widths are drawn as lengths are, small ones more often."""
    mates: float = 0.0
    """Further ones of the kind that come with one, on average: they lie near to it."""
    at_edges: float = 0.0
    """Share that lies near an edge of the strip."""


# The order is that of the class ids 1..4.
DEFECTS = (
    ObjectKind(paint_pitted, 0.20, (60, 220), (60, 190)),
    ObjectKind(paint_crack, 0.15, (60, 250), (20, 52)),
    ObjectKind(paint_scratch, 0.40, (150, MAX_ROWS), (30, 90)),
    ObjectKind(paint_patch, 0.25, (75, 300), (75, 300)),
)
LOOKALIKES = (
    ObjectKind(paint_stain, 0.22, (60, 320), (60, 260)),
    ObjectKind(paint_water, 0.22, (40, 200), (40, 200)),
    ObjectKind(paint_dust, 0.32, (13, 13), (13, 13)),
    ObjectKind(paint_grain_streak, 0.18, (300, 2000), (12, 60)),
    ObjectKind(paint_chalk, 0.06, (90, 240), (90, 260)),
)


class Spot(msgspec.Struct, frozen=True):
    """One object's place: the box it is painted in, and the key of the randomness it is painted with."""

    key: tuple[int, ...]
    kind: int
    top_row: int
    left_px: int
    rows: int
    px: int

    def touches(self, other: "Spot") -> bool:
        """Say whether the boxes come closer than GAP_PX to each other."""
        return (
            self.top_row < other.top_row + other.rows + GAP_PX
            and other.top_row < self.top_row + self.rows + GAP_PX
            and self.left_px < other.left_px + other.px + GAP_PX
            and other.left_px < self.left_px + self.px + GAP_PX
        )


class Placement:
    """The spots of one sort of object along a coil: `per_block` are drawn on average, `apart` or not.

    What lies where something else is, by `is_taken`, is left out.
    """

    def __init__(
        self,
        key: tuple[int, ...],
        kinds: Sequence[ObjectKind],
        per_block: float,
        steel: Edged,
        *,
        apart: bool,
        is_taken: Callable[[Spot], bool] = lambda spot: False,
    ) -> None:
        self._key = key
        self._kinds = kinds
        self._per_block = per_block / sum(kind.share * (1 + kind.mates) for kind in kinds)
        self._steel = steel
        self._apart = apart
        self._is_taken = is_taken
        self._drawn = lru_cache(maxsize=64)(self._draw)
        self._kept = lru_cache(maxsize=64)(self._settle)

    def block(self, block: int) -> tuple[Spot, ...]:
        """Return the spots that start in a block of BLOCK_ROWS rows, in the order of their first rows."""
        return self._kept(block)

    def reaching(self, first_row: int, rows: int) -> list[Spot]:
        """Return the spots whose boxes reach into a window of the coil, in the order of their first rows."""
        first_block = max(0, first_row // BLOCK_ROWS - REACH_BLOCKS)
        last_block = (first_row + rows - 1) // BLOCK_ROWS
        return [
            spot
            for block in range(first_block, last_block + 1)
            for spot in self.block(block)
            if spot.top_row < first_row + rows and spot.top_row + spot.rows > first_row
        ]

    def _settle(self, block: int) -> tuple[Spot, ...]:
        drawn = self._drawn(block)
        if not self._apart:
            return tuple(spot for spot in drawn if not self._is_taken(spot))
        earlier = [spot for before in range(max(0, block - REACH_BLOCKS), block) for spot in self._drawn(before)]
        return tuple(
            spot
            for order, spot in enumerate(drawn)
            if not any(map(spot.touches, [*earlier, *drawn[:order]])) and not self._is_taken(spot)
        )

    def _draw(self, block: int) -> tuple[Spot, ...]:
        rng = np.random.default_rng([*self._key, block])
        bounds = np.cumsum([kind.share for kind in self._kinds])
        spots: list[Spot] = []
        for order in range(rng.poisson(self._per_block)):
            kind = min(int(np.searchsorted(bounds, rng.uniform(), side="right")), len(self._kinds) - 1)
            rows, px = _size(self._kinds[kind], rng)
            top_row = block * BLOCK_ROWS + int(rng.integers(BLOCK_ROWS))
            left_px = self._fit(top_row, rows, px, self._place(kind, rng))
            if left_px is not None:
                spots.append(Spot((*self._key, block, order), kind, top_row, left_px, rows, px))
                spots += self._mates(spots[-1], block, rng)
        return tuple(sorted(spots, key=lambda spot: (spot.top_row, spot.left_px)))

    def _place(self, kind: int, rng: np.random.Generator) -> float:
        """Return how far across the room that there is an object lies, 0..1."""
        share = float(rng.uniform())
        if self._kinds[kind].at_edges and rng.uniform() < self._kinds[kind].at_edges:
            return share * 2 * _NEAR_EDGE if share < 0.5 else 1 - (1 - share) * 2 * _NEAR_EDGE
        return share

    def _mates(self, first: Spot, block: int, rng: np.random.Generator) -> list[Spot]:
        """Return what comes with a spot; all of it starts in the same block."""
        kind = self._kinds[first.kind]
        if not kind.mates:
            return []
        spots = []
        for order in range(min(_MOST_MATES, int(rng.geometric(1 / (1 + kind.mates))) - 1)):
            rows, px = _size(kind, rng)
            away_rows, away_px = rng.normal(0, (_MATES_WITHIN_ROWS, _MATES_WITHIN_PX)).astype(int).tolist()
            start_row = block * BLOCK_ROWS
            top_row = min(max(first.top_row + away_rows, start_row), start_row + BLOCK_ROWS - 1)
            left_px = self._nearest(top_row, rows, px, first.left_px + away_px)
            if left_px is not None:
                spots.append(Spot((*first.key, 1 + order), first.kind, top_row, left_px, rows, px))
        return spots

    def _nearest(self, top_row: int, rows: int, px: int, wanted_px: int) -> int | None:
        """Return the left column nearest to the wanted one, None where nothing fits."""
        first, last = self._fit(top_row, rows, px, 0.0), self._fit(top_row, rows, px, 1.0)
        return None if first is None or last is None else min(max(wanted_px, first), last)

    def _fit(self, top_row: int, rows: int, px: int, share: float) -> int | None:
        """Return the left column that is `share` of the way across the strip, None where nothing fits."""
        left_px, right_px = self._steel.edges_px(top_row, rows)
        first_px = max(0, int(left_px.max()) + 1 + _FROM_EDGE_PX)
        room_px = min(self._steel.width_px, int(right_px.min()) - _FROM_EDGE_PX) - px - first_px
        return first_px + int(share * room_px) if room_px >= 0 else None


def _size(kind: ObjectKind, rng: np.random.Generator) -> tuple[int, int]:
    """Draw the rows and columns of an object's box."""
    low, high = kind.rows
    rows = int(low * (high / low) ** rng.uniform())
    narrow, wide = kind.px
    if kind.is_slender:
        return rows, int(narrow * (wide / narrow) ** rng.uniform())
    return rows, int(rng.integers(narrow, wide + 1))
