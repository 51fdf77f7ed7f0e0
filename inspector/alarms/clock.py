"""UTC that measures: the monotonic clock of the batches, put on the calendar once. Pure.

A time limit that people set holds over a restart, so it stands in UTC; but nobody's correction of the clock may shorten
or lengthen it, so within one process only the monotonic clock counts.

Knows: two clocks, passed in. Must not know: what is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """UNIX nanoseconds that go on with the monotonic clock."""

    def __init__(self, unix_ns: Callable[[], int]) -> None:
        self._unix_ns = unix_ns
        self._offset_ns: int | None = None

    def unix_ns(self, monotonic_ns: int) -> int:
        """The time of the calendar at a reading of the monotonic clock."""
        if self._offset_ns is None:
            self._offset_ns = self._unix_ns() - monotonic_ns
        return monotonic_ns + self._offset_ns


def utc(unix_ns: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    if unix_ns == 0:
        return ""
    time = datetime.fromtimestamp(unix_ns // 1_000_000 / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
