"""Marks as the search for repeats sees them, and the lanes in which they lie; knows neither periods nor rolls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.strip.chances import Floats, Places
from inspector.strip.votes import Pairs

PLACE_MARKS = 48
"""Marks of one place that are kept at most, and that a mark is paired with: the newest. They are all of 72 m where
200 000 of four classes lie on 2 km; on dirtier strip fewer turns are looked back."""

FAR = 2**31
Bools = NDArray[np.bool_]
Place = tuple[str, str, int]
"""Side, class and place across."""
Trio = tuple[Place, Place, Place]
"""Where a mark lies, and next to it."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A defect as the search sees it; millimetres."""

    id: str
    name: str
    """Class of the defect."""
    side: str
    across_mm: float
    """Its middle, from the operator's edge or the camera's first column: the same for every mark."""
    line_mm: float
    """Its first row, along the line."""
    width_mm: float = 0.0
    length_mm: float = 0.0
    """0 where they are not known: then likeness is no evidence."""
    coil: str = ""
    """The coil it lies on: a camera that lags brings marks of one whose next has begun."""

    @property
    def log_sizes(self) -> tuple[float, float] | None:
        """Natural logarithms of width and length, if known."""
        return (math.log(self.width_mm), math.log(self.length_mm)) if self.width_mm > 0 < self.length_mm else None

    @property
    def facts(self) -> tuple[float, float, float, float]:
        """Where it lies along and across, and its sizes; these are no numbers where they are not known."""
        return self.line_mm, self.across_mm, *(self.log_sizes or (math.nan, math.nan))


class KeptMark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A mark's fields, in their order, as a restart keeps them."""

    id: str
    name: str
    side: str
    across_mm: float
    line_mm: float
    width_mm: float
    length_mm: float
    coil: str = ""
    """Empty where an older version kept it."""


class Before(msgspec.Struct, frozen=True, eq=False):
    """M marks, and what lies before each, if all of them are kept one after the other."""

    pairs: Pairs
    slots: Places
    """(Q,): where the earlier mark of each pair is kept; below 0 where it is one of the M, -1 for the first."""
    nearest_mm: Floats
    """(M,): how far before each the nearest one lies; infinite where there is none."""
    mates: Bools
    """(M, M): which of the others come before each, so near that it matters whether they are kept."""


_NONE: Places = np.zeros(0, np.intp)
NOTHING_BEFORE = Before(
    Pairs(_NONE, np.zeros(0), np.zeros(0), np.zeros((0, 2))), _NONE, np.zeros(0), np.zeros((0, 0), np.bool_)
)
"""Of no mark."""


class Lanes:
    """Marks that belong to no repeat, by place across."""

    def __init__(self, place_mm: float, reach_mm: float, window_mm: float) -> None:
        """`reach_mm`: how far across marks are paired; no more than a place."""
        self._place_mm, self._reach_mm, self._window_mm = place_mm, reach_mm, window_mm
        self._rows: dict[Place, int] = {}
        self._facts: Floats = np.full((4, 1, PLACE_MARKS), np.nan)
        """Where the marks of each place lie along and across, and their sizes; those of the first are none."""
        self._next: list[int] = [0]
        """Where the next mark of each place is put: it takes the place of the oldest."""
        self._marks: list[Mark | None] = [None] * PLACE_MARKS

    def clear(self) -> None:
        """Forget all marks."""
        self._rows.clear()
        del self._next[1:], self._marks[PLACE_MARKS:]

    def places(self, mark: Mark) -> Trio:
        """Where a mark lies, and next to it."""
        side, name, number = mark.side, mark.name, math.floor(mark.across_mm / self._place_mm)
        return (side, name, number), (side, name, number - 1), (side, name, number + 1)

    def add(self, mark: Mark, place: Place, facts: Floats) -> None:
        """Keep a mark that lies there; the oldest makes room."""
        row = self._rows.get(place) or self._begin(place)
        at = self._next[row]
        self._facts[:, row, at], self._marks[row * PLACE_MARKS + at] = facts, mark
        self._next[row] = (at + 1) % PLACE_MARKS

    def remove(self, mark: Mark) -> None:
        """Forget a mark, where it is still kept."""
        row = self._rows.get(self.places(mark)[0], 0)
        for slot in range(row * PLACE_MARKS, (row + 1) * PLACE_MARKS):
            if self._marks[slot] is mark:
                self._marks[slot], self._facts[:, row, slot % PLACE_MARKS] = None, np.nan

    def kept(self, slot: int) -> Mark:
        """Return the earlier mark of a pair."""
        mark = self._marks[slot]
        assert mark is not None
        return mark

    def before(self, places: Sequence[Trio], facts: Floats) -> Before:
        """Pair marks with those that lie before them, if all of them are kept one after the other.

        `places`: where each lies. `facts` (4, M): of each.
        """
        rows = np.array([[self._rows.get(place, 0) for place in trio] for trio in places])
        away = _away([trio[0] for trio in places])
        mates: Bools = np.abs(away) <= 2  # one that belongs to a repeat takes others with it, as far away again
        younger = np.array([(away == step).sum(axis=1) for step in (0, -1, 1)]).T
        age = (np.arange(PLACE_MARKS) - np.array(self._next)[rows][..., None]) % PLACE_MARKS
        is_kept = (age >= younger[..., None]).reshape(len(rows), -1), away < FAR  # these make the oldest go
        back_mm, right_mm = (
            np.concatenate((self._facts[number][rows].reshape(len(rows), -1), np.tile(own, (len(rows), 1))), axis=1)
            - own[:, None]
            for number, own in enumerate(facts[:2])
        )
        back_mm = -back_mm
        is_near = np.concatenate(is_kept, axis=1)
        is_near &= (back_mm <= self._window_mm) & (np.abs(right_mm) <= self._reach_mm)
        nearest_mm = np.where(is_near, back_mm, np.inf)
        if (is_near.sum(axis=1) > PLACE_MARKS).any():
            farthest_mm = np.partition(nearest_mm, PLACE_MARKS - 1, axis=1)[:, PLACE_MARKS - 1]
            is_near &= back_mm <= farthest_mm[:, None]
        of, at = is_near.nonzero()
        place, slot = divmod(at, PLACE_MARKS)
        slots = np.where(place < 3, rows[of, np.minimum(place, 2)] * PLACE_MARKS + slot, 3 * PLACE_MARKS - 1 - at)
        sizes = np.concatenate((self._facts[2:].reshape(2, -1), facts[2:, ::-1]), axis=1)[:, slots] - facts[2:, of]
        return Before(Pairs(of, back_mm[of, at], right_mm[of, at], sizes.T), slots, nearest_mm.min(axis=1), mates)

    def _begin(self, place: Place) -> int:
        row = self._rows[place] = len(self._next)
        self._marks += [None] * PLACE_MARKS
        self._next.append(0)
        if row >= self._facts.shape[1]:
            self._facts = np.concatenate((self._facts, np.full((4, row, PLACE_MARKS), np.nan)), axis=1)
        self._facts[:, row] = np.nan
        return row


def _away(places: Sequence[Place]) -> Places:
    """How many places above each of some marks those before it lie, `FAR` where of another class: (M, M)."""
    kinds: dict[tuple[str, str], int] = {}
    of = np.array([(kinds.setdefault(place[:2], len(kinds)), place[2]) for place in places])
    kind, number = of[:, 0], of[:, 1]
    return np.where(np.tril(kind[:, None] == kind, -1), number - number[:, None], FAR)
