"""The stage that has batches inferred: order, nothing held back, and a recipe swapped between two batches."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.demand import Demand
from inspector.engines.nvidia.pinned import Pool
from inspector.engines.screening import ScreenAccount
from inspector.engines.stub import Stub, grey_is_class
from inspector.flow import buffered, each
from inspector.infer import INFERRED_BATCHES, Infer, Loaded, depths
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe
from inspector.records.stages import Batch, Frame, Inferred, whole
from tests.frames import RECIPE, batch, header, missing, recipe
from tests.patience import patience_s


def grey(in_flight: int = 2) -> Stub:
    """Make an engine for which a pixel's class is its grey level."""
    return Stub(RECIPE, grey_is_class(2), in_flight=in_flight)


def painted(number: int, frames: int) -> Batch:
    """Make a batch whose pixels all say its number; one without frames is a loss, or a tick."""
    of = batch(*(Frame(header(number), 0) for _ in range(frames)), *([missing(1)] * (number % 2)), closed_ns=number)
    of.pixels[:] = number
    return of


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 3), st.integers(1, 3))
def test_order(sizes: list[int], in_flight: int, depth: int) -> None:
    """Every batch comes out once, in order, with the maps of its own frames, and those without frames too."""
    engine = grey(in_flight)
    batches = [painted(number, frames) for number, frames in enumerate(sizes)]
    inferred = list(Infer(Loaded(RECIPE, engine), Demand(8))(buffered(batches, depth, "test")))
    assert [result.batch for result in inferred] == batches
    for result in inferred:
        assert result.recipe is RECIPE
        if result.maps is None:
            assert not len(result.batch.pixels)
        else:
            assert np.array_equal(result.maps.labels, result.batch.pixels)


def test_two_in_flight() -> None:
    """While more waits, the engine has as many batches in flight as it can take."""
    engine = grey()
    batches = buffered([painted(number, 1) for number in range(6)], 8, "test")
    while len(batches) < 7:  # the six, and the end of the stream
        threading.Event().wait(0.001)
    assert len(list(Infer(Loaded(RECIPE, engine), Demand(8))(batches))) == 6
    assert engine.most_in_flight == 2


def test_nothing_waits_for_the_next_batch() -> None:
    """When nothing else is there, a batch is inferred and handed on at once: a quiet line has no lag."""
    go_on = threading.Semaphore(0)

    def upstream() -> Iterator[Batch]:
        for number in range(3):
            yield painted(number, 1)
            assert go_on.acquire(timeout=patience_s())

    inferred = Infer(Loaded(RECIPE, grey()), Demand(8))(buffered(upstream(), 2, "test"))
    for number in range(3):
        assert next(inferred).batch.closed_ns == number
        go_on.release()


@pytest.mark.parametrize("queued", [1, 2, 5])
def test_depths_are_enough_when_the_line_is_overloaded(queued: int) -> None:
    """Each batch has a block of its own while anybody holds it, however slow the analysis."""
    assert batches_without_a_block(queued, depths(queued).frames) == 0
    assert batches_without_a_block(queued, 2) > 0


def batches_without_a_block(queued: int, blocks: int) -> int:
    """Let 60 batches through a line whose analysis waits until others were shed; count those that found none free."""
    demand = Demand(queued)
    pool, begun, wanting = Pool(lambda: np.zeros((1, RECIPE.height, RECIPE.width), np.uint8)), 0, 0
    pool.reserve(blocks)

    def intake() -> Iterator[Batch]:
        nonlocal begun, wanting
        pixels = None
        for number in range(60):
            threading.Event().wait(0.002)  # the others come to their turn
            begun += 1
            if pixels is None and (pixels := pool.lend()) is None:
                wanting += 1
                pixels = np.empty((1, RECIPE.height, RECIPE.width), np.uint8)
            if demand.has_room:  # else the frame is given up, and the block goes on waiting for the next
                batch = Batch((Frame(header(number), 0),), pixels, whole(pixels), number)
                pixels = None
                demand.hand_over()
                yield batch
                del batch

    def analyse(inferred: Inferred) -> int:
        seen = begun
        while begun < min(seen + 8, 60):
            threading.Event().wait(0.001)
        return inferred.batch.closed_ns

    batches = buffered(intake(), queued, "intake")
    inferred = buffered(Infer(Loaded(RECIPE, grey()), demand)(batches), INFERRED_BATCHES, "infer")
    assert list(each(inferred, analyse))
    return wanting


def test_it_is_idle_once_the_result_is_out_and_not_before() -> None:
    """Intake lets a batch go on filling while it is not: from the hand-over until the result was taken."""
    idle: list[bool] = []

    class Watched(Stub):
        def submit(self, frames: Bytes3D) -> None:
            idle.append(demand.is_idle)
            super().submit(frames)

        def result(self) -> Maps:
            idle.append(demand.is_idle)
            return super().result()

    demand = Demand(8)

    def upstream() -> Iterator[Batch]:
        for number in range(3):
            demand.hand_over()
            yield painted(number, 1)

    for _ in Infer(Loaded(RECIPE, Watched(RECIPE)), demand)(buffered(upstream(), 8, "test")):
        pass
    assert idle == [False] * 6
    assert demand.is_idle


def test_swap() -> None:
    """A new recipe infers from the next batch on, and the old engine is closed once its last batch is out."""
    turn = threading.Semaphore(0)

    def upstream() -> Iterator[Batch]:
        for number in range(4):
            assert turn.acquire(timeout=patience_s())
            yield painted(number, 1)

    old, new = grey(), grey()
    infer = Infer(Loaded(RECIPE, old), Demand(8))
    inferred = infer(buffered(upstream(), 2, "test"))

    def step() -> Inferred:
        turn.release()
        return next(inferred)

    assert step().recipe is RECIPE
    other: Recipe = recipe("dark", "bright", version="2")
    infer.loaded = Loaded(other, new)
    assert (old.is_closed, new.is_closed) == (False, False)
    assert [step().recipe for _ in range(3)] == [other] * 3
    assert (old.is_closed, new.is_closed) == (True, False)


def test_what_infers_already_takes_no_place() -> None:
    """Handed over once more, before its first batch or while it runs, an engine goes on."""
    first, second = Loaded(RECIPE, old := grey()), Loaded(RECIPE, new := grey())
    infer = Infer(first, Demand(8))
    infer.loaded = first
    infer.loaded = second
    infer.loaded = second
    inferred = infer(buffered([painted(0, 1), painted(1, 1)], 2, "test"))
    assert next(inferred).maps is not None
    infer.loaded = second
    assert (old.is_closed, new.is_closed) == (True, False)
    assert next(inferred).maps is not None


def test_a_batch_says_what_its_screen_was_asked() -> None:
    """Asked, found to be blind by it, and no longer asked; without a screen nothing."""
    account = ScreenAccount(0.1)

    def see(frames: Bytes3D) -> Maps:
        account.count(held_back=90, passed=0, audited=10, found=0, missed=3 * int(frames.max()))
        return grey_is_class(2)(frames)

    for screen, wanted in ((account, ["asked", "blind", ""]), (None, ["", "", ""])):
        loaded = Loaded(RECIPE, Stub(RECIPE, see, in_flight=1), screen=screen)
        batches = [painted(number, 1) for number in range(3)]
        assert [result.screen for result in Infer(loaded, Demand(8))(buffered(batches, 1, "test"))] == wanted
