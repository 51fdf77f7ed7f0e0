"""How figures and classes look wherever they stand on the page."""

from __future__ import annotations

from inspector.drawing.palette import class_colour, hexadecimal

NOTHING = "·"
"""Stands where there was nothing to measure."""


def swatch(place: int) -> str:
    """Return a small square in a class's colour; classes count from 0."""
    return f'<span class="swatch" style="background:{colour(place)}"></span>'


def colour(place: int) -> str:
    """Return a class's colour; classes count from 0."""
    return hexadecimal(class_colour(place + 1))


def share(value: float | None) -> str:
    """Return a share as a percentage."""
    return NOTHING if value is None else f"{value:.1%}"


def per_100m(value: float | None) -> str:
    """Return how many there are in 100 m."""
    return NOTHING if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def figure(value: float | None) -> str:
    """Return a Dice, an IoU or an error."""
    return NOTHING if value is None else f"{value:.4f}"
