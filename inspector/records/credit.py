"""What camera and inspector say to each other in credit mode, besides frames. Changing it breaks cameras.

Each is one message of one part, as JSON; `kind` says which it is. intake/README.md is for who writes a camera.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from inspector.records.names import Name


class _Word(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What all of them have in common."""

    v: Literal[1] = 1
    """Version of this exchange."""


class Hello(_Word, frozen=True, kw_only=True, tag="hello"):
    """From the camera: once connected, and each second from then on; the answer is a `granted`."""

    camera: Name
    """Which camera, as named in the configuration."""
    again: bool = False
    """Asks for another session, for one in which nothing comes any more."""


class Granted(_Word, frozen=True, kw_only=True, tag="granted"):
    """To the camera: it may send. A session it does not know means that all frames not yet recorded are to be sent."""

    camera: Name
    """Whom it is for."""
    session: Annotated[str, Meta(min_length=1, max_length=64)]
    """First part of every frame message from here on."""
    frames: Annotated[int, Meta(ge=1)]
    """How many frames may be sent and not yet recorded, at any time."""


class Recorded(_Word, frozen=True, kw_only=True, tag="recorded"):
    """To the camera: the report of these frames is on disk, or that they were given up; it may forget them."""

    boot: str
    """The camera's boot that they were numbered in."""
    first: int
    """The first of their numbers."""
    last: int
    """The last of their numbers; all between are meant, too."""


class FrameRefused(_Word, frozen=True, kw_only=True, tag="refused"):
    """To the camera: a frame, or a `hello`, that will never be taken; sending it again changes nothing."""

    reason: str
    """Why, in the words of the metrics."""
    boot: str = ""
    """The boot that the frame was numbered in; empty for a `hello`."""
    number: int = -1
    """The frame's number; -1 for a `hello`."""


Answer = Granted | Recorded | FrameRefused
"""What a camera receives."""
