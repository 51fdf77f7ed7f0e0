"""What passes under the demo's camera: two coils of one strip, and what is wrong with them. Pure.

Knows: the show. Must not know: processes, what was found.
"""

from __future__ import annotations

import math

import msgspec

from inspector.simulator.sheet import MM_PER_PX, ROWS

COILS = ("DEMO-1", "DEMO-2")
"""Welded, without a gap."""
RUN_IN = "RUN-IN"
WIDTH_PX = 3136
"""More than the recipe's 1600: two tiles that overlap by 64 pixels, 1.96 m of strip."""
FRAME_M = ROWS * MM_PER_PX / 1000
ROLL_MM, ROLL_ACROSS_MM = 1257.0, 1200.0
"""What `bridle-2` of `demo.toml` measures round, and where it is damaged: its prints go on over the weld."""
FIRST_SHARE, LOST_FROM, LOST_SHARE = 0.6, 0.45, 0.07
LEAST_FRAMES, LOST_LEAST_FRAMES, LOST_MOST_FRAMES = 2, 8, 8
USUAL_S = 75.0
"""Length of the drive where nobody says otherwise."""
SHOWN_FRAMES = 70
"""What it takes to show all pieces: with fewer a roll does not print often enough on the first coil."""


class Plan(msgspec.Struct, frozen=True):
    """One strip."""

    frames: tuple[int, int]
    """Of each coil."""
    lost: tuple[int, int] | None
    """Frames of the first coil that the camera loses, from and to; a short coil has none."""

    @property
    def metres(self) -> float:
        """Length of both coils."""
        return sum(self.frames) * FRAME_M

    def options(self) -> list[str]:
        """The words that make `inspector replay` play it."""
        words = ["--coil", *COILS, "--frames", *map(str, self.frames)]
        words += ["--roll-mark", f"{ROLL_MM:g}@{ROLL_ACROSS_MM:g}"]
        if self.lost:
            first, last = self.lost
            middle_m = FRAME_M / 2  # within the frame: no rounding may take another one
            words += ["--lose", f"{first * FRAME_M + middle_m:.4f}-{last * FRAME_M - middle_m / 2:.4f}"]
        return words


def plan(frames: int) -> Plan:
    """Plan a strip of N frames, of at least two."""
    frames = max(LEAST_FRAMES, frames)
    first = min(frames - 1, math.ceil(FIRST_SHARE * frames))
    lost = None
    if first >= LOST_LEAST_FRAMES:
        begin = int(LOST_FROM * first)
        lost = begin, begin + min(LOST_MOST_FRAMES, max(1, round(LOST_SHARE * first)))
    return Plan((first, frames - first), lost)
