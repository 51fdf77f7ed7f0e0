"""How many times better a damaged roll explains marks than chance does: the test behind repeats. Pure numbers.

A likelihood ratio: the density of the marks behind a roll's newest one, over what marks strewn at random (Poisson) have
there. Over all marks that are strewn at random the ratios of the chains that end with one of them sum to 1 at most on
the average, whatever their number (Mecke's formula), so they exceed r with probability 1 / r at most: an e-value
(Vovk, Wang, "E-values: calibration, combination and applications", Ann. Statist. 49, 2021). No test has to be counted.
Measured, it is 0.007 / r and less (`tests/bench/repeats.py`, with a budget of 100); `LOOSE` takes some of that.

Knows: distances and sizes. Must not know: which periods are tried, classes, coils, rolls.
"""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Number = TypeVar("Number", float, Floats)

TURNS = 12
"""Turns looked back for earlier marks; older ones add little, and the period may have drifted since."""
DOUBT = 3.0
"""Shape of the inverse gamma distribution of a variance: the deviations may well be half or twice what is expected."""
SEEN, MISSED = 3.0, 1.3
"""The beta distribution of the share of its turns at which a mark is found: 0.7 on the average, anything between."""
ALIKE = 0.2
"""Standard deviation of the logarithms of a mark's width and length from print to print."""
LIKENESS_CAP = 2.0
"""Likeness says at most so much for each mark (natural logarithm): a class's sizes are known from a few marks only."""
LOOSE = 20.0
"""How many times rarer than 1 / r a ratio of r is by chance, taken carefully."""
KNOWN_SHARE = 0.5
"""A repeat is as often of a known roll as of any other."""
EDGE_MM = 1e-6


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

    def slack_mm(self, period_mm: Number) -> Number:
        """How far a mark may lie from where it is expected."""
        return 2 * self.along_mm + self.stretch * period_mm

    @property
    def reach_mm(self) -> float:
        """How far across a mark is looked for: of prints that lie apart as much as `across_mm`, some lie farther."""
        return 1.5 * self.across_mm

    @property
    def window_mm(self) -> float:
        """How far back marks count."""
        return TURNS * self.max_period_mm


class Spread:
    """Density of deviations that are normal and of one variance, which is known roughly: Student's t."""

    def __init__(self, deviation: float, most: int) -> None:
        self.twice = 2 * DOUBT * deviation**2
        self._logs = np.array(
            [
                math.lgamma(DOUBT + number / 2) - math.lgamma(DOUBT) - number / 2 * math.log(math.pi * self.twice)
                for number in range(most + 1)
            ]
        )

    def log_densities(self, number: Places | int, squares: Floats | float, log_scales: Floats | float) -> Floats:
        """Of each `number` of deviations; `squares`: sums of squares over their scales; `log_scales`: of the logs."""
        found: Floats = (
            self._logs[number] - (DOUBT + number / 2) * np.log1p(squares / self.twice) - np.asarray(log_scales) / 2
        )
        return found


class RollModel:
    """What is expected of the marks of one roll: S chains at once, each of D earlier marks at most, by turn."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._along = Spread(search.along_mm / 2, TURNS)
        self._across = Spread(search.across_mm / 4, TURNS)
        self._sizes = Spread(ALIKE, 2 * TURNS)
        self._drift = (search.stretch / 4 / (search.along_mm / 2)) ** 2
        """Variance of the period from turn to turn over that of a position, for a period of a millimetre."""
        self._log_range = math.log(math.log(search.max_period_mm / search.min_period_mm))
        self._known = [(known_mm, search.slack_mm(known_mm)) for known_mm in search.known_mm]
        self._log_patterns = np.array(
            [[self.log_pattern(seen, missed) for missed in range(TURNS)] for seen in range(TURNS)]
        )
        self._log_best = np.array([0.0, *(self._log_highest(number) for number in range(1, TURNS + 1))])
        # Where ranges of known periods overlap most, one begins.
        begins_mm = [known_mm - slack_mm + EDGE_MM for known_mm, slack_mm in self._known]
        self.log_highest_period = float(
            self.log_periods(np.array([search.min_period_mm, *begins_mm]), is_about=True).max()
        )
        """That of any period."""

    @staticmethod
    def log_pattern(seen: int, missed: int) -> float:
        """Log of the probability that just these turns show the mark, and these do not."""
        return _log_beta(SEEN + seen, MISSED + missed) - _log_beta(SEEN, MISSED)

    def log_densities(self, turn: Places, back_mm: Floats, right_mm: Floats) -> tuple[Floats, Floats]:
        """Log density of the first mark's place, of the first two's, and so on, for a roll: along, and across.

        `turn` (S, D): turns before the newest mark, `back_mm` how far before it, `right_mm` how far to its right. Where
        a chain has fewer marks, turn 0: what is returned there has no meaning. (S, D) each.
        """
        number = np.arange(turn.shape[1])
        first_mm = back_mm[:, 0] / turn[:, 0]
        log_first = self.log_periods(first_mm) - np.log(turn[:, 0]) - math.log(TURNS)
        patterns = self._log_patterns[number, np.maximum(turn - 1 - number, 0)]
        along = self._along.log_densities(number, *_deviations(turn, back_mm, self._drift * first_mm**2))
        across = self._across.log_densities(number + 1, _squares(right_mm), np.log(number + 2))
        return patterns + log_first[:, None] + along, across

    def log_likeness(self, sizes: Floats, log_usual: Floats) -> Floats:
        """Log of how much likelier the sizes are for one roll than for its class, of the first, first two...: (S, D).

        `sizes` (S, D, 2): logs of how many times as wide and long as the newest mark. `log_usual` (S, D): log density
        of each mark's sizes among those of its class. Marks that are less alike than chance has them count for little,
        not against: half of the rolls are taken to print whatever they like.
        """
        number = np.arange(1, sizes.shape[1] + 1)
        squares = _squares(sizes[..., 0]) + _squares(sizes[..., 1])
        alike = self._sizes.log_densities(2 * number, squares, 2 * np.log(number + 1)) - log_usual.cumsum(axis=1)
        found: Floats = np.log1p(np.exp(np.minimum(alike, LIKENESS_CAP * number))) - math.log(2)
        return found

    def log_best_of_turns(self) -> Floats:
        """What a chain of each number of marks can be at best whose turns are among some, these as bits: (2^TURNS, D).

        As `log_densities` and `log_likeness` together, the period and what chance strews aside. D: TURNS and 1.
        """
        is_there = (np.arange(1 << TURNS)[:, None] >> np.arange(TURNS) & 1).astype(np.bool_)
        numbers = is_there.cumsum(axis=1)
        log_first = np.log(is_there.argmax(axis=1) + 1)
        best = np.full((1 << TURNS, TURNS + 1), -np.inf)
        for number in range(self._search.marks - 1, TURNS + 1):
            some = (numbers[:, -1] >= number).nonzero()[0]
            missed = (numbers[some] == number).argmax(axis=1) + 1 - number
            pattern = self._log_patterns[number - 1, missed] - self._log_patterns[number - 1, 0]
            best[some, number] = self._log_best[number] + pattern - log_first[some]
        return best

    def log_periods(self, period_mm: Floats, *, is_about: bool = False) -> Floats:
        """Log density of periods: each ratio is as likely as another, and half of the repeats are of known rolls: (P,).

        `is_about`: the highest that it is for the first mark of a chain of that period, which may lie off.
        """
        off_mm = self._search.slack_mm(period_mm) if is_about else np.zeros_like(period_mm)
        log_any: Floats = -np.log(np.maximum(period_mm - off_mm, EDGE_MM)) - self._log_range
        if not self._known:
            return log_any
        known = np.zeros(len(period_mm))
        for known_mm, slack_mm in self._known:
            known[np.abs(period_mm - known_mm) <= slack_mm + off_mm] += KNOWN_SHARE / len(self._known) / (2 * slack_mm)
        found: Floats = np.log((1 - KNOWN_SHARE) * np.exp(log_any) + known)
        return found

    def _log_highest(self, number: int) -> float:
        """The highest that `log_densities` and `log_likeness` can be, the period and what chance strews aside."""
        # A position foretold from as many others is known no better than their mean.
        along = self._along.log_densities(number - 1, 0.0, math.log((number + 1) / 2))
        across = self._across.log_densities(number, 0.0, math.log(number + 1))
        pattern = self._log_patterns[number - 1, 0] - math.log(TURNS)
        return float(along + across + pattern + LIKENESS_CAP * number)


def log_streak(number: int, span_mm: float, others: int, expected: float, share: float) -> float:
    """Log density along of `number` marks behind the newest, if they are pieces of one torn scratch, and not of a roll.

    Such pieces lie in one lane like a roll's marks, with the `others` within `span_mm`, and are more than strewn marks
    would be: these are Poisson, `expected` on the mean. `share`: that of marks which are such pieces.
    """
    log_strewn = others * math.log(expected) - expected - math.lgamma(others + 1)
    log_torn = -math.log((others + 1) * (others + 2)) - log_strewn + math.log(share)
    return min(log_torn, 0.0) + number * math.log((number + others) / span_mm)


def _squares(away: Floats) -> Floats:
    """Sum of the squares about their mean of the newest mark, which is 0, and the first, first two, ...: (S, D)."""
    number = np.arange(2, away.shape[1] + 2)
    found: Floats = np.maximum((away**2).cumsum(axis=1) - away.cumsum(axis=1) ** 2 / number, 0.0)
    return found


def _deviations(turn: Places, back_mm: Floats, drift: Floats) -> tuple[Floats, Floats]:
    """Squares of how far off the marks of chains lie, over their scales, and logs of the scales, summed up: (S, D).

    A Kalman filter of position and period: each position is measured with an error of variance 1, the newest mark's
    too, and the period walks at random, by `drift` (S,) each turn.
    """
    squares, log_scales = np.zeros_like(back_mm), np.zeros_like(back_mm)
    before, at_mm = turn[:, 0], back_mm[:, 0]
    period_mm, of_at, of_both, of_period = (
        at_mm / before,
        np.ones(len(turn)),
        1 / before,
        (2 + before * drift) / before**2,
    )
    for place in range(1, turn.shape[1]):
        turns = np.maximum(turn[:, place] - before, 0)
        foretold_mm = at_mm + turns * period_mm
        of_at = of_at + turns * (2 * of_both + turns * of_period + drift)
        of_both = of_both + turns * of_period
        scale, away_mm = of_at + 1, back_mm[:, place] - foretold_mm
        squares[:, place] = squares[:, place - 1] + away_mm**2 / scale
        log_scales[:, place] = log_scales[:, place - 1] + np.log(scale)
        gain, gain_period = of_at / scale, of_both / scale
        before, at_mm, period_mm = turn[:, place], foretold_mm + gain * away_mm, period_mm + gain_period * away_mm
        of_at, of_period = (1 - gain) * of_at, of_period - gain_period * of_both
        of_both = (1 - gain) * of_both
    return squares, log_scales


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
