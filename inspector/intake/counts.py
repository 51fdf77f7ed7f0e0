"""A camera's count: which numbers follow, and how many of those left out never came. Pure.

Laws: what was sent is what came and what is missing. A frame that was refused came: it is not missing, and a number
that came bad twice (a gateway sent it again) is one number. Numbers given out count on by one for each frame, lost
ones included.

Knows: numbers. Must not know: positions, clocks, why a frame was refused.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from inspector.records.frame import JUST_PASSED

JUMP_FRAMES = 1000
"""Frames that may be missing at once; more for each second of silence."""
MOST_CLAIMS = 1024
"""Numbers apart from each other that are kept of refused frames; of more only how many came."""


class Claims:
    """Numbers that frames name which were refused before they could be believed."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        """Each once, in order, while few are apart."""
        self._others = 0
        """Refused frames that name no number that could be theirs."""

    @property
    def end(self) -> int:
        """Behind the highest number; 0 where there is none."""
        return self._numbers[-1] + 1 if self._numbers else 0

    def behind(self, first: int) -> int:
        """How many numbers from `first` on came, or lie before one that came."""
        return max(0, self.end - first) + self._others

    def add(self, number: int) -> None:
        """Note that a frame with this number came, and was refused."""
        at = bisect_left(self._numbers, number)
        if at < len(self._numbers) and self._numbers[at] == number:
            return
        if len(self._numbers) < MOST_CLAIMS:
            self._numbers.insert(at, number)
        else:
            self._others += 1

    def add_other(self) -> None:
        """Note that a frame was refused of whose number nothing is known."""
        self._others += 1

    def settle(self, first: int, believed: int) -> int:
        """Return how many of the numbers from `first` to the believed one never came; forget what lies behind it.

        What named no number that could be lay among them.
        """
        begin, end = bisect_left(self._numbers, first), bisect_left(self._numbers, believed)
        missing = believed - first - (end - begin) - self._others
        self._numbers = self._numbers[bisect_left(self._numbers, believed + 1) :]
        self._others = 0
        return max(0, missing)


class Count(msgspec.Struct):
    """Where a camera's counting stands."""

    number: int
    """Of the last frame that was believed."""
    sequence: int
    """The same, as given out."""
    span: int
    """Numbers until the count begins again; 0: it does not."""
    claims: Claims = msgspec.field(default_factory=Claims)

    def ahead(self, number: int) -> int:
        """How many numbers were left out before this one; below 0 for one that passed."""
        distance = number - self.number - 1
        if not self.span:
            return distance
        distance %= self.span
        return distance if distance < self.span // 2 else distance - self.span

    def unexplained(self, ahead: int) -> int:
        """How many of the numbers left out lie behind all that came, or were refused."""
        return ahead - self.claims.behind(self.sequence + 1)

    def go_on(self, number: int) -> int:
        """Count on to a number; return how many frames before it never came."""
        first, ahead = self.sequence + 1, self.ahead(number)
        missing = self.claims.settle(first, first + ahead)
        self.number, self.sequence = number, first + ahead
        return missing

    def refuse(self, number: int | None) -> None:
        """Note a frame that was refused; of which number it is, where it names one that could be."""
        if number is None:
            self.claims.add_other()
            return
        ahead = self.ahead(number)
        if -JUST_PASSED <= ahead < 0:  # it came before
            return
        place = self.sequence + 1 + ahead
        if ahead >= 0 and place < max(self.sequence + 1, self.claims.end) + JUMP_FRAMES:
            self.claims.add(place)
        else:
            self.claims.add_other()
