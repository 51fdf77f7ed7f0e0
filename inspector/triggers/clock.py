"""How far a camera's clock is off, as the ages show that its frames have when they come. Pure.

Laws: frames that wait become fewer, or more, and their ages with them, or some find no room. So a clock is off only
where the least age in two stretches of time, one after the other, is the same, and no strip was lost meanwhile; a frame
that is younger disproves it at once.

Knows: times of exposure, by the camera's clock, and of arrival, by ours. Must not know: positions, defects.
"""

from __future__ import annotations

WAITS_NS = 1_000_000_000
"""A frame that is older as it comes has waited, or its camera's clock is slow."""
OLDEST_NS = 60_000_000_000
NEWEST_NS = 100_000_000
"""A time of exposure so long ago, or so far ahead, is no time: that of arrival takes its place."""
STRETCH_NS = 5_000_000_000
"""Ages that change by `NEWEST_NS` in this time, 2 % of it, are those of frames that wait."""


class CameraClock:
    """One camera's clock."""

    def __init__(self, behind_ns: int = 0) -> None:
        self.behind_ns = behind_ns
        """How far it is behind ours, and the way of a frame; 0 where that is a way's time at most."""
        self._since_ns = 0
        self._least_ns: int | None = None
        """Of the ages since then; None before the first."""
        self._before_ns: int | None = None
        """Of those in the stretch before; None where there is none, or strip was lost."""

    def exposed_ns(self, named_ns: int, came_ns: int) -> int:
        """When a frame was exposed, by our clock, that its camera's names and that came at a time."""
        at_ns = named_ns + self.behind_ns
        return at_ns if -NEWEST_NS <= came_ns - at_ns <= OLDEST_NS else came_ns

    def see(self, age_ns: int, received_ns: int, *, is_next: bool) -> None:
        """Take in how old a frame was as it came; `is_next`: nothing was lost between it and the one before.

        `received_ns` is monotonic.
        """
        if self.behind_ns and (-NEWEST_NS <= age_ns <= WAITS_NS or age_ns < self.behind_ns - NEWEST_NS):
            self.behind_ns, is_next = 0, False
        if not is_next or self._least_ns is None:
            self._since_ns, self._least_ns, self._before_ns = received_ns, age_ns, None
        self._least_ns = min(self._least_ns, age_ns)
        if received_ns - self._since_ns >= STRETCH_NS:
            if self._before_ns is not None and abs(self._least_ns - self._before_ns) <= NEWEST_NS:
                self.behind_ns = 0 if -NEWEST_NS <= self._least_ns <= WAITS_NS else self._least_ns
            self._since_ns, self._least_ns, self._before_ns = received_ns, age_ns, self._least_ns
