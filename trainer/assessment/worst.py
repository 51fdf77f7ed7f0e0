"""The frames on which a recipe did worst, and pictures of them: image, truth, found.

Worst is most defects missed, confused or invented, then most pixels wrong. Only N frames are held at a time.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import cv2
import numpy as np

from inspector.drawing.canvas import Canvas, Colour
from inspector.drawing.palette import class_colour
from inspector.records.events import Defect
from inspector.records.frame import Bytes2D
from inspector.simulator.sheet import Planted
from trainer.assessment.coil import Scale
from trainer.assessment.defect_counts import Errors
from trainer.assessment.labelled_strip import AssessedStrip
from trainer.data.samples import Plane, Sample

KEPT = 10
WIDTH_PX, ENLARGED = 1400, 4
"""Pictures are at most so wide, and small frames at most enlarged so much."""
SEAM: Colour = (24, 20, 18)
HELD_BACK: Colour = (190, 190, 190)
WRONG: Colour = (60, 40, 225)
QUALITY = 82  # of JPEG: grain of steel makes PNGs five times as large


@dataclass(frozen=True, slots=True)
class AssessedFrame:
    """A frame and what became of it."""

    sample: Sample
    outlined: Bytes2D
    """What the network labelled, (H, W) uint8."""
    reported: Bytes2D
    """What of that the recipe reports."""
    strip: AssessedStrip
    errors: Errors

    @property
    def badness(self) -> tuple[int, int]:
        """What makes one frame worse than another."""
        return self.errors.count, int(np.count_nonzero(self.reported != self.sample.labels))


class Worst:
    """Keeps the worst frames of those that come."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._seen: list[tuple[tuple[int, int], AssessedFrame]] = []

    def add(self, seen: AssessedFrame) -> None:
        """Take a frame into account; one without a wrong pixel is none of the worst."""
        badness = seen.badness
        if not any(badness) or (len(self._seen) == self._kept and badness <= self._seen[0][0]):
            return
        bisect.insort(self._seen, (badness, seen), key=lambda entry: entry[0])
        del self._seen[: -self._kept]

    def frames(self) -> list[AssessedFrame]:
        """Return them, the worst first."""
        return [seen for _, seen in reversed(self._seen)]


def pictures(seen: AssessedFrame, scale: Scale) -> tuple[bytes, bytes, bytes]:
    """Return JPEGs of the image, of the truth and of what was found, defects outlined in their class's colour.

    What was missed or confused, and what was invented, stands in a red box; grey outlines are regions that the recipe's
    settings held back.
    """
    strip, errors = seen.strip, seen.errors
    truth, found = _enlarge(seen.sample.pixels), _enlarge(seen.sample.pixels)
    _outline(truth, seen.sample.labels)
    _outline(found, np.where(seen.reported == seen.outlined, 0, seen.outlined).astype(np.uint8), HELD_BACK)
    _outline(found, seen.reported)
    factor = truth.shape[1] / seen.sample.pixels.shape[1]
    for number in (*errors.missed, *errors.confused):
        _box(truth, strip.planted[number], scale, factor)
    for number in errors.false:
        _box(found, strip.reported[number], scale, factor)
    image, drawn, reported = (_jpeg(canvas) for canvas in (_enlarge(seen.sample.pixels), truth, found))
    return image, drawn, reported


def _enlarge(pixels: Plane) -> Canvas:
    """Return a colour picture of a frame, as large as it is shown."""
    height_px, width_px = pixels.shape
    factor = min(WIDTH_PX / width_px, ENLARGED)
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = round(width_px * factor), max(1, round(height_px * factor))
    return np.ascontiguousarray(np.repeat(cv2.resize(pixels, size, interpolation=way)[..., None], 3, axis=2))


def _outline(canvas: Canvas, labels: Bytes2D, colour: Colour | None = None) -> None:
    """Draw the outline of each class, dark next to bright so that it is seen on any steel."""
    enlarged = cv2.resize(labels, (canvas.shape[1], canvas.shape[0]), interpolation=cv2.INTER_NEAREST)
    for class_id in np.unique(labels[labels > 0]).tolist():
        mask = (enlarged == class_id).astype(np.uint8)
        contours = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]
        cv2.drawContours(canvas, contours, -1, SEAM, 4 if colour is None else 2, cv2.LINE_AA)
        pen = class_colour(class_id) if colour is None else colour
        cv2.drawContours(canvas, contours, -1, pen, 2 if colour is None else 1, cv2.LINE_AA)


def _box(canvas: Canvas, extent: Planted | Defect, scale: Scale, factor: float) -> None:
    """Draw a red box around a defect."""
    left, right = (round(mm / scale.mm_per_px * factor) for mm in (extent.left_mm, extent.right_mm))
    top, bottom = (round(mm / scale.mm_per_row * factor) for mm in (extent.start_mm, extent.end_mm))
    height_px, width_px = canvas.shape[:2]
    start = max(left - 7, 1), max(top - 7, 1)
    end = min(right + 7, width_px - 2), min(bottom + 7, height_px - 2)
    cv2.rectangle(canvas, start, end, (255, 255, 255), 4, cv2.LINE_AA)
    cv2.rectangle(canvas, start, end, WRONG, 2, cv2.LINE_AA)


def _jpeg(canvas: Canvas) -> bytes:
    return cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
