"""Buffers that go round: a few blocks of costly memory, lent out as arrays and back when nobody holds them any more.

Pinned memory takes milliseconds to get and is freed in a thread that has the GPU's context, so it is never freed while
the line runs: intake fills a block, the engine copies from it, and the last to let go of the array gives it back.

Knows: who holds a block. Must not know: CUDA; what makes a block is passed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from inspector.records.frame import Bytes3D


class Pool:
    """Blocks of one shape; `lend` from any thread, and there are as many as were ever lent at once."""

    def __init__(self, make: Callable[[], Bytes3D]) -> None:
        self._make = make
        self._free: deque[Bytes3D] = deque()
        self.blocks = 0
        """How many were made."""

    def lend(self) -> Bytes3D:
        """Return an array of a free block, else of a new one; its content is whatever was there.

        Raises: what `make` raises.
        """
        try:
            block = self._free.pop()  # the one used last: its pages are still in the cache
        except IndexError:
            block = self._make()
            self.blocks += 1
        return np.asarray(_Loan(block, self._free))

    def reserve(self, count: int) -> None:
        """Make sure that so many can be lent at once without a new one."""
        loans = [self.lend() for _ in range(count)]
        loans.clear()


class _Loan:
    """What an array and all its slices refer to: when the last of them goes, so does this, and the block is free."""

    def __init__(self, block: Bytes3D, free: deque[Bytes3D]) -> None:
        self.__array_interface__: dict[str, Any] = block.__array_interface__
        self._block, self._free = block, free

    def __del__(self) -> None:
        self._free.append(self._block)
