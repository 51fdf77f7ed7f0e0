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
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

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
EDGE = 1e-9


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

    def slack_mm(self, period_mm: float) -> float:
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
        self._logs = [
            math.lgamma(DOUBT + number / 2) - math.lgamma(DOUBT) - number / 2 * math.log(math.pi * self.twice)
            for number in range(most + 1)
        ]

    def log_density(self, number: int, squares: float, log_scales: float) -> float:
        """Of `number` deviations; `squares`: sum of their squares over their scales; `log_scales`: sum of the logs."""
        return self._logs[number] - (DOUBT + number / 2) * math.log1p(squares / self.twice) - log_scales / 2


class Print(NamedTuple):
    """An earlier mark of a chain, as seen from its newest one; millimetres."""

    turn: int
    """Turns before it."""
    back_mm: float
    """How far before it."""
    across_mm: float
    """How far to its right."""


class RollModel:
    """What is expected of the marks of one roll."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._along = Spread(search.along_mm / 2, TURNS)
        self._across = Spread(search.across_mm / 4, TURNS)
        self._sizes = Spread(ALIKE, 2 * TURNS)
        self._drift = (search.stretch / 4 / (search.along_mm / 2)) ** 2
        """Variance of the period from turn to turn over that of a position, for a period of a millimetre."""
        self._log_range = math.log(math.log(search.max_period_mm / search.min_period_mm))
        self._known = [(known_mm, search.slack_mm(known_mm)) for known_mm in search.known_mm]
        # Where ranges overlap most, one begins.
        self._most_known = max(
            (self._density(known_mm - slack_mm + EDGE_MM) for known_mm, slack_mm in self._known), default=0.0
        )
        self._log_patterns = [[self.log_pattern(seen, missed) for missed in range(TURNS)] for seen in range(TURNS)]
        self._log_best = [0.0, *(self._log_highest(number) for number in range(1, TURNS + 1))]

    @staticmethod
    def log_pattern(seen: int, missed: int) -> float:
        """Log of the probability that just these turns show the mark, and these do not."""
        return _log_beta(SEEN + seen, MISSED + missed) - _log_beta(SEEN, MISSED)

    def log_densities(self, prints: Sequence[Print]) -> tuple[list[float], list[float]]:
        """Log density of the first print's place, of the first two's, and so on, for a roll: along, and across.

        `prints`: of one chain, by turn.
        """
        fit = _Fit(prints[0], self._drift)
        mean_mm, across, found, found_across = 0.0, 0.0, list[float](), list[float]()
        log_period = self._log_period(prints[0].back_mm / prints[0].turn) - math.log(prints[0].turn)
        for place, mark in enumerate(prints):
            if place:
                fit.add(mark)
            away_mm = mark.across_mm - mean_mm
            across += away_mm**2 * (place + 1) / (place + 2)
            mean_mm += away_mm / (place + 2)
            found.append(
                self._log_patterns[place][mark.turn - 1 - place]
                - math.log(TURNS)
                + log_period
                + self._along.log_density(place, fit.squares, fit.log_scales)
            )
            found_across.append(self._across.log_density(place + 1, across, math.log(place + 2)))
        return found, found_across

    def log_likeness(
        self, newest: tuple[float, float], sizes: Sequence[tuple[float, float]], log_usual: Sequence[float]
    ) -> list[float]:
        """Log of how much likelier the sizes are for one roll than for its class, for the first, first two, ...

        `log_usual`: log density of each print's sizes among those of its class. Marks that are less alike than chance
        has them count for little, not against: half of the rolls are taken to print whatever they like.
        """
        means, squares, usual, found = newest, 0.0, 0.0, []
        for place, (size, log_density) in enumerate(zip(sizes, log_usual, strict=True)):
            away = size[0] - means[0], size[1] - means[1]
            squares += (away[0] ** 2 + away[1] ** 2) * (place + 1) / (place + 2)
            means = means[0] + away[0] / (place + 2), means[1] + away[1] / (place + 2)
            usual += log_density
            alike = self._sizes.log_density(2 * (place + 1), squares, 2 * math.log(place + 2)) - usual
            capped = min(alike, LIKENESS_CAP * (place + 1))
            found.append(math.log1p(math.exp(capped)) - math.log(2))
        return found

    def fewest(self, log_strewn: float, log_needed: float, begin_mm: float, *, is_known: bool = False) -> int:
        """Return how many earlier marks a chain of a period from `begin_mm` on needs at least, to exceed `log_needed`.

        Above `TURNS` where none can. `log_strewn`: the least that chance strews.
        """
        log_period = self._log_period(begin_mm, self._most_known if is_known else 0.0)
        for number in range(self._search.marks - 1, TURNS + 1):
            if self._log_best[number] + log_period - number * log_strewn >= log_needed:
                return number
        return TURNS + 1

    def fewest_of(self, periods_mm: Floats, log_strewn: float, log_needed: float) -> NDArray[np.intp]:
        """Return how many earlier marks a chain of each period (P,) needs at least, to exceed `log_needed`: (P,)."""
        highest = np.maximum.accumulate(np.array(self._log_best[1:]) - log_strewn * np.arange(1, TURNS + 1))
        log_period = -np.log(periods_mm) - self._log_range
        if self._known:
            known = np.zeros(len(periods_mm))
            for known_mm, slack_mm in self._known:
                known[np.abs(periods_mm - known_mm) <= slack_mm] += KNOWN_SHARE / len(self._known) / (2 * slack_mm)
            log_period = np.log((1 - KNOWN_SHARE) * np.exp(log_period) + known)
        return 1 + highest.searchsorted(log_needed - log_period - EDGE)

    def may_reach(self, number: int, log_strewn: float, log_needed: float, first: Print) -> bool:
        """Whether a chain of `number` earlier marks, of which this is the newest, may exceed `log_needed`."""
        log_period = self._log_period(first.back_mm / first.turn) - math.log(first.turn)
        return max(self._log_best[n] - n * log_strewn for n in range(1, number + 1)) + log_period >= log_needed

    def _log_highest(self, number: int) -> float:
        """The highest that `log_densities` and `log_likeness` can be, the period and what chance strews aside."""
        # A position foretold from as many others is known no better than their mean.
        least = math.log((number + 1) / 2)
        along = self._along.log_density(number - 1, 0.0, least)
        across = self._across.log_density(number, 0.0, math.log(number + 1))
        pattern = self._log_patterns[number - 1][0] - math.log(TURNS)
        return along + across + pattern + LIKENESS_CAP * number

    def _log_period(self, period_mm: float, known: float | None = None) -> float:
        """Log density of periods: each ratio is as likely as another, and half of the repeats are of known rolls."""
        log_any = -math.log(period_mm) - self._log_range
        if not self._known:
            return log_any
        known = self._density(period_mm) if known is None else known
        return math.log((1 - KNOWN_SHARE) * math.exp(log_any) + known)

    def _density(self, period_mm: float) -> float:
        """Density of the periods of known rolls."""
        each = KNOWN_SHARE / max(1, len(self._known))
        return sum(each / (2 * slack_mm) for known_mm, slack_mm in self._known if abs(period_mm - known_mm) <= slack_mm)


def log_streak(number: int, span_mm: float, others: int, expected: float, share: float) -> float:
    """Log density along of `number` marks behind the newest, if they are pieces of one torn scratch, and not of a roll.

    Such pieces lie in one lane like a roll's marks, with the `others` within `span_mm`, and are more than strewn marks
    would be: these are Poisson, `expected` on the mean. `share`: that of marks which are such pieces.
    """
    log_strewn = others * math.log(expected) - expected - math.lgamma(others + 1)
    log_torn = -math.log((others + 1) * (others + 2)) - log_strewn + math.log(share)
    return min(log_torn, 0.0) + number * math.log((number + others) / span_mm)


class _Fit:
    """Where the next print of a chain is expected, and how exactly: a Kalman filter of position and period.

    Each position is measured with an error of variance 1, the newest mark's too, and the period walks at random.
    """

    def __init__(self, first: Print, drift: float) -> None:
        turn = first.turn
        self._turn, self._at_mm, self._period_mm = turn, first.back_mm, first.back_mm / turn
        self._drift = drift * self._period_mm**2
        self._of_at, self._of_both = 1.0, 1 / turn
        self._of_period = (2 + turn * self._drift) / turn**2
        self.squares = self.log_scales = 0.0
        """Of the deviations, as `Spread.log_density` takes them."""

    def add(self, mark: Print) -> None:
        """Compare a print with what is expected, and learn from it."""
        turns = mark.turn - self._turn
        at_mm = self._at_mm + turns * self._period_mm
        of_at = self._of_at + turns * (2 * self._of_both + turns * self._of_period + self._drift)
        of_both = self._of_both + turns * self._of_period
        scale, away_mm = of_at + 1, mark.back_mm - at_mm
        self.squares += away_mm**2 / scale
        self.log_scales += math.log(scale)
        gain, gain_period = of_at / scale, of_both / scale
        self._turn = mark.turn
        self._at_mm, self._period_mm = at_mm + gain * away_mm, self._period_mm + gain_period * away_mm
        self._of_at, self._of_both = (1 - gain) * of_at, (1 - gain) * of_both
        self._of_period -= gain_period * of_both


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
