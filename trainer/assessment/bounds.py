"""What counts say of the rates behind them, without assuming how frames or scores are distributed. Pure.

Every bound is one-sided and exact: found 48 of 50, the recall is at least 0.88, and who says so is wrong in at most 5 %
of such trials. What is counted must be independent: defects of one frame are less so than those of different coils.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
"""Confidence of every bound, unless another is given; VDI/VDE/VDMA 2632-4 asks for an interval with each rate."""
LEAST_RESAMPLED = 5
"""Strips or frames, of which fewer are not resampled: of one each draw is the same, and of four there are 35 draws."""
HALVINGS = 60  # of an interval: past what a float can tell

Logs = npt.NDArray[np.floating]


def rate_at_least(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the lower bound of a rate, 0 when nothing succeeded or was tried.

    The rate at which N successes or more would be seen with probability 1 - confidence (Clopper & Pearson,
    "The use of confidence or fiducial limits", Biometrika 26, 1934).
    """
    if successes == 0:
        return 0.0
    if successes == trials:
        return float((1 - confidence) ** (1 / trials))
    choices = _log_choices(trials)
    above = np.arange(successes, trials + 1)

    def too_low(rate: float) -> bool:
        logs = choices[above] + above * math.log(rate) + (trials - above) * math.log1p(-rate)
        return _sum(logs) < 1 - confidence

    return _threshold(too_low, 0.0, 1.0)


def rate_at_most(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the upper bound of a rate (Clopper & Pearson, 1934), 1 when nothing was tried."""
    return 1 - rate_at_least(trials - successes, trials, confidence)


def count_at_most(seen: int, confidence: float = CONFIDENCE) -> float:
    """Return the upper bound of the mean of a Poisson count, of which `seen` were seen.

    The mean at which so few or fewer would be seen with probability 1 - confidence (Garwood, "Fiducial limits for the
    Poisson distribution", Biometrika 28, 1936); for none seen at 95 % it is 3.00, the rule of three.
    """
    counts = np.arange(seen + 1)
    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, seen + 1)))))

    def too_low(mean: float) -> bool:
        return _sum(counts * math.log(mean) - mean - factorials) > 1 - confidence

    return _threshold(too_low, 0.0, seen + 10 * math.sqrt(seen + 1) + 10)


def expected_loss(mean_loss: float, units: int) -> float:
    """Return what conformal risk control holds the loss of the next unit to, losses being 0..1.

    (n * mean + 1) / (n + 1): a setting chosen as the boldest whose value is at most alpha has an expected loss of at
    most alpha on a new unit, if units are exchangeable and the loss never falls as settings grow bolder (Angelopoulos,
    Bates, Fisch, Lei & Schuster, "Conformal Risk Control", 2022, eq. 4 with B = 1).
    """
    return (units * mean_loss + 1) / (units + 1)


def units_needed(max_loss: float) -> int:
    """Return how many units conformal risk control needs at least to promise `max_loss`, above 0."""
    return math.ceil(1 / max_loss - 1 - 1e-9)


def _log_choices(trials: int) -> Logs:
    """Return the logarithm of `trials` over k for k = 0..trials."""
    k = np.arange(1, trials + 1)
    return np.concatenate(([0.0], np.cumsum(np.log((trials - k + 1) / k))))


def _sum(logs: Logs) -> float:
    """Return the sum of the numbers whose logarithms are given."""
    return float(np.exp(logs).sum())


def _threshold(too_low: Callable[[float], bool], low: float, high: float) -> float:
    """Return where, between two numbers, what is too low ends."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return (low + high) / 2
