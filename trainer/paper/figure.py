"""Figure 1 of the paper: image, truth and prediction of the same frames, and where the two differ.

Knows layout and what each colour stands for; must not know engines, recipes or formats. The panels of wide frames lie
two and two, truth over prediction and image over error; those of others in one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inspector.drawing.canvas import Canvas, Painter, Rect, Style
from inspector.drawing.palette import FAINT, HAIR, INK, MARGIN_PX, PAGE_PX, PAPER
from trainer.data.samples import Plane
from trainer.metrics import Scores
from trainer.paper.overlay import (
    ERRORS,
    HIT,
    INVENTED,
    MISSED,
    WRONG,
    draw_classes,
    draw_errors,
    draw_steel,
    draw_tag,
    errors,
)

HEAD_PX, LEGEND_PX, TITLE_PX, CAPTION_PX, GAP_PX, APART_PX, FOOT_PX = 144, 58, 44, 26, 20, 26, 64
WIDE = 2.5
"""Frames wider than N times their height lie two in a row."""
PANEL_PX = 460
"""No panel is higher."""
TITLE, NOTE, NAME = Style(38, INK, 650), Style(19, FAINT), Style(22, INK, 650)
FIGURE, ENTRY = Style(20, INK), Style(18, INK)
CAPTION_NAME, CAPTION = Style(17, INK), Style(17, FAINT)


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame: how it looks, what is true and what was found."""

    name: str
    pixels: Plane
    """(H, W) uint8 grey levels."""
    truth: Plane | None
    """(H, W) uint8 class ids; None where the frame has no labels."""
    found: Plane
    """(H, W) uint8 class ids."""


@dataclass(frozen=True, slots=True)
class Page:
    """What stands around the frames."""

    title: str
    notes: tuple[str, str]
    """Lines below the title."""
    foot: tuple[str, ...]
    """Lines."""
    class_names: Sequence[str]
    """Of classes 1, 2, ..."""


def draw(page: Page, frames: Sequence[Shown]) -> Canvas:
    """Draw the page (H, W, 3) uint8."""
    cells = [_Cells(frame) for frame in frames]
    height = HEAD_PX + LEGEND_PX + sum(frame.height for frame in cells) + FOOT_PX + 24 * (len(page.foot) - 1)
    painter = Painter(np.full((height, PAGE_PX, 3), PAPER, np.uint8))
    labelled = any(frame.truth is not None for frame in frames)
    _head(painter, page, labelled)
    top = HEAD_PX + LEGEND_PX
    for frame, cell in zip(frames, cells, strict=True):
        _frame(painter, page, frame, cell, top)
        top += cell.height
    for number, words in enumerate(page.foot):
        painter.text((MARGIN_PX, top + 20 + 24 * number), words, CAPTION)
    return painter.canvas


class _Cells:
    """Where a frame's panels go, from the top of its part of the page."""

    def __init__(self, frame: Shown) -> None:
        height_px, width_px = frame.pixels.shape
        panels = ("image", "prediction") if frame.truth is None else ("image", "truth", "prediction", "error")
        if wide := width_px > WIDE * height_px and len(panels) > 2:
            panels = ("image", "truth", "error", "prediction")
        columns = 2 if wide else len(panels)
        across = (PAGE_PX - 2 * MARGIN_PX - (columns - 1) * GAP_PX) // columns
        scale = min(across / width_px, PANEL_PX / height_px)
        size = self.size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
        row_px = CAPTION_PX + size[1] + 10
        self.height = TITLE_PX + len(panels) // columns * row_px + APART_PX
        self._places: dict[str, Rect] = {}
        for number, panel in enumerate(panels):
            left = MARGIN_PX + number % columns * (across + GAP_PX)
            top = TITLE_PX + number // columns * row_px + CAPTION_PX
            self._places[panel] = Rect(left, top, left + size[0], top + size[1])

    def panel(self, name: str, top: int) -> Rect:
        """Return the place of a panel's picture; its caption stands above."""
        place = self._places[name]
        return Rect(place.left, top + place.top, place.right, top + place.bottom)


def _head(painter: Painter, page: Page, labelled: bool) -> None:
    painter.text((MARGIN_PX, 62), page.title, TITLE)
    for number, words in enumerate(page.notes):
        painter.text((MARGIN_PX, 94 + 27 * number), _shortened(painter, words, NOTE, PAGE_PX - 2 * MARGIN_PX), NOTE)
    painter.line((MARGIN_PX, HEAD_PX - 4), (PAGE_PX - MARGIN_PX, HEAD_PX - 4), HAIR)
    y, x = HEAD_PX + 30, MARGIN_PX
    for class_id, name in enumerate(page.class_names, 1):
        draw_tag(painter, (x, y - 19), class_id)
        x = painter.text((x + 32, y), name, ENTRY) + 26
    if not labelled:
        return
    x += 24
    x = painter.text((x, y), "error map:", NOTE) + 16
    for words, colour in ERRORS.values():
        swatch = Rect(x, y - 19, x + 24, y + 5)
        painter.fill(swatch, colour)
        painter.box(swatch, FAINT)
        x = painter.text((x + 34, y), words, ENTRY) + 26


def _shortened(painter: Painter, words: str, style: Style, width_px: int) -> str:
    """Return as much of a line as fits."""
    shown = words
    while shown and painter.width(shown, style) > width_px:
        words = words[:-2]
        shown = f"{words} ..." if words else ""
    return shown


def _frame(painter: Painter, page: Page, frame: Shown, cells: _Cells, top: int) -> None:
    """Draw a frame's title and its panels."""
    x = painter.text((MARGIN_PX, top + 30), frame.name, NAME)
    painter.text((x + 24, top + 30), "   ".join(_figures(frame, page.class_names)), FIGURE)

    def put(name: str, words: str, picture: Canvas) -> None:
        place = cells.panel(name, top)
        end = painter.text((place.left, place.top - 8), name, CAPTION_NAME)
        painter.text((end + 14, place.top - 8), _shortened(painter, words, CAPTION, place.right - end - 14), CAPTION)
        painter.canvas[place.top : place.bottom, place.left : place.right] = picture
        painter.box(place, HAIR)

    size = cells.size
    put("image", "", draw_steel(frame.pixels, size))
    for name, labels in (("truth", frame.truth), ("prediction", frame.found)):
        if labels is not None:
            put(name, _shares(labels, page.class_names), draw_classes(frame.pixels, labels, size))
    if frame.truth is not None:
        kinds = errors(frame.truth, frame.found)
        put("error", _words(kinds), draw_errors(frame.pixels, kinds, size))


def _figures(frame: Shown, class_names: Sequence[str]) -> Iterator[str]:
    """Yield the frame's Dice, each with its convention; a class alone where it is true or found."""
    if frame.truth is None:
        yield "no truth given"
        return
    scores = Scores(len(class_names))
    scores.add(frame.found, frame.truth)
    figures = scores.report()
    yield f"Dice (meter) {figures['dice_meter']:.3f}"
    for class_id, name in enumerate(class_names, 1):
        if (frame.truth == class_id).any() or (frame.found == class_id).any():
            yield f"{name} {figures[f'dice_micro_{class_id}']:.3f}"


def _shares(labels: Plane, class_names: Sequence[str]) -> str:
    shares = [(name, float((labels == class_id).mean())) for class_id, name in enumerate(class_names, 1)]
    words = [f"{name} {share:.2%}" if share >= 1e-4 else f"{name} < 0.01%" for name, share in shares if share]
    return "   ".join(words) or "sound"


def _words(kinds: Plane) -> str:
    counts = {kind: int((kinds == kind).sum()) for kind in ERRORS}
    true = counts[HIT] + counts[MISSED] + counts[WRONG]
    shares = ", ".join(f"{ERRORS[kind][0]} {counts[kind] / max(1, true):.1%}" for kind in (HIT, MISSED, WRONG))
    return f"{shares} of {true} px; invented {counts[INVENTED]} px" if true else f"invented {counts[INVENTED]} px"
