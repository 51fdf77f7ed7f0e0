"""The sections that say where frames come in and how they are batched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from inspector.config.camera import Overload
from inspector.config.reader import SOCKET, SOCKET_HINT, Section, key

WHEN_FULL = {"drop": "drop-newest", "wait": "wait"}
"""What `intake.when_full`, up to version 0.2, is called now."""
_WHEN_FULL = ", ".join(f'"{old}" is "{new}" now' for old, new in WHEN_FULL.items())


def renamed(intake: dict[str, Any]) -> Iterator[str]:
    """Give keys of a section as it was read their names of today; yield what is wrong with those of before."""
    if "when_full" not in intake:
        return
    old = intake.pop("when_full")
    if "overload" in intake:
        yield "intake.when_full is called intake.overload now, and both are given; expected one. Remove when_full."
    elif not isinstance(old, str) or old not in WHEN_FULL:
        yield f"intake.when_full is {old!r}, and is called intake.overload now: {_WHEN_FULL}. Write overload instead."
    else:
        intake["overload"] = WHEN_FULL[old]


class IntakeSection(Section, frozen=True):
    """Where frames come in, and what happens when they come too fast."""

    bind: Annotated[str, key("Socket that cameras send frames to.", SOCKET_HINT, pattern=SOCKET)]
    transport: Annotated[
        Literal["push", "credit"],
        key(
            "`push`: cameras send by PUSH sockets, and what a killed program's buffers held is lost, and counted. "
            "`credit`: by DEALER sockets, as many frames as they are granted, and each again until it is recorded."
        ),
    ] = "push"
    without_keys: Annotated[
        bool,
        key(
            "Take frames without keys at an address that other machines reach: for cameras that know no keys, in a "
            "network of their own. Never at an address of every network, like 0.0.0.0."
        ),
    ] = False
    credit_frames: Annotated[
        int,
        key(
            "Frames that each camera may have sent and not yet seen recorded, in credit mode.",
            "32 is a sixth of a second at 200 fps.",
            ge=1,
            le=1000,
        ),
    ] = 32
    overload: Annotated[
        Overload,
        key(
            "What happens when frames come faster than they are inspected. `drop-newest` and `drop-oldest` give frames "
            "up (counted, and their strip reported as missed) so that lag stays bounded: the one that comes, or the "
            "camera's oldest in the batch that is being filled. `wait` holds cameras back instead: all that share a "
            "PULL socket, for replaying files, never while a line runs; in credit mode each by itself.",
            f"It was called when_full: {_WHEN_FULL}.",
        ),
    ] = "drop-newest"
    max_age_ms: Annotated[
        int,
        key(
            "A frame is dropped (`too_old`) rather than inspected later than this after its capture, by the camera's "
            "clock, or after it was received; 0: no limit. It takes cameras whose clocks are right (PTP, NTP).",
            "200 is what mills ask of an answer.",
            ge=0,
            le=3_600_000,
        ),
    ] = 0
    queue_batches: Annotated[
        int,
        key("Batches that may wait for the engine.", "2 keeps the engine busy with little lag.", ge=1, le=64),
    ] = 2
    receive_frames: Annotated[
        int,
        key(
            "Frames that may wait in the socket for each camera (ZMQ_RCVHWM).",
            "16 is half a second at 30 fps.",
            ge=1,
            le=10_000,
        ),
    ] = 16
    decode_threads: Annotated[
        int,
        key("Threads that decode JPEG and PNG frames; raw8 needs none.", "One for each core to spare.", ge=1, le=64),
    ] = 2
    max_frame_mb: Annotated[
        int,
        key(
            "Pixels of a frame that take more than this, as sent, are refused.",
            "A 1600 x 256 raw8 frame has 0.4 MB.",
            ge=1,
            le=1024,
        ),
    ] = 16


class BatchSection(Section, frozen=True):
    """How frames are gathered for the engine."""

    max_frames: Annotated[
        int,
        key(
            "Frames in a batch at most; those that share a plane of the network count as one.",
            "4 for a CPU, 8 to 16 for a GPU.",
            ge=1,
            le=256,
        ),
    ] = 4
    wait_ms: Annotated[
        int,
        key(
            "How long the first frame of a batch may wait for others. While the engine is busy a batch goes "
            "on filling.",
            "Set 10 for a 60 fps line.",
            ge=1,
            le=1000,
        ),
    ] = 10
    gather_ms: Annotated[
        int,
        key(
            "How long a frame whose rows do not fill the recipe's may wait for the next ones, to share a plane of the "
            "network with them: blocks of a line scan camera. At most half its `max_age_ms`; 0: each goes alone.",
            "100: a line so slow that a plane takes longer keeps no engine busy.",
            ge=0,
            le=1000,
        ),
    ] = 100
