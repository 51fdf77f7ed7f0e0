"""Marks as the search for repeats sees them, and the lanes in which they lie; knows neither periods nor rolls."""

from __future__ import annotations

import math
from array import array
from collections import deque

import msgspec
import numpy as np

from inspector.strip.chances import Floats, Places

LANE_MARKS = 48
"""Marks of one lane, three places wide, that are kept at most, the newest. They are all of 72 m where 200 000 of four
classes lie on 2 km; on dirtier strip fewer turns are looked back, for each mark costs the square of them."""

Place = tuple[str, str, int]
"""Side, class and place across."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A defect as the search sees it; millimetres."""

    id: str
    name: str
    """Class of the defect."""
    side: str
    across_mm: float
    """Its middle, from the operator's edge or the camera's first column: the same for every mark."""
    line_mm: float
    """Its first row, along the line."""
    width_mm: float = 0.0
    length_mm: float = 0.0
    """0 where they are not known: then likeness is no evidence."""

    @property
    def sizes(self) -> tuple[float, float] | None:
        """Natural logarithms of width and length, if known."""
        return (math.log(self.width_mm), math.log(self.length_mm)) if self.width_mm > 0 < self.length_mm else None


class Lane(msgspec.Struct, eq=False):
    """Marks that belong to no repeat, about one place across and the two next to it, oldest first."""

    marks: deque[Mark] = msgspec.field(default_factory=deque)
    line_mm: array[float] = msgspec.field(default_factory=lambda: array("d"))
    across_mm: array[float] = msgspec.field(default_factory=lambda: array("d"))

    def add(self, mark: Mark) -> None:
        """Keep a mark; the oldest makes room."""
        self.marks.append(mark)
        self.line_mm.append(mark.line_mm)
        self.across_mm.append(mark.across_mm)
        if len(self.marks) > LANE_MARKS:
            self.remove(0)

    def remove(self, place: int) -> None:
        """Forget a mark."""
        del self.marks[place], self.line_mm[place], self.across_mm[place]

    def near(self, mark: Mark, across_mm: float) -> tuple[Floats, Places]:
        """How far before a mark those at its place across lie, ascending, and which they are."""
        is_near = np.abs(np.frombuffer(self.across_mm) - mark.across_mm) <= across_mm
        places = is_near.nonzero()[0][::-1]
        back_mm = mark.line_mm - np.frombuffer(self.line_mm)[places]
        if len(places) > 1 and (back_mm[1:] < back_mm[:-1]).any():
            order = back_mm.argsort(kind="stable")
            places, back_mm = places[order], back_mm[order]
        return back_mm, places
