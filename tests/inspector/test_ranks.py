"""The one rule of percentiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.ranks import percentile


def test_percentile_is_nearest_rank() -> None:
    """A percentile is a value that was measured, not one in between."""
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.99)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("tenths", [1, 5, 9])
@given(values=st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_the_share_does_not_exceed_it(tenths: int, values: list[float]) -> None:
    """And a smaller value would not do."""
    bound = percentile(values, tenths / 10)
    assert 10 * sum(value <= bound for value in values) >= tenths * len(values)
    assert 10 * sum(value < bound for value in values) < tenths * len(values)
