"""Which columns of its frames a camera answers for, and behind which of them another camera goes on. Pure.

Knows: one camera's field. Must not know: what is seen in a frame.
"""

from __future__ import annotations

import math

import msgspec

from inspector.config.camera import Footprint
from inspector.config.geometry import Field, Seams

ROUNDING_PX = 1e-6


class Own(msgspec.Struct, frozen=True):
    """Columns from `first_px` up to `end_px`."""

    first_px: int
    end_px: int
    seams: Seams = (False, False)

    def mirrored(self, px: int) -> Own:
        """Return the same columns of the mirror image, which is `px` wide."""
        left, right = self.seams
        return Own(px - self.end_px, px - self.first_px, (right, left))

    def within(self, left_px: int | None, right_px: int | None) -> Own:
        """Return those between the strip's edges, as far as these are seen: beyond an edge nothing goes on."""
        first_px = max(self.first_px, left_px or 0)
        end_px = min(self.end_px, right_px or self.end_px)
        left, right = self.seams
        return Own(first_px, end_px, (left and first_px == self.first_px, right and end_px == self.end_px))


def own(field: Field, footprint: Footprint, px: int) -> Own:
    """Return which of a frame's `px` columns its camera answers for, from left to right as they lie on the strip.

    All of them where the frame shows another side than the camera's section says: the field is of that one.
    """
    if footprint.side != field.side:
        return Own(0, px)
    first_px, end_px = (
        _columns(mm - field.left_mm, footprint.mm_per_px) for mm in (field.own_left_mm, field.own_right_mm)
    )
    return Own(first_px, min(end_px, px), field.seams)


def _columns(width_mm: float, mm_per_px: float) -> int:
    """How many columns have their middle within a width: so that each is of one camera where their pixels coincide."""
    return math.ceil(width_mm / mm_per_px - 0.5 - ROUNDING_PX)
