"""Which of the journal's files go: the oldest, beyond its size and beyond its age. Pure.

Age is counted in time that the inspector ran, by the monotonic clock: a wall clock that is stepped by years takes
nothing away.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence

DAY_S = 86_400.0
LIFE = "journal"
"""Names what is kept with the stages' states: how long the journal has been written, all runs together."""


def life_s(state: bytes | None) -> float:
    """Read how long a journal had been written when this was kept, seconds; 0 where it was not kept."""
    return float(struct.unpack("<d", state)[0]) if state is not None and len(state) == 8 else 0.0


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


class Ages:
    """How old a journal's files are, in time that it was written, all runs together."""

    def __init__(self, max_days: int, files: int, clock_s: Callable[[], float]) -> None:
        """Nothing is kept beyond `max_days` (0: any age), in that number of files at least; `clock_s` is monotonic."""
        self._max_s = max_days * DAY_S or math.inf
        self._longest_s = self._max_s / files
        self._clock_s, self._before_s = clock_s, -clock_s()
        self._begun_s = 0.0
        """When the newest file was begun."""
        self.ended_s: dict[int, float] = {}
        """When each of the others was written last, by its first number."""

    @property
    def since_s(self) -> float:
        """What was written last before this time is too old."""
        return self._now_s() - self._max_s

    def state(self) -> bytes:
        """What to keep of how long the journal has been written."""
        return struct.pack("<d", self._now_s())

    def go_on(self, state: bytes | None) -> None:
        """Count on from what was kept."""
        self._before_s = max(self._before_s, life_s(state) - self._clock_s())

    def take_up(self, starts: Sequence[int], lives: Mapping[int, float]) -> None:
        """Take over what the files say: one that says nothing was written no later than the next that does."""
        ended_s: float | None = None
        for start in reversed(starts):
            ended_s = lives.get(start, ended_s)
            if ended_s is not None and start != starts[-1]:
                self.ended_s[start] = ended_s
        self._begun_s = max(self.ended_s.values(), default=0.0)
        self._before_s = max(self._before_s, max(lives.values(), default=0.0) - self._clock_s())

    def begin(self, before: Sequence[int]) -> None:
        """Note that a file is begun, and that the last of those before it has ended."""
        self._begun_s = self._now_s()
        self.ended_s |= dict.fromkeys(before[-1:], self._begun_s)

    def is_newest_long(self) -> bool:
        """Whether the newest file has been written for so long that another is to be begun."""
        return self._now_s() - self._begun_s >= self._longest_s

    def is_old(self, start: int) -> bool:
        """Whether a file is too old."""
        return self.ended_s.get(start, math.inf) < self.since_s

    def _now_s(self) -> float:
        return self._clock_s() + self._before_s
