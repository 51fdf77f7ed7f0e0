"""Signs of life: what the supervisor notes, and what HTTP, systemd and subscribers are answered from.

Laws: *alive* means that the last stage finished something lately (an idle line finishes a tick four times a second), or
has not begun to: how long a start may take is the service manager's business. *Lately* follows the work: three times
the longest pause there was between two things finished, and three times what the largest batches took at the warm-up.

Knows: one monotonic clock. Must not know: stages, sockets. Written by the main thread, read by any.
"""

from __future__ import annotations

import time
from collections.abc import Callable

ALIVE_S = 10.0
"""The least that a pause may last."""
PAUSES = 3
"""How many times the longest pause known may last: a machine that is busy with something else is no dead one."""
HALF_LIFE_S = 3600.0
"""A long pause is forgotten as slowly as this."""
PATTED_S = 1.0


class Liveness:
    """Whether the inspector is ready, alive, and what it is doing besides."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.not_ready = "starting"
        """Why frames are not being taken yet; empty when ready."""
        self.doing = ""
        """What else is going on that people should know of, like a rebuild."""
        self.batch_s = 0.0
        """How long the engine takes for its largest batches."""
        self._clock_ns = clock_ns
        self._worked_ns = clock_ns()
        self._pause_s = 0.0

    def worked(self) -> None:
        """Note that the last stage has finished something."""
        pause_s = self.idle_s()
        if not self.not_ready:
            self._pause_s = max(pause_s, self._pause_s * 0.5 ** (pause_s / HALF_LIFE_S))
        self._worked_ns = self._clock_ns()

    def idle_s(self) -> float:
        """Seconds since the last stage finished something."""
        return (self._clock_ns() - self._worked_ns) / 1e9

    def limit_s(self) -> float:
        """How long that may last before something must be wrong."""
        return max(ALIVE_S, PAUSES * max(self._pause_s, self.batch_s))

    def alive(self) -> bool:
        """Whether work was finished lately, or is not to be expected yet."""
        return bool(self.not_ready) or self.idle_s() < self.limit_s()

    def to_be_patted(self) -> bool:
        """Whether work was finished just now, or a batch may still take so long: for systemd's watchdog.

        Stricter than `alive`, for the watchdog waits itself: what hangs is to be ended within its time.
        """
        return self.idle_s() < max(PATTED_S, 2 * self.batch_s)
