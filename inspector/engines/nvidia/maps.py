"""The maps of a batch in the pinned memory that the GPU copied them to: lent to the analysis, and never copied.

Ownership: `Maps` refer to a block of this pool. It is theirs, to read, until the last array of them is dropped; then it
is lent again. The planes of frames without a suspicious pixel are 0 and are not fetched: a plane that held something
when its block was lent before is fetched once more, and so the GPU itself writes the zeros.

Knows: blocks, and which planes of them are not 0. Must not know: CUDA.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inspector.engines.nvidia.pinned import Bytes, Pool
from inspector.records.frame import Bytes3D


class MapPool:
    """Blocks of `(2, N, H, W)`: labels and confidence of up to N frames."""

    def __init__(self, shape: tuple[int, ...], make: Callable[[], Bytes]) -> None:
        """`make` gives a block of `shape`, whatever it holds."""
        self._shape = shape
        self._pool = Pool(lambda: _cleared(make()))
        self._written: dict[int, set[int]] = {}
        """A block's address -> its planes that may hold something."""
        self._nothing = np.zeros((1, *shape[2:]), np.uint8)
        self._nothing.flags.writeable = False

    @property
    def blocks(self) -> int:
        """How many were made."""
        return self._pool.blocks

    def reserve(self, count: int) -> None:
        """Make blocks until there are `count`.

        Raises: what `make` raises.
        """
        self._pool.reserve(count)

    def nothing(self, count: int) -> Bytes3D:
        """Return a map of 0 for each of `count` frames; takes no memory."""
        return np.broadcast_to(self._nothing, (count, *self._shape[2:]))

    def lend(self, count: int, suspicious: list[int]) -> tuple[Bytes, list[int]]:
        """Lend a block for a batch of `count`; return it and the planes to fetch into it, ascending: all others are 0.

        Ordinary memory, which a GPU copies to more slowly, when all blocks are lent.
        """
        block = self._pool.lend()
        if block is None:
            return np.zeros(self._shape, np.uint8), suspicious
        written = self._written.setdefault(block.ctypes.data, set())
        fetched = sorted({*suspicious, *(plane for plane in written if plane < count)})
        written.difference_update(fetched)
        written.update(suspicious)
        return block, fetched


def _cleared(block: Bytes) -> Bytes:
    block[:] = 0
    return block
