"""Watches the connections of one bound socket: who comes and goes, who fails the handshake, who sends without end.

Knows: ZeroMQ's monitor, and the file descriptors below it. Must not know: what is sent, whose keys are good.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal

import msgspec
import zmq
from zmq.utils.monitor import recv_monitor_message

from inspector.sockets import Socket, monitor

MOST_CONNECTIONS = 256
"""Connections of one socket: far more than a line has cameras or subscribers. Those that sent least end first."""
Failure = Literal["", "mechanism", "server_key", "handshake"]
"""How a handshake failed: one end has keys and the other has none, or the key of another server; or it never ended."""
Cut = Literal["", "endless", "crowd", "ended"]
"""Why a connection was ended here: it sent without completing a message, made room for others, or somebody asked."""

_BYTES_RECEIVED_AT = 128
"""Of `tcpi_bytes_received` in Linux's `struct tcp_info` (4.1 and later), 64 bits."""
_CLOSE_WAIT = 8
"""Of `tcpi_state`: the peer has sent all and closed. Probes would be answered with a reset once its kernel forgot
it (60 s), and libzmq throws away what it has not read of a connection that was reset."""
_CRYPTOGRAPHIC, _MISMATCH = 0x11000001, 0x11000002
"""ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC and ..._MECHANISM_MISMATCH of zmq.h."""
FAILED = zmq.Event.HANDSHAKE_FAILED_NO_DETAIL | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
_WATCHED = zmq.Event.ACCEPTED | zmq.Event.DISCONNECTED | zmq.Event.CLOSED | FAILED


class Ended(msgspec.Struct, frozen=True):
    """A connection that ended."""

    peer: str
    """HOST:PORT; empty where it is not known (ipc, or gone before it was seen)."""
    cut: Cut
    """Why it was ended here; empty: by the peer, or by libzmq for a part above MAXMSGSIZE."""
    failure: Failure = ""
    """How its handshake failed, where it did."""
    number: int = -1
    """Its file descriptor (`zmq.SRCFD` of what came from it), which may be another's by now."""


class _Connection(msgspec.Struct):
    """A peer, and how much it has sent since it last completed a message."""

    peer: str
    complete_bytes: int = 0
    since: int = 0
    """Look at which it last completed one, or came."""
    is_suspect: bool = False
    cut: Cut = ""


class Guard:
    """Ends the connections of one socket that send more than `limit_bytes` without completing a message.

    MAXMSGSIZE limits a part; libzmq keeps the parts of an unfinished message without limit. The kernel knows how much
    a TCP connection has received. An `ipc://` peer is not counted: what may write there is trusted. Of more than
    `most` those end that have sent least, the oldest of them first: silent peers make room for others.
    All together may send `all_bytes` so; beyond, those end first that have completed nothing for longest.
    """

    def __init__(self, guarded: Socket, limit_bytes: int, all_bytes: int, most: int = MOST_CONNECTIONS) -> None:
        """`most` connections may be open. `guarded` is not bound yet: who comes before its guard is never seen."""
        assert not guarded.last_endpoint, f"{guarded.last_endpoint!r} is bound: it has been open to anyone"
        self._limit_bytes, self._all_bytes, self._most = limit_bytes, all_bytes, most
        self._looks = 0
        self._connections: dict[int, _Connection] = {}
        self._guarded = guarded
        self._monitor = monitor(guarded, _WATCHED)
        self._failure: Failure = ""
        """Of the connection whose end is reported next."""

    def look(self, completed: set[int]) -> list[Ended]:
        """End peers that send without end, and return the connections that ended since the last look.

        `completed` holds the file descriptors (`zmq.SRCFD`) from which a message has come since the last look. To be
        called often: between two looks a peer may send as much as the network carries. Never waits.
        """
        ended = self._follow()
        self._looks += 1
        held = {}
        for number, connection in self._connections.items():
            received = _received(number, connection.peer)
            if received is None or connection.cut:
                continue
            if number in completed or received < connection.complete_bytes:
                connection.complete_bytes, connection.is_suspect = received, False
                connection.since = self._looks
            else:
                held[number] = received - connection.complete_bytes
        for number in self._too_much(held):
            connection = self._connections[number]
            if connection.is_suspect:
                self._cut(number, "endless")
            connection.is_suspect = True  # its message may have ended, and wait to be taken
        self._make_room()
        return ended

    def _too_much(self, held: Mapping[int, int]) -> list[int]:
        """Whoever holds more than it may, and who is to give way where all together do, by their numbers."""
        over = [number for number, count in held.items() if count > self._limit_bytes]
        surplus = sum(held.values()) - sum(held[number] for number in over) - self._all_bytes
        if surplus > 0:  # who holds less than this is left alone: all of those together hold half at most
            least = self._all_bytes // (2 * self._most)
            large = [number for number, count in held.items() if least < count <= self._limit_bytes]
            for number in sorted(large, key=self._patience_with):
                over.append(number)
                surplus -= held[number]
                if surplus <= 0:
                    break
        return over

    def _patience_with(self, number: int) -> tuple[bool, int]:
        """Who never completed a message ends first, then who did so longest ago."""
        connection = self._connections[number]
        return connection.complete_bytes > 0, connection.since

    def wait(self, wait_ms: int) -> None:
        """Wait until somebody comes or goes, at most so long."""
        self._monitor.poll(wait_ms)

    def end(self, number: int) -> None:
        """End one connection, by its file descriptor (`zmq.SRCFD` of what came from it)."""
        self._follow()
        if number in self._connections:
            self._cut(number, "ended")

    def shut(self) -> None:
        """End all connections; what they have sent completely can still be received."""
        self._follow()
        for number, connection in self._connections.items():
            _shut(number, connection.peer)

    def close(self) -> None:
        """Stop watching; to be called before the guarded socket is closed."""
        if not self._guarded.closed:
            self._guarded.disable_monitor()
        self._monitor.close()

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def _cut(self, number: int, why: Cut) -> None:
        connection = self._connections[number]
        connection.cut = why
        _shut(number, connection.peer)

    def _make_room(self) -> None:
        known = self._connections.items()
        open_now = {number: connection.peer for number, connection in known if not connection.cut}
        surplus = len(open_now) - self._most
        if surplus > 0:
            received = {number: _received(number, peer) or 0 for number, peer in open_now.items()}
            for number in sorted(open_now, key=lambda number: received[number])[:surplus]:  # stable: oldest first
                self._cut(number, "crowd")

    def _follow(self) -> list[Ended]:
        """Learn who came and who went."""
        ended = []
        while self._monitor.poll(0):
            change = recv_monitor_message(self._monitor)
            event, number = change["event"], int(change["value"])
            if event & FAILED:  # libzmq says here why, and next which
                self._failure = _failure(number if event == zmq.Event.HANDSHAKE_FAILED_PROTOCOL else 0)
                continue
            gone = self._connections.pop(number, None)
            if event == zmq.Event.ACCEPTED:
                self._connections[number] = _Connection(_peer(number), since=self._looks)
            elif gone is not None:
                ended.append(Ended(gone.peer, gone.cut, self._failure, number))
                self._failure = ""
        return ended


def _failure(detail: int) -> Failure:
    if detail == _MISMATCH:
        return "mechanism"
    return "server_key" if detail == _CRYPTOGRAPHIC else "handshake"


def _received(number: int, peer: str) -> int | None:
    """Return how many bytes a TCP connection has received; None for what is none, or no longer there."""
    with _opened(number, peer) as connection:
        if connection is None or not peer:
            return None
        try:
            facts = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED_AT + 8)
            if facts[0] == _CLOSE_WAIT:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
        except OSError:
            return None
    if len(facts) < _BYTES_RECEIVED_AT + 8:
        return None
    return int(struct.unpack_from("=Q", facts, _BYTES_RECEIVED_AT)[0])


def _shut(number: int, peer: str) -> None:
    """End a connection without closing its descriptor, which is libzmq's."""
    with _opened(number, peer) as connection:
        if connection is not None:
            with suppress(OSError):  # gone already
                connection.shutdown(socket.SHUT_RDWR)


def _peer(number: int) -> str:
    with _duplicate(number) as connection:
        return _name(connection) if connection is not None else ""


@contextmanager
def _opened(number: int, peer: str) -> Iterator[socket.socket | None]:
    """Give the connection of a peer; None where libzmq has closed it, and the number is another's by now."""
    with _duplicate(number) as connection:
        yield connection if connection is not None and _name(connection) == peer else None


@contextmanager
def _duplicate(number: int) -> Iterator[socket.socket | None]:
    """Give a socket by a descriptor of its own; None where the number is no socket's."""
    try:
        copy = os.dup(number)
    except OSError:
        yield None
        return
    try:
        connection = socket.socket(fileno=copy)
    except OSError:  # a file's, or an event's
        os.close(copy)
        yield None
        return
    with connection:
        yield connection


def _name(connection: socket.socket) -> str:
    """HOST:PORT of its peer; empty where it has none (ipc, or gone)."""
    try:
        name = connection.getpeername()
    except OSError:
        return ""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else ""
