"""The way of a PUSH socket: frames go, and nobody says what became of them.

Knows: the socket. Must not know: what is sent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

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
    """A PUSH socket as a camera should have it.

    Raises: SocketError when the address is none; from `room`, AccessError when the inspector refuses its key.
    """

    unrecorded = 0

    def __init__(self, context: zmq.Context[sockets.Socket], connect: str, key: Key | None = None) -> None:
        curve = key.curve(connect) if key else None
        self._socket = sockets.make(context, zmq.PUSH, queue=SEND_FRAMES, kernel_bytes=SEND_BYTES, curve=curve)
        self._shakes = Handshakes(self._socket, connect, has_key=curve is not None)
        try:
            sockets.connect(self._socket, connect)
        except SocketError:
            self._shakes.close()
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

    def send(self, parts: Sequence[Part], boot: str, number: int) -> None:
        """Send a frame for which there is room."""
        self._socket.send_multipart(parts, copy=False)

    def throw(self, parts: Sequence[Part]) -> None:
        """Send any message."""
        self._socket.send_multipart(parts)

    def tend(self, wait_s: float) -> None:
        """Nothing ever comes."""

    @property
    def hint(self) -> str:
        """What is most likely wrong when no frame is taken."""
        return self._shakes.hint

    def close(self, wait_s: float) -> int:
        """Close the socket; what waits may leave within `wait_s`, while the context is terminated."""
        self._shakes.close()
        self._socket.close(linger=round(wait_s * 1000))
        return 0
