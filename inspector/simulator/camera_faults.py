"""Every fault that a simulated camera can have, on request: how it shows in pixels, times, positions and bytes. Pure.

To add one that lasts, as for a test of `camera_health/`: its probability in `Faults`, its name in `LASTING`, a case in
`lasting`.

Must not know: when a fault befalls a frame, how frames are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import cv2
import msgspec
import numpy as np
from msgspec import Meta

from inspector.errors import InspectorError
from inspector.records.frame import Bytes2D

Probability = Annotated[float, Meta(ge=0, le=1)]

LASTING = frozenset({"stuck", "dark", "glare", "blank", "blur", "shift", "clock", "slip"})
"""Faults that go on for many frames."""
BLUR_PX = 2.0
"""Standard deviation of what a point becomes."""
HOUR_NS = 3_600_000_000_000


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How probable each fault is for each frame; a coil's first and last frame are always good."""

    drop: Probability = 0.0
    """Not sent, its number is skipped: `missing`."""
    crc: Probability = 0.0
    """One bit of the payload is wrong: rejected as `crc`."""
    truncate: Probability = 0.0
    """Half the payload is cut off: rejected as `size` (raw8) or `crc`."""
    garbage: Probability = 0.0
    """The header is not JSON: rejected as `json`; its number is `missing` too, as nobody could read it."""
    size: Probability = 0.0
    """One row too few: rejected as `size`."""
    duplicate: Probability = 0.0
    """Sent twice: the second is rejected as `order`."""
    reboot: Probability = 0.0
    """Before it the camera restarts: new `boot`, numbers from 0; no frame is lost."""
    stuck: Probability = 0.0
    """From here on the same picture comes again and again, for `lasting_frames`."""
    dark: Probability = 0.0
    """From here on there is next to no light, for `lasting_frames`."""
    glare: Probability = 0.0
    """From here on nearly all is white, for `lasting_frames`."""
    blank: Probability = 0.0
    """From here on all pixels are one grey, without the sensor's noise, for `lasting_frames`."""
    blur: Probability = 0.0
    """From here on the lens is out of focus by `BLUR_PX`, for `lasting_frames`."""
    shift: Probability = 0.0
    """From here on the camera looks an eighth of its picture aside, for `lasting_frames`."""
    clock: Probability = 0.0
    """From here on the camera's clock is an hour fast, for `lasting_frames`."""
    slip: Probability = 0.0
    """From here on the encoder stands while frames come, for `lasting_frames`."""
    freeze: Probability = 0.0
    """Before it the camera hangs for `freeze_s`, then catches up."""
    freeze_s: Annotated[float, Meta(ge=0)] = 1.0
    """How long, seconds."""
    lasting_frames: Annotated[int, Meta(ge=1)] = 100
    """How long the lasting faults last; no other befalls a frame meanwhile."""

    def __post_init__(self) -> None:
        if (total := sum(self.probabilities().values())) > 1:
            raise ValueError(f"probabilities of the faults add up to {total:g}; expected at most 1")

    def probabilities(self) -> dict[str, float]:
        """Probability of each fault by its name."""
        numbers = ("freeze_s", "lasting_frames")
        return {name: getattr(self, name) for name in self.__struct_fields__ if name not in numbers}


def parse(pairs: Sequence[str], freeze_s: float, lasting_frames: int) -> Faults:
    """Read faults as `NAME=PROBABILITY`, from the command line.

    Raises: InspectorError.
    """
    names = tuple(Faults().probabilities())
    given: dict[str, float] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in names:
            raise InspectorError(f"--fault {pair}: no fault is called {name!r}; expected one of {', '.join(names)}.")
        try:
            given[name] = float(text)
        except ValueError:
            given[name] = -1.0
        if not 0 <= given[name] <= 1:
            raise InspectorError(
                f"--fault {pair}: {text!r} is no probability; expected a number from 0 to 1. "
                "Write NAME=PROBABILITY, such as drop=0.01."
            )
    if (total := sum(given.values())) > 1:
        raise InspectorError(
            f"--fault {' '.join(pairs)}: the probabilities add up to {total:g}; expected at most 1. Lower them."
        )
    return Faults(**given, freeze_s=freeze_s, lasting_frames=lasting_frames)


class Exposure(NamedTuple):
    """What a camera puts into a frame."""

    pixels: Bytes2D
    """(H, W)."""
    start_mm: float
    """Position of its first row."""
    captured_ns: int
    """Time of its capture, by the camera's clock."""


def lasting(fault: str, exposure: Exposure, first: Exposure) -> Exposure:
    """Return an exposure as a fault that lasts shows it; `first`: the one that it began with."""
    pixels, start_mm, captured_ns = exposure
    match fault:
        case "stuck":
            pixels = first.pixels
        case "dark":
            pixels = pixels // 64
        case "glare":
            pixels = np.maximum(pixels, 254) - (pixels < np.percentile(pixels, 10)).astype(np.uint8)
        case "blank":
            pixels = np.full_like(pixels, 128)
        case "blur":
            pixels = cv2.GaussianBlur(pixels, (0, 0), BLUR_PX).astype(np.uint8)
        case "shift":
            pixels = np.roll(pixels, pixels.shape[1] // 8, axis=1)
        case "clock":
            captured_ns += HOUR_NS
        case "slip":
            start_mm = first.start_mm
    return Exposure(pixels, start_mm, captured_ns)


def damaged(payload: bytes, fault: str) -> bytes:
    """Return a payload as a fault on its way leaves it."""
    if fault == "truncate":
        return payload[: len(payload) // 2]
    if fault == "crc":
        return payload[:-1] + bytes([payload[-1] ^ 1])
    return payload
