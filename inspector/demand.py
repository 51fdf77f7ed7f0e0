"""What flows backwards: how much the stages after intake have room for. Intake asks; infer and the journal feed.

Each count is written by one thread only, and what is asked is a difference of counts; receipts go through a queue.
Must not know: frames, sockets, engines.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from inspector.records.stages import Receipt


class Demand:
    """Counts batches and frames on their way from intake to the journal."""

    def __init__(self, queue_batches: int) -> None:
        """`queue_batches` may wait for the engine."""
        self.queue_batches = queue_batches
        self._is_closed = False
        self._handed = self._taken = self._done = 0
        self._granted: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()
        self._receipts: deque[Receipt] = deque()
        self._on_acknowledged: Callable[[], None] = lambda: None
        self._lock = Lock()
        """Held while the one that waits for receipts is woken, or changes."""

    # --- fed by intake

    def grant(self, camera: str) -> None:
        """Count a frame that has a place in a batch."""
        self._granted[camera] += 1

    def revoke(self, camera: str) -> None:
        """Count a frame that had a place, and lost it to another camera's."""
        self._granted[camera] -= 1

    def hand_over(self) -> None:
        """Count a batch that is on its way to the engine."""
        self._handed += 1

    # --- fed by infer

    def take(self, frames: Mapping[str, int]) -> None:
        """Count a batch that waits no longer, with its frames by camera."""
        self._begun.update(frames)
        self._taken += 1

    def finish(self) -> None:
        """Count a batch whose result is out."""
        self._done += 1

    # --- fed by the journal

    def acknowledge(self, receipts: Iterable[Receipt]) -> None:
        """Have intake learn what is on disk."""
        recorded = tuple(receipts)
        self._receipts.extend(recorded)
        if recorded:
            with self._lock:
                self._on_acknowledged()

    # --- at the end

    def close(self) -> None:
        """Report room from here on: the stages after intake have ended, and nothing is to wait for them."""
        self._is_closed = True

    # --- asked by intake

    def on_acknowledged(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, by another thread, whenever something is on disk; the one before is not any more."""
        with self._lock:
            self._on_acknowledged = wake

    def acknowledged(self) -> list[Receipt]:
        """Take what has come to be on disk since the last call."""
        receipts = []
        while self._receipts:
            receipts.append(self._receipts.popleft())
        return receipts

    @property
    def is_idle(self) -> bool:
        """Whether the engine has nothing under way and nothing waiting."""
        return self._handed == self._done

    @property
    def has_room(self) -> bool:
        """Whether a batch that leaves now finds a place in the queue."""
        return self._is_closed or self.queued < self.queue_batches

    @property
    def queued(self) -> int:
        """Batches that wait for the engine."""
        return self._handed - self._taken

    def waiting(self, camera: str) -> int:
        """Frames of a camera that have a place and that the engine has not begun."""
        return self._granted[camera] - self._begun[camera]
