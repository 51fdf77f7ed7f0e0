"""The section with the limits beyond which a camera is not well."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import Section, key


class CameraHealthSection(Section, frozen=True):
    """When a camera is reported frozen, dark, saturated, flat, blurred, misaligned, silent, or has a wrong clock."""

    frames: Annotated[
        int,
        key(
            "Number of frames in a row that show a fault before it is reported, or lack it before it is gone.",
            ge=1,
            le=100_000,
        ),
    ] = 32
    frozen_frames: Annotated[
        int,
        key(
            "The same for a picture that stands: byte for byte that of the frame before; 0: not watched.",
            ge=0,
            le=100_000,
        ),
    ] = 8
    dark_grey: Annotated[
        float,
        key(
            "A frame whose brightest parts (mean and three standard deviations) lie below this is dark: no light, a "
            "closed lens; 0: not watched.",
            ge=0,
            le=255,
        ),
    ] = 10.0
    saturated_percent: Annotated[
        float, key("A frame with more pixels at 254 or 255 than this is saturated; 100: not watched.", ge=0, le=100)
    ] = 50.0
    flat_grey: Annotated[
        float,
        key(
            "A frame whose greys vary less than this (standard deviation) shows no strip: a sensor's noise alone is "
            "more; 0: not watched.",
            ge=0,
            le=255,
        ),
    ] = 0.2
    blurred_share: Annotated[
        float,
        key(
            "A camera is blurred when its pictures have less than this share of their usual fine detail; "
            "0: not watched, and what was usual is forgotten.",
            ge=0,
            le=0.9,
        ),
    ] = 0.45
    shift_mm: Annotated[
        float,
        key(
            "A camera that watches edges (`camera.edges`) is misaligned when the middle between them, or the one edge "
            "within a coil, lies farther than this from its usual place; 0: not watched, and forgotten.",
            ge=0,
            le=100_000,
        ),
    ] = 50.0
    learn_frames: Annotated[
        int,
        key("Number of a camera's frames without a fault that make what is usual for it.", ge=64, le=10_000_000),
    ] = 2048
    clock_s: Annotated[
        float,
        key(
            "A frame captured so long before it came, or after, has a wrong time, or waited; 0: not watched.",
            ge=0,
            le=1e6,
        ),
    ] = 5.0
    silent_s: Annotated[
        float,
        key(
            "A camera is silent when others have sent frames for so long and it has not, and not_inspected when frames "
            "of it, `frames` at least, came for so long and none was inspected; 0: neither is watched.",
            ge=0,
            le=1e6,
        ),
    ] = 10.0
