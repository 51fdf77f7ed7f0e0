"""What a search for chains may leave out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.strip.chains import Search, Tests, least_by_chance, log_chances, log_least

SEARCH = Search()


@given(
    st.integers(min_value=0, max_value=2**32 - 1),
    st.integers(min_value=2, max_value=64),
    st.floats(min_value=10.0, max_value=6000.0),
    st.integers(min_value=1, max_value=200_000),
    st.booleans(),
)
def test_no_chain_is_less_by_chance_than_what_lets_it_be_left_out(
    seed: int, marks: int, apart_mm: float, elsewhere: int, is_regular: bool
) -> None:
    """Strewn or regular, few marks or many: a period that is left out could not have been reported."""
    rng = np.random.default_rng(seed)
    steps_mm = np.full(marks, apart_mm) if is_regular else rng.exponential(apart_mm, marks)
    back_mm = np.cumsum(steps_mm) + rng.normal(0.0, 0.5, marks) * is_regular
    periods_mm = rng.uniform(SEARCH.min_period_mm, SEARCH.max_period_mm, 20)
    periods_mm[0] = np.clip(apart_mm, SEARCH.min_period_mm, SEARCH.max_period_mm)
    reached = log_chances(back_mm, elsewhere + marks, periods_mm, SEARCH).min(axis=1)
    assert np.all(log_least(back_mm, elsewhere + marks, periods_mm, SEARCH) <= reached + 1e-9)


def test_chains_that_were_left_out_count_as_looked_at() -> None:
    """On dirty strip nothing is reported, and a chain that comes later pays for all that could have been one before."""
    back_mm, tests = np.arange(1.0, 65.0) * 40.0, Tests()
    assert least_by_chance(back_mm, 100_000, SEARCH, tests) is None
    periods = [back / turns for back in back_mm for turns in range(1, 13)]
    assert tests.other == 13 * sum(SEARCH.min_period_mm <= period <= SEARCH.max_period_mm for period in periods)
