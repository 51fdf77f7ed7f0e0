"""Where something lies, how large it is: one record for what is detected, put together, reported or planted.

Knows: a box and an area, millimetres. Must not know: what lies there, frames, coils.
"""

from __future__ import annotations

import msgspec

SIZE_DIGITS = 3
"""Of a size in millimetres: positions are reported with one."""


def size_mm(from_mm: float, to_mm: float) -> float:
    """How far apart two positions are, without the error of their difference: from 13.1 to 73.1 it is 60."""
    return round(to_mm - from_mm, SIZE_DIGITS)


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """A box along and across the strip, and the area within it; ends are exclusive."""

    start_mm: float
    """Begin along the travel, millimetres from the coil's head."""
    end_mm: float
    """End along the travel."""
    left_mm: float
    """Left edge across the strip, millimetres from pixel column 0 of the camera, plus the camera's offset."""
    right_mm: float
    """Right edge across the strip."""
    area_mm2: float
    """Area of its pixels, square millimetres; not that of the box."""

    @property
    def length_mm(self) -> float:
        """Size along the travel."""
        return size_mm(self.start_mm, self.end_mm)

    @property
    def width_mm(self) -> float:
        """Size across the strip."""
        return size_mm(self.left_mm, self.right_mm)

    def moved(self, along_mm: float) -> Extent:
        """The same, so much farther along."""
        return Extent(
            start_mm=self.start_mm + along_mm,
            end_mm=self.end_mm + along_mm,
            left_mm=self.left_mm,
            right_mm=self.right_mm,
            area_mm2=self.area_mm2,
        )

    def joined(self, other: Extent) -> Extent:
        """The box around both, with the area of both."""
        return Extent(
            start_mm=min(self.start_mm, other.start_mm),
            end_mm=max(self.end_mm, other.end_mm),
            left_mm=min(self.left_mm, other.left_mm),
            right_mm=max(self.right_mm, other.right_mm),
            area_mm2=self.area_mm2 + other.area_mm2,
        )

    def rounded(self) -> dict[str, float]:
        """Its fields as they are reported: to a tenth of a millimetre."""
        return {
            "start_mm": round(self.start_mm, 1),
            "end_mm": round(self.end_mm, 1),
            "left_mm": round(self.left_mm, 1),
            "right_mm": round(self.right_mm, 1),
            "area_mm2": round(self.area_mm2, 1),
        }
