"""What a damaged roll prints on the strip: the same mark once a turn, at one place across.

Knows: millimetres, and how a print is painted. Must not know: the rest of the coil.
"""

from __future__ import annotations

import math

import cv2
import msgspec
import numpy as np

from inspector.simulator.defects import Patch, paint_pitted, trimmed

CLASS_ID = 1
"""A print is a small dent with pits: `pitted`."""
PRINT_PX = 84
"""Sides of the box that a print is painted in: its sharp inside is about half as large."""
DEPTH = 1.6
"""Times as deep as what is barely visible: a roll prints with all its weight."""
_KEY = (97, 3)


class RollMark(msgspec.Struct, frozen=True, kw_only=True):
    """One damaged place of one roll."""

    period_mm: float
    """Distance from print to print along the strip."""
    across_mm: float
    """Middle of the prints across, from pixel column 0."""
    first_mm: float = 0.0
    """Where the first print begins, from the coil's head; below 0 it lies on the coil before."""

    def starts_mm(self, from_mm: float, to_mm: float) -> list[float]:
        """Return where prints begin that begin in [from_mm, to_mm)."""
        first = max(0, math.ceil((from_mm - self.first_mm) / self.period_mm))
        last = math.ceil((to_mm - self.first_mm) / self.period_mm)
        return [self.first_mm + turn * self.period_mm for turn in range(first, last)]

    def after(self, length_mm: float) -> RollMark:
        """The same on the coil that is welded behind one of this length."""
        behind_mm = length_mm - self.first_mm
        turns = max(0, math.ceil(behind_mm / self.period_mm))
        return msgspec.structs.replace(self, first_mm=turns * self.period_mm - behind_mm)


def paint_print(contrast_grey: float) -> Patch:
    """Paint a print; each is like the other. Its extent is what is seen of it: the pits, and a pixel around them."""
    patch = paint_pitted(np.random.default_rng(_KEY), PRINT_PX, PRINT_PX, DEPTH * contrast_grey)
    assert patch.mask is not None, "a defect has a mask"
    seen = cv2.erode(patch.mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.bool_)
    return trimmed(patch.delta, patch.keep, seen)
