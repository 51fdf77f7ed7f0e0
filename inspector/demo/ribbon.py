"""The strip as a few lines of text: what was found where, while it passes. Pure.

    DEMO-1                                      | DEMO-2
    |   ●   ■■■■■■   ▲      ///         ●       |      ●   ........|
    |         ◆         ●   ///   ■■■■          |   ◆      ........|
    0 m          5 m          10 m              0 m        5 m

Travel is to the right, the left edge of the strip is up. Knows: signs and colours of a terminal. Must not know: where
the things come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from inspector.records.extent import Extent

SIGNS = ("●", "▲", "■", "◆")
"""By class id from 1: the shapes of the coil report."""
COLOURS = (39, 208, 220, 114)
"""The same, as numbers of a terminal's 256."""
NOT_SEEN, NOT_YET, WELD, MISSED = "/", "\u00b7", "\u2551", "\u2717"
LANES = 4
LEAST_COLUMNS = 40
RED, DIM, GREY, LIGHT = "1;38;5;196", "38;5;240", "48;5;236", "38;5;252"


class RibbonMark(msgspec.Struct, frozen=True):
    """Something on the strip; positions along are those of the strip."""

    place: Extent
    class_id: int
    """0: planted, and not found."""


class RibbonStrip(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn."""

    length_mm: float
    width_mm: float
    reached_mm: float
    """So much has passed."""
    heads: Sequence[tuple[str, float]]
    """Coils, and where they begin on the strip."""
    marks: Sequence[RibbonMark]
    missed: Sequence[tuple[float, float]]
    """Stretches that were not inspected."""


def sign(class_id: int, colour: bool) -> str:
    """The sign of a class, from 1."""
    text = SIGNS[(class_id - 1) % len(SIGNS)]
    return f"\x1b[38;5;{COLOURS[(class_id - 1) % len(COLOURS)]}m{text}\x1b[0m" if colour else text


def draw(strip: RibbonStrip, columns: int, colour: bool) -> list[str]:
    """Draw the strip so wide; nothing where there is too little room."""
    if columns < LEAST_COLUMNS:
        return []
    cells = columns - 4
    per_mm = cells / max(strip.length_mm, 1.0)
    grid = [[_ground(place / per_mm, strip) for place in range(cells)] for _ in range(LANES)]
    for mark in strip.marks:
        for lane, cell in _cells(mark.place, strip.width_mm, per_mm, cells):
            grid[lane][cell] = MISSED if mark.class_id == 0 else str(mark.class_id)
    for _, head_mm in strip.heads[1:]:
        for row in grid:
            row[min(cells - 1, int(head_mm * per_mm))] = WELD
    lines = ["  " + _names(strip, per_mm, cells)]
    lines += [f"  {''.join(_painted(cell, ''.join(run), colour) for cell, run in groupby(lane))}" for lane in grid]
    lines.append("  " + _dim(_scale(strip, per_mm, cells), colour))
    return lines


def _ground(at_mm: float, strip: RibbonStrip) -> str:
    if any(start_mm <= at_mm < end_mm for start_mm, end_mm in strip.missed):
        return NOT_SEEN
    return " " if at_mm < strip.reached_mm else NOT_YET


def _cells(place: Extent, width_mm: float, per_mm: float, cells: int) -> Iterable[tuple[int, int]]:
    """Cells that something covers, one at least."""
    lane_mm = width_mm / LANES
    middle_mm = (place.left_mm + place.right_mm) / 2
    lane = max(0, min(LANES - 1, int(middle_mm / lane_mm)))
    first, last = int(place.start_mm * per_mm), int(place.end_mm * per_mm)
    return [(lane, cell) for cell in range(max(0, first), min(cells - 1, last) + 1)]


def _painted(cell: str, run: str, colour: bool) -> str:
    """A run of cells that are alike."""
    if cell.isdigit():
        place = (int(cell) - 1) % len(SIGNS)
        text, ink = SIGNS[place] * len(run), f"{GREY};38;5;{COLOURS[place]}"
    else:
        text, ink = run, DIM if cell == NOT_YET else f"{GREY};{RED}" if cell == MISSED else f"{GREY};{LIGHT}"
    return f"\x1b[{ink}m{text}\x1b[0m" if colour else text


def _names(strip: RibbonStrip, per_mm: float, cells: int) -> str:
    return _row(((int(head_mm * per_mm), name) for name, head_mm in strip.heads), cells)


def _scale(strip: RibbonStrip, per_mm: float, cells: int) -> str:
    """Metres of each coil from its head."""
    step_mm = next((step * 1000.0 for step in (1, 2, 5, 10, 20, 50, 100) if step * 1000 * per_mm >= 8), 1e6)
    words = []
    ends = [head_mm for _, head_mm in strip.heads[1:]] + [strip.length_mm]
    for (_, head_mm), end_mm in zip(strip.heads, ends, strict=True):
        at_mm = 0.0
        while head_mm + at_mm <= end_mm - 4 / per_mm or at_mm == 0.0:
            words.append((int((head_mm + at_mm) * per_mm), f"{at_mm / 1000:g} m"))
            at_mm += step_mm
    return _row(words, cells)


def _row(words: Iterable[tuple[int, str]], cells: int) -> str:
    """Words at their places; one that would touch the one before is left out."""
    row = ""
    for place, word in words:
        if place + len(word) <= cells and (not row or place > len(row)):
            row = f"{row:<{place}}{word}"
    return row


def _dim(text: str, colour: bool) -> str:
    return f"\x1b[{DIM}m{text}\x1b[0m" if colour else text
