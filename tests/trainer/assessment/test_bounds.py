"""Exact bounds against published values and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer.assessment.bounds import count_at_most, expected_loss, rate_at_least, rate_at_most, units_needed


@pytest.mark.parametrize(
    ("successes", "trials", "bound"),
    [(10, 10, 0.7411), (59, 59, 0.9505), (0, 20, 0.0), (0, 0, 0.0), (9, 10, 0.6058), (48, 50, 0.8794), (1, 2, 0.0253)],
)
def test_a_rates_lower_bound_is_clopper_pearsons(successes: int, trials: int, bound: float) -> None:
    """Values of the beta distribution's 5 % quantile, from tables; 59 of 59 is the well-known 95/95 sample."""
    assert rate_at_least(successes, trials) == pytest.approx(bound, abs=1e-4)


@pytest.mark.parametrize(("seen", "bound"), [(0, 2.9957), (1, 4.7439), (2, 6.2958), (10, 16.9622), (100, 118.079)])
def test_a_counts_upper_bound_is_garwoods(seen: int, bound: float) -> None:
    """Half the chi-square distribution's 95 % quantile at 2 (n + 1) degrees of freedom, from tables."""
    assert count_at_most(seen) == pytest.approx(bound, rel=1e-4)


def test_the_bounds_hold_for_large_counts() -> None:
    """Ten thousand trials neither overflow nor leave the normal approximation by more than its error."""
    normal = 0.9 - 1.6449 * math.sqrt(0.9 * 0.1 / 10_000)
    assert rate_at_least(9_000, 10_000) == pytest.approx(normal, abs=3e-4)
    assert rate_at_most(1_000, 10_000) == pytest.approx(1 - normal, abs=3e-4)
    assert count_at_most(10_000) == pytest.approx(10_000 + 1.6449 * 100, abs=2)


def test_a_bound_is_wrong_no_oftener_than_it_says() -> None:
    """Of drawn samples the lower bound lies above the true rate in at most 5 %."""
    drawn = np.random.default_rng(1).binomial(40, 0.8, 4000)
    wrong = {int(n): rate_at_least(int(n), 40) > 0.8 for n in np.unique(drawn)}
    assert 0.01 < np.mean([wrong[int(n)] for n in drawn]) <= 0.055


def test_risk_control_keeps_its_promise() -> None:
    """The boldest threshold allowed on a calibration set loses at most alpha of the next units, in the mean."""
    chance, alpha, units = np.random.default_rng(2), 0.1, 30
    thresholds = np.linspace(0, 1, 101)
    lost = []
    for _ in range(2000):
        sureness = chance.beta(4, 1, units + 1)  # of each unit's one defect: lost where a bolder threshold exceeds it
        means = (sureness[:units, None] < thresholds).mean(0)
        allowed = [t for t, mean in zip(thresholds, means, strict=True) if expected_loss(float(mean), units) <= alpha]
        lost.append(sureness[units] < max(allowed))
    assert 0.04 < np.mean(lost) <= alpha + 0.01


@pytest.mark.parametrize(("alpha", "needed"), [(0.05, 19), (0.1, 9), (0.2, 4), (0.5, 1)])
def test_so_many_units_are_needed_for_a_promise(alpha: float, needed: int) -> None:
    """One unit fewer, all of them without loss, and nothing can be promised."""
    assert units_needed(alpha) == needed
    assert expected_loss(0, needed) <= alpha + 1e-9 < expected_loss(0, needed - 1)
