"""How a camera is, as subscribers receive it: the words for its faults."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.records.events.health import CameraState, Ne107
from inspector.records.events.kind import Kind, known

CameraFault = Literal[
    "silent",
    "not_inspected",
    "frozen",
    "dark",
    "saturated",
    "flat",
    "encoder_standing",
    "encoder_backwards",
    "clock",
    "edge_lost",
    "blurred",
    "misaligned",
    "restarting",
]
"""What we write today. A reader takes any other word too, so the record below says `str`."""


class CameraStatus(Kind, frozen=True, kw_only=True, tag="camera"):
    """A camera has a fault, or has it no longer."""

    camera: str
    """The camera, as named in the configuration."""
    fault: Annotated[str, known(CameraFault)]
    """What is wrong with it: `silent` is a camera of which nothing comes while others send, `not_inspected` one whose
    frames come and are all dropped or rejected (the message says why), `flat` is a picture without texture, `clock` a
    time of capture that cannot be, `blurred` and `misaligned` are against what is usual for this camera, `restarting`
    is a new `boot` in each frame."""
    state: Annotated[str, known(CameraState)]
    """Whether it begins or ends."""
    status: Annotated[str, known(Ne107)]
    """Of the camera, with all its faults, after NAMUR NE 107."""
    message: str
    """For people."""
    coil: str
    """The coil under the camera; empty where its frames name none."""
    captured_ns: int
    """Capture time of its last whole frame, nanoseconds since the UNIX epoch by its clock; 0 where none came."""

    @property
    def topic(self) -> str:
        """`camera.` and the camera."""
        return f"camera.{self.camera}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"
