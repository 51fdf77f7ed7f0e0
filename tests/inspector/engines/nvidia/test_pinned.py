"""Buffers that go round: whoever lets go last gives back."""

from __future__ import annotations

import gc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.engines.nvidia.pinned import Pool
from inspector.records.frame import Bytes3D

SHAPE = (4, 8, 16)


def pool() -> tuple[Pool, list[Bytes3D]]:
    """Make a pool of ordinary memory, and the list of all blocks that it made."""
    made: list[Bytes3D] = []

    def make() -> Bytes3D:
        made.append(np.zeros(SHAPE, np.uint8))
        return made[-1]

    return Pool(make), made


def test_an_array_is_its_block() -> None:
    """What is written into it lies in the block itself: nothing is copied."""
    buffers, made = pool()
    array = buffers.lend()
    array[:] = 7
    assert array.shape == SHAPE and array.flags.c_contiguous and (made[0] == 7).all()


def test_a_block_is_lent_while_any_slice_of_it_lives() -> None:
    """The array that intake filled is long gone when the engine reads the slice, or somebody keeps an empty one."""
    buffers, made = pool()
    part = buffers.lend()[:2]
    empty = part[:0]
    del part
    assert buffers.lend().base is not None and len(made) == 2
    del empty
    gc.collect()
    first, second = buffers.lend(), buffers.lend()
    assert len(made) == 2 and not np.shares_memory(first, second)


@given(st.lists(st.booleans(), max_size=60))
def test_no_block_is_lent_twice_at_once(steps: list[bool]) -> None:
    """However lending and letting go take turns, there are as many blocks as were ever out together."""
    buffers, made = pool()
    out: list[Bytes3D] = []
    most = 0
    for lend in steps:
        if lend:
            out.append(buffers.lend())
            out[-1][:] = len(out)
        elif out:
            out.pop(0)
        most = max(most, len(out))
        assert len({array.ctypes.data for array in out}) == len(out)
    assert len(made) == buffers.blocks == most


def test_a_reserve_is_made_once() -> None:
    """Reserving again, and lending what was reserved, makes nothing new: fifty engines pin as much as one."""
    buffers, made = pool()
    for _ in range(50):
        buffers.reserve(3)
    out = [buffers.lend() for _ in range(3)]
    assert len(made) == len(out) == 3
