"""Maps lent in the memory that the GPU wrote them to: what is not fetched is 0, whoever had the block before."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspector.engines.nvidia.in_flight import runs
from inspector.engines.nvidia.maps import MapPool

FRAMES, HEIGHT, WIDTH = 5, 4, 6
SHAPE = 2, FRAMES, HEIGHT, WIDTH

batches = st.lists(st.lists(st.booleans(), min_size=1, max_size=FRAMES), max_size=30)
"""Of each frame of each batch, whether it is suspicious."""


@given(batches, st.integers(0, 3), st.integers(1, 4))
def test_lent_maps_are_the_gpus(marked: list[list[bool]], blocks: int, held: int) -> None:
    """Batches come and go, some are held for a while: each holds what the GPU had, and goes on holding it."""
    pool = MapPool(SHAPE, lambda: np.full(SHAPE, 0xA5, np.uint8))
    pool.reserve(blocks)
    lent: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for number, marks in enumerate(marked, 1):
        gpu = np.zeros(SHAPE, np.uint8)
        suspicious = [place for place, is_marked in enumerate(marks) if is_marked]
        gpu[:, suspicious] = number
        block, fetched = pool.lend(len(marks), suspicious)
        for first, end in runs(fetched):
            block[:, first:end] = gpu[:, first:end]
        lent = [*lent, (block[:, : len(marks)], gpu[:, : len(marks)])][-held:]
        del block
        for found, expected in lent:
            np.testing.assert_array_equal(found, expected)
    assert pool.blocks == blocks


def test_only_what_is_needed_is_fetched() -> None:
    """The suspicious planes, and once more those that were suspicious when the block was lent before."""
    pool = MapPool(SHAPE, lambda: np.zeros(SHAPE, np.uint8))
    pool.reserve(1)
    steps = [(5, [1, 4]), (3, [0]), (5, []), (5, [2]), (5, [2])]
    assert [pool.lend(count, suspicious)[1] for count, suspicious in steps] == [[1, 4], [0, 1], [0, 4], [2], [2]]


def test_maps_of_a_sound_batch_take_no_memory() -> None:
    """They are 0, of the right shape, and nobody can write to them."""
    pool = MapPool(SHAPE, lambda: np.zeros(SHAPE, np.uint8))
    nothing = pool.nothing(3)
    assert nothing.shape == (3, HEIGHT, WIDTH) and not nothing.any() and not nothing.flags.writeable
    assert pool.blocks == 0
