"""The reference camera client.

    with Camera("tcp://10.0.0.5:5555", "top", transport="credit") as camera:
        for pixels, start_mm in line:
            camera.send(pixels, coil="C2231", start_mm=start_mm)

Knows: the frame's header, and which numbers have gone. Must not know: where pixels come from.
A Camera belongs to one thread.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import zmq

from inspector import wire
from inspector.access.keys import Key, client_key
from inspector.camera.credit import CreditLink
from inspector.camera.push import PushLink
from inspector.camera.spool import Spool
from inspector.errors import SocketError
from inspector.records.frame import Bytes2D
from inspector.words import counted

Transport = Literal["push", "credit"]
Encoding = Literal["raw8", "jpeg", "png"]

KEEP_FRAMES = 64
"""Frames that are kept in memory until they are recorded: 26 MB of 1600 x 256."""
PATIENCE_S = 30.0
CLOSE_S = 30.0
"""How long at the end nothing may be taken of what is left."""


class Link(Protocol):
    """How messages go out."""

    def room(self, wait_s: float) -> bool:
        """Whether another frame is taken, at least within `wait_s`."""

    def send(self, parts: Sequence[wire.Part], boot: str, number: int) -> bool:
        """Send a frame for which there was room; False: it is gone, with the inspector, and nothing was sent."""

    def throw(self, parts: Sequence[wire.Part]) -> bool:
        """Send a message that is no frame, once; the same."""

    def tend(self, wait_s: float) -> None:
        """See to what came from the inspector; return once something did, or after `wait_s`."""

    @property
    def unrecorded(self) -> int:
        """Frames that are kept until the inspector confirms that they are recorded."""

    @property
    def hint(self) -> str:
        """What is most likely wrong when no frame is taken; empty where that is unknown."""

    def close(self, wait_s: float) -> int:
        """Leave once all has gone, or nothing went for `wait_s`; return how many frames did not."""


class Camera:
    """Sends frames to an inspector's `intake.bind` as the camera `name`, numbered from 0 within a new boot.

    `transport` is the inspector's `intake.transport`. In credit mode `keep_frames` are kept in memory until they are
    recorded, and sent again to an inspector that was started again; a camera that pauses calls `tend` each second.
    `spool`, a folder of its own, keeps them on disk too: after a kill they are the first to be sent. What is there of a
    camera of another name is set aside.

    `key`, or its file, is a camera's, where the inspector asks for keys. `context` is for `credit`: with `push` each
    camera has its own.

    Raises: SocketError when the address is none; from any method, when the inspector knows no such camera. AccessError
    for a key that is none, and from any method when the inspector refuses it. Busy when another program has the spool;
    InspectorError from `send` when its disk takes no frame. Whatever `send` raises, it has not taken the frame, and its
    number is free: send it again, or `skip` it, and it is reported as missing.
    """

    def __init__(
        self,
        connect: str,
        name: str,
        *,
        transport: Transport = "push",
        encoding: Encoding = "raw8",
        side: Literal["top", "bottom"] | None = None,
        mm_per_row: float | None = None,
        keep_frames: int = KEEP_FRAMES,
        spool: Path | None = None,
        patience_s: float = PATIENCE_S,
        key: Key | Path | str | None = None,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        self._connect, self._name, self._patience_s = connect, name, patience_s
        self._facts = {"encoding": encoding, "side": side, "mm_per_row": mm_per_row}
        mine = client_key(key)
        self._context = context or zmq.Context()
        self._own, self._is_spooled = context is None, spool is not None
        self._posted = 0
        self.boot, self.number = "", 0
        """Of the next frame."""
        self.reboot()
        kept: Spool | None = None
        try:
            kept = Spool(spool) if spool else None
            self._link: Link = (
                CreditLink(self._context, connect, name, keep_frames=keep_frames, spool=kept, key=mine)
                if transport == "credit"
                else PushLink(connect, mine)
            )
        except BaseException:
            if kept is not None:
                kept.close()
            if self._own:
                self._context.term()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self.close(0.0 if error else CLOSE_S)
        if left and not error and not self._is_spooled:
            raise SocketError(f"{self._connect}: {left_words(left, CLOSE_S)}")

    @property
    def unrecorded(self) -> int:
        """Frames that are kept until the inspector confirms that they are recorded; 0 with `push`, which keeps none."""
        return self._link.unrecorded

    def send(
        self,
        pixels: Bytes2D,
        *,
        coil: str | None = None,
        start_mm: float | None = None,
        captured_ns: int | None = None,
    ) -> int:
        """Send the next frame, (H, W) uint8, and return its number; waits while the inspector takes none.

        `start_mm` is the first row's distance from the coil's head, `captured_ns` UNIX time (now).

        Raises: SocketError when no frame is taken within the patience. msgspec.ValidationError for a value that no
        header may have.
        """
        captured_ns = time.time_ns() if captured_ns is None else captured_ns
        facts = {**self._facts, "coil": coil, "start_mm": start_mm, "captured_ns": captured_ns}
        header, payload = wire.frame_message(
            pixels,
            camera=self._name,
            boot=self.boot,
            number=self.number,
            **facts,  # type: ignore[arg-type]
        )
        message, is_taken = wire.encode(header, payload), False
        while not is_taken:
            if not self.room(self._patience_s):
                raise SocketError(
                    self._link.hint or stalled_words(self._connect, self._posted - self.unrecorded, self._patience_s)
                )
            is_taken = self.post(message, self.boot, self.number)
        return self.skip()

    def skip(self) -> int:
        """Let a frame pass that is not sent, and return its number: the inspector reports it as missing."""
        self.number += 1
        return self.number - 1

    def reboot(self) -> None:
        """Number from 0 on, in another boot."""
        self.boot, self.number = uuid.uuid4().hex[:12], 0

    def tend(self, wait_s: float = 0.0) -> None:
        """See to what came from the inspector, at most for `wait_s`; send again what it asks for."""
        self._link.tend(wait_s)

    def room(self, wait_s: float) -> bool:
        """Whether a frame would be taken, at least within `wait_s`."""
        return self._link.room(wait_s)

    def post(self, parts: Sequence[wire.Part], boot: str, number: int) -> bool:
        """Send a frame message as it stands, header and pixels, once there is `room`.

        False where that is gone, with the inspector: nothing was sent, and there may be room again later.
        """
        is_taken = self._link.send(parts, boot, number)
        self._posted += is_taken
        return is_taken

    def throw(self, parts: Sequence[wire.Part]) -> bool:
        """Send a message that is no frame, and is never acknowledged; the same."""
        return self._link.throw(parts)

    def close(self, wait_s: float = CLOSE_S) -> int:
        """Leave once all has gone, or nothing went for `wait_s`; return how many of the last frames may be lost.

        With `credit` those that are not recorded; with `push` those that the kernel had not taken. It delivers what it
        has, unless its machine or the inspector ends before.
        """
        try:
            return self._link.close(wait_s)
        finally:
            if self._own:
                self._context.term()


def stalled_words(connect: str, taken: int, patience_s: float) -> str:
    """Say that no frame was taken for so long, as far as a camera of which `taken` were can know why."""
    if not taken:
        return (
            f"{connect}: nobody took a frame for {patience_s:g} s. "
            "Start the inspector first, and give the address of its intake.bind and its intake.transport."
        )
    return (
        f"{connect}: {counted(taken, 'frame')} went there, and then none for {patience_s:g} s: the inspector has "
        "ended, or its engine is slower than that. See its log and inspector_frames_received_total; "
        "send fewer frames a second, or wait longer."
    )


def left_words(left: int, patience_s: float) -> str:
    """Say that the last frames did not go: they waited for too long, or what they waited for has ended."""
    return (
        f"the last {counted(left, 'frame')} did not leave within {patience_s:g} s, or their connection ended before: "
        "the inspector may not have them, nor know that they are missing. "
        "Send them again, or use intake.transport credit."
    )
