"""The batches of a run, step by step, and how long the loop waited for them; loads nothing itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from torch import Tensor

from trainer.learn.checkpoint import Card

Batches = Iterator[tuple[Tensor, Tensor]]


class BatchFeed:
    """Batches from `load(card, full_frames)`, which is asked again where crops give way to whole frames."""

    def __init__(self, load: Callable[[Card, bool], Batches]) -> None:
        self._load = load
        self._batches: Batches | None = None
        self._full_frames = False
        self._waited_s = 0.0

    def next(self, card: Card, full_frames: bool) -> tuple[Tensor, Tensor]:
        """Return pixels (N, 1, H, W) float32 and labels (N, H, W) uint8 of the step after the card's."""
        begin_s = time.perf_counter()
        if self._batches is None or full_frames != self._full_frames:
            self._batches, self._full_frames = self._load(card, full_frames), full_frames
        batch = next(self._batches)
        self._waited_s += time.perf_counter() - begin_s
        return batch

    def waited_s(self) -> float:
        """Return seconds waited since the last call."""
        waited_s, self._waited_s = self._waited_s, 0.0
        return waited_s
