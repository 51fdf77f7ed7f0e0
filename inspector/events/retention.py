"""Which of the journal's files go: the oldest, beyond its size and beyond its age. Pure.

Age is counted in time that the inspector ran, by the monotonic clock: a wall clock that is stepped by years takes
nothing away.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

DAY_S = 86_400.0
LIFE = "journal"
"""Names what is kept with the stages' states: how long the journal has been written, all runs together."""


def life_s(state: bytes | None) -> float:
    """Read how long a journal had been written when this was kept, seconds; 0 where it was not kept."""
    return float(struct.unpack("<d", state)[0]) if state is not None and len(state) == 8 else 0.0


def state_of(life_s: float) -> bytes:
    """What to keep of how long a journal has been written, seconds."""
    return struct.pack("<d", life_s)


def gone(sizes: Mapping[int, int], ended_s: Mapping[int, float], *, room_bytes: int, since_s: float) -> list[int]:
    """Return the files to unlink, oldest first: enough that the others have room, and those that are too old.

    `sizes` are all files' in bytes by their first number, `ended_s` the journal's life when each was written last. One
    whose end is before `since_s` is too old. The newest always stays.
    """
    leaving = list[int]()
    total = sum(sizes.values())
    for start in sorted(sizes)[:-1]:
        if total <= room_bytes and ended_s.get(start, since_s) >= since_s:
            break
        total -= sizes[start]
        leaving.append(start)
    return leaving
