"""Colours of every picture this project draws, and the page they share.

Knows: what a colour stands for. Must not know: what is drawn with it.
"""

from __future__ import annotations

from inspector.drawing.canvas import Colour

PAGE_PX, MARGIN_PX = 2000, 60

PAPER: Colour = (250, 250, 249)
INK: Colour = (48, 40, 34)
FAINT: Colour = (140, 132, 126)
HAIR: Colour = (222, 218, 214)
STEEL: Colour = (150, 152, 154)
MISSED: Colour = (44, 34, 224)
FALSE: Colour = (206, 52, 190)
UNSEEN: Colour = (70, 62, 56)
CLASS_COLOURS: tuple[Colour, ...] = ((242, 196, 72), (64, 160, 255), (86, 226, 250), (140, 214, 92))
"""By class id from 1; distinct to colour-blind eyes too."""


def class_colour(class_id: int) -> Colour:
    """Return the colour of a class, counted from 1; a fifth class has the first one's again."""
    return CLASS_COLOURS[(class_id - 1) % len(CLASS_COLOURS)]


def hexadecimal(colour: Colour) -> str:
    """Write a colour as HTML does: #rrggbb."""
    blue, green, red = colour
    return f"#{red:02x}{green:02x}{blue:02x}"
