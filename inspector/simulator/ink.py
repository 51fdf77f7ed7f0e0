"""Drawing on a picture: text, tags, boxes and hatching, all with soft edges.

Knows: OpenCV's pens, colours, where text ends. Must not know: coils, defects, what a colour stands for.
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

WHITE: Colour = (255, 255, 255)
REGULAR, BOLD = 400, 650


class Rect(msgspec.Struct, frozen=True):
    """Pixels from left to right and from top to bottom, ends exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def grown(self, px: int) -> Rect:
        """The rectangle with `px` more on every side."""
        return Rect(self.left - px, self.top - px, self.right + px, self.bottom + px)

    def at_least(self, px: int) -> Rect:
        """The rectangle, made `px` wide and high about its middle where it is smaller."""
        x, y = max(0, px - (self.right - self.left)), max(0, px - (self.bottom - self.top))
        return Rect(self.left - x // 2, self.top - y // 2, self.right + (x + 1) // 2, self.bottom + (y + 1) // 2)

    def within(self, other: Rect) -> Rect:
        """The part of it that lies in `other`."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Rect(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def contains(self, other: Rect) -> bool:
        """Whether `other` lies in it entirely."""
        return self.within(other) == self if other == self else other.within(self) == other

    def meets(self, other: Rect) -> bool:
        """Whether both have pixels in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class Ink:
    """Draws on one canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._font = cv2.FontFace("sans")

    def width(self, words: str, size_px: int, weight: int = REGULAR) -> int:
        """Width of a line of text, pixels."""
        _, _, width, _ = cv2.getTextSize((0, 0), words, (0, 0), self._font, size_px, weight)
        return int(width)

    def text(self, x: int, y: int, words: str, size_px: int, colour: Colour, weight: int = REGULAR) -> int:
        """Write a line with its left end at `x` and its base line at `y`; return where it ends."""
        cv2.putText(self.canvas, words, (x, y), colour, self._font, size_px, weight)
        return x + self.width(words, size_px, weight)

    def text_left_of(self, x: int, y: int, words: str, size_px: int, colour: Colour, weight: int = REGULAR) -> int:
        """Write a line with its right end at `x`; return where it begins."""
        start = x - self.width(words, size_px, weight)
        self.text(start, y, words, size_px, colour, weight)
        return start

    def text_about(self, x: int, y: int, words: str, size_px: int, colour: Colour, weight: int = REGULAR) -> None:
        """Write a line with its middle at `x`."""
        self.text(x - self.width(words, size_px, weight) // 2, y, words, size_px, colour, weight)

    def line(self, x0: int, y0: int, x1: int, y1: int, colour: Colour, px: int = 1) -> None:
        """Draw a line, both ends included."""
        cv2.line(self.canvas, (x0, y0), (x1, y1), colour, px, cv2.LINE_AA)

    def box(self, rect: Rect, colour: Colour, px: int = 1) -> None:
        """Outline a rectangle on its inside."""
        for ring in range(px):
            corners = (rect.left + ring, rect.top + ring), (rect.right - 1 - ring, rect.bottom - 1 - ring)
            cv2.rectangle(self.canvas, *corners, colour, 1)

    def fill(self, rect: Rect, colour: Colour, strength: float = 1.0) -> None:
        """Fill a rectangle, letting `1 - strength` of what is below shine through."""
        inside = rect.within(self.frame)
        area = self.canvas[inside.top : inside.bottom, inside.left : inside.right]
        area[:] = area * (1 - strength) + np.array(colour) * strength

    def hatch(self, rect: Rect, colour: Colour, step_px: int = 12, px: int = 2) -> None:
        """Draw slanting lines over a rectangle."""
        inside = rect.within(self.frame)
        area = self.canvas[inside.top : inside.bottom, inside.left : inside.right]
        if not area.size:
            return
        height, width = area.shape[:2]
        lines = area.copy()
        for x in range(-height, width, step_px):
            cv2.line(lines, (x, height), (x + height, 0), colour, px, cv2.LINE_AA)
        area[:] = lines

    @property
    def frame(self) -> Rect:
        """The whole canvas."""
        height, width = self.canvas.shape[:2]
        return Rect(0, 0, width, height)
