"""A browser's connection: how long it may keep the station waiting, and which one makes room for the next.

Laws: a client that holds any number of connections open keeps no other out. Where there are too many, a newcomer takes
the place of the oldest that has not asked anything whole, then of the oldest that does not take its answer; each of
those ends by itself, too. One that is owed an answer, or reads its stream, stays. Of TLS all this holds once the
handshake is done, which has as long (`server.py`).

Knows: uvicorn's HTTP, what the kernel says of a connection. Must not know: what is served.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol

LOOK_S = 5.0
PATIENCE_S = 10.0
"""A request, head and body, is here after so long, as is TLS's handshake; of an answer something is taken."""
INFO_BYTES, ACKED_AT = 128, 120
"""Of Linux' `struct tcp_info`: its begin, and where `tcpi_bytes_acked` is in it, 64 bits, since 4.1."""


def taken_bytes(transport: asyncio.Transport) -> int:
    """How much of what was sent a client has taken: a number that grows with it.

    The kernel's count: asyncio's buffer, which stands in where there is none, shrinks by megabytes once in a while, and
    under TLS it leaves out the one beneath.
    """
    try:
        info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        return int(struct.unpack_from("=Q", info, ACKED_AT)[0])
    except (AttributeError, OSError, struct.error):  # no such socket, as one that is closed, or no such count
        return -transport.get_write_buffer_size()


class Connection(H11Protocol):
    """One of them; uvicorn itself waits for a first request, and for the rest of any, for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to look at it."""
        super().connection_made(transport)
        self._taken_bytes = taken_bytes(transport)
        """Of its answers, when it took some of one last."""
        self._since_s = self.loop.time()
        """When it came, had an answer, or took some of one."""
        self._timer = self.loop.call_later(LOOK_S, self._look)
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._moved()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait until it reads on."""
        self._moved()
        super().pause_writing()

    def rank(self) -> int | None:
        """Who makes room first: 0 has nothing to wait for, as its request is not whole or was answered.

        1 does not take what it asked for as fast as it comes. None stays.
        """
        is_whole = self.cycle is not None and not (self.cycle.more_body or self.cycle.response_complete)
        if not (is_whole or self.transport.is_closing()):
            return 0
        return 1 if self.flow.write_paused or self.transport.is_closing() else None

    def _moved(self) -> None:
        self._since_s, self._taken_bytes = self.loop.time(), taken_bytes(self.transport)

    def _look(self) -> None:
        if self.cycle is not None and taken_bytes(self.transport) > self._taken_bytes:
            self._moved()
        elif self.rank() is not None and self.loop.time() - self._since_s >= PATIENCE_S:
            self._end()
            return
        self._timer = self.loop.call_later(LOOK_S, self._look)

    def _make_room(self) -> None:
        most = self.config.limit_concurrency
        if most is None:
            return
        if (too_many := len(self.connections) - most + 1) > 0:
            held = [kept for kept in self.connections if isinstance(kept, Connection) and kept is not self]
            held.sort(key=lambda kept: kept._since_s)
            for oldest in [kept for rank in (0, 1) for kept in held if kept.rank() == rank][:too_many]:
                oldest._end()
        is_full = len(self.connections) >= most
        # With this number of connections or tasks uvicorn answers 503. Tasks end later than their connections: those of
        # the ones that have just made room must not have the newcomer refused.
        self.limit_concurrency = 0 if is_full else 2 * most

    def _end(self) -> None:
        self.connections.discard(self)  # it counts no more, though its end is reported later
        self.transport.abort()
