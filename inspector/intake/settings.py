"""The sections that say where frames come in and how they are batched."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.config.reader import SOCKET, SOCKET_HINT, Section, key


class IntakeSection(Section, frozen=True):
    """Where frames come in, and what happens when they come too fast."""

    bind: Annotated[str, key("PULL socket that cameras PUSH frames to.", SOCKET_HINT, pattern=SOCKET)]
    when_full: Annotated[
        Literal["drop", "wait"],
        key(
            "`drop` sheds frames (counted, and their strip reported as missed) so that lag stays bounded; "
            "`wait` holds the camera back instead: for replaying files, never beside a running line."
        ),
    ] = "drop"
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

    max_frames: Annotated[int, key("Frames in a batch at most.", "4 for a CPU, 8 to 16 for a GPU.", ge=1, le=256)] = 4
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
