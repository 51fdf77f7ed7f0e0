"""The frame socket of the lossless mode: cameras send what they were granted, and learn what is recorded.

Laws: a frame is acknowledged once the report of it is on disk, never before, and however often it comes inspected once.
Of one session, which a connection begins, frames come in the order in which they were sent; those of a session that is
over are sent again in the next, so they are not taken. What a camera may have on its way is bounded.

Knows: the ROUTER socket and who is behind it. Must not know: what a frame shows. Thread and batches as in push.py.
"""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

import msgspec
import zmq

from inspector import sockets
from inspector.access.door import Caller
from inspector.intake.grants import Grants
from inspector.intake.push import Intake
from inspector.records.credit import Answer, FrameRefused, Hello
from inspector.records.stages import Batch
from inspector.wire import Part

log = logging.getLogger("inspector")

ANSWERS = 10_000
"""Answers that may wait for a camera that reads none; beyond that they are lost, and it asks again."""
LINGER_MS = 1000
"""How long the last acknowledgements may take to leave; without one a frame comes again."""
SETTLE_NS = 2_000_000_000
"""At a stop, how long to wait until what was taken is on disk and acknowledged; else it comes again after the start."""
LONGEST_HELLO = 1024
PARTS = 3
"""Of a frame message: session, header, pixels."""


class _AnyHello(Hello, frozen=True, kw_only=True, tag="hello"):
    """A greeting under whatever name: one that no camera may have is answered too."""

    camera: str


_hello = msgspec.json.Decoder(_AnyHello)


class CreditIntake(Intake):
    """Binds a ROUTER socket instead of a PULL socket; else as `Intake`."""

    KIND = zmq.ROUTER

    def __init__(self, *args: Any, **facts: Any) -> None:
        super().__init__(*args, **facts)
        self._grants = Grants(self._section.credit_frames, uuid.uuid4().hex[:12])
        self._left = self._returned = 0
        """Receipts that went on with batches, and that came back."""
        self.greetings = 0
        """Messages that were no frames, and as they should be."""
        self._demand.on_acknowledged(self._alarm)

    def close(self) -> None:
        """Close the socket; no frame is acknowledged any more."""
        self._demand.on_acknowledged(lambda: None)
        super().close()

    def _make(self, context: zmq.Context[sockets.Socket], **limits: int) -> sockets.Socket:
        ours = {"linger_ms": LINGER_MS, "queue": self._section.credit_frames, "answers": ANSWERS}
        return super()._make(context, **{**limits, **ours})

    # --- in -------------------------------------------------------------------------------------------------

    def _is_open(self) -> bool:
        """At a stop nothing more is taken: it is not acknowledged, and comes again."""
        return not self._stop.is_set()

    def _has_more(self) -> bool:
        return False

    def _receive(self, now_ns: int) -> bool:
        socket = self._socket
        try:
            part = socket.recv(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        peer, parts, count = part.bytes, list[Part](), 0
        while part.more:
            part = socket.recv(copy=False)
            count += 1
            if count <= PARTS:
                parts.append(part.buffer)
        self._completed.add(part.get(zmq.SRCFD))
        caller = self._caller(part, now_ns) if self._door.is_keyed else None
        if self._door.is_keyed and caller is None:
            self.received += 1
            return True
        if count == 1 and (hello := _read(parts[0])) is not None:
            self._greet(peer, hello, caller, now_ns)
            return True
        self.received += 1
        camera = self._grants.camera_of(peer, parts[0])
        if count == 1 or (camera is None and count != PARTS):
            words = f"message has {count} parts; expected session, header and pixels"
            self._accept.turn_away("", "parts", words, now_ns)
        elif camera is None:
            words = "came in no session that holds; it is to be sent again in the one that does"
            self._accept.turn_away("", "credit", words, now_ns)
        elif not self._grants.has_room(camera):
            words = f"more than {self._section.credit_frames} frames under way, as granted"
            self._accept.turn_away(camera, "credit", words, now_ns)
        elif self._accept.take(parts[1:], count - 1, now_ns, only=camera, sender=caller):
            self._grants.take(camera)
        return True

    def _greet(self, peer: bytes, hello: Hello, caller: Caller | None, now_ns: int) -> None:
        """Grant a camera its frames; a new connection begins a new session."""
        if not self._accept.knows(hello.camera):
            words = f"camera {hello.camera!r} is not in the configuration"
            self._accept.turn_away("", "camera", words, now_ns)
            self._send(peer, FrameRefused(reason="camera"))
            return
        if not (caller is None or caller.may_be(hello.camera)):
            words = f"hello of {hello.camera!r}, which key {caller.name} may not send as"
            self._accept.turn_away("", "impostor", words, now_ns)
            self._send(peer, FrameRefused(reason="impostor"))
            return
        self.greetings += 1
        if self._grants.greet(peer, hello.camera, again=hello.again):
            number = self._grants.sessions
            words = f"camera {hello.camera} began session {number} (where many follow, two programs have its name)"
            self._complaints.add(hello.camera, "session", words, now_ns, logging.INFO)
        self._send(peer, self._grants.granted(hello.camera))

    # --- out ------------------------------------------------------------------------------------------------

    def _answer(self) -> None:
        """Acknowledge what has come to be on disk."""
        receipts = self._demand.acknowledged()
        if not receipts:
            return
        self._returned += len(receipts)
        for peer, answer in self._grants.acknowledge(receipts):
            self._send(peer, answer)

    def _send(self, peer: bytes, answer: Answer) -> None:
        """Send to a camera that may be gone: then it is dropped."""
        self._socket.send_multipart((peer, msgspec.json.encode(answer)))

    # --- at a stop ------------------------------------------------------------------------------------------

    def _leave(self, now_ns: int) -> Batch:
        batch = super()._leave(now_ns)
        self._left += len(batch.receipts)
        return batch

    def _rest(self) -> Batch:
        """Leave what waits to be decoded, or to be placed: it is not acknowledged, and comes again."""
        return self._leave(time.monotonic_ns())

    def _settle(self) -> None:
        """Wait until what was taken is on disk, and acknowledge it."""
        until_ns = time.monotonic_ns() + SETTLE_NS
        self._answer()
        while self._returned < self._left and time.monotonic_ns() < until_ns:
            self._wait(20_000_000, is_open=False)
            self._answer()
        if left := self._grants.under_way:
            log.info("stopped with %d frames taken and not recorded; cameras send them again", left)


def _read(part: Part) -> Hello | None:
    """Read a greeting; None for anything else."""
    if len(part) > LONGEST_HELLO:
        return None
    try:
        return _hello.decode(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
