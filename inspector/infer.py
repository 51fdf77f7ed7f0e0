"""The stage that runs batches through the network: keeps the engine busy, and swaps recipes between two batches.

Laws: batches leave in the order they came; each carries the recipe that it went through; a batch is held back only
while the engine works on it. Runs on one thread, the only one that talks to the engine.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from inspector.demand import Demand
from inspector.engines.screening import ScreenAccount
from inspector.engines.segmenter import Depths, Segmenter
from inspector.engines.tiled import Tiled
from inspector.errors import EngineError
from inspector.flow import Buffer, Cancelled
from inspector.records.recipe import Recipe
from inspector.records.stages import Batch, Inferred

INFERRED_BATCHES = 2
"""Inferred batches that may wait for analysis; each holds its pixels and maps."""


def depths(queued: int, in_flight: int = 2) -> Depths:
    """Return how many batches there are at once where `queued` may wait for the engine.

    Frames: one being filled and the one handed over before it; those that wait, those in flight, the one handed on
    before them; those that wait for analysis, and two there while the next takes the place of the last. Maps: the
    same from the engine on, with the one that is being fetched.
    """
    return Depths(frames=2 + queued + in_flight + 1 + INFERRED_BATCHES + 2, maps=2 + INFERRED_BATCHES + 2)


class Loaded(msgspec.Struct, frozen=True):
    """A recipe with its engine: loaded, verified and warmed."""

    recipe: Recipe
    engine: Segmenter
    batch_s: float = 0.0
    """How long the largest batches took when the engine was warmed up, as many as are in flight."""
    screen: ScreenAccount | None = None
    """How its screen is doing; None: it has none."""
    screen_recipe: Recipe | None = None
    """What its screen is made of."""


class Infer:
    """Iterates over inferred batches; `loaded` may be assigned at any time, from any thread."""

    def __init__(self, loaded: Loaded, demand: Demand, shed: Callable[[Batch], Batch] = lambda batch: batch) -> None:
        """`demand` is fed with what the engine begins and finishes; `shed` gives up what it must not begin any more."""
        self._demand, self._shed = demand, shed
        self._current = loaded
        self._next: Loaded | None = None
        self._is_closed = False
        self._swap = threading.Lock()
        self._pending: deque[Batch] = deque()

    @property
    def loaded(self) -> Loaded:
        """What infers from the next batch on."""
        return self._next or self._current

    @loaded.setter
    def loaded(self, loaded: Loaded) -> None:
        with self._swap:
            if loaded is self.loaded:
                return
            unused, self._next = self._next, loaded
            if self._is_closed:
                unused, self._next = loaded, None
        if unused is not None:
            unused.engine.close()

    def close(self) -> None:
        """Close the engines; to be called where no batch is under way."""
        with self._swap:
            engines = [] if self._is_closed else [self._current.engine]
            if self._next is not None:
                engines.append(self._next.engine)
            self._is_closed, self._next = True, None
        for engine in engines:
            engine.close()

    def __call__(self, batches: Buffer[Batch]) -> Iterator[Inferred]:
        """Infer what comes, with up to the engine's `in_flight` batches under way."""
        try:
            yield from self._infer(batches)
        except (GeneratorExit, Cancelled):  # nobody waits for what is under way, but no engine is closed at work
            with contextlib.suppress(EngineError):
                while self._pending:
                    self._finish(self._current, self._pending)
            raise
        finally:
            self.close()

    def _infer(self, batches: Buffer[Batch]) -> Iterator[Inferred]:
        current, pending = self._current, self._pending
        for waited in batches:
            self._demand.take(waited.planes())
            batch = self._shed(waited)
            if self._next is not None:
                while pending:
                    yield self._finish(current, pending)
                current.engine.close()
                with self._swap:
                    current = self._current = self._next
                    self._next = None
            pending.append(batch)
            if len(batch.pixels):
                _submit(current.engine, batch)
            while pending and (len(pending) >= current.engine.in_flight or not len(batches)):
                yield self._finish(current, pending)
        while pending:
            yield self._finish(current, pending)

    def _finish(self, current: Loaded, pending: deque[Batch]) -> Inferred:
        screen = current.screen if current.screen and not current.screen.is_blind else None
        maps = current.engine.result() if len(pending[0].pixels) else None
        self._demand.finish()
        is_blind = screen is not None and screen.is_blind  # by this batch
        return Inferred(pending.popleft(), current.recipe, maps, "blind" if is_blind else "asked" if screen else "")


def _submit(engine: Segmenter, batch: Batch) -> None:
    if isinstance(engine, Tiled):
        engine.submit(batch.pixels, batch.sizes())
    else:
        engine.submit(batch.pixels)
