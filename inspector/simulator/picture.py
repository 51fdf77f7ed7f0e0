"""The map of a coil: the strip folded into rows, with all that was planted, found, missed and falsely reported.

Travel runs to the right, the left edge of the strip is up, a metre scale stands under each row. Drawn from the
thumbnail that the camera's side collected, and the score.

Knows: layout and what each sign means. Must not know: how anything was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from inspector.records import Bytes2D, Missed
from inspector.simulator.ink import BOLD, WHITE, Canvas, Colour, Ink, Rect
from inspector.simulator.score import ClassScore, Score

PAGE_PX, MARGIN_PX = 2000, 60
HEAD_PX, LEGEND_PX, SCALE_PX, FOOT_PX = 132, 84, 62, 40
ROWS_PX = 1400
"""The rows together are at most so high: what fits on a screen."""
ROW_METRES = (1, 2, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)

PAPER: Colour = (250, 250, 249)
INK: Colour = (48, 40, 34)
FAINT: Colour = (140, 132, 126)
HAIR: Colour = (222, 218, 214)
MISSED: Colour = (44, 34, 224)
FALSE: Colour = (206, 52, 190)
UNSEEN: Colour = (70, 62, 56)
CLASS_COLOURS: tuple[Colour, ...] = ((242, 196, 72), (64, 160, 255), (86, 226, 250), (140, 214, 92))
"""By class id from 1, then again from the first; far apart for colour-blind eyes too."""


class CoilMap(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn."""

    title: str
    subtitle: str
    foot: str
    thumbnail: Bytes2D
    """(rows along, px across) uint8, from the coil's head."""
    mm_per_row: float
    """Of the thumbnail, along the strip."""
    mm_per_px: float
    """Of the thumbnail, across the strip."""
    score: Score
    missed: tuple[Missed, ...] = ()
    """Strip that was not inspected."""


def save(coil: CoilMap, path: Path) -> None:
    """Draw a coil's map and write it as a PNG."""
    cv2.imwrite(str(path), draw(coil))


def draw(coil: CoilMap) -> Canvas:
    """Draw a coil's map (H, W, 3) uint8."""
    fold = _Fold(coil)
    canvas = np.full((fold.bottom + FOOT_PX + 20, PAGE_PX, 3), PAPER, np.uint8)
    ink = Ink(canvas)
    _head(ink, coil)
    _legend(ink, coil)
    for row in range(fold.rows):
        _steel(ink, coil, fold, row)
    for gap in coil.missed:
        for piece in fold.pieces(gap.start_mm, gap.end_mm, 0.0, fold.width_mm):
            ink.fill(piece, PAPER, 0.55)
            ink.hatch(piece, UNSEEN)
    _marks(ink, coil.score, fold)
    ink.text(MARGIN_PX, fold.bottom + FOOT_PX - 4, coil.foot, 17, FAINT)
    return canvas


class _Fold:
    """Where on the page each millimetre of the coil lies."""

    def __init__(self, coil: CoilMap) -> None:
        rows, across = coil.thumbnail.shape
        self.length_mm = max(1.0, rows * coil.mm_per_row)
        self.width_mm = across * coil.mm_per_px
        self.plot_px = PAGE_PX - 2 * MARGIN_PX
        fitting = (m for m in ROW_METRES if self._height(m) <= ROWS_PX)
        self.row_mm = 1000 * next(fitting, ROW_METRES[-1])
        self.px_per_mm = self.plot_px / self.row_mm
        self.strip_px = round(self.width_mm * self.px_per_mm)
        self.rows = math.ceil(self.length_mm / self.row_mm)
        self.bottom = self.top(self.rows)

    def _height(self, row_m: float) -> float:
        rows = math.ceil(self.length_mm / row_m / 1000)
        return rows * (self.width_mm * self.plot_px / row_m / 1000 + SCALE_PX)

    def top(self, row: int) -> int:
        """Where a row begins."""
        return HEAD_PX + LEGEND_PX + row * (self.strip_px + SCALE_PX)

    def strip(self, row: int) -> Rect:
        """The strip in a row; the last one may be short."""
        length_mm = min(self.row_mm, self.length_mm - row * self.row_mm)
        right = MARGIN_PX + round(length_mm * self.px_per_mm)
        return Rect(MARGIN_PX, self.top(row), right, self.top(row) + self.strip_px)

    def pieces(self, start_mm: float, end_mm: float, left_mm: float, right_mm: float) -> Iterator[Rect]:
        """Yield a box on the coil as it lies in the rows; one that crosses a fold comes in pieces."""
        last = min(self.rows - 1, int(end_mm / self.row_mm))
        for row in range(max(0, int(start_mm / self.row_mm)), last + 1):
            strip = self.strip(row)
            x0, x1 = ((mm - row * self.row_mm) * self.px_per_mm for mm in (start_mm, end_mm))
            y0, y1 = (mm * self.px_per_mm for mm in (left_mm, right_mm))
            box = Rect(
                MARGIN_PX + math.floor(x0), strip.top + math.floor(y0), MARGIN_PX + math.ceil(x1), strip.top + math.ceil(y1)
            )
            piece = box.within(strip)
            if piece.right > piece.left:
                yield piece


def _steel(ink: Ink, coil: CoilMap, fold: _Fold, row: int) -> None:
    """Draw the strip of a row and the scale below it."""
    strip = fold.strip(row)
    first = round(row * fold.row_mm / coil.mm_per_row)
    last = round((row + 1) * fold.row_mm / coil.mm_per_row)
    part = np.ascontiguousarray(coil.thumbnail[first:last].T)
    size = (strip.right - strip.left, strip.bottom - strip.top)
    shrinks = size[0] < part.shape[1]
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    tone = np.interp(part, _tones(coil.thumbnail), (34, 92, 168, 206))[..., None]
    ink.canvas[strip.top : strip.bottom, strip.left : strip.right] = tone * (1.0, 0.985, 0.965)
    ink.line(strip.left, strip.bottom + 8, strip.right, strip.bottom + 8, FAINT)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if step * 1000 * fold.px_per_mm >= 80)
    first_m, last_m = row * fold.row_mm / 1000, min((row + 1) * fold.row_mm, fold.length_mm) / 1000
    for metre in range(math.ceil(first_m), math.floor(last_m) + 1):
        x = MARGIN_PX + round((metre * 1000 - row * fold.row_mm) * fold.px_per_mm)
        is_named = metre % step == 0
        ink.line(x, strip.bottom + 8, x, strip.bottom + (16 if is_named else 12), FAINT)
        if is_named:
            ink.text_about(x, strip.bottom + 34, f"{metre} m", 16, FAINT)


def _tones(thumbnail: Bytes2D) -> tuple[float, float, float, float]:
    """Grey levels that become the darkest, dark, light and lightest tone of the page."""
    steel = thumbnail[thumbnail > 12]
    low, high = np.percentile(steel, (4, 96)) if steel.size else (0.0, 255.0)
    return 0.0, max(1.0, float(low)), max(2.0, float(high)), 255.0


# --- marks ------------------------------------------------------------------------------------------------------


def _marks(ink: Ink, score: Score, fold: _Fold) -> None:
    """Draw what was planted and what was found, then, on top, what went wrong."""
    names = [one.name for one in score.classes]
    for defect in score.found:
        colour = _colour(names.index(defect.name) + 1 if defect.name in names else 0)
        for piece in fold.pieces(defect.start_mm, defect.end_mm, defect.left_mm, defect.right_mm):
            box = piece.at_least(8)
            ink.fill(box, colour, 0.30)
            ink.box(box.grown(1), colour, 2)
    for target, verdict in score.verdicts:
        for piece in fold.pieces(target.start_mm, target.end_mm, target.left_mm, target.right_mm):
            box = piece.at_least(8).grown(4)
            if verdict in ("found", "small", "unseen"):
                ink.box(box, WHITE, 1)
    tags: list[Rect] = []
    for target, verdict in score.verdicts:
        if verdict in ("missed", "confused"):
            name = names[target.class_id - 1]
            words = f"missed {name}" if verdict == "missed" else f"{name} seen as another class"
            pieces = fold.pieces(target.start_mm, target.end_mm, target.left_mm, target.right_mm)
            _alarm(ink, list(pieces), words, MISSED, fold, tags)
    for defect in score.false:
        pieces = fold.pieces(defect.start_mm, defect.end_mm, defect.left_mm, defect.right_mm)
        _alarm(ink, list(pieces), f"false {defect.name}", FALSE, fold, tags)


def _alarm(ink: Ink, pieces: Sequence[Rect], words: str, colour: Colour, fold: _Fold, tags: list[Rect]) -> None:
    """Draw thick boxes and a tag beside the first of them, where no other tag is."""
    for piece in pieces:
        ink.box(piece.at_least(10).grown(6), WHITE, 1)
        ink.box(piece.at_least(10).grown(5), colour, 3)
    if not pieces:
        return
    box = pieces[0].at_least(10).grown(5)
    width, height = ink.width(words, 15, BOLD) + 14, 23
    page = Rect(MARGIN_PX, HEAD_PX, PAGE_PX - MARGIN_PX, fold.bottom)
    middle = (box.top + box.bottom - height) // 2
    places = [
        (box.right + 5, middle),
        (box.left - width - 5, middle),
        (box.left, box.top - height - 5),
        (box.left, box.bottom + 5),
        (box.right + 5, box.top - height),
        (box.right + 5, box.bottom),
    ]
    spots = [Rect(x, y, x + width, y + height) for x, y in places]
    free = [spot for spot in spots if page.contains(spot) and not any(spot.meets(tag) for tag in tags)]
    spot = (free or spots)[0]
    tags.append(spot)
    ink.fill(spot, colour)
    ink.text(spot.left + 7, spot.bottom - 6, words, 15, WHITE, BOLD)


def _colour(class_id: int) -> Colour:
    return CLASS_COLOURS[(class_id - 1) % len(CLASS_COLOURS)] if class_id else WHITE


# --- head and legend --------------------------------------------------------------------------------------------


def _head(ink: Ink, coil: CoilMap) -> None:
    ink.text(MARGIN_PX, 66, coil.title, 40, INK, BOLD)
    ink.text(MARGIN_PX, 100, coil.subtitle, 19, FAINT)
    x = PAGE_PX - MARGIN_PX
    total = coil.score.total
    figures = [("false", total.false, FALSE), ("missed", total.missed, MISSED)]
    figures += [("confused", total.confused, MISSED)] if total.confused else []
    figures += [("found", total.found, INK), ("planted", total.planted, INK)]
    for words, count, colour in figures:
        width = max(ink.width(str(count), 44, BOLD), ink.width(words, 17)) + 44
        ink.text_left_of(x, 66, str(count), 44, colour if count else FAINT, BOLD)
        ink.text_left_of(x, 94, words, 17, FAINT)
        x -= width


def _legend(ink: Ink, coil: CoilMap) -> None:
    """Explain every sign on the page, with counts, in one line."""
    top = HEAD_PX + 6
    ink.line(MARGIN_PX, top - 12, PAGE_PX - MARGIN_PX, top - 12, HAIR)
    x = MARGIN_PX
    for number, one in enumerate(coil.score.classes, start=1):
        x = _entry(ink, x, top, _colour(number), one.name, _share(one)) + 34
    x = _swatch(ink, x, top, None, WHITE)
    x = ink.text(x, top + 24, "planted", 18, INK) + 34
    for words, colour in (("missed", MISSED), ("false", FALSE)):
        x = _swatch(ink, x, top, None, colour, 3)
        x = ink.text(x, top + 24, words, 18, INK) + 34
    if coil.missed:
        swatch = Rect(x, top + 4, x + 44, top + 32)
        ink.fill(swatch, (170, 170, 170))
        ink.hatch(swatch, UNSEEN)
        x = ink.text(x + 54, top + 24, "not inspected", 18, INK)
    ink.text_left_of(PAGE_PX - MARGIN_PX, top + 24, "travel  \u2192", 18, FAINT)


def _share(one: ClassScore) -> str:
    apart = [f"{count} {words}" for count, words in ((one.small, "too small"), (one.unseen, "not seen")) if count]
    return f"{one.found} of {one.planted}" + (f" (+ {', '.join(apart)})" if apart else "")


def _entry(ink: Ink, x: int, top: int, colour: Colour, name: str, share: str) -> int:
    x = _swatch(ink, x, top, colour, colour, 2)
    x = ink.text(x, top + 24, name, 18, INK, BOLD)
    return ink.text(x + 8, top + 24, share, 18, FAINT)


def _swatch(ink: Ink, x: int, top: int, inside: Colour | None, outline: Colour, px: int = 1) -> int:
    swatch = Rect(x, top + 4, x + 44, top + 32)
    ink.fill(swatch, (150, 152, 154))
    inner = swatch.grown(-7)
    if inside is not None:
        ink.fill(inner, inside, 0.30)
    ink.box(inner, outline, px)
    return x + 54
