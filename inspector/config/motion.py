"""What positions and times of frames show of the strip's motion: how far it can have run back, where another coil
begins, how long it has run. Pure.

Knows: speeds and accelerations of strip. Must not know: cameras, coils' names.
"""

from __future__ import annotations

import msgspec

MM_PER_S = 30_000.0
"""Faster than any strip (20 m/s is the fastest, DESIGN)."""
MM_PER_S2 = 10_000.0
"""No drive turns strip around faster: a fast stop has 3 m/s2."""


def begins_again(start_mm: float, come_mm: float) -> bool:
    """Whether a frame lies so far before where its camera was that another coil begins: strip runs back by less."""
    return max(start_mm, 0.0) < come_mm / 2


def back_at_most_mm(frames: int | None, length_mm: float, passed_ns: int) -> float:
    """How far behind where its frames count to strip can have run back within `passed_ns`.

    It ran forward before, or each of the `frames` that were counted meanwhile, of `length_mm` each, lay as far back
    as it is counted forward. Without a count it may have run back all the time.
    """
    passed_s = max(0, passed_ns) / 1e9
    if frames is None:
        return MM_PER_S * passed_s
    return 2 * max(0, frames) * length_mm + min(MM_PER_S * passed_s, MM_PER_S2 * passed_s**2 / 2)


class RunningTime(msgspec.Struct):
    """How long strip has run, as far as its frames show: in a long pause between two the line may have stood."""

    ran_ns: int = 0
    last_ns: int | None = None
    """Monotonic clock when strip was seen to run last; None before that."""

    def after(self, now_ns: int, pause_ns: int) -> int:
        """How long it will have run if it is seen now: of the pause no more than `pause_ns` count."""
        passed_ns = 0 if self.last_ns is None else max(now_ns - self.last_ns, 0)
        return self.ran_ns + min(passed_ns, pause_ns)

    def run_on(self, now_ns: int, pause_ns: int) -> int:
        """Note that it is seen to run, and return how long it has."""
        self.ran_ns = self.after(now_ns, pause_ns)
        self.last_ns = max(self.last_ns or now_ns, now_ns)
        return self.ran_ns
