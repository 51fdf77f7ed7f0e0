"""One repeat under way: its marks, its period, what is reported of it. Knows: marks. Must not know: the search."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np

from inspector.strip.marks import Mark

STEPS_TO_SETTLE, STEPS_TO_OVERRULE = 2, 5
"""Steps that show a common divisor before it is believed; and where others before them do not.

Of a roll that prints each turn, and is missed in 30 % of them, five steps in a row are even in 1 of 1 500 cases.
"""


class RepeatingMark(msgspec.Struct, frozen=True, kw_only=True):
    """A mark that repeats, as known when its newest mark was added."""

    id: str
    """That of its first mark."""
    name: str
    side: str
    across_mm: float
    period_mm: float
    marks: int
    """Marks on the coil of the newest."""
    turns: int
    """Turns between its first and its newest mark."""
    expected_false: float
    """Chains as convincing that chance shows on such a coil, expected number when it was found."""
    newest: str
    """Id of the newest mark."""
    coil: str
    """The coil that it lies on."""
    is_new: bool
    """First report of this repeat on that coil."""

    @property
    def confidence(self) -> float:
        """Probability that it is no chance, 0..1."""
        return 1.0 - min(1.0, self.expected_false)


class Track(msgspec.Struct, eq=False):
    """A repeat under way."""

    first: Mark
    last: Mark
    period_mm: float
    marks: int
    """On the coil of the last one."""
    turns: int
    """From the first mark to the last."""
    steps: list[int]
    """Turns from mark to mark, newest last."""
    expected_false: float
    is_reported: bool = False
    """On that coil."""
    off_mm: float = 0.0
    """How far behind its newest mark the place lies that this and the marks before it show together."""

    @property
    def at_mm(self) -> float:
        """From where the next mark is expected."""
        return self.last.line_mm + self.off_mm

    def reach(self, mark: Mark, marks: int) -> None:
        """Take a mark for the newest, with which `marks` of its coil were added; each coil counts its own."""
        if mark.coil != self.last.coil:
            self.marks, self.is_reported = 0, False
        self.last = mark
        self.marks += marks

    def settle(self) -> None:
        """Take the period for what it is where every step is a multiple of some turns: half a turn prints nothing.

        One that is not was a mark of chance, where the newest ones are again and again.
        """
        newest = self.steps[-STEPS_TO_OVERRULE:]
        for steps, enough in ((self.steps, STEPS_TO_SETTLE), (newest, STEPS_TO_OVERRULE)):
            if len(steps) >= enough and (common := math.gcd(*steps)) > 1:
                self.period_mm *= common
                self.turns = round(self.turns / common)
                self.steps = [step // common for step in steps]
                return

    def report(self) -> RepeatingMark:
        """Return what is known of it, new at the first time on a coil."""
        is_new, self.is_reported = not self.is_reported, True
        return RepeatingMark(
            id=self.first.id,
            name=self.first.name,
            side=self.first.side,
            across_mm=self.last.across_mm,
            period_mm=self.period_mm,
            marks=self.marks,
            turns=self.turns,
            expected_false=self.expected_false,
            newest=self.last.id,
            coil=self.last.coil,
            is_new=is_new,
        )


def track_of(mark: Mark, earlier: dict[int, Mark], log_expected: float) -> Track:
    """Begin a repeat with a chain that ends with `mark`; `earlier` are the others, by their turn before it."""
    turns = sorted((0, *earlier), reverse=True)
    at_mm = [0.0, *(before.line_mm - mark.line_mm for before in earlier.values())]
    period_mm = -float(np.polyfit([0, *earlier], at_mm, 1)[0])
    steps = [far - close for far, close in pairwise(turns)]
    marks = 1 + sum(before.coil == mark.coil for before in earlier.values())
    track = Track(earlier[turns[0]], mark, period_mm, marks, turns[0], steps, math.exp(log_expected))
    track.settle()
    return track
