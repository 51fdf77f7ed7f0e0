"""A camera's PUSH socket: frames are sent and never acknowledged.

Law: `close` returns how many of the last frames were not handed to the kernel, which delivers what it has.

Knows: the socket. Must not know: what is sent.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import zmq

from inspector import sockets
from inspector.access.handshake import Handshakes
from inspector.access.keys import Key
from inspector.errors import SocketError
from inspector.wire import Part

SEND_FRAMES = 2
"""Frames that wait here while the receiver is busy: few, or latency is mostly this queue (ZMQ_SNDHWM)."""
LOOK_MS = 500
"""How often, while no frame is taken, the handshake is looked at for a refusal."""
SEND_BYTES = 2**19
"""The kernel's share of the same queue (SO_SNDBUF); left alone, it grows to ten frames and more."""


class PushLink:
    """A PUSH socket as a camera needs it, in a context of its own: its end alone shows that all has left.

    Raises: SocketError when the address is none; from `room`, AccessError when the inspector refuses its key.
    """

    unrecorded = 0

    def __init__(self, connect: str, key: Key | None = None) -> None:
        curve = key.curve(connect) if key else None
        self._sent = self._ended = 0
        self._held: deque[zmq.MessageTracker] = deque()
        """Of messages that libzmq may not have handed to the kernel, in the order in which they were sent."""
        self._context: zmq.Context[sockets.Socket] = zmq.Context()
        self._socket = sockets.make(self._context, zmq.PUSH, queue=SEND_FRAMES, kernel_bytes=SEND_BYTES, curve=curve)
        self._socket.copy_threshold = 0  # small ones, too, are tracked
        self._shakes = Handshakes(self._socket, connect, has_key=curve is not None)
        try:
            sockets.connect(self._socket, connect)
        except SocketError:
            self._shakes.close()
            self._context.term()
            raise

    def room(self, wait_s: float) -> bool:
        """Whether another frame is taken, at least within `wait_s`."""
        until_s = time.monotonic() + wait_s
        while True:
            left_ms = max(0, round(1000 * (until_s - time.monotonic())))
            if self._socket.poll(min(left_ms, LOOK_MS), zmq.POLLOUT):
                return True
            self._shakes.check()
            if left_ms <= LOOK_MS:
                return False

    def send(self, parts: Sequence[Part], boot: str, number: int) -> bool:
        """Send a frame; False where the room that there was is gone, with the inspector."""
        return self.throw(parts)

    def throw(self, parts: Sequence[Part]) -> bool:
        """Send any message as `send` does; the caller must not change its parts until it has left."""
        ended = self._shakes.ended
        *head, last = parts
        flags = zmq.NOBLOCK  # of the first part alone: libzmq drops the others where the inspector ends between them
        try:
            for part in head:
                self._socket.send(part, flags | zmq.SNDMORE)
                flags = zmq.Flag(0)
            held = self._socket.send(last, flags, copy=False, track=True)
        except zmq.Again:
            return False
        assert held is not None
        self._ended = ended
        self._sent += 1
        self._held.append(held)
        self._let_go()
        return True

    def tend(self, wait_s: float) -> None:
        """Nothing ever comes."""

    @property
    def hint(self) -> str:
        """What is most likely wrong when no frame is taken."""
        return self._shakes.hint

    def close(self, wait_s: float) -> int:
        """Close once all has left, or none did for `wait_s`; return how many of the last messages may not have left."""
        left = self._waiting(wait_s)
        self._shakes.close()
        began_s = time.monotonic()
        self._socket.close(linger=0 if left else round(wait_s * 1000))
        self._context.term()
        if left == 0 and time.monotonic() - began_s >= wait_s:  # small ones, which libzmq gathers before it writes
            left = 1
        return min(left, self._sent)

    def _waiting(self, wait_s: float) -> int:
        """Wait until all messages have left, as long as one does within `wait_s`; return how many may not have."""
        until_s = time.monotonic() + wait_s
        while self._held and not self._is_cut and time.monotonic() < until_s:
            with suppress(zmq.NotDone):
                self._held[0].wait(min(wait_s, LOOK_MS / 1000))
                until_s = time.monotonic() + wait_s
            self._let_go()
        return max(len(self._held), SEND_FRAMES + 1) if self._is_cut else len(self._held)

    def _let_go(self) -> None:
        """Forget what libzmq has handed to the kernel: they leave in order."""
        while self._held and self._held[0].done:
            self._held.popleft()

    @property
    def _is_cut(self) -> bool:
        """Whether the connection ended that the last message went to, and what waited for it with it."""
        return self._sent > 0 and self._shakes.ended != self._ended
