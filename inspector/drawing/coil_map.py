"""The map of a coil: the strip folded into rows, with what was planted, found, missed and falsely reported.

Travel runs to the right, the left edge of the strip is up, a metre scale stands under each row. Drawn from
the thumbnail that the camera's side collected, and from the score.

Knows: layout, and what each sign means. Must not know: how anything was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import msgspec
import numpy as np

from inspector.drawing.canvas import WHITE, Canvas, Colour, Painter, Rect, Style
from inspector.drawing.palette import (
    FAINT,
    FALSE,
    HAIR,
    INK,
    MARGIN_PX,
    MISSED,
    PAGE_PX,
    PAPER,
    STEEL,
    UNSEEN,
    class_colour,
)
from inspector.records.events import Defect, Missed
from inspector.records.frame import Bytes2D
from inspector.score import PlantedOutcome, Score
from inspector.simulator.sheet import Planted

READING = "Travel is to the right, the left edge of the strip is up, both directions are to the same scale."
"""How to read the map, for its foot."""

HEAD_PX, LEGEND_PX, SCALE_PX, FOOT_PX = 132, 66, 62, 52
ROWS_PX = 1400
"""The rows together are at most so high: what a screen shows."""
STRIP_PX = 320
"""The strip is at most so high where there are several rows."""
ROW_METRES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)

LONGER = 1.35
"""A row may be so much longer than a round number of metres: a short last row costs more than a little of the scale."""

Tones = tuple[float, float, float, float]

TITLE, FIGURE = Style(40, INK, 650), Style(44, INK, 650)
NOTE, ENTRY, NAME, FIGURE_NAME, SCALE = (
    Style(19, FAINT),
    Style(18, INK),
    Style(18, INK, 650),
    Style(17, FAINT),
    Style(16, FAINT),
)
TAG = Style(15, WHITE, 650)


class CoilMap(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn."""

    title: str
    subtitle: str
    foot: str
    thumbnail: Bytes2D
    """(rows along, px across) uint8, from the coil's head."""
    mm_per_row: float
    """Millimetres a row of the thumbnail, along the strip."""
    mm_per_px: float
    """Millimetres a pixel of the thumbnail, across the strip."""
    score: Score
    missed: tuple[Missed, ...] = ()
    """Strip that was not inspected."""
    heads: tuple[tuple[str, float], ...] = ()
    """Coils that are welded to one strip, and where each begins on it, millimetres; metres count from there."""


def save(coil: CoilMap, path: Path) -> None:
    """Draw a coil's map and write it as a PNG."""
    cv2.imwrite(str(path), draw(coil))


def draw(coil: CoilMap) -> Canvas:
    """Draw a coil's map (H, W, 3) uint8."""
    fold = Fold(coil)
    painter = Painter(np.full((fold.bottom + FOOT_PX, PAGE_PX, 3), PAPER, np.uint8))
    _head(painter, coil)
    _legend(painter, coil)
    tones = _tones(coil.thumbnail)
    for row in range(fold.rows):
        _steel(painter, coil, fold, row, tones)
        _scale(painter, fold, row, [head_mm for _, head_mm in coil.heads] or [0.0])
    for gap in coil.missed:
        for piece in fold.stretch(gap.start_mm, gap.end_mm):
            painter.fill(piece, PAPER, 0.55)
            painter.hatch(piece, UNSEEN)
    _welds(painter, fold, coil)
    _Marks(painter, fold, coil.score).draw()
    painter.text((MARGIN_PX, fold.bottom + 28), coil.foot, FIGURE_NAME)
    return painter.canvas


class Fold:
    """Where on the page each millimetre of the coil lies."""

    def __init__(self, coil: CoilMap) -> None:
        rows, across = coil.thumbnail.shape
        self.length_mm: float = rows * coil.mm_per_row
        self._width_mm: float = across * coil.mm_per_px
        fitting = (metres for metres in ROW_METRES if self._fits(metres))
        self.row_mm = self._without_rest(1000.0 * next(fitting, ROW_METRES[-1]))
        self.px_per_mm = (PAGE_PX - 2 * MARGIN_PX) / self.row_mm
        self._strip_px: int = round(self._width_mm * self.px_per_mm)
        self.rows = math.ceil(self.length_mm / self.row_mm - 1e-9)
        self.bottom = self._top(self.rows)

    def strip(self, row: int) -> Rect:
        """The strip in a row; the last one may be short."""
        length_mm = min(self.row_mm, self.length_mm - row * self.row_mm)
        right = MARGIN_PX + round(length_mm * self.px_per_mm)
        return Rect(MARGIN_PX, self._top(row), right, self._top(row) + self._strip_px)

    def stretch(self, start_mm: float, end_mm: float) -> Iterator[Rect]:
        """Yield a length of the whole strip as it lies in the rows: in pieces, where it crosses a fold."""
        for row in range(max(0, int(start_mm / self.row_mm)), min(self.rows - 1, int(end_mm / self.row_mm)) + 1):
            strip = self.strip(row)
            left, right = ((mm - row * self.row_mm) * self.px_per_mm for mm in (start_mm, end_mm))
            piece = Rect(MARGIN_PX + math.floor(left), strip.top, MARGIN_PX + math.ceil(right), strip.bottom)
            if piece.meets(strip):
                yield piece.within(strip)

    def box(self, extent: Defect | Planted) -> list[Rect]:
        """Where a defect lies on the page: in pieces, where it crosses a fold."""
        top, bottom = math.floor(extent.left_mm * self.px_per_mm), math.ceil(extent.right_mm * self.px_per_mm)
        pieces = self.stretch(extent.start_mm, extent.end_mm)
        return [Rect(piece.left, piece.top + top, piece.right, piece.top + bottom) for piece in pieces]

    def _top(self, row: int) -> int:
        return HEAD_PX + LEGEND_PX + row * (self._strip_px + SCALE_PX)

    def _without_rest(self, row_mm: float) -> float:
        """Rows a little longer, where that saves a short last one."""
        rows = math.ceil(self.length_mm / row_mm)
        longer_mm = self.length_mm / max(1, rows - 1)
        return longer_mm if rows > 1 and longer_mm <= LONGER * row_mm else row_mm

    def _fits(self, row_metres: int) -> bool:
        rows = math.ceil(self.length_mm / row_metres / 1000)
        strip_px = self._width_mm * (PAGE_PX - 2 * MARGIN_PX) / row_metres / 1000
        return rows <= 1 or (strip_px <= STRIP_PX and rows * (strip_px + SCALE_PX) <= ROWS_PX)


# --- page --------------------------------------------------------------------------------------------------


def _head(painter: Painter, coil: CoilMap) -> None:
    painter.text((MARGIN_PX, 66), coil.title, TITLE)
    painter.text((MARGIN_PX, 100), coil.subtitle, NOTE)
    total = coil.score.total
    figures = [
        ("planted", total.planted, INK),
        ("found", total.found, INK),
        ("confused", total.confused, MISSED),
    ]
    figures += [("missed", total.missed, MISSED), ("false", total.false, FALSE)]
    apart = [("too small", total.small, FAINT), ("not seen", total.unseen, FAINT)]
    x = PAGE_PX - MARGIN_PX
    for words, count, colour in reversed(figures + [figure for figure in apart if figure[1]]):
        style = msgspec.structs.replace(FIGURE, colour=colour if count else FAINT)
        painter.text((x, 66), str(count), style, align=1)
        painter.text((x, 94), words, FIGURE_NAME, align=1)
        x -= max(painter.width(str(count), style), painter.width(words, FIGURE_NAME)) + 44
    painter.line((MARGIN_PX, HEAD_PX - 6), (PAGE_PX - MARGIN_PX, HEAD_PX - 6), HAIR)


def _legend(painter: Painter, coil: CoilMap) -> None:
    """Explain every sign on the page, with counts, in one line."""
    y = HEAD_PX + 30
    x = MARGIN_PX
    for number, kind in enumerate(coil.score.classes, start=1):
        swatch = _swatch(painter, x)
        painter.fill(swatch, class_colour(number), 0.30)
        painter.box(swatch, class_colour(number), 2)
        x = painter.text((x + 54, y), kind.name, NAME)
        x = painter.text((x + 8, y), f"{kind.found} of {kind.planted}", NOTE) + 34
    for words, colour, px in (("planted", WHITE, 1), ("missed, confused", MISSED, 3), ("false", FALSE, 3)):
        painter.box(_swatch(painter, x), colour, px)
        x = painter.text((x + 54, y), words, ENTRY) + 34
    if coil.missed:
        painter.hatch(_swatch(painter, x).grown(7), UNSEEN)
        painter.text((x + 54, y), "not inspected", ENTRY)


def _swatch(painter: Painter, x: int) -> Rect:
    """Draw a piece of steel for a sign of the legend; return where the sign goes."""
    steel = Rect(x, HEAD_PX + 10, x + 44, HEAD_PX + 38)
    painter.fill(steel, STEEL)
    return steel.grown(-7)


def _steel(painter: Painter, coil: CoilMap, fold: Fold, row: int, tones: Tones) -> None:
    """Draw the strip of a row."""
    strip = fold.strip(row)
    first, last = (round(edge * fold.row_mm / coil.mm_per_row) for edge in (row, row + 1))
    part = np.ascontiguousarray(coil.thumbnail[first:last].T)
    way = cv2.INTER_AREA if strip.width < part.shape[1] else cv2.INTER_CUBIC
    grey = cv2.resize(part, (strip.width, strip.height), interpolation=way)
    tone = np.interp(grey, tones, (34, 92, 168, 206))[..., None]
    painter.canvas[strip.top : strip.bottom, strip.left : strip.right] = tone * (1.0, 0.985, 0.965)


def _scale(painter: Painter, fold: Fold, row: int, heads_mm: Sequence[float]) -> None:
    """Draw the metres under a row, counted from the head of the coil that lies there."""
    strip = fold.strip(row)
    y = strip.bottom + 8
    painter.line((strip.left, y), (strip.right, y), FAINT)
    step = next((step for step in (1, 2, 5, 10, 20, 50) if step * 1000 * fold.px_per_mm >= 80), 100)
    start_mm, end_mm = row * fold.row_mm, min((row + 1) * fold.row_mm, fold.length_mm)
    for head_mm, until_mm in pairwise([*heads_mm, math.inf]):
        first, last = (start_mm - head_mm) / 1000, (min(end_mm, until_mm) - head_mm) / 1000
        for metre in range(max(0, math.ceil(first)), math.floor(last) + 1):
            x = MARGIN_PX + round((head_mm + metre * 1000 - start_mm) * fold.px_per_mm)
            painter.line((x, y), (x, y + (4 if metre % step else 8)), FAINT)
            is_free = (until_mm - head_mm - metre * 1000) * fold.px_per_mm > 60
            if metre % step == 0 and is_free:
                painter.text((x, y + 26), f"{metre} m", SCALE, align=0.5)


def _welds(painter: Painter, fold: Fold, coil: CoilMap) -> None:
    """Draw where one coil ends and the next begins."""
    for name, head_mm in coil.heads[1:]:
        for piece in fold.stretch(head_mm - 1, head_mm):
            for x in (piece.right - 3, piece.right + 2):
                painter.line((x, piece.top - 10), (x, piece.bottom + 6), INK)
            painter.text((piece.right + 8, piece.top - 4), name, SCALE)


def _tones(thumbnail: Bytes2D) -> Tones:
    """Grey levels that become the darkest, dark, light and lightest tone of the page."""
    sample = thumbnail[:: 1 + len(thumbnail) // 5000]
    steel = sample[sample > 12]
    low, high = np.percentile(steel, (4, 96)) if steel.size else (0.0, 255.0)
    return 0.0, max(1.0, float(low)), max(2.0, float(high)), 255.0


# --- marks -------------------------------------------------------------------------------------------------


class _Marks:
    """Draws what was planted and what was found, then, on top, what went wrong."""

    def __init__(self, painter: Painter, fold: Fold, score: Score) -> None:
        self._painter, self._fold, self._score = painter, fold, score
        self._names = [kind.name for kind in score.classes]
        self._marks: list[Rect] = []
        """All boxes so far; tags keep clear of them where they can."""
        self._tags: list[Rect] = []

    def draw(self) -> None:
        """Draw everything."""
        for defect in self._score.found:
            self._found(defect)
        for outcome in self._score.outcomes:
            for piece in self._fold.box(outcome.planted):
                self._marks.append(piece.at_least(8).grown(5))
                if outcome.verdict not in ("missed", "confused"):
                    self._painter.box(piece.at_least(8).grown(4), WHITE)
        for outcome in self._score.outcomes:
            if outcome.verdict in ("missed", "confused"):
                self._alarm(outcome.planted, self._words(outcome), MISSED)
        for defect in self._score.false:
            self._alarm(defect, f"false {defect.name}", FALSE)

    def _found(self, defect: Defect) -> None:
        colour = class_colour(self._names.index(defect.name) + 1)
        for piece in self._fold.box(defect):
            self._painter.fill(piece.at_least(8), colour, 0.30)
            self._painter.box(piece.at_least(8).grown(1), colour, 2)

    def _words(self, outcome: PlantedOutcome) -> str:
        name = self._names[outcome.planted.class_id - 1]
        return f"{name} seen as {' and '.join(outcome.seen_as)}" if outcome.seen_as else f"missed {name}"

    def _alarm(self, extent: Defect | Planted, words: str, colour: Colour) -> None:
        """Draw thick boxes, and a tag next to the first of them unless it would hide another."""
        boxes = [piece.at_least(10).grown(5) for piece in self._fold.box(extent)]
        for box in boxes:
            self._painter.box(box.grown(1), WHITE)
            self._painter.box(box, colour, 3)
        for box in boxes[:1]:
            spot = self._room(box, self._painter.width(words, TAG) + 14, 23)
            if any(spot.meets(tag) for tag in self._tags):
                continue  # the colour of the box has the same meaning
            self._tags.append(spot)
            self._painter.fill(spot, colour)
            self._painter.text((spot.left + 7, spot.bottom - 6), words, TAG)

    def _room(self, box: Rect, width: int, height: int) -> Rect:
        """Find the place next to a box where a tag hides least; to the right of it, all else being equal."""
        middle = (box.top + box.bottom - height) // 2
        right, left, above, below = box.right + 4, box.left - width - 4, box.top - height - 4, box.bottom + 4
        corners = [(right, middle), (left, middle), (box.left, above), (box.left, below)]
        corners += [(right, above), (right, below), (left, above), (left, below)]
        page = Rect(MARGIN_PX, HEAD_PX + LEGEND_PX - 20, PAGE_PX - MARGIN_PX, self._fold.bottom)

        def harm(spot: Rect) -> int:
            outside = spot.within(page) != spot
            tags = sum(spot.meets(tag) for tag in self._tags)
            return 1000 * outside + 100 * tags + sum(spot.meets(mark) for mark in self._marks)

        return min((Rect(x, y, x + width, y + height) for x, y in corners), key=harm)
