"""Buffers that go round: a few blocks of costly memory, lent out as arrays, back when no reference is left.

Pinned memory takes milliseconds to get and is freed in a thread that has the GPU's context, so it is made only while an
engine loads and never freed while the line runs: whoever is lent a block owns it as long as he holds the array or any
slice of it, and the last to let go gives it back.

Knows: who holds a block. Must not know: CUDA; what makes a block is passed in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class Pool:
    """Blocks of one shape; `lend` from any thread, at most as many as were reserved."""

    def __init__(self, make: Callable[[], Bytes]) -> None:
        self._make = make
        self._free: deque[Bytes] = deque()
        self._reserving = threading.Lock()
        self.blocks = 0
        """How many were made."""

    def lend(self) -> Bytes | None:
        """Return an array of a free block, its content whatever was there; None when all are lent."""
        try:
            block = self._free.pop()  # the one used last: its pages are still in the cache
        except IndexError:
            return None
        return np.asarray(_Loan(block, self._free))

    def reserve(self, count: int) -> None:
        """Make blocks until there are `count`, lent ones included.

        Raises: what `make` raises.
        """
        with self._reserving:
            while self.blocks < count:
                self._free.append(self._make())
                self.blocks += 1


class _Loan:
    """What an array and all its slices refer to: when the last of them goes, so does this, and the block is free."""

    def __init__(self, block: Bytes, free: deque[Bytes]) -> None:
        self.__array_interface__: dict[str, Any] = block.__array_interface__
        self._block, self._free = block, free

    def __del__(self) -> None:
        self._free.append(self._block)
