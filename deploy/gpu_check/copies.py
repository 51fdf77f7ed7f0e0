"""`python -m deploy.gpu_check.copies FILE`: what a GPU's bus carries, by pycuda.

Pinned memory against pageable, both ways, and whether a copy in and a copy out at once take as long as the longer of
the two or as both: the daemon's overlap of batches rests on it.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

BYTES = 16 * 1600 * 256
"""A batch of 16 frames."""
ROUNDS = 50


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """10^9 bytes a second, the best of many; shares of time."""

    gpu: str
    bytes: int
    pageable_in_gb_per_s: float
    pinned_in_gb_per_s: float
    pageable_out_gb_per_s: float
    pinned_out_gb_per_s: float
    overlap: float
    """Time of both ways at once by the time of one after the other: 0.5 is perfect, 1 no overlap."""


def main(path: str) -> int:
    """Measure the first GPU and write the figures."""
    cuda: Any = importlib.import_module("pycuda.driver")  # of the extra "gpu": type checkers need not find it
    cuda.init()
    device = cuda.Device(0)
    context = device.retain_primary_context()
    context.push()
    try:
        figures = measure(cuda, device.name())
    finally:
        context.pop()
    Path(path).write_bytes(msgspec.json.encode(figures))
    print(figures)
    return 0


def measure(cuda: Any, name: str) -> Copies:
    """Measure in the current context."""
    pageable = np.ones(BYTES, np.uint8)
    pinned, back = (cuda.pagelocked_empty(BYTES, np.uint8) for _ in range(2))
    pinned[:] = 1  # touched, so that no page fault is measured
    there, other = cuda.mem_alloc(BYTES), cuda.mem_alloc(BYTES)
    first, second = cuda.Stream(), cuda.Stream()
    wait = cuda.Context.synchronize

    def both(first: Any, second: Any) -> None:
        cuda.memcpy_htod_async(there, pinned, first)
        cuda.memcpy_dtoh_async(back, other, second)

    cuda.memcpy_htod(there, pageable)
    cuda.memcpy_htod(other, pageable)
    in_s = _best_s(lambda: cuda.memcpy_htod(there, pageable), wait)
    pinned_in_s = _best_s(lambda: cuda.memcpy_htod_async(there, pinned, first), wait)
    out_s = _best_s(lambda: cuda.memcpy_dtoh(pageable, there), wait)
    pinned_out_s = _best_s(lambda: cuda.memcpy_dtoh_async(back, there, first), wait)
    in_turn_s, at_once_s = _best_s(lambda: both(first, first), wait), _best_s(lambda: both(first, second), wait)
    speeds = [round(BYTES / seconds / 1e9, 2) for seconds in (in_s, pinned_in_s, out_s, pinned_out_s)]
    return Copies(
        gpu=name,
        bytes=BYTES,
        pageable_in_gb_per_s=speeds[0],
        pinned_in_gb_per_s=speeds[1],
        pageable_out_gb_per_s=speeds[2],
        pinned_out_gb_per_s=speeds[3],
        overlap=round(at_once_s / in_turn_s, 3),
    )


def _best_s(work: Callable[[], object], wait: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        wait()
        began = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
