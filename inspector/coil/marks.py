"""Which defects are the prints of a repeating mark: found again by class, place across and period. Pure.

Repeats name their first mark and the newest when they were reported; the others lie whole periods off. A mark may be
missing, and those that came later were not reported one by one. A roll that was changed, and leaves the same mark as
before, is two repeats: what lies between first and newest of one is no mark of the other.

Knows: columns, repeats. Must not know: how repeats are found, how they are drawn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence, Set

import numpy as np

from inspector.coil.columns import Columns, Floats, Ints
from inspector.config.geometry import SIDES
from inspector.records.events import Repeat

ACROSS_MM = 8.0
ALONG_MM = 4.0
STRETCH = 0.003
"""How far prints may lie off: what the search itself allows, twice, as its settings may be wider."""
SKIPPED = 4
"""Number of turns in a row that may have left no print."""


def marks(columns: Columns, repeats: Sequence[Repeat], places: Mapping[str, int]) -> list[list[int]]:
    """Return the places of each repeat's marks among the defects, along the coil.

    `places` are those of the defects by their ids; empty where a repeat's newest mark is not among them.
    """
    lanes = [_Lane(columns, repeat, places) for repeat in repeats]
    for lane in sorted(lanes, key=lambda lane: not lane.is_ended):  # the others may go on, where no ended one is
        lane.find({mark for mate in lanes if mate.bounds(lane) for mark in mate.known})
    return [lane.marks for lane in lanes]


class _Lane:
    """The defects among which a repeat's marks are: of its class and side, at its place across."""

    def __init__(self, columns: Columns, repeat: Repeat, places: Mapping[str, int]) -> None:
        self._repeat, self._newest = repeat, places.get(repeat.newest)
        self.is_ended = repeat.state == "ended"
        self.known: frozenset[int] = frozenset()
        """Its marks from the first to the newest; once found, all."""
        self.marks: list[int] = []
        """Once found: their places, along the coil."""
        if self._newest is None or repeat.period_mm <= 0:
            self._newest = None
            return
        middle_mm = (columns.left_mm + columns.right_mm) / 2
        side = SIDES.index(repeat.side) if repeat.side in SIDES else 0
        is_near = np.abs(middle_mm - repeat.across_mm) <= ACROSS_MM
        near: Ints = np.flatnonzero(columns.of([repeat.name]) & (columns.side == side) & is_near)
        self._places = near[np.argsort(columns.start_mm[near], kind="stable")]
        self._starts_mm = columns.start_mm[self._places]
        self._newest_mm = float(columns.start_mm[self._newest])
        first = places.get(repeat.id, self._newest)
        between_mm = float(columns.start_mm[first]) - self._newest_mm
        walk = self._on(math.copysign(repeat.period_mm, between_mm), ()) if first != self._newest else ()
        off_mm = np.abs(columns.start_mm - self._newest_mm)
        inside = itertools.takewhile(lambda place: bool(off_mm[place] <= abs(between_mm)), walk)
        self.known = frozenset((self._newest, *inside))

    def bounds(self, other: _Lane) -> bool:
        """Whether it is another mark with the period of the other one."""
        mine, theirs = self._repeat, other._repeat
        return mine.id != theirs.id and abs(mine.period_mm - theirs.period_mm) <= 2 * STRETCH * theirs.period_mm

    def find(self, foreign: Set[int]) -> None:
        """Find all of its marks; `foreign` are those that others have."""
        if self._newest is None:
            return
        walls = foreign - self.known
        before = list(self._on(-self._repeat.period_mm, walls))
        behind = () if self.is_ended else self._on(self._repeat.period_mm, walls)
        self.marks = [*before[::-1], self._newest, *behind]
        self.known = frozenset(self.marks)

    def _on(self, step_mm: float, walls: Collection[int]) -> Iterator[int]:
        """Go on from the newest by whole periods as long as there is one; against the travel by a negative step."""
        at_mm = self._newest_mm
        while (following := _next(self._starts_mm, at_mm, step_mm)) is not None:
            place = int(self._places[following])
            if place in walls:
                return
            yield place
            at_mm = float(self._starts_mm[following])


def _next(starts_mm: Floats, at_mm: float, step_mm: float) -> int | None:
    for turns in range(1, SKIPPED + 1):
        wanted_mm, reach_mm = at_mm + turns * step_mm, ALONG_MM + turns * abs(step_mm) * STRETCH
        first, last = np.searchsorted(starts_mm, (wanted_mm - reach_mm, wanted_mm + reach_mm))
        if first < last:
            return int(first + np.argmin(np.abs(starts_mm[first:last] - wanted_mm)))
    return None
