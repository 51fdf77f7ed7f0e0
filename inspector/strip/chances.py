"""How likely chance shows marks at a constant distance: the test behind repeats, and its bounds. Pure numbers.

Knows: distances. Must not know: which periods are tried, classes, coils, rolls.
"""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Millimetres = TypeVar("Millimetres", float, Floats)

TURNS = 12
"""Turns looked back for earlier marks; older ones add little, and the period may have drifted since."""
SURE_CHANCE = 0.5
"""A chance of a hit above which no chain can mean anything."""
LEAST_CHANCE = 1e-9
LOG_SURE = math.log(SURE_CHANCE)
ROUNDING = 1e-9
LOG_CHOOSE: Floats = np.array(
    [[math.log(math.comb(k, n)) if n <= k else 0.0 for n in range(TURNS + 1)] for k in range(TURNS + 1)]
)
LOGS = [math.log(max(1, number)) for number in range(TURNS + 1)]


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

    def slack_mm(self, period_mm: Millimetres) -> Millimetres:
        """How far a mark may lie from where it is expected, for each period."""
        return 2 * self.along_mm + self.stretch * period_mm

    @property
    def window_mm(self) -> float:
        """How far back marks count."""
        return TURNS * self.max_period_mm

    @property
    def lanes_mm(self) -> float:
        """Length of all lanes of the window's strip together."""
        return self.window_mm * max(1.0, self.width_mm / (2 * self.across_mm))


def log_chances(back_mm: Floats, elsewhere: int, periods_mm: Floats, search: Search) -> Floats:
    """Return the log of the probability that chance shows as many marks, by period and last turn: (P, TURNS + 1).

    `back_mm` (N,): how far before the newest mark each earlier one of its lane lies, ascending. `elsewhere`: marks of
    the class on the whole width within the window.
    """
    turn, is_hit = turns(back_mm, periods_mm, search)
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


def turns(back_mm: Floats, periods_mm: Floats, search: Search) -> tuple[Places, NDArray[np.bool_]]:
    """Return each mark's turn, and whether it lies there, by period: (P, N)."""
    ratio = back_mm[None, :] / periods_mm[:, None]
    turn = np.rint(ratio).astype(np.intp)
    away_mm = np.abs(ratio - turn) * periods_mm[:, None]
    return turn, (away_mm <= search.slack_mm(periods_mm)[:, None]) & (turn >= 1) & (turn <= TURNS)


def log_price(tests: int) -> float:
    """Log of the factor by which a test must pay for being one of many, their number not known beforehand.

    The sum of 1 / (n (1 + ln n)^2) over all n is below 2, so with two families of tests the expected number of false
    repeats stays below `false_per_coil` on a coil of any length.
    """
    return math.log(4.0 * tests) + 2.0 * math.log(1.0 + math.log(tests))


def log_least(back_mm: Floats, elsewhere: int, periods_mm: Floats, search: Search) -> Floats:
    """Return what `log_chances` cannot be below, for each period (P,): a mark at every turn, and no other to spare.

    It costs a hundredth of `log_chances`.
    """
    most = min(TURNS, len(back_mm))
    chance = _chance(back_mm, elsewhere, periods_mm, most, search)
    least: Floats = np.minimum(LOGS[most] + (most - 1) * np.log(chance), 0.0)
    least[chance > SURE_CHANCE] = 0.0
    return least


def fewest_hits(most: int, strewn: float, period_mm: float, log_limit: float, search: Search) -> int:
    """Return how many hits, the newest mark not among them, a chain of this period or a longer one needs at least.

    More than `most` where as many are not below `log_limit`. `strewn`: marks in a millimetre of the lane at least.
    """
    log_chance = math.log(max(-math.expm1(-2 * strewn * search.slack_mm(period_mm)), LEAST_CHANCE))
    if log_chance > LOG_SURE or LOGS[most] + (most - 1) * log_chance > log_limit:
        return most + 1
    return max(math.ceil(log_limit / log_chance - ROUNDING) + 1, search.marks - 1)


def _chance(back_mm: Floats, elsewhere: int, periods_mm: Floats, hits: Places | int, search: Search) -> Floats:
    """Probability that a turn shows a mark by chance, for each period, from how densely the strip is strewn.

    The chain's own marks do not count: what lies off the chain is independent of it (Poisson), and where the lane holds
    nothing else the class's density on the whole strip stands in for it.
    """
    reach_mm = TURNS * periods_mm
    others = np.maximum(np.searchsorted(back_mm, reach_mm, "right") - hits, 0)
    strewn = others / reach_mm + np.maximum(elsewhere - hits, 1) / search.lanes_mm
    chance: Floats = -np.expm1(-2 * strewn * search.slack_mm(periods_mm))
    return np.maximum(chance, LEAST_CHANCE)
