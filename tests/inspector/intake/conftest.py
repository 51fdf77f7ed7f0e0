"""A line of two cameras."""

from collections.abc import Iterator

import pytest

from tests.intakes import Context, Line


@pytest.fixture
def line(context: Context) -> Iterator[Line]:
    """Give a line of two cameras."""
    with Line(context) as line:
        yield line
