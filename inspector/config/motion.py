"""What positions along the travel show: how far strip can have run back, and where another coil begins. Pure.

Knows: speeds and accelerations of strip. Must not know: cameras, coils' names.
"""

from __future__ import annotations

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
