"""What a camera's pictures usually are, learnt from its own frames: how sharp, and where the strip's edge lies. Pure.

It is not configured: lens, steel and line are each mill's own. It is the mean of all frames without a fault, so that it
moves ever more slowly. Switching the fault off (its limit 0) forgets it, for another lens.
"""

from __future__ import annotations

import msgspec

RECENT = 4
"""Samples whose mean is how it is now: one odd picture is none."""
WIDE = 6.0
"""Times the usual deviation (mean, absolute) that is out of the usual."""


class Usual(msgspec.Struct):
    """One figure of a camera: its mean, how far it strays from that, and the last few."""

    mean: float = 0.0
    stray: float = 0.0
    """Mean absolute deviation."""
    samples: int = 0
    recent: list[float] = []

    @property
    def now(self) -> float:
        """Mean of the last samples; there is one."""
        return sum(self.recent) / len(self.recent)

    def add(self, value: float, *, is_usual: bool) -> None:
        """Take a sample; learn from it where the camera has no fault."""
        self.recent = [*self.recent[1 - RECENT :], value]
        if is_usual:
            self.samples += 1
            self.mean += (value - self.mean) / self.samples
            self.stray += (abs(value - self.mean) - self.stray) / self.samples

    def knows(self, samples: int) -> bool:
        """Whether enough was learnt, and enough seen since, to compare the two."""
        return self.samples >= max(1, samples) and len(self.recent) == RECENT


class Learnt(msgspec.Struct):
    """What is learnt of one camera."""

    sharpness: Usual = msgspec.field(default_factory=Usual)
    place_mm: Usual = msgspec.field(default_factory=Usual)
    """Of the one edge that it watches, within this coil, or of the middle between the two, in all coils."""
    coil: str = ""
    """Whose edge it is."""

    def see_place(self, place_mm: float, coil: str, *, is_of_coil: bool, is_usual: bool) -> None:
        """Take where the strip lies; one edge alone lies elsewhere on a coil of another width."""
        if is_of_coil and coil != self.coil:
            self.place_mm, self.coil = Usual(), coil
        self.place_mm.add(place_mm, is_usual=is_usual)

    def focus(self, samples: int) -> float | None:
        """Return how sharp it is now, as a share of the usual; None while that is not known."""
        known = self.sharpness
        return known.now / known.mean if known.knows(samples) and known.mean > 0 else None

    def shift_mm(self, samples: int) -> float | None:
        """Return how far the strip lies from its usual place; 0 within what it strays, None while that is not known."""
        known = self.place_mm
        if not known.knows(samples):
            return None
        shift_mm = known.now - known.mean
        return shift_mm if abs(shift_mm) > WIDE * known.stray else 0.0
