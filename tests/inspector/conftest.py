"""A ZeroMQ context for whatever opens sockets."""

from collections.abc import Iterator

import pytest
import zmq

Context = zmq.Context[zmq.Socket[bytes]]


@pytest.fixture
def context() -> Iterator[Context]:
    """Give a context that is empty again at the end."""
    context: Context = zmq.Context()
    yield context
    context.destroy(linger=0)
