"""UTC that measures: the monotonic clock of the batches, put on the calendar. Pure.

A time limit that people set holds over a restart, so it stands in UTC; but nobody's correction of the clock may shorten
or lengthen it, so within one process only the monotonic clock counts. Where the calendar is set, what was named by it
has to go with it: a machine may have no right time before the network gives it one.

Knows: two clocks, passed in. Must not know: what is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

SET_NS = 100_000_000
"""Less than that is the time between looking at one clock and at the other."""


class Clock:
    """UNIX nanoseconds that go on with the monotonic clock."""

    def __init__(self, unix_ns: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._unix_ns, self._monotonic_ns = unix_ns, monotonic_ns
        self._ahead_ns = unix_ns() - monotonic_ns()
        """What the calendar is ahead of the monotonic clock."""

    def follow(self) -> int:
        """Go by the calendar as it is now; return by how much it was set, 0 where it was not."""
        set_ns = self._unix_ns() - self._monotonic_ns() - self._ahead_ns
        if abs(set_ns) < SET_NS:
            return 0
        self._ahead_ns += set_ns
        return set_ns

    def unix_ns(self, monotonic_ns: int) -> int:
        """The time of the calendar at a reading of the monotonic clock."""
        return monotonic_ns + self._ahead_ns


def utc(unix_ns: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    if unix_ns == 0:
        return ""
    time = datetime.fromtimestamp(unix_ns // 1_000_000 / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
