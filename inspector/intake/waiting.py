"""A camera's frames that wait behind pictures being decoded, in the order in which they came.

Knows: headers, pixels, why a frame was refused. Must not know: queues, decoders, numbers.
"""

from __future__ import annotations

import msgspec

from inspector import wire
from inspector.errors import FrameError
from inspector.records.frame import Bytes2D, Header
from inspector.records.stages import Drop, Receipt, Rejection


class WaitingPicture(msgspec.Struct):
    """A frame on its way through the decoders."""

    header: Header
    payload: wire.Part
    received_ns: int
    pixels: Bytes2D | None = None
    oddities: tuple[str, ...] = ()
    error: FrameError | None = None

    @property
    def is_done(self) -> bool:
        """Whether it was decoded, or refused."""
        return self.pixels is not None or self.error is not None


class RefusedFrames(msgspec.Struct):
    """Messages that have to wait for their turn to be counted, as the frames before them still wait."""

    reason: Rejection | Drop
    frames: list[Receipt | None]
    """Each as its camera named it, where that could be read."""


class UnplacedFrame(msgspec.Struct):
    """A whole frame for which there was no room among those that wait: its place is still to be found, in its turn."""

    header: Header
    received_ns: int


Waiting = WaitingPicture | RefusedFrames | UnplacedFrame
