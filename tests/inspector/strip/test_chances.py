"""What a roll expects of its marks is a density: it sums to 1, so chance reaches r times more in one of r at most."""

import math

import numpy as np
import pytest

from inspector.strip.chances import TURNS, Floats, RollModel, Search

ROLL = RollModel(Search())
KNOWN = RollModel(Search(known_mm=(900.0, 2000.0, 2003.0)))


def densities(turns: list[int], back_mm: Floats, right_mm: Floats) -> tuple[Floats, Floats]:
    """Log densities along and across of the last marks of chains (S, D) at the same turns: (S,) each."""
    turn = np.broadcast_to(np.array(turns), back_mm.shape)
    along, across = ROLL.log_densities(turn, back_mm, right_mm)
    return along[:, -1], across[:, -1]


@pytest.mark.parametrize("roll", [ROLL, KNOWN])
def test_the_density_of_the_first_mark_behind_the_newest_sums_to_one_with_the_others(roll: RollModel) -> None:
    """Over all turns and places, one mark behind the newest has the share of chains that end with their first turn."""
    total = 0.0
    for turn in range(1, TURNS + 1):
        back_mm = np.linspace(300 * turn, 6000 * turn, 20_001)
        step_mm = float(back_mm[1] - back_mm[0])
        along, _ = roll.log_densities(np.full((len(back_mm), 1), turn), back_mm[:, None], np.zeros((len(back_mm), 1)))
        total += float(np.exp(along).sum()) * step_mm
    alone = sum(math.exp(ROLL.log_pattern(0, turn - 1)) for turn in range(1, TURNS + 1)) / TURNS
    assert total == pytest.approx(alone, rel=5e-3) and alone < 1


def test_patterns_of_seen_and_missed_turns_sum_to_one() -> None:
    """However far a chain reaches, one of its patterns is the case."""
    for last in range(1, TURNS + 1):
        shares = [math.comb(last - 1, seen) * math.exp(ROLL.log_pattern(seen, last - 1 - seen)) for seen in range(last)]
        assert sum(shares) == pytest.approx(1.0)


@pytest.mark.parametrize("turn", [2, 3, 7])
def test_the_next_mark_lies_somewhere(turn: int) -> None:
    """Given the marks before it, the density of one more sums to 1 along, and across."""
    away = np.arange(-800, 801)
    along0, across0 = densities([1], np.array([[1500.0]]), np.array([[0.7]]))
    back_mm, right_mm = np.full((len(away), 2), 1500.0), np.full((len(away), 2), 0.7)
    back_mm[:, 1], right_mm[:, 1] = 1500.0 * turn + away / 2, away / 20
    log_along, log_across = densities([1, turn], back_mm, right_mm)
    along = 0.5 * float(np.exp(log_along - along0).sum())
    across = 0.05 * float(np.exp(log_across - across0).sum())
    pattern = ROLL.log_pattern(1, turn - 2) - ROLL.log_pattern(0, 0)
    assert along == pytest.approx(math.exp(pattern), rel=2e-3)
    assert across == pytest.approx(1.0, rel=2e-3)


def test_likeness_is_evidence_and_its_lack_hardly_any() -> None:
    """Five marks as alike as prints weigh much where the class varies, unlike ones weigh no more than a half."""
    rng = np.random.default_rng(1)
    usual = np.full((1, 4), -math.log(2 * math.pi))
    alike, unlike = rng.normal(0, 0.15, (5, 2)), rng.normal(0, 2, (5, 2))
    assert ROLL.log_likeness((alike[1:] - alike[0])[None], usual)[0, -1] > 4
    assert ROLL.log_likeness((unlike[1:] - unlike[0])[None], usual)[0, -1] >= -math.log(2)


def test_the_best_of_some_turns_is_a_bound() -> None:
    """No chain exceeds what its turns can be at best, not even one that is where it should be to a hair."""
    best = ROLL.log_best_of_turns()
    rng = np.random.default_rng(1)
    for period_mm in (300.0, 1500.0, 5999.0):
        for _ in range(100):
            turn = np.flatnonzero(rng.random(TURNS) < 0.6) + 1
            if len(turn) < Search().marks - 1:
                continue
            back_mm, still = turn[None] * np.float64(period_mm), np.zeros((1, len(turn)))
            along, across = ROLL.log_densities(turn[None], back_mm, still)
            likeness = ROLL.log_likeness(np.zeros((1, len(turn), 2)), still - 100.0)
            found = (along + across + likeness)[0] - ROLL.log_periods(np.array([period_mm]))
            bound = best[int((1 << (turn - 1)).sum()), 1 : len(turn) + 1]
            assert (found <= bound + 1e-9)[Search().marks - 2 :].all()
