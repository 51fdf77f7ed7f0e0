"""The engine of tests and benches keeps the protocol, and refuses whoever does not."""

import numpy as np
import pytest

from inspector.engines.stub import Stub, grey_is_class
from tests.frames import HEIGHT, RECIPE, WIDTH


def test_sound() -> None:
    """Without eyes every frame is sound."""
    engine = Stub(RECIPE)
    engine.submit(engine.buffer(3))
    maps = engine.result()
    assert maps.labels.shape == maps.confidence.shape == (3, HEIGHT, WIDTH) and not maps.labels.any()
    assert maps.presence.shape == (3, 2) and not maps.presence.any()


def test_results_come_in_order() -> None:
    """What was submitted first is seen first."""
    engine = Stub(RECIPE, grey_is_class(2))
    for grey in (1, 2):
        engine.submit(np.full((1, HEIGHT, WIDTH), grey, np.uint8))
    assert [int(engine.result().labels.max()) for _ in range(2)] == [1, 2]
    assert engine.most_in_flight == 2


def test_it_insists_on_the_protocol() -> None:
    """An empty batch, too many batches, and work for a closed engine are the caller's mistakes."""
    engine = Stub(RECIPE, in_flight=1)
    with pytest.raises(AssertionError, match="without frames"):
        engine.submit(engine.buffer(0))
    engine.submit(engine.buffer(1))
    with pytest.raises(AssertionError, match="more batches"):
        engine.submit(engine.buffer(1))
    with pytest.raises(AssertionError, match="in flight"):
        engine.close()
    engine.result()
    engine.close()
    with pytest.raises(AssertionError, match="closed engine"):
        engine.submit(engine.buffer(1))
