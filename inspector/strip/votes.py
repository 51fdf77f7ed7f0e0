"""Which periods the earlier marks of a lane show together: a Hough transform whose cells hold turns, not counts.

Each earlier mark votes, at every turn it may lie at, for the periods about the one it shows. What the chain of a period
is at best, by the turns that have a vote and no more, is looked up.

Law: what is left out could not have been reported (`chains.py`).

Knows: distances. Must not know: places across, sizes, classes.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.strip.chances import TURNS, Floats, Places, RollModel, Search

EACH_TURN: Floats = np.arange(1.0, TURNS + 1)
CELL, MOST_CELLS = 0.5, 2000
"""Width of a cell, in units of how far a mark may lie off at its first turn, and how many there are at most."""
ROUNDING = 1e-6
"""In cells, and in natural logarithms."""
BITS: NDArray[np.uint16] = (1 << np.arange(TURNS)).astype(np.uint16)


class Pairs(msgspec.Struct, frozen=True, eq=False):
    """M marks, each with the earlier ones at its place across: Q pairs, those of one mark together."""

    of: Places
    """(Q,): which of the M marks, ascending."""
    back_mm: Floats
    """(Q,): how far before it the earlier one lies."""
    right_mm: Floats
    """(Q,): how far to its right."""
    sizes: Floats
    """(Q, 2): log of how many times as wide and as long; not a number where that is not known."""


class Votes:
    """Counts votes."""

    def __init__(self, search: Search, roll: RollModel) -> None:
        self._search, self._roll = search, roll
        self._ends_mm = search.min_period_mm, search.max_period_mm
        slacks_mm = np.array([search.slack_mm(end_mm) for end_mm in self._ends_mm])
        cell = max(CELL, float(np.diff(np.log(slacks_mm))[0]) / search.stretch / MOST_CELLS)
        self._scale = 1 / (search.stretch * cell)
        self._reach = -np.log1p(-search.stretch / EACH_TURN) * self._scale + ROUNDING
        """How far a vote reaches to either side, in cells, by turn."""
        self._first = math.floor(math.log(slacks_mm[0]) * self._scale)
        self._cells = math.floor(math.log(slacks_mm[1]) * self._scale) - self._first + 1
        self._best = roll.log_best_of_turns()
        self._number = np.array([turns.bit_count() for turns in range(len(self._best))], np.uint8)

    def periods(self, pairs: Pairs, log_strewn: Floats, log_needed: Floats) -> tuple[Places, Floats]:
        """Return the periods whose chain may exceed what is needed, and which of the marks each is of: (S,), (S,).

        `log_strewn` (M,): log of the marks on a square millimetre about each, at the least. `log_needed` (M,).
        """
        of, period_mm, turns = self._voted(pairs, len(log_strewn))
        several = self._number[turns] >= self._fewest(log_strewn, log_needed)[of]
        of, period_mm, turns = of[several], period_mm[several], turns[several]
        best = (self._best[turns] - np.arange(TURNS + 1) * log_strewn[of, None]).max(axis=1, initial=-np.inf)
        passes = best + self._roll.log_periods(period_mm, is_about=True) >= log_needed[of] - ROUNDING
        return of[passes], period_mm[passes]

    def _fewest(self, log_strewn: Floats, log_needed: Floats) -> NDArray[np.intp]:
        """How many earlier marks a chain of any period needs at least, by mark: (M,)."""
        ratio = self._best.max(axis=0) - np.arange(TURNS + 1) * log_strewn[:, None]
        may = ratio + self._roll.log_highest_period >= log_needed[:, None] - ROUNDING
        return np.where(may.any(axis=1), may.argmax(axis=1), TURNS + 1)

    def _voted(self, pairs: Pairs, marks: int) -> tuple[Places, Floats, NDArray[np.uint16]]:
        """Return the periods that marks show, of which mark each is, and at which turns there are votes for it."""
        search = self._search
        shown_mm = pairs.back_mm[:, None] / EACH_TURN
        near_mm, far_mm = (
            end_mm + sign * search.slack_mm(end_mm) for end_mm, sign in zip(self._ends_mm, (-1, 1), strict=True)
        )
        place, turn = ((shown_mm >= near_mm) & (shown_mm <= far_mm)).nonzero()
        period_mm, of = shown_mm[place, turn], pairs.of[place]
        at = np.log(2 * search.along_mm + search.stretch * period_mm) * self._scale - self._first
        reach, begin, bits = self._reach[turn], of * self._cells, BITS[turn]
        first = np.maximum(np.floor(at - reach), 0).astype(np.intp)
        last = np.minimum(np.floor(at + reach), self._cells - 1).astype(np.intp)
        votes = np.zeros(marks * self._cells, np.uint16)
        for step in range(int((last - first).max(initial=-1)) + 1):
            cast = (last - first >= step).nonzero()[0]
            np.bitwise_or.at(votes, (begin + first)[cast] + step, bits[cast])
        inside = ((period_mm >= self._ends_mm[0]) & (period_mm <= self._ends_mm[1])).nonzero()[0]
        cells = begin[inside] + np.clip(np.floor(at[inside]).astype(np.intp), 0, self._cells - 1)
        return of[inside], period_mm[inside], votes[cells]
