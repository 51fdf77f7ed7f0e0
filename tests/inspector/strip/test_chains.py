"""What a search for chains may leave out."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.strip.chains import Chains, ChanceLimits, Newest
from inspector.strip.chances import TURNS, Floats, Search
from inspector.strip.strewn import Strewn
from inspector.strip.votes import Pairs

SEARCH = Search()


@st.composite
def lanes(draw: st.DrawFn) -> tuple[Pairs, Strewn]:
    """The marks of a lane, strewn, with regular ones among them or not; and what lies about them."""
    rng = np.random.default_rng(draw(st.integers(min_value=0, max_value=2**32 - 1)))
    marks = draw(st.integers(min_value=2, max_value=48))
    back_mm: Floats = np.cumsum(rng.exponential(draw(st.floats(min_value=10.0, max_value=6000.0)), marks))
    if draw(st.booleans()):
        turns = np.flatnonzero(rng.random(TURNS) > 0.2) + 1.0
        period_mm = rng.uniform(SEARCH.min_period_mm, SEARCH.max_period_mm)
        back_mm = np.concatenate((back_mm, turns * period_mm + rng.normal(0.0, 1.0, len(turns))))
    strewn = Strewn(SEARCH.window_mm, SEARCH.width_mm)
    for at_mm in np.sort(rng.uniform(-SEARCH.window_mm, 0.0, draw(st.integers(0, 2000)))).tolist():
        strewn.add(at_mm, float(rng.uniform(0, 1000)), (2.0, 2.0))
    strewn.add(0.0, 500.0, (2.0, 2.0))
    right_mm = np.clip(rng.normal(0, 1.5, len(back_mm)), -SEARCH.reach_mm, SEARCH.reach_mm)
    sizes = rng.normal(0, 0.3, (len(back_mm), 2))
    sizes[rng.random(len(back_mm)) < draw(st.sampled_from([0.0, 0.02]))] = np.nan
    return Pairs(np.zeros(len(back_mm), np.intp), back_mm, right_mm, sizes), strewn


def every_period(back_mm: Floats) -> Floats:
    """All that any mark shows at any turn."""
    periods_mm = (back_mm[:, None] / np.arange(1, TURNS + 1)).ravel()
    found: Floats = periods_mm[(periods_mm >= SEARCH.min_period_mm) & (periods_mm <= SEARCH.max_period_mm)]
    return found


@given(lanes(), st.floats(min_value=0.0, max_value=20.0), st.sampled_from([(), (900.0, 903.0, 2000.0, 5995.0)]))
def test_what_is_left_out_could_not_have_been_reported(
    of: tuple[Pairs, Strewn], log_price: float, known_mm: tuple[float, ...]
) -> None:
    """However dear the test is, and whichever rolls are known: the best chain of all periods is among the few tried."""
    pairs, strewn = of
    chains = Chains(Search(known_mm=known_mm))
    log_strewn = math.log(strewn.least(500.0, TURNS + 1))
    newest = Newest(0, 0.0, 500.0, log_strewn, log_price, (2.0, 2.0))
    passing = chains.passing(
        pairs, ChanceLimits(np.array([log_strewn]), np.array([log_price]), np.array([strewn.log_rarest()]))
    )
    every_mm = every_period(pairs.back_mm)
    every = chains.shown(pairs, np.zeros(len(every_mm), np.intp), every_mm, 1)
    best = chains.best(newest, pairs, every, strewn) if len(every.of) else None
    found = chains.best(newest, pairs, passing, strewn) if len(passing.of) else None
    assert (best is None) == (found is None)
    if best is not None and found is not None:
        assert abs(best.log_expected - found.log_expected) < 1e-6


@given(st.lists(lanes(), min_size=2, max_size=4))
def test_many_marks_are_looked_at_as_one_after_the_other(of: list[tuple[Pairs, Strewn]]) -> None:
    """What passes of each mark is the same, whether others are looked at with it or not."""
    chains = Chains(SEARCH)
    least = [math.log(strewn.least(500.0, TURNS + 1)) for _, strewn in of]
    limits = ChanceLimits(np.array(least), np.full(len(of), 10.0), np.full(len(of), -4.0))
    together = Pairs(
        np.repeat(np.arange(len(of)), [len(pairs.of) for pairs, _ in of]),
        *(np.concatenate([getattr(pairs, name) for pairs, _ in of]) for name in ("back_mm", "right_mm", "sizes")),
    )
    numbers = np.bincount(chains.passing(together, limits).of, minlength=len(of))
    for number, (pairs, _) in enumerate(of):
        alone = ChanceLimits(limits.log_strewn[[number]], limits.log_price[[number]], limits.log_rarest[[number]])
        assert len(chains.passing(pairs, alone).of) == numbers[number]


def test_dirty_strip_costs_no_search() -> None:
    """Where not even twelve marks could tell anything, no period is looked at."""
    pairs = Pairs(np.zeros(64, np.intp), np.arange(1.0, 65.0) * 40.0, np.zeros(64), np.zeros((64, 2)))
    limits = ChanceLimits(np.array([0.0]), np.array([10.0]), np.array([-4.0]))
    assert len(Chains(SEARCH).passing(pairs, limits).of) == 0
