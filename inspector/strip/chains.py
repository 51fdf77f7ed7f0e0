"""The chain of marks that chance explains worst: the test behind repeats. Pure numbers.

A chain is reported only when the expected number of chains as regular, among marks strewn at random and over all chains
that were looked at on the coil, is small (the a-contrario test of Desolneux, Moisan and Morel, "From Gestalt Theory to
Image Analysis", 2008). So three or four marks suffice on clean strip, and dirty strip takes more.

Knows: distances. Must not know: classes, coils, rolls.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

TURNS = 12
"""Turns looked back for earlier marks; older ones add little, and the period may have drifted since."""
SURE_CHANCE = 0.5
"""A chance of a hit above which no chain can mean anything."""
LEAST_CHANCE = 1e-9
LOG_CHOOSE: NDArray[np.float64] = np.array(
    [[math.log(math.comb(k, n)) if n <= k else 0.0 for n in range(TURNS + 1)] for k in range(TURNS + 1)]
)

Floats = NDArray[np.float64]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as the same mark again."""

    min_period_mm: float = 300.0
    """Circumference of the smallest roll, after the strip's elongation."""
    max_period_mm: float = 6000.0
    width_mm: float = 1000.0
    """Of the strip; a narrower figure makes the search more careful."""
    known_mm: tuple[float, ...] = ()
    """Distances at which the rolls of the line print (`rolls.py`): found with fewer marks."""
    across_mm: float = 4.0
    """How far two prints of one mark may lie apart across the strip."""
    along_mm: float = 2.0
    """How exactly one mark's position along is known."""
    stretch: float = 0.003
    """How much the period may vary from turn to turn, as a share of it."""
    marks: int = 3
    """Marks of a repeat at least."""
    false_per_coil: float = 1e-3
    """Repeats that chance may show, expected for each coil."""

    def slack_mm(self, period_mm: Floats | np.float64) -> Floats:
        """How far a mark may lie from where it is expected, for each period."""
        return np.asarray(2 * self.along_mm + self.stretch * period_mm)


class Chain(msgspec.Struct, frozen=True):
    """A chain that ends with the newest mark."""

    turn: dict[int, int]
    """Its earlier marks, by their index in what was searched: turns before the newest."""
    log_expected: float
    """Natural logarithm of how many chains as regular chance shows on this coil."""


class Tests(msgspec.Struct):
    """How many chains were looked at on a coil: at periods of known rolls, and at others.

    Known periods pay for being one of few tests, all others for being one of many.
    """

    known: int = 0
    other: int = 0


def least_by_chance(back_mm: Floats, elsewhere: int, search: Search, tests: Tests) -> Chain | None:
    """Find the chain through the newest mark that chance explains worst; None when chance may do.

    `back_mm` (N,): how far before the newest mark each earlier one of its lane lies, ascending. `elsewhere`: marks of
    the class on the whole width within the window.
    """
    periods_mm = (back_mm[:, None] / np.arange(1, TURNS + 1)).reshape(-1)
    periods_mm = periods_mm[(periods_mm >= search.min_period_mm) & (periods_mm <= search.max_period_mm)]
    if not periods_mm.size:
        return None
    price = _prices(periods_mm, search, tests)
    may_tell = log_least(back_mm, elsewhere, periods_mm, search) + price <= math.log(search.false_per_coil)
    if not may_tell.any():
        return None
    periods_mm, price = periods_mm[may_tell], price[may_tell]
    log_expected = log_chances(back_mm, elsewhere, periods_mm, search) + price[:, None]
    row, last_turn = divmod(int(np.argmin(log_expected)), TURNS + 1)
    if log_expected[row, last_turn] > math.log(search.false_per_coil):
        return None
    turn, is_hit = _hits(back_mm, periods_mm[row : row + 1], search)
    found: dict[int, int] = {}
    for place in np.flatnonzero(is_hit[0] & (turn[0] <= last_turn)):
        if int(turn[0, place]) not in found.values():
            found[int(place)] = int(turn[0, place])
    return Chain(found, float(log_expected[row, last_turn]))


def log_chances(back_mm: Floats, elsewhere: int, periods_mm: Floats, search: Search) -> Floats:
    """Return the log of the probability that chance shows as many marks, by period and last turn: (P, TURNS + 1)."""
    turn, is_hit = _hits(back_mm, periods_mm, search)
    seen = np.zeros((len(periods_mm), TURNS + 1), np.bool_)
    at = np.nonzero(is_hit)
    seen[at[0], turn[at]] = True
    hits = np.cumsum(seen, axis=1, dtype=np.intp)
    # One mark of the chain was chosen to make the period: it is no evidence.
    evidence = np.maximum(hits - 1, 0)
    chance = _chance(back_mm, elsewhere, periods_mm, hits[:, -1], search)
    found: Floats = LOG_CHOOSE[np.arange(TURNS + 1)[None, :], evidence] + evidence * np.log(chance)[:, None]
    found[(hits < search.marks - 1) | (chance > SURE_CHANCE)[:, None]] = 0.0
    return found


def log_least(back_mm: Floats, elsewhere: int, periods_mm: Floats, search: Search) -> Floats:
    """Return what `log_chances` cannot be below, for each period (P,): a mark at every turn, and no other to spare.

    It costs a hundredth of `log_chances`. On strip so dirty that no chain can mean anything it is all there is to do.
    """
    most = np.full(len(periods_mm), min(TURNS, len(back_mm)), np.intp)
    chance = _chance(back_mm, elsewhere, periods_mm, most, search)
    evidence = most - 1
    least: Floats = np.log(most) + evidence * np.log(chance)
    return np.where(chance > SURE_CHANCE, 0.0, np.minimum(least, 0.0))


def _hits(back_mm: Floats, periods_mm: Floats, search: Search) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return each mark's turn, and whether it lies there, by period: (P, N)."""
    ratio = back_mm[None, :] / periods_mm[:, None]
    turn = np.rint(ratio).astype(np.intp)
    away_mm = np.abs(ratio - turn) * periods_mm[:, None]
    return turn, (away_mm <= search.slack_mm(periods_mm)[:, None]) & (turn >= 1) & (turn <= TURNS)


def _chance(
    back_mm: Floats,
    elsewhere: int,
    periods_mm: Floats,
    hits: NDArray[np.intp],
    search: Search,
) -> Floats:
    """Probability that a turn shows a mark by chance, for each period, from how densely the strip is strewn.

    The chain's own marks do not count: what lies off the chain is independent of it (Poisson), and where the lane holds
    nothing else the class's density on the whole strip stands in for it.
    """
    reach_mm = TURNS * periods_mm
    others = np.maximum(np.searchsorted(back_mm, reach_mm, "right") - hits, 0)
    lanes = max(1.0, search.width_mm / (2 * search.across_mm))
    strewn = np.maximum(elsewhere - hits, 1) / (TURNS * search.max_period_mm) / lanes
    chance: Floats = 1.0 - np.exp(-(others / reach_mm + strewn) * 2 * search.slack_mm(periods_mm))
    return np.maximum(chance, LEAST_CHANCE)


def _prices(periods_mm: Floats, search: Search, tests: Tests) -> Floats:
    """Count chains at these periods as looked at; return the log of what each pays for not being the only one."""
    is_known = np.zeros(len(periods_mm), np.bool_)
    for known_mm in search.known_mm:
        is_known |= np.abs(periods_mm - known_mm) <= search.slack_mm(np.float64(known_mm))
    known = int(is_known.sum())
    tests.known += known * (TURNS + 1)
    tests.other += (len(periods_mm) - known) * (TURNS + 1)
    price = [_log_price(max(1, number)) for number in (tests.other, tests.known)]
    return np.array(price)[is_known.astype(np.intp)]


def _log_price(tests: int) -> float:
    """Log of the factor by which a test must pay for being one of many, their number not known beforehand.

    The sum of 1 / (n (1 + ln n)^2) over all n is below 2, so with two families of tests the expected number of false
    repeats stays below `false_per_coil` on a coil of any length.
    """
    return math.log(4.0 * tests) + 2.0 * math.log(1.0 + math.log(tests))
