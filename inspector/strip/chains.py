"""The chain of marks that chance explains worst, among all that end with the newest mark. Numbers only; stateful.

A chain is reported only when the expected number of chains as regular, among marks strewn at random and over all chains
that could be looked at on the coil, is small (the a-contrario test of Desolneux, Moisan and Morel, "From Gestalt Theory
to Image Analysis", 2008). So three or four marks suffice on clean strip, and dirty strip takes more.

Law: what is left out for the sake of time could not have been reported, and counts as looked at.

Knows: distances. Must not know: classes, coils, rolls.
"""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np

from inspector.strip.chances import (
    TURNS,
    Floats,
    Search,
    fewest_hits,
    log_chances,
    log_least,
    log_price,
    turns,
)

EACH_TURN: Floats = np.arange(1.0, TURNS + 1)
NONE: Floats = np.empty(0)
ROUNDING_MM = 1e-6
FEW = 2 * TURNS
STEP = 2.0
"""Ratio of the periods within which one bound does for all."""


class Chain(msgspec.Struct, frozen=True):
    """A chain that ends with the newest mark."""

    turn: dict[int, int]
    """Its earlier marks, by their index in what was searched: turns before the newest."""
    log_expected: float
    """Natural logarithm of how many chains as regular chance shows on this coil."""


class Chains:
    """Looks for chains on a coil, and counts how many there could have been.

    Periods of known rolls pay for being one of few tests, all others for being one of many.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._known_mm = _known(search)
        ranges_mm = [(search.min_period_mm, search.max_period_mm), *self._known_mm]
        self._edges_mm = np.concatenate([_edges(begin_mm, end_mm, search) for begin_mm, end_mm in ranges_mm])
        steps = math.ceil(math.log(search.max_period_mm / search.min_period_mm, STEP))
        ends_mm = [min(search.min_period_mm * STEP**step, search.max_period_mm) for step in range(steps + 1)]
        self._steps_mm = list(pairwise(ends_mm))
        self._reach_mm = TURNS * np.array(ends_mm[:-1])
        self.known = self.other = 0

    def coil(self) -> None:
        """Begin to count again."""
        self.known = self.other = 0

    def least_by_chance(self, back_mm: Floats, elsewhere: int) -> Chain | None:
        """Find the chain through the newest mark that chance explains worst; None when chance may do.

        `back_mm` (N,): how far before the newest mark each earlier one of its lane lies, ascending. `elsewhere`: marks
        of the class on the whole width within the window.
        """
        edges = np.searchsorted(back_mm, self._edges_mm).tolist()
        counts = [sum(edges[at + TURNS : at + 2 * TURNS]) - sum(edges[at : at + TURNS]) for at in self._places()]
        if not counts[0]:
            return None
        known = sum(counts[1:])
        self.known += known * (TURNS + 1)
        self.other += (counts[0] - known) * (TURNS + 1)
        found = []
        if len(others_mm := self._others(back_mm, elsewhere)):
            found.append((others_mm, log_price(self.other)))
        for number, at in enumerate(self._places()[1:]):
            if counts[1 + number] and self._may_tell(number, len(back_mm), elsewhere, edges[at:]):
                slices = zip(edges[at : at + TURNS], edges[at + TURNS : at + 2 * TURNS], EACH_TURN, strict=True)
                own_mm = [back_mm[begin:end] / turn for begin, end, turn in slices if begin < end]
                found.append((np.concatenate(own_mm), log_price(self.known)))
        return self._least(back_mm, elsewhere, found) if found else None

    def _places(self) -> range:
        """Where the edges of each range begin."""
        return range(0, len(self._edges_mm), 4 * TURNS)

    def _others(self, back_mm: Floats, elsewhere: int) -> Floats:
        """Periods that no known roll explains, and that are worth the test."""
        if not self.other:
            return NONE
        periods_mm = self.promising(back_mm, elsewhere, log_price(self.other))
        for begin_mm, end_mm in self._known_mm if len(periods_mm) else ():
            periods_mm = periods_mm[(periods_mm < begin_mm) | (periods_mm > end_mm)]
        return periods_mm

    def _may_tell(self, number: int, most: int, elsewhere: int, edges: list[int]) -> bool:
        """Whether a known roll has marks at enough turns; their edges are the second half of its own."""
        limit = math.log(self._search.false_per_coil) - log_price(self.known)
        most = min(TURNS, most)
        least = fewest_hits(most, self._strewn(elsewhere, most), self._known_mm[number][0], limit, self._search)
        return sum(edges[2 * TURNS + turn] < edges[3 * TURNS + turn] for turn in range(TURNS)) >= least

    def promising(self, back_mm: Floats, elsewhere: int, price: float) -> Floats:
        """Return all periods at which a chain may be reported, and few others: (P,)."""
        search, most = self._search, min(TURNS, len(back_mm))
        limit, everywhere = math.log(search.false_per_coil) - price, self._strewn(elsewhere, most)
        if len(back_mm) < FEW:  # what lies in the lane adds too little to look at it
            hits = fewest_hits(most, everywhere, search.min_period_mm, limit, search)
            range_mm = search.min_period_mm, search.max_period_mm
            return _close(back_mm, hits, range_mm, search) if hits <= most else NONE
        hits, begins_mm, ends_mm = most + 1, 0.0, 0.0
        for (begin_mm, end_mm), count in zip(
            self._steps_mm, back_mm.searchsorted(self._reach_mm).tolist(), strict=True
        ):
            strewn = everywhere + max(count - most, 0) / (TURNS * end_mm)
            needed = fewest_hits(most, strewn, begin_mm, limit, search)
            if needed <= most:
                hits, begins_mm, ends_mm = min(hits, needed), begins_mm or begin_mm, end_mm
        return _close(back_mm, hits, (begins_mm, ends_mm), search) if hits <= most else NONE

    def _strewn(self, elsewhere: int, most: int) -> float:
        """Marks in a millimetre of a lane by the class's density on the whole strip: the least that chance can be."""
        return max(elsewhere - most, 1) / self._search.lanes_mm

    def _least(self, back_mm: Floats, elsewhere: int, found: list[tuple[Floats, float]]) -> Chain | None:
        """Test periods, each group at its price; return the chain that chance explains worst, if it does not."""
        search, log_false = self._search, math.log(self._search.false_per_coil)
        periods_mm = np.concatenate([group_mm for group_mm, _ in found])
        prices = np.repeat([price for _, price in found], [len(group_mm) for group_mm, _ in found])
        may_tell = log_least(back_mm, elsewhere, periods_mm, search) + prices <= log_false
        if not may_tell.any():
            return None
        periods_mm = periods_mm[may_tell]
        log_expected = log_chances(back_mm, elsewhere, periods_mm, search) + prices[may_tell, None]
        row, last_turn = divmod(int(np.argmin(log_expected)), TURNS + 1)
        if log_expected[row, last_turn] > log_false:
            return None
        turn, is_hit = turns(back_mm, periods_mm[row : row + 1], search)
        chain: dict[int, int] = {}
        for place in np.flatnonzero(is_hit[0] & (turn[0] <= last_turn)):
            if int(turn[0, place]) not in chain.values():
                chain[int(place)] = int(turn[0, place])
        return Chain(chain, float(log_expected[row, last_turn]))


def _close(back_mm: Floats, hits: int, range_mm: tuple[float, float], search: Search) -> Floats:
    """Return all periods of a range at which there may be `hits` marks, and few others: (P,).

    A chain with `hits` marks has most of them at turns from half that number on. Each of these, taken for the only
    one, shows a period within a fraction of the slack of the chain's own. So among the periods that marks show at these
    turns, in order, as many must lie as close together; that costs one sort.
    """
    first = max(1, hits // 2)
    number = hits - first
    own_mm, share = 2 * search.along_mm / first + ROUNDING_MM, search.stretch / first
    near_mm, far_mm = range_mm[0] * (1 - share) - own_mm, range_mm[1] * (1 + share) + own_mm
    begin, end = back_mm.searchsorted((first * near_mm, TURNS * far_mm))
    if end - begin <= number:
        return NONE
    shown_mm = (back_mm[begin:end, None] / EACH_TURN[first - 1 :]).ravel()
    shown_mm.sort()
    begin, end = shown_mm.searchsorted((near_mm, far_mm))
    if end - begin <= number:
        return NONE
    least_mm = (shown_mm[begin + number : end] - own_mm) / (1 + share)
    greatest_mm = (shown_mm[begin : end - number] + own_mm) / (1 - share)
    is_close = least_mm <= greatest_mm
    if not is_close.any():
        return NONE
    periods_mm = (back_mm[:, None] / EACH_TURN).ravel()
    periods_mm = periods_mm[(periods_mm >= range_mm[0]) & (periods_mm <= range_mm[1])]
    begun = least_mm[is_close].searchsorted(periods_mm, "right")
    found: Floats = periods_mm[begun > greatest_mm[is_close].searchsorted(periods_mm, "left")]
    return found


def _known(search: Search) -> list[tuple[float, float]]:
    """Periods that known rolls explain: disjoint ranges, ascending, within those that are searched."""
    ranges_mm: list[tuple[float, float]] = []
    for known_mm in sorted(search.known_mm):
        begin_mm = max(known_mm - search.slack_mm(known_mm), search.min_period_mm)
        end_mm = min(known_mm + search.slack_mm(known_mm), search.max_period_mm)
        if ranges_mm and begin_mm <= ranges_mm[-1][1]:
            begin_mm = ranges_mm.pop()[0]
        if begin_mm <= end_mm:
            ranges_mm.append((begin_mm, end_mm))
    return ranges_mm


def _edges(begin_mm: float, end_mm: float, search: Search) -> Floats:
    """Where marks lie that show a period of a range, and where its hits lie: begins and ends by turn, twice."""
    own = EACH_TURN * begin_mm, np.nextafter(EACH_TURN * end_mm, np.inf)
    hits = own[0] - search.slack_mm(begin_mm), own[1] + search.slack_mm(end_mm)
    return np.concatenate((*own, *hits))
