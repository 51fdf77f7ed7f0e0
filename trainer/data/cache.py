"""Decoded frames kept in memory, which loading processes share, up to a bound.

Knows bytes and forked processes; must not know crops or chance. The first reader of a frame puts it in; nothing is ever
thrown out. Frames are drawn by chance, so that any one is as likely to be wanted next as when it came: throwing out the
least recently used (LRU) would copy memory for the same share of hits, or, where every frame comes once an epoch, for
fewer. What does not fit is read each time. Procedural steel is rendered again: it hardly ever repeats.
"""

from __future__ import annotations

import mmap
import multiprocessing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.data.samples import Derived, Frames, Plane, Sample

GB = 10**9
PLACE, HEIGHT, WIDTH, RUNS, STATE = range(5)
ABSENT, CLAIMED, PRESENT = range(3)
"""Of a frame in the cache; claimed: some process is writing it."""


class Cached(Derived):
    """Frames, each kept once it is read where there is room. Made before processes are forked, it is theirs together.

    Grey levels are kept as they are, labels as runs: 12 568 frames of 1600 x 256 px take 5.2 GB. Memory is taken
    as it is filled. A frame's warnings are reported by its first reading alone.
    """

    def __init__(self, frames: Frames, bound_bytes: int) -> None:
        self._frames = frames
        self._arena = np.frombuffer(mmap.mmap(-1, max(1, bound_bytes)), np.uint8)
        table = np.frombuffer(mmap.mmap(-1, (len(frames) + 1) * 5 * 8), np.int64).reshape(-1, 5)
        self._table, self._used = table[:-1], table[-1, :1]
        self._lock = multiprocessing.get_context("fork").Lock()  # also orders memory: what is PRESENT is all there

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        with self._lock:
            place, height, width, runs, state = self._table[index].tolist()
        if state == PRESENT:
            return self._get(self.name(index), place, (height, width), runs)
        sample = self._frames[index]
        if state == ABSENT and self._frames.image(index) is not None:
            self._put(index, sample)
        return sample

    def _get(self, name: str, place: int, shape: tuple[int, int], runs: int) -> Sample:
        lengths = self._arena[place : (place := place + 4 * runs)].view(np.uint32)
        labels = np.repeat(self._arena[place : (place := place + runs)], lengths).reshape(shape)
        pixels = self._arena[place : place + shape[0] * shape[1]].reshape(shape)
        pixels.flags.writeable = False  # they are everyone's
        return Sample(name, pixels, labels)

    def _put(self, index: int, sample: Sample) -> None:
        lengths, values = _runs(sample.labels)
        size = sample.pixels.size + 5 * len(values)
        room = -(-size // 4) * 4  # lengths are numbers of four bytes
        with self._lock:
            place = int(self._used[0])
            if self._table[index, STATE] != ABSENT or place + room > len(self._arena):
                return
            self._used[0] += room
            self._table[index] = place, *sample.pixels.shape, len(values), CLAIMED
        self._arena[place : place + size] = np.concatenate([lengths.view(np.uint8), values, sample.pixels.ravel()])
        with self._lock:
            self._table[index, STATE] = PRESENT

    @property
    def base(self) -> Frames:
        """The set that is kept."""
        return self._frames

    def at(self, index: int) -> tuple[Frames, int]:
        """Return the set that is kept, and the same index."""
        return self._frames, index

    def kept(self) -> tuple[int, int]:
        """Return how many frames are kept, and the bytes they take."""
        with self._lock:
            return int((self._table[:, STATE] == PRESENT).sum()), int(self._used[0])


def _runs(labels: Plane) -> tuple[npt.NDArray[np.uint32], Plane]:
    """Return lengths and values of the runs of equal labels, row by row."""
    flat = labels.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    return np.diff(starts, append=flat.size).astype(np.uint32), flat[starts]


def default_bound_bytes(most_bytes: int) -> int:
    """Return half of the memory that is free on this machine or in this container, and no more than `most_bytes`.

    0 where neither can be read, as on anything but Linux.
    """
    free = []
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            free.append(int(line.split()[1]) * 1024)
    limit, current = (_text(Path("/sys/fs/cgroup") / name).strip() for name in ("memory.max", "memory.current"))
    if limit.isdigit() and current.isdigit():
        free.append(max(0, int(limit) - int(current)))
    return min([most_bytes, *(free_bytes // 2 for free_bytes in free)]) if free else 0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
