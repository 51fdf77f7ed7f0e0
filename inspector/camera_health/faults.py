"""Every fault of a camera: how it shows in one frame, and how grave it is. Pure.

To add one: its word in `records/events/camera.py`, a row in `FAULTS` here, a camera that has it in the simulator.

Blur and a shifted lens show only against how the camera usually is (`usual.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import msgspec
import numpy as np

from inspector.camera_health.settings import CameraHealthSection
from inspector.records.events import CameraFault, Ne107
from inspector.records.frame import Bytes2D

STEP_ROWS, STEP_COLUMNS = 16, 16
"""Pixels that are looked at: 1 of 256; of a frame of 1600 x 256 there are 1600."""
WHITE = 254
SOFT = 0.25
"""A picture with a larger share of fine texture is sharp, whatever is usual: a blur of 1.5 px has 0.25 at most."""
STANDS = 0.01
"""An encoder that counts less than this share of a frame's length from frame to frame stands."""


class Pixels(msgspec.Struct, frozen=True):
    """What is measured of a picture."""

    grey: float
    """Mean, 0 to 255."""
    contrast: float
    """Standard deviation of the greys."""
    saturated: float
    """Share of pixels at 254 or 255, percent."""


UNMEASURED = Pixels(math.nan, math.nan, math.nan)
"""No limit is passed by it."""


class FrameFacts(msgspec.Struct, frozen=True):
    """What is known of one frame."""

    pixels: Pixels
    """Of this frame, or of one before it that was inspected; `UNMEASURED` where none was yet."""
    is_same: bool
    """Whether the pixels, as sent, are those of the frame before (the same checksum, size and encoding)."""
    age_s: float
    """From its capture, by the camera's clock, to its arrival, by ours."""
    is_restarted: bool
    """Whether it names another `boot` than the frame before."""
    advance: float | None
    """How far the encoder moved since the frame before, in frame lengths; None where it is not known."""
    is_edge_lost: bool = False
    """Whether an edge of the strip that the camera watches is not in this frame, or one of the few before it."""
    sharpness: float = 1.0
    """Share of the texture that is fine, in the last pictures."""
    focus: float | None = None
    """The same, as a share of what is usual for the camera; None while that is not known."""
    shift_mm: float | None = None
    """How far the strip's edge, or its middle, lies from its usual place; None while that is not known."""


class Fault(NamedTuple):
    """One fault."""

    status: Ne107
    """What it makes of the camera, after NAMUR NE 107."""
    shows: Callable[[FrameFacts, CameraHealthSection], bool]
    words: Callable[[FrameFacts], str]
    is_in_pixels: bool = False
    """Whether it shows in what is measured of pixels, which not every frame is."""
    hides: bool = False
    """Whether its pictures show the strip so badly that what passes meanwhile was not surely seen."""


def measure(plane: Bytes2D) -> Pixels:
    """Look at a few of a picture's pixels (H, W)."""
    few = np.ascontiguousarray(plane[::STEP_ROWS, ::STEP_COLUMNS])
    mean, deviation = cv2.meanStdDev(few)
    return Pixels(float(mean[0, 0]), float(deviation[0, 0]), 100.0 * int(np.count_nonzero(few >= WHITE)) / few.size)


def _is_dark(look: FrameFacts, limits: CameraHealthSection) -> bool:
    """A camera at the strip's edge sees mostly black, and a bright part: real frames have a mean grey of 4."""
    return look.pixels.grey + 3 * look.pixels.contrast < limits.dark_grey


def _is_saturated(look: FrameFacts, limits: CameraHealthSection) -> bool:
    return look.pixels.saturated > limits.saturated_percent


def _is_flat(look: FrameFacts, limits: CameraHealthSection) -> bool:
    return look.pixels.contrast < limits.flat_grey and not _is_dark(look, limits) and not _is_saturated(look, limits)


def _is_blurred(look: FrameFacts, limits: CameraHealthSection) -> bool:
    return look.focus is not None and look.focus < limits.blurred_share and look.sharpness < SOFT


def _is_misaligned(look: FrameFacts, limits: CameraHealthSection) -> bool:
    return bool(limits.shift_mm) and look.shift_mm is not None and abs(look.shift_mm) > limits.shift_mm


def tells_detail(pixels: Pixels, limits: CameraHealthSection) -> bool:
    """Whether a picture has light and texture enough to show whether it is sharp."""
    look = FrameFacts(pixels, is_same=False, age_s=0.0, is_restarted=False, advance=None)
    return not (_is_dark(look, limits) or _is_saturated(look, limits) or _is_flat(look, limits))


def _is_frozen(look: FrameFacts, limits: CameraHealthSection) -> bool:
    """A sensor's noise differs from frame to frame; a picture without any is flat, and always the same."""
    return bool(limits.frozen_frames) and look.is_same and look.pixels.contrast >= limits.flat_grey


FAULTS: Mapping[CameraFault, Fault] = {
    "frozen": Fault("failure", _is_frozen, lambda look: "sends the same picture again and again", hides=True),
    "dark": Fault("failure", _is_dark, lambda look: f"is dark: mean grey {look.pixels.grey:.1f}", True, True),
    "saturated": Fault(
        "out_of_specification",
        _is_saturated,
        lambda look: f"is saturated: {look.pixels.saturated:.0f} % of the pixels are white",
        True,
        True,
    ),
    "flat": Fault(
        "failure",
        _is_flat,
        lambda look: f"sends one grey, {look.pixels.grey:.0f}, and not even its own noise",
        True,
        True,
    ),
    "encoder_standing": Fault(
        "out_of_specification",
        lambda look, limits: look.advance is not None and abs(look.advance) <= STANDS,
        lambda look: "sends frames while its encoder stands",
    ),
    "encoder_backwards": Fault(
        "out_of_specification",
        lambda look, limits: look.advance is not None and look.advance < -STANDS,
        lambda look: "sends frames while its encoder runs backwards",
    ),
    "clock": Fault(
        "maintenance_required",
        lambda look, limits: bool(limits.clock_s) and abs(look.age_s) > limits.clock_s,
        lambda look: f"{_apart(look.age_s)}: its clock and ours differ, or its frames wait",
    ),
    "restarting": Fault(
        "maintenance_required",
        lambda look, limits: look.is_restarted,
        lambda look: (
            "names another boot in each frame, so frames lost between them cannot be counted: give each start "
            "of its program one boot, and each camera one program"
        ),
    ),
    "edge_lost": Fault(
        "out_of_specification",
        lambda look, limits: look.is_edge_lost,
        lambda look: "has lost the strip's edge: defects carry no distance from it",
        True,
    ),
    "blurred": Fault(
        "out_of_specification",
        _is_blurred,
        lambda look: f"is blurred: {100 * (look.focus or 0):.0f} % of the fine detail that it usually shows",
        True,
        True,
    ),
    "misaligned": Fault(
        "out_of_specification",
        _is_misaligned,
        lambda look: (
            f"sees the strip {_aside(look.shift_mm or 0)} its usual place: it was moved, or the strip runs off"
        ),
        True,
    ),
}
"""All that show in a frame; `silent` shows in that there is none, `not_inspected` in that none is inspected."""

HIDING: frozenset[CameraFault] = frozenset(name for name, fault in FAULTS.items() if fault.hides)
"""Those under which strip is inspected and not surely seen. None are an encoder's, a lost edge, a lens that was moved:
where its pictures lie is in question, not what they show."""
BETWEEN: tuple[CameraFault, ...] = tuple(name for name, fault in FAULTS.items() if not fault.is_in_pixels)
"""Those that show in a frame whose pixels were not measured."""
IN_HEADERS: tuple[CameraFault, ...] = ("encoder_standing", "encoder_backwards", "clock", "restarting")
"""Those that show in a header alone: in a frame that was dropped too."""

UNSEEN: Ne107 = "failure"
"""What it makes of a camera that nothing of it comes, or is inspected, after NAMUR NE 107."""


def _apart(age_s: float) -> str:
    return f"captured {abs(age_s):.1f} s {'before' if age_s > 0 else 'after'} the frame came"


def _aside(shift_mm: float) -> str:
    return f"{abs(shift_mm):.0f} mm {'right' if shift_mm > 0 else 'left'} of"
