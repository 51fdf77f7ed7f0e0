"""Frames of few rows, put one below the other until they fill the network's plane. Pure.

A line-scan camera delivers blocks of 64 rows where the network takes 256. One by one, three quarters of the network's
work would be pad, and it would see the edge of each.

Laws: what shares a plane follows one another on the strip: of the same boot, coil and side, numbers and positions
without a hole, the same travel per row. Each stays a frame of its own, with its header and its own rows. Losses stay
where they came in the order of their camera, and end what is gathered. No frame waits longer than `wait_ns`.

Knows: one camera's frames. Must not know: batches, other cameras, the network, clocks.
"""

from __future__ import annotations

import msgspec
import numpy as np

from inspector.config.camera import CameraSection, Raster
from inspector.intake.planes import fill
from inspector.records.frame import Bytes2D, Header
from inspector.records.recipe import Recipe
from inspector.records.stages import Frame, Loss, Receipt

MOST_PLANES = 4
"""Planes of the network that frames are gathered for at once, where their rows do not go into one."""
ENOUGH = 1.05
"""Rows that the network assesses for each of the strip, at which no more frames are waited for."""
SAME_SHARE = 0.01
"""Travel per row differs by no more between frames of one plane: an encoder states it no better."""
ROUNDING_MM = 1.0
"""Positions come rounded to millimetres."""


def most_frames(rows: int, plane_rows: int) -> int:
    """Return how many frames of this many rows are best gathered: the fewest at which hardly a row is pad."""
    least = -(-rows // plane_rows)
    best, best_cost = 1, least * plane_rows / rows
    for planes in range(least, max(least, MOST_PLANES) + 1):
        frames = planes * plane_rows // rows
        cost = planes * plane_rows / (frames * rows)
        if best_cost > ENOUGH and cost < best_cost:
            best, best_cost = frames, cost
    return best


class PlaneShare(msgspec.Struct, frozen=True):
    """What of a camera shares a plane."""

    frames: int
    """At most."""
    wait_ns: int
    """How long the first of them may wait for the others."""

    @property
    def gathers(self) -> bool:
        """Whether frames share planes at all."""
        return self.frames > 1 and self.wait_ns > 0


ALONE = PlaneShare(1, 0)
"""Of a camera whose frames each have a plane to themselves."""


def plane_share(camera: CameraSection, recipe: Recipe, wait_ns: int, credit_frames: int, max_age_ns: int) -> PlaneShare:
    """Return how many frames of a camera share a plane.

    `credit_frames` may be under way, of which half can wait here; 0: any number. A frame waits for half its
    `max_age_ns` at most; 0: it has no limit.
    """
    frames = most_frames(camera.raster(recipe).seen_rows, recipe.height)
    if credit_frames:
        frames = min(frames, max(1, credit_frames // 2))
    if max_age_ns:
        wait_ns = min(wait_ns, max_age_ns // 2)
    return PlaneShare(frames, wait_ns) if frames > 1 and wait_ns else ALONE


class Gathering:
    """What of one camera waits to fill a plane."""

    def __init__(self, camera: CameraSection, raster: Raster, share: PlaneShare) -> None:
        self.camera, self._raster, self._share = camera, raster, share
        self._pixels = np.empty((0, 0), np.uint8)
        """Of the frames that wait; made with the first."""
        self._is_closed = False
        self.frames: list[Frame] = []
        self.losses: list[Loss] = []
        """Behind them."""
        self.receipts: list[Receipt] = []

    @property
    def is_ready(self) -> bool:
        """Whether nothing more is to share the plane."""
        return self._is_closed or len(self.frames) == self._share.frames

    @property
    def rows(self) -> int:
        """Rows of the network's raster that the frames take."""
        return len(self.frames) * self._raster.seen_rows

    def left_ns(self, now_ns: int) -> int:
        """How long it may still wait."""
        return 0 if self.is_ready else max(0, self.frames[0].received_ns + self._share.wait_ns - now_ns)

    def takes(self, header: Header) -> bool:
        """Whether a frame shares the plane with those that wait, or with none yet."""
        return not self.is_ready and (not self.frames or self._follows(self.frames[-1].header, header))

    def add(self, frame: Frame, pixels: Bytes2D) -> None:
        """Put a frame below the others."""
        rows, px = self._raster.seen
        if not self._pixels.size:
            self._pixels = np.empty((self._share.frames * rows, px), np.uint8)
        fill(self._pixels[self.rows : self.rows + rows], pixels, self._raster)
        self.frames.append(frame)

    def lose(self, loss: Loss) -> None:
        """Note a loss behind the frames."""
        self.losses.append(loss)
        self._is_closed = True

    def pixels(self) -> Bytes2D:
        """Return the frames' pixels, one below the other."""
        return self._pixels[: self.rows]

    def clear(self) -> None:
        """Begin again."""
        self.frames, self.losses, self.receipts, self._is_closed = [], [], [], False

    def _follows(self, before: Header, header: Header) -> bool:
        """Whether a frame begins where the one before it ends, as far as their headers say."""
        if (header.boot, header.coil, header.side) != (before.boot, before.coil, before.side):
            return False
        if header.number != before.number + 1:
            return False
        mm_per_row = header.mm_per_row or self.camera.mm_per_row
        mm_before = before.mm_per_row or self.camera.mm_per_row
        if abs(mm_per_row - mm_before) > SAME_SHARE * mm_before:
            return False
        if header.start_mm is None or before.start_mm is None:
            return header.start_mm is before.start_mm
        gap_mm = header.start_mm - before.start_mm - before.height * mm_before
        return abs(gap_mm) <= max(ROUNDING_MM, mm_before)
