"""What a search for chains may leave out."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.strip.chains import Chains, NearMarks
from inspector.strip.chances import TURNS, Floats, Search
from inspector.strip.strewn import Strewn

SEARCH = Search()


@st.composite
def lanes(draw: st.DrawFn) -> tuple[NearMarks, Strewn]:
    """The marks of a lane, strewn, with regular ones among them or not; and what lies about them."""
    rng = np.random.default_rng(draw(st.integers(min_value=0, max_value=2**32 - 1)))
    marks = draw(st.integers(min_value=2, max_value=48))
    back_mm: Floats = np.cumsum(rng.exponential(draw(st.floats(min_value=10.0, max_value=6000.0)), marks))
    if draw(st.booleans()):
        turns = np.flatnonzero(rng.random(TURNS) > 0.2) + 1.0
        period_mm = rng.uniform(SEARCH.min_period_mm, SEARCH.max_period_mm)
        back_mm = np.concatenate((back_mm, turns * period_mm + rng.normal(0.0, 1.0, len(turns))))
    back_mm = np.sort(back_mm)
    sizes: list[tuple[float, float]] = [
        (float(wide), float(long)) for wide, long in rng.normal(2, 0.3, (len(back_mm), 2))
    ]
    strewn = Strewn(SEARCH.window_mm, SEARCH.width_mm)
    for at_mm in np.sort(rng.uniform(-SEARCH.window_mm, 0.0, draw(st.integers(0, 2000)))).tolist():
        strewn.add(at_mm, float(rng.uniform(0, 1000)), (2.0, 2.0))
    strewn.add(0.0, 500.0, (2.0, 2.0))
    to_right_mm = np.clip(rng.normal(0, 1.5, len(back_mm)), -SEARCH.reach_mm, SEARCH.reach_mm)
    log_strewn = math.log(strewn.least(500.0, TURNS + 1))
    return NearMarks(0.0, 500.0, back_mm, to_right_mm, log_strewn, (2.0, 2.0), sizes.__getitem__), strewn


def every_period(back_mm: Floats) -> Floats:
    """All that any mark shows at any turn."""
    periods_mm = (back_mm[:, None] / np.arange(1, TURNS + 1)).ravel()
    found: Floats = periods_mm[(periods_mm >= SEARCH.min_period_mm) & (periods_mm <= SEARCH.max_period_mm)]
    return found


@given(lanes(), st.floats(min_value=0.0, max_value=20.0), st.sampled_from([(), (900.0, 903.0, 2000.0, 5995.0)]))
def test_what_is_left_out_could_not_have_been_reported(
    of: tuple[NearMarks, Strewn], log_price: float, known_mm: tuple[float, ...]
) -> None:
    """However dear the test is, and whichever rolls are known: the best chain of all periods is among the few tried."""
    lane, strewn = of
    chains = Chains(Search(known_mm=known_mm))
    tried_mm = chains.promising(lane.back_mm, lane.log_strewn, log_price)
    every_mm = every_period(lane.back_mm)
    best = chains.best(lane, every_mm, strewn, log_price) if len(every_mm) else None
    found = chains.best(lane, tried_mm, strewn, log_price) if len(tried_mm) else None
    assert (best is None) == (found is None)
    if best is not None and found is not None:
        assert abs(best.log_expected - found.log_expected) < 1e-6


def test_dirty_strip_costs_no_search() -> None:
    """Where not even twelve marks could tell anything, no period is looked at."""
    assert len(Chains(SEARCH).promising(np.arange(1.0, 65.0) * 40.0, math.log(1.0), 10.0)) == 0
