"""Whether a clock can be believed where what is old is removed by it.

Knows: clocks. Must not know: what is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

LEAP_S = 3600.0
"""A clock that goes on by so much more than time does may be wrong: nothing is removed for its age by it."""


class SteadyClock:
    """A clock that may be wrong for a moment: how long it has gone on as time does, from one look to the next."""

    def __init__(self, clock_utc: Callable[[], datetime], clock_s: Callable[[], float]) -> None:
        self._clock_utc, self._clock_s = clock_utc, clock_s
        self._ahead_s: float | None = None
        """By how much it was ahead of the monotonic clock as one looked last."""
        self._looks = 0

    def look(self) -> tuple[float, int]:
        """Its seconds since 1970, and how many looks in a row agree with the one before: none after a leap ahead."""
        now_s = self._clock_utc().timestamp()
        before_s, self._ahead_s = self._ahead_s, now_s - self._clock_s()
        leaps = before_s is None or self._ahead_s - before_s > LEAP_S
        self._looks = 0 if leaps else self._looks + 1
        return now_s, self._looks
