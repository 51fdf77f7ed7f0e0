"""The decoders' threads: nobody's pictures hold up another's."""

import threading
import time
from collections.abc import Callable

import pytest

from inspector.intake.decoding import Decoders
from tests.patience import patience_s


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + patience_s()
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("threads", [2, 4])
def test_endless_work_of_one_leaves_a_thread_for_others(threads: int) -> None:
    """Whatever one camera's pictures cost, another's are decoded meanwhile, in order."""
    gate, done = threading.Event(), list[int]()

    def work(item: int) -> None:
        if item < 0:
            gate.wait(patience_s())
        done.append(item)

    decoders = Decoders[int](threads, work, lambda: None)
    for _ in range(10):
        decoders.add("costly", -1)
    for item in range(20):
        decoders.add("good", item)
    wait_for(lambda: len(done) == 20)
    assert sorted(done) == list(range(20)) and (threads > 2 or done == sorted(done))
    gate.set()
    wait_for(lambda: len(done) == 30)
    decoders.close()


def test_the_one_that_used_least_comes_next() -> None:
    """With one thread for all, a camera whose pictures cost nothing does not queue behind one whose cost much."""
    order, gate = list[str](), threading.Event()

    def work(item: str) -> None:
        gate.wait(patience_s())
        if item == "costly":
            time.sleep(0.02)
        order.append(item)

    decoders = Decoders[str](1, work, lambda: None)
    for _ in range(5):
        decoders.add("costly", "costly")
    for _ in range(5):
        decoders.add("cheap", "cheap")
    gate.set()
    wait_for(lambda: len(order) == 10)
    assert order[-3:] == ["costly"] * 3
    decoders.close()


def test_close_ends_the_threads() -> None:
    """What is worked on is finished; no thread is left."""
    done = list[int]()
    decoders = Decoders[int](3, done.append, lambda: None)
    decoders.add("top", 1)
    wait_for(lambda: done)
    decoders.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode-")]
