"""An engine in memory, for tests and benches: it insists on the protocol's rules, and computes next to nothing.

Must not be taken for an inspector: a configuration reaches it only with `engine.inspects_nothing = true`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe

See = Callable[[Bytes3D], Maps]
"""Maps of `(N, H, W) uint8` frames; called in `result`, on its thread."""


class Stub:
    """A `Segmenter` without a network: what `see` returns is what it saw; without one, every frame is sound."""

    name = "stub that inspects nothing"

    def __init__(self, recipe: Recipe, see: See | None = None, *, in_flight: int = 2) -> None:
        self.in_flight = in_flight
        self.facts = {"kind": "stub", "version": "1", "precision": recipe.precision}
        self.is_closed = False
        self.most_in_flight = 0
        """Batches that were submitted and not yet taken, at the worst moment."""
        self._shape, self._columns = (recipe.height, recipe.width), recipe.columns
        self._see = see or self._sound
        self._busy: deque[Bytes3D] = deque()

    def buffer(self, frames: int) -> Bytes3D:
        """Return a new array of `(frames, H, W)`."""
        return np.empty((frames, *self._shape), np.uint8)

    def submit(self, frames: Bytes3D) -> None:
        """Take `(N, H, W) uint8` in."""
        assert len(frames), "a batch without frames was submitted"
        assert not self.is_closed, "a batch was submitted to a closed engine"
        assert len(self._busy) < self.in_flight, "more batches in flight than the engine allows"
        self._busy.append(frames)
        self.most_in_flight = max(self.most_in_flight, len(self._busy))

    def result(self) -> Maps:
        """Return the maps of the oldest submitted batch."""
        maps = self._see(self._busy[0])
        self._busy.popleft()
        return maps

    def memory(self) -> dict[str, int]:
        """Return nothing: there is no memory but the process's own."""
        return {}

    def close(self) -> None:
        """Refuse all further work."""
        assert not self._busy, "the engine was closed with batches in flight"
        self.is_closed = True

    def _sound(self, frames: Bytes3D) -> Maps:
        sound = np.broadcast_to(np.uint8(0), (len(frames), *self._shape))
        return Maps(sound, sound, np.zeros((len(frames), self._columns), np.float32))


def grey_is_class(classes: int) -> See:
    """Return a `See`: the grey level of a pixel is its class and its confidence, and every class is present."""
    return lambda frames: Maps(frames.copy(), frames.copy(), np.ones((len(frames), classes), np.float32))
