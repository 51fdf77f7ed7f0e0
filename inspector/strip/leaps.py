"""Strip that one frame's position alone shows to have passed. Pure.

Laws: it is reported as missed once another frame lies beyond it, and not before: one wrong position misses nothing.
Where the next frame falls back, what came since the leap lies before that frame. Where none comes, what the frames'
numbers explain is missed, and the rest is unknown.

Knows: stretches and reasons. Must not know: why a frame lies where it does.
"""

from __future__ import annotations

import msgspec

NUMBERS_SHARE = 0.05
"""How exactly lost frames tell how much strip has passed, as a share of it: the travel per row is known no better."""

Stretch = tuple[float, float, dict[str, int]]
"""Missed strip: its start and end on the coil, and why."""


class Leap(msgspec.Struct):
    """A stretch that is held back."""

    from_mm: float
    to_mm: float
    """Where the frame begins that shows it."""
    explained_mm: float
    """How much of it the frames' numbers explain: lost ones lay there."""
    reasons: dict[str, int]
    later: list[Stretch] = []
    """What was missed behind it meanwhile."""

    @property
    def unconfirmed_mm(self) -> float:
        """How much of it rests on one position alone."""
        return max(0.0, self.to_mm - self.from_mm - self.explained_mm)

    def turn_back(self) -> None:
        """Give a head that nothing else explains its reason: the strip came by unseen, and then ran backwards."""
        if self.from_mm == 0 and not self.reasons:
            self.reasons["reversed"] = 0

    def fall_back(self, by_mm: float) -> None:
        """Take it, and what lies behind it, for shorter."""
        self.to_mm -= by_mm
        self.later = [(start_mm - by_mm, end_mm - by_mm, reasons) for start_mm, end_mm, reasons in self.later]

    def stretches(self) -> list[Stretch]:
        """What was missed."""
        first = [(self.from_mm, self.to_mm, self.reasons)] if self.to_mm > self.from_mm or self.reasons else []
        return [*first, *self.later]


def leap(
    from_mm: float, to_mm: float, explained_to_mm: float, length_mm: float, reasons: dict[str, int]
) -> Leap | None:
    """Return the stretch up to a frame's position, if less than that is explained; None: it is as it should be.

    `length_mm` is that of the frame.
    """
    explained_mm = explained_to_mm - from_mm
    if to_mm - explained_to_mm <= length_mm + NUMBERS_SHARE * explained_mm:
        return None
    return Leap(from_mm, to_mm, explained_mm, reasons)
