"""Buffers that go round: whoever lets go last gives back."""

from __future__ import annotations

import gc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.engines.nvidia.pinned import Bytes, Pool

SHAPE = (4, 8, 16)


def pool() -> tuple[Pool, list[Bytes]]:
    """Make a pool of ordinary memory, and the list of all blocks that it made."""
    made: list[Bytes] = []

    def make() -> Bytes:
        made.append(np.zeros(SHAPE, np.uint8))
        return made[-1]

    return Pool(make), made


def test_an_array_is_its_block() -> None:
    """What is written into it lies in the block itself: nothing is copied."""
    buffers, made = pool()
    buffers.reserve(1)
    array = buffers.lend()
    assert array is not None
    array[:] = 7
    assert array.shape == SHAPE and array.flags.c_contiguous and (made[0] == 7).all()


def test_a_block_is_lent_while_any_slice_of_it_lives() -> None:
    """The array that intake filled is long gone when the engine reads the slice, or somebody keeps an empty one."""
    buffers, _ = pool()
    buffers.reserve(1)
    array = buffers.lend()
    assert array is not None
    empty = array[:2][:0]
    del array
    assert buffers.lend() is None
    del empty
    gc.collect()
    assert buffers.lend() is not None


@given(st.lists(st.booleans(), max_size=60))
def test_no_block_is_lent_twice_at_once(steps: list[bool]) -> None:
    """However lending and letting go take turns, what was reserved is lent, and never more."""
    buffers, made = pool()
    buffers.reserve(4)
    out: list[Bytes] = []
    for lend in steps:
        if lend:
            array = buffers.lend()
            assert (array is None) == (len(out) == 4)
            if array is not None:
                array[:] = len(out)
                out.append(array)
        elif out:
            out.pop(0)
        assert len({array.ctypes.data for array in out}) == len(out)
    assert len(made) == buffers.blocks == 4


def test_a_reserve_is_made_once() -> None:
    """Fifty engines pin as much as one, also where a line holds all of it while the next one loads."""
    buffers, made = pool()
    buffers.reserve(3)
    out = [buffers.lend() for _ in range(3)]
    for _ in range(50):
        buffers.reserve(3)
    assert len(made) == len(out) == 3 and buffers.lend() is None
