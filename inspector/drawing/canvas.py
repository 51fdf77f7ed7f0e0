"""Drawing on a picture: text, boxes and hatching, with soft edges.

Knows: OpenCV's pens, where text ends, what overlaps. Must not know: coils, defects, what a colour stands for.
"""

from __future__ import annotations

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
"""A picture (H, W, 3) uint8, blue green red."""
Colour = tuple[int, int, int]
"""Blue, green, red."""
Point = tuple[int, int]
"""Pixels from the left and from the top."""

WHITE: Colour = (255, 255, 255)


class Rect(msgspec.Struct, frozen=True):
    """Pixels from left to right and from top to bottom, ends exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top

    def grown(self, px: int) -> Rect:
        """The rectangle with `px` more on every side."""
        return Rect(self.left - px, self.top - px, self.right + px, self.bottom + px)

    def at_least(self, px: int) -> Rect:
        """The rectangle, made `px` wide and high about its middle where it is smaller."""
        left, top = self.left - max(0, px - self.width) // 2, self.top - max(0, px - self.height) // 2
        return Rect(left, top, left + max(px, self.width), top + max(px, self.height))

    def within(self, other: Rect) -> Rect:
        """The part of it that lies in `other`; empty when none does."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(left, top, max(left, right), max(top, bottom))

    def meets(self, other: Rect) -> bool:
        """Whether both have pixels in common."""
        common = self.within(other)
        return common.width > 0 and common.height > 0


class Style(msgspec.Struct, frozen=True):
    """How a line of text looks."""

    size_px: int
    colour: Colour
    weight: int = 400
    """400 is regular, 650 is bold."""


class Painter:
    """Draws on one canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._font = cv2.FontFace("sans")  # comes with OpenCV 5, so that the page looks alike everywhere
        self._frame = Rect(0, 0, canvas.shape[1], canvas.shape[0])

    def width(self, words: str, style: Style) -> int:
        """Width of a line of text, pixels."""
        box = cv2.getTextSize((0, 0), words, (0, 0), self._font, style.size_px, style.weight)
        return int(box[2])

    def text(self, at: Point, words: str, style: Style, align: float = 0.0) -> int:
        """Write a line whose left end, or with `align` 1 its right end, is at `at`; return where it ends."""
        width = self.width(words, style)
        x = at[0] - round(align * width)
        cv2.putText(self.canvas, words, (x, at[1]), style.colour, self._font, style.size_px, style.weight)
        return x + width

    def line(self, start: Point, end: Point, colour: Colour) -> None:
        """Draw a thin line, both ends included."""
        cv2.line(self.canvas, start, end, colour, 1, cv2.LINE_AA)

    def box(self, rect: Rect, colour: Colour, px: int = 1) -> None:
        """Outline a rectangle on its inside."""
        for ring in range(px):
            inner = rect.grown(-ring)
            cv2.rectangle(self.canvas, (inner.left, inner.top), (inner.right - 1, inner.bottom - 1), colour)

    def fill(self, rect: Rect, colour: Colour, strength: float = 1.0) -> None:
        """Fill a rectangle, letting `1 - strength` of what is below shine through."""
        area = self._area(rect)
        area[:] = area * (1 - strength) + np.array(colour) * strength

    def hatch(self, rect: Rect, colour: Colour, step_px: int = 12) -> None:
        """Draw slanting lines over a rectangle."""
        area = self._area(rect)
        lines = area.copy()
        height, width = area.shape[:2]
        for x in range(-height, width, step_px):
            cv2.line(lines, (x, height), (x + height, 0), colour, 2, cv2.LINE_AA)
        area[:] = lines

    def _area(self, rect: Rect) -> Canvas:
        inside = rect.within(self._frame)
        return self.canvas[inside.top : inside.bottom, inside.left : inside.right]
