"""A contact sheet: a few frames of each class with the outlines of their masks, and some sound ones.

Knows layout and colours; must not know formats. Frames are chosen by the area of the class, from the smallest to the
largest at even steps, so that the sheet shows what is usual and what is extreme, not what is pretty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inspector.drawing.canvas import Canvas, Colour, Painter, Rect, Style
from inspector.drawing.palette import FAINT, HAIR, INK, MARGIN_PX, PAGE_PX, PAPER, class_colour
from inspector.words import counted
from trainer.data.census import Census, Facts
from trainer.data.samples import Frames, Sample
from trainer.data.sizes import size_words
from trainer.files import PNG, replace_file

HEAD_PX, SECTION_PX, CAPTION_PX, GAP_PX = 132, 62, 30, 20
FRAME_PX = 200
"""Frames are about so high on the page."""
NAME_PX = 200
"""Room that a class's name needs in the head."""
MOST_SECTIONS = 30
"""Classes that have a section; more would make a page of a gigabyte."""
AT_LEAST = 4
"""Frames of a class, at most."""

TITLE, NOTE = Style(40, INK, 650), Style(19, FAINT)
NAME, CAPTION = Style(24, INK, 650), Style(16, FAINT)


@dataclass(frozen=True, slots=True)
class FrameGroup:
    """Frames under one heading."""

    title: str
    note: str
    colour: Colour | None
    chosen: Sequence[Facts]


def save(canvas: Canvas, path: Path) -> None:
    """Write a sheet as a PNG."""
    with replace_file(path, PNG) as temporary:
        temporary.write_bytes(cv2.imencode(".png", canvas)[1].tobytes())


def draw(frames: Frames, census: Census, title: str) -> Canvas:
    """Draw the sheet (H, W, 3) uint8 of frames that the census could read; reads the chosen ones again."""
    grid = _Grid(census)
    sections = _sections(census, frames.class_names, max(grid.columns, AT_LEAST))
    height = HEAD_PX + sum(SECTION_PX + grid.height(len(section.chosen)) for section in sections) + MARGIN_PX
    painter = Painter(np.full((height, PAGE_PX, 3), PAPER, np.uint8))
    _head(painter, census, frames.class_names, title)
    top = HEAD_PX
    for section in sections:
        _heading(painter, section, top + 40)
        top += SECTION_PX
        for number, facts in enumerate(section.chosen):
            _frame(painter, frames[facts.index], facts, frames.class_names, grid.cell(number, top))
        top += grid.height(len(section.chosen))
    return painter.canvas


class _Grid:
    """Cells of one size for all frames, after the shape that most of them have."""

    def __init__(self, census: Census) -> None:
        (height_px, width_px), _ = census.sizes()[0]
        across = PAGE_PX - 2 * MARGIN_PX
        self.columns = min(8, max(1, round(across / (FRAME_PX * width_px / height_px))))
        self._width = (across - (self.columns - 1) * GAP_PX) // self.columns
        self._height = min(2 * FRAME_PX, round(self._width * height_px / width_px))

    def cell(self, number: int, top: int) -> Rect:
        """Where the frame so numbered in a section goes, which begins at `top`."""
        left = MARGIN_PX + number % self.columns * (self._width + GAP_PX)
        y = top + number // self.columns * (self._height + CAPTION_PX + GAP_PX // 2)
        return Rect(left, y, left + self._width, y + self._height)

    def height(self, count: int) -> int:
        """Pixels that this number of frames needs, with what parts them from the next section."""
        return -(-count // self.columns) * (self._height + CAPTION_PX + GAP_PX // 2) + GAP_PX


def _sections(census: Census, class_names: Sequence[str], count: int) -> list[FrameGroup]:
    sections = []
    total = max(1, len(census.facts))
    for class_id, name in enumerate(class_names[:MOST_SECTIONS], 1):
        having = census.having(class_id)
        note = f"{counted(len(having), 'frame')}, {len(having) / total:.1%}   "
        note += f"{census.pixel_share(class_id):.2%} of all pixels"
        note += "   smallest to largest" if having else ""
        sections.append(FrameGroup(f"{class_id} {name}", note, class_colour(class_id), _spread(having, count)))
    sound = [frame for frame in census.facts if not any(frame.class_px)]
    sections.append(
        FrameGroup("sound", f"{counted(len(sound), 'frame')}, {len(sound) / total:.1%}", None, _spread(sound, count))
    )
    return sections


def _spread(some: Sequence[Facts], count: int) -> list[Facts]:
    """Return at most `count` of them at even steps, first and last included."""
    if not some:
        return []
    steps = np.linspace(0, len(some) - 1, min(count, len(some))).round().astype(int)
    return [some[step] for step in steps.tolist()]


def _head(painter: Painter, census: Census, class_names: Sequence[str], title: str) -> None:
    words = title if painter.width(title, TITLE) < PAGE_PX - 2 * MARGIN_PX else f"{title[:70]} ..."
    painter.text((MARGIN_PX, 66), words, TITLE)
    sizes = size_words((facts.height_px, facts.width_px) for facts in census.facts)
    note = f"{counted(len(census.facts), 'frame')} of {sizes}. x runs across the strip, y along it. Outlines: "
    x = painter.text((MARGIN_PX, 102), note, NOTE)
    for class_id, name in enumerate(class_names, 1):
        if x > PAGE_PX - 2 * MARGIN_PX - NAME_PX:
            painter.text((x + 10, 102), "...", NOTE)
            break
        painter.fill(Rect(x + 10, 88, x + 30, 104), class_colour(class_id))
        x = painter.text((x + 38, 102), name, NOTE) + 8
    painter.line((MARGIN_PX, HEAD_PX - 6), (PAGE_PX - MARGIN_PX, HEAD_PX - 6), HAIR)


def _heading(painter: Painter, section: FrameGroup, y: int) -> None:
    x = MARGIN_PX
    if section.colour:
        painter.fill(Rect(x, y - 19, x + 24, y + 3), section.colour)
        x += 36
    x = painter.text((x, y), section.title, NAME)
    painter.text((x + 18, y), section.note, NOTE)


def _frame(painter: Painter, sample: Sample, facts: Facts, class_names: Sequence[str], cell: Rect) -> None:
    """Draw a frame as large as the cell allows, outline its masks, and say below what it is."""
    height_px, width_px = sample.pixels.shape
    scale = min(cell.width / width_px, cell.height / height_px)
    size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = np.ascontiguousarray(np.repeat(cv2.resize(sample.pixels, size, interpolation=way)[..., None], 3, axis=2))
    enlarged = cv2.resize(sample.labels, size, interpolation=cv2.INTER_NEAREST)
    outlines = [
        (class_colour(class_id), cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0])
        for class_id in np.unique(enlarged[enlarged > 0]).tolist()
        for mask in ((enlarged == class_id).astype(np.uint8),)
    ]
    for _, contours in outlines:
        cv2.drawContours(picture, contours, -1, (24, 20, 18), 4, cv2.LINE_AA)  # a dark seam: seen on bright steel too
    for colour, contours in outlines:
        cv2.drawContours(picture, contours, -1, colour, 2, cv2.LINE_AA)
    painter.canvas[cell.top : cell.top + size[1], cell.left : cell.left + size[0]] = picture
    shares = [
        f"{name} {px / (height_px * width_px):.1%}" for name, px in zip(class_names, facts.class_px, strict=True) if px
    ]
    words = "   ".join([sample.name.rpartition("/")[2], *shares])
    painter.text((cell.left, cell.top + size[1] + 21), words, CAPTION)
