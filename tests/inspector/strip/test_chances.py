"""What a roll expects of its marks is a density: it sums to 1, so chance reaches r times more in one of r at most."""

import math

import numpy as np
import pytest

from inspector.strip.chances import TURNS, Print, RollModel, Search

ROLL = RollModel(Search())
KNOWN = RollModel(Search(known_mm=(900.0, 2000.0, 2003.0)))


@pytest.mark.parametrize("roll", [ROLL, KNOWN])
def test_the_density_of_the_first_mark_behind_the_newest_sums_to_one_with_the_others(roll: RollModel) -> None:
    """Over all turns and places, one mark behind the newest has the share of chains that end with their first turn."""
    total = 0.0
    for turn in range(1, TURNS + 1):
        back_mm = np.linspace(300 * turn, 6000 * turn, 20_001)
        step_mm = float(back_mm[1] - back_mm[0])
        along = [roll.log_densities([Print(turn, float(at), 0.0)])[0][0] for at in back_mm]
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
    before = [Print(1, 1500.0, 0.7)]
    ahead = range(-800, 801)
    along0, across0 = ROLL.log_densities(before)
    along, across = 0.0, 0.0
    for away in ahead:
        log_along, log_across = ROLL.log_densities([*before, Print(turn, 1500.0 * turn + away / 2, away / 20)])
        along += 0.5 * math.exp(log_along[1] - along0[0])
        across += 0.05 * math.exp(log_across[1] - across0[0])
    pattern = ROLL.log_pattern(1, turn - 2) - ROLL.log_pattern(0, 0)
    assert along == pytest.approx(math.exp(pattern), rel=2e-3)
    assert across == pytest.approx(1.0, rel=2e-3)


def test_likeness_is_evidence_and_its_lack_hardly_any() -> None:
    """Five marks as alike as prints weigh much where the class varies, unlike ones weigh no more than a half."""
    rng = np.random.default_rng(1)
    usual = [-math.log(2 * math.pi)] * 4
    alike = [tuple(size) for size in rng.normal(0, 0.15, (5, 2)).tolist()]
    unlike = [tuple(size) for size in rng.normal(0, 2, (5, 2)).tolist()]
    assert ROLL.log_likeness(alike[0], alike[1:], usual)[-1] > 4
    assert ROLL.log_likeness(unlike[0], unlike[1:], usual)[-1] >= -math.log(2)


def test_fewest_is_a_bound() -> None:
    """No chain of fewer marks reaches what is needed, not even one that is where it should be to a hair."""
    for log_strewn in (-18.0, -14.0, -11.5, -9.0):
        for period_mm in (300.0, 1500.0, 5999.0):
            fewest = ROLL.fewest(log_strewn, 17.0, period_mm)
            for number in range(1, min(fewest, TURNS + 1)):
                prints = [Print(turn, turn * period_mm, 0.0) for turn in range(1, number + 1)]
                along, across = ROLL.log_densities(prints)
                assert along[-1] + across[-1] - number * log_strewn < 17.0 or number < Search().marks - 1
