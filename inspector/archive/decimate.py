"""A small grey picture of each inspected frame, made while its pixels are at hand. Pure.

Laws: what is kept is no part of a batch's memory. Frames are halved along and across until a further time would make
pixels larger than those of the strip picture. Nothing is made while the archive has no room, or the line is behind:
inspection comes first. What is not made is counted. Clocks are passed in.

Knows: a frame's pixels, its footprint, the cameras. Must not know: coils, files, queues.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

import cv2
import msgspec
import numpy as np

from inspector.config.camera import CameraSection
from inspector.config.geometry import Field, fields
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Recipe
from inspector.records.stages import Batch, Findings, Inspected, Swath, SwathDrop

SAMPLED = 2
"""Rows are halved so often; beyond, every second of them, or fourth ... is looked at: a frame that is read as a whole
costs its memory's way, and the picture shows no single row anyway."""
STRIPE_PX = 2**16
"""OpenCV gives a larger picture to threads of its own, which wait for the next one by spinning: 64 us a frame."""
REST_S = 0.25
"""No picture is made for so long once the line was behind: making one again at once would keep it there."""


class Decimate:
    """Adds to a batch's findings the small pictures of its inspected frames."""

    name = "decimate"

    def __init__(
        self,
        cameras: Iterable[CameraSection],
        mm_per_px: float,
        has_room: Callable[[], bool],
        skipped: Callable[[int, SwathDrop], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`has_room`: whether the archive takes pictures now; `skipped` receives how many were not made, and why."""
        self._mm_per_px, self._has_room, self._skipped, self._clock_s = mm_per_px, has_room, skipped, clock_s
        self._is_behind: Callable[[], bool] = lambda: False
        self._rests_until_s = -math.inf
        self.replace(cameras)

    def give_way(self, is_behind: Callable[[], bool]) -> None:
        """Make no pictures while this is so; before the first batch."""
        self._is_behind = is_behind

    def replace(self, cameras: Iterable[CameraSection]) -> None:
        """Go on with other calibrations of the same cameras; between two batches."""
        self._cameras = {camera.name: camera for camera in cameras}
        self._fields: tuple[Recipe, dict[str, Field]] | None = None

    def __call__(self, batch: Batch, findings: Findings) -> Findings:
        """Make a picture of each inspected frame."""
        frames = findings.inspected
        if not frames:
            return findings
        if why := self._reason():
            self._skipped(len(frames), why)
            return findings
        swaths = tuple(self._swath(place, frame, batch.picture(place)) for place, frame in enumerate(frames))
        return msgspec.structs.replace(findings, swaths=swaths)

    def _reason(self) -> SwathDrop | None:
        """Why no picture is made now."""
        now_s = self._clock_s()
        if self._is_behind():
            self._rests_until_s = now_s + REST_S
        if now_s < self._rests_until_s:
            return "behind"
        return None if self._has_room() else "full"

    def _swath(self, place: int, inspected: Inspected, pixels: Bytes2D) -> Swath:
        header = inspected.frame.header
        camera, (rows, columns) = self._cameras[header.camera], pixels.shape
        footprint = camera.footprint(header, (rows, columns))
        along, across = (halvings(self._mm_per_px / mm) for mm in (footprint.mm_per_row, footprint.mm_per_px))
        small = halved(pixels, along, across)
        left_mm = footprint.offset_mm
        right_mm = left_mm + columns * footprint.mm_per_px
        field = self._field(inspected.recipe, camera) if footprint.side == camera.side else None
        return Swath(
            frame=place,
            pixels=small[:, ::-1] if camera.mirror else small,
            length_mm=footprint.length_mm,
            left_mm=left_mm,
            right_mm=right_mm,
            own_left_mm=max(left_mm, field.own_left_mm) if field else left_mm,
            own_right_mm=min(right_mm, field.own_right_mm) if field else right_mm,
        )

    def _field(self, recipe: Recipe, camera: CameraSection) -> Field:
        if self._fields is None or self._fields[0] is not recipe:
            self._fields = recipe, fields(self._cameras.values(), recipe)
        return self._fields[1][camera.name]


def halvings(times: float) -> int:
    """How often a side is halved so that its pixels become no more than this many times as large."""
    return max(0, math.floor(math.log2(times) + 1e-9)) if times > 0 else 0


def halved(pixels: Bytes2D, along: int, across: int) -> Bytes2D:
    """Return the picture with its rows and columns halved, by averages, each as often as given; never the same memory.

    A side of an odd number of pixels loses none: OpenCV's pixels then cover a little more than two each.
    """
    apart = 2 ** max(0, along - SAMPLED)
    small, along = pixels[apart // 2 :: apart] if apart <= len(pixels) else pixels, min(along, SAMPLED)
    for step in range(max(along, across)):
        height, width = small.shape
        size = max(1, width // 2) if step < across else width, max(1, height // 2) if step < along else height
        small = _resized(small, size)
    return small.copy() if np.may_share_memory(small, pixels) else small


def _resized(pixels: Bytes2D, size: tuple[int, int]) -> Bytes2D:
    """Bring a picture to a width and height, in parts that OpenCV does on this thread where its rows divide evenly."""
    (height, _), (width, rows) = pixels.shape, size
    part = max(1, STRIPE_PX // width)
    if rows <= part or height % rows:
        return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
    made, by = np.empty((rows, width), np.uint8), height // rows
    for first in range(0, rows, part):
        last = min(rows, first + part)
        cv2.resize(
            pixels[first * by : last * by], (width, last - first), made[first:last], interpolation=cv2.INTER_AREA
        )
    return made
