"""A ZeroMQ context and a line of two cameras."""

from collections.abc import Iterator

import pytest
import zmq

from tests.intakes import Context, Line


@pytest.fixture
def context() -> Iterator[Context]:
    """Give a context that is empty again at the end."""
    context: Context = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def line(context: Context) -> Iterator[Line]:
    """Give a line of two cameras."""
    with Line(context) as line:
        yield line
