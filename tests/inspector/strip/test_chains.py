"""What a search for chains may leave out."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.strip.chains import Chains
from inspector.strip.chances import TURNS, Floats, Search, log_chances, log_least, log_price

SEARCH = Search()
LOG_FALSE = math.log(SEARCH.false_per_coil)


@st.composite
def lanes(draw: st.DrawFn) -> tuple[Floats, int]:
    """How far back the marks of a lane lie, strewn, with regular ones among them or not; and the class's marks."""
    rng = np.random.default_rng(draw(st.integers(min_value=0, max_value=2**32 - 1)))
    marks = draw(st.integers(min_value=2, max_value=64))
    back_mm: Floats = np.cumsum(rng.exponential(draw(st.floats(min_value=10.0, max_value=6000.0)), marks))
    if draw(st.booleans()):
        turns = np.flatnonzero(rng.random(TURNS) > 0.2) + 1.0
        period_mm = rng.uniform(SEARCH.min_period_mm, SEARCH.max_period_mm)
        back_mm = np.concatenate((back_mm, turns * period_mm + rng.normal(0.0, 1.0, len(turns))))
    return np.sort(back_mm), marks + draw(st.integers(min_value=1, max_value=200_000) | st.just(1))


def every_period(back_mm: Floats) -> Floats:
    """All that any mark shows at any turn."""
    periods_mm = (back_mm[:, None] / np.arange(1, TURNS + 1)).ravel()
    found: Floats = periods_mm[(periods_mm >= SEARCH.min_period_mm) & (periods_mm <= SEARCH.max_period_mm)]
    return found


@given(lanes())
def test_no_chain_is_less_by_chance_than_what_lets_it_be_left_out(of: tuple[Floats, int]) -> None:
    """Strewn or regular, few marks or many: a period that is left out could not have been reported."""
    back_mm, elsewhere = of
    periods_mm = every_period(back_mm)
    reached = log_chances(back_mm, elsewhere, periods_mm, SEARCH).min(axis=1, initial=0.0)
    assert np.all(log_least(back_mm, elsewhere, periods_mm, SEARCH) <= reached + 1e-9)


@given(lanes(), st.floats(min_value=0.0, max_value=40.0))
def test_every_period_that_may_be_reported_is_promising(of: tuple[Floats, int], price: float) -> None:
    """However dear the test is: what passes it at all is among the few that are tried."""
    back_mm, elsewhere = of
    periods_mm = every_period(back_mm)
    reached = log_chances(back_mm, elsewhere, periods_mm, SEARCH).min(axis=1, initial=0.0)
    tried_mm = Chains(SEARCH).promising(back_mm, elsewhere, price)
    for period_mm in periods_mm[reached + price <= LOG_FALSE - 1e-9]:
        assert period_mm in tried_mm


@given(lanes())
def test_known_rolls_leave_out_nothing_either(of: tuple[Floats, int]) -> None:
    """With rolls known, the best of all chains is found whenever it can be reported."""
    back_mm, elsewhere = of
    search = Search(known_mm=(900.0, 903.0, 2000.0, 5995.0))
    chains = Chains(search)
    found = chains.least_by_chance(back_mm, elsewhere)
    periods_mm = every_period(back_mm)
    is_known = np.any([np.abs(periods_mm - known) <= search.slack_mm(known) for known in search.known_mm], axis=0)
    assert (chains.known, chains.other) == (13 * is_known.sum(), 13 * (~is_known).sum())
    prices = np.where(is_known, *(log_price(max(1, number)) for number in (chains.known, chains.other)))
    best = (log_chances(back_mm, elsewhere, periods_mm, search).min(axis=1, initial=0.0) + prices).min(initial=0)
    assert abs(best - found.log_expected) < 1e-6 if found else best > LOG_FALSE - 1e-9


def test_chains_that_were_left_out_count_as_looked_at() -> None:
    """On dirty strip nothing is reported, and a chain that comes later pays for all that could have been one before."""
    back_mm, chains = np.arange(1.0, 65.0) * 40.0, Chains(SEARCH)
    assert chains.least_by_chance(back_mm, 100_000) is None
    assert chains.other == 13 * len(every_period(back_mm))
