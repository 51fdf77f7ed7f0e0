"""The joint between stages: order, bound, end and error, for every way two threads can take turns."""

import threading
import traceback
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.flow import Cancelled, buffered, each, followed
from tests.patience import patience_s


class Tap:
    """An upstream that gives its next item when asked to, and knows when it is asked for one."""

    def __init__(self) -> None:
        self.given = 0
        self._turn = threading.Semaphore(0)
        self._asked = threading.Semaphore(0)
        self._closed = False

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield (1,), (2,), ... as turned on."""
        while True:
            self._asked.release()
            self._turn.acquire()
            if self._closed:
                return
            self.given += 1
            yield (self.given,)

    def turn(self) -> None:
        """Give one item, and wait until the queue has dealt with it."""
        assert self._asked.acquire(timeout=patience_s())
        self._turn.release()
        assert self._asked.acquire(timeout=patience_s())
        self._asked.release()

    def close(self) -> None:
        """End the stream."""
        self._closed = True
        self._turn.release()


@settings(max_examples=50)
@given(st.lists(st.integers()), st.integers(1, 5))
def test_order(items: list[int], depth: int) -> None:
    """Every item comes out once, in order, whatever the depth."""
    assert list(buffered(items, depth, "test")) == items


@settings(max_examples=50)
@given(st.lists(st.integers()), st.integers(1, 5))
def test_groups(items: list[int], depth: int) -> None:
    """Groups hold every item once, in order, and none is empty or larger than the queue."""
    groups = list(buffered(items, depth, "test").groups())
    assert [item for group in groups for item in group] == items
    assert all(1 <= len(group) <= depth for group in groups)


def test_bound() -> None:
    """Upstream is held back when the queue is full: it is never more than depth + 1 ahead."""
    ahead = threading.Semaphore(0)

    def upstream() -> Iterator[int]:
        for number in range(100):
            ahead.release()
            yield number

    buffer = buffered(upstream(), 3, "test")
    for taken in range(90):
        for _ in range(4 if taken == 0 else 1):
            assert ahead.acquire(timeout=patience_s())
        assert not ahead.acquire(timeout=0.01 if taken == 0 else 0)
        assert len(buffer) <= 3
        assert next(buffer) == taken


@pytest.mark.parametrize("grouped", [False, True])
def test_exception(grouped: bool) -> None:
    """An error upstream comes out after all items before it, with the traceback of where it happened."""

    def break_here() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError("the cause")

    buffer = buffered(break_here(), 2, "test")
    got: list[int] = []
    with pytest.raises(ZeroDivisionError, match="the cause") as caught:
        for group in buffer.groups() if grouped else ([item] for item in buffer):
            got += group
    assert got == [1, 2]
    assert "break_here" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    with pytest.raises(ZeroDivisionError):
        next(buffer)


def test_end_stays_the_end() -> None:
    """A stream that has ended goes on saying so, and does not block its reader."""
    buffer = buffered([1], 1, "test")
    assert list(buffer) == [1]
    assert list(buffer) == []
    assert list(buffer.groups()) == []


def test_thread_is_named() -> None:
    """The stage's thread carries its name, for those who look at a stack dump."""
    assert list(buffered((threading.current_thread().name for _ in range(2)), 1, "intake")) == ["intake"] * 2


@settings(max_examples=50)
@given(st.lists(st.integers()))
def test_each(items: list[int]) -> None:
    """A stage does its work on every item in order, and says its last word at the end only."""
    assert list(each(items, lambda item: item + 1)) == [item + 1 for item in items]
    assert list(each(items, lambda item: item + 1, lambda: -1)) == [*(item + 1 for item in items), -1]


def test_close_ends_an_upstream_that_waits_for_room() -> None:
    """A thread that nobody reads from is not left behind: it ends at its next item, on its own thread."""
    ended = threading.Event()

    def upstream() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    buffer = buffered(upstream(), 1, "test")
    assert next(buffer) == 1
    assert buffer.close(patience_s())
    assert ended.is_set()


def test_a_thread_ends_when_what_it_reads_from_is_cancelled() -> None:
    """Behind a stage that hangs all others end, and only that one is left."""
    go_on = threading.Event()

    def hanging() -> Iterator[int]:
        yield 1
        go_on.wait()

    first = buffered(hanging(), 1, "first")
    second = buffered(each(first, lambda item: item), 1, "second")
    assert next(second) == 1
    for buffer in (first, second):
        buffer.cancel()
    assert second.close(patience_s())
    assert not first.close(0.05)
    go_on.set()
    assert first.close(patience_s())


def test_a_reader_that_waits_is_ended_by_cancel() -> None:
    """It raises `Cancelled` there, and wherever else it reads on."""
    tap = Tap()
    buffer = buffered(tap, 1, "test")
    threading.Timer(0.05, buffer.cancel).start()
    for _ in range(2):
        with pytest.raises(Cancelled):
            next(buffer)
    tap.close()
    assert buffer.close(patience_s())


def test_groups_come_empty_when_nothing_did() -> None:
    """Whoever has something else to see to is woken for it."""
    tap = Tap()
    groups = buffered(tap, 2, "test").groups(wait_s=0.01)
    assert next(groups) == []
    tap.turn()
    assert next(group for group in groups if group) == [(1,)]
    tap.close()
    assert [group for group in groups if group] == []


def test_what_follows_is_made_once_the_item_was_taken_on() -> None:
    """Work behind an item begins when the next is asked for, and what it yields comes between the two."""
    began = list[int]()

    def rest(item: int) -> int | None:
        began.append(item)
        return item + 1 if item % 4 == 0 else None

    items = followed([1, 2, 3], lambda item: 2 * item, rest)
    assert next(items) == 2 and began == []
    assert next(items) == 4 and began == [2]
    assert list(items) == [5, 6] and began == [2, 4, 6]
