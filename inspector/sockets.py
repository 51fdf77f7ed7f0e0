"""What all ZeroMQ sockets of the inspector share: options, words for bad addresses, a guard against endless messages.

Knows: ZeroMQ, and the file descriptors below it. Must not know: what is sent.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import socket
import struct
from pathlib import Path

import msgspec
import zmq
from zmq.utils.monitor import recv_monitor_message

from inspector.errors import SocketError

KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_TRIES = 5, 2, 3
"""A machine that is gone without a word is found out in 11 s."""
HANDSHAKE_MS = 5000

Socket = zmq.Socket[bytes]

_held: dict[str, socket.socket] = {}
"""Locks of the ipc paths that this process has bound; they go with the process."""


def make(
    context: zmq.Context[Socket],
    kind: int,
    *,
    queue: int,
    answers: int = 0,
    linger_ms: int = 0,
    most_bytes: int = -1,
    kernel_bytes: int = -1,
) -> Socket:
    """Make a socket of the inspector's, neither bound nor connected: the one place that sets options.

    `queue` messages wait here for each peer (`answers` on their way out, where that differs); `most_bytes` of a part
    are taken, and `kernel_bytes` buffered below; -1 leaves that to libzmq.

    The kernel finds out a peer that is gone without a word, on TCP. Not ZeroMQ's heartbeats: with them libzmq aborts a
    program that reads late (`Assertion failed: _input_stopped`, its issues 3937 and 4767), and a ping that lies unread
    makes the kernel throw away frames that nobody has read yet (LOG.md).
    """
    made = context.socket(kind)
    made.sndhwm, made.rcvhwm = answers or queue, queue
    made.linger = linger_ms
    made.maxmsgsize = most_bytes
    made.sndbuf = made.rcvbuf = kernel_bytes
    made.handshake_ivl = HANDSHAKE_MS
    made.tcp_keepalive = 1
    made.tcp_keepalive_idle, made.tcp_keepalive_intvl, made.tcp_keepalive_cnt = (
        KEEPALIVE_IDLE_S,
        KEEPALIVE_EVERY_S,
        KEEPALIVE_TRIES,
    )
    if kind == zmq.REQ:  # may ask again when no answer came; the late one is thrown away
        made.req_relaxed = made.req_correlate = 1
    if kind in (zmq.PUSH, zmq.REQ, zmq.DEALER):  # messages wait here, not in a queue for a receiver that is not there
        made.immediate = True
    return made


def connect(connected: Socket, address: str) -> None:
    """Connect a socket to an address; whoever serves it may come later.

    Raises: SocketError in words; the socket is closed then.
    """
    connected.ipv6 = "[" in address
    try:
        connected.connect(address)
    except zmq.ZMQError as error:
        connected.close(linger=0)
        words = zmq.strerror(error.errno or 0)
        raise SocketError(f"{address}: {words}. Write tcp://HOST:PORT or ipc://PATH.") from error


def bind(bound: Socket, address: str, key: str) -> str:
    """Bind a socket to the address that the configuration has under `key`, and return the address in full.

    An `ipc://` path that another program serves is refused: libzmq would take it away from it in silence.

    Raises: SocketError in words; the socket is closed then.
    """
    bound.ipv6 = "[" in address
    try:
        if address.startswith("ipc://") and not address.startswith(("ipc://@", "ipc://*")):  # those have no path
            _claim(address)
        bound.bind(address)
    except (zmq.ZMQError, OSError) as error:
        bound.close(linger=0)
        words = zmq.strerror(error.errno or 0)
        advice = (
            "Stop the program that has it" if error.errno == errno.EADDRINUSE else "Give an address of this machine"
        )
        raise SocketError(f"{key}: {address} cannot be bound: {words}. {advice}, or choose another.") from error
    return bound.getsockopt_string(zmq.LAST_ENDPOINT)


def release(address: str) -> None:
    """Let another socket have an `ipc://` path; to be called once the socket that was bound to it is closed."""
    if lock := _held.pop(address, None):
        lock.close()


def open_to_all(address: str) -> bool:
    """Whether every network that reaches this machine reaches the address, `tcp://HOST:PORT` or HTTP's `HOST:PORT`."""
    host = address.removeprefix("tcp://").rpartition(":")[0]
    return not address.startswith("ipc://") and host in ("", "*", "0.0.0.0", "[::]")


def local(address: str) -> bool:
    """Whether only this machine reaches the address, `tcp://HOST:PORT` or `ipc://PATH`."""
    if address.startswith("ipc://"):
        return True
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _claim(address: str) -> None:
    """Make sure that nobody else serves an ipc path.

    The lock is an abstract socket, which no file can be deleted from under; it is seen within one network namespace.
    Beyond that a listener gives itself away by accepting a connection.

    Raises: OSError with EADDRINUSE.
    """
    path = os.path.realpath(address.removeprefix("ipc://"))
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind("\0inspector/" + hashlib.sha256(path.encode()).hexdigest())
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            if Path(path).is_socket() and probe.connect_ex(path) in (0, errno.EAGAIN):  # EAGAIN: its backlog is full
                raise OSError(errno.EADDRINUSE, "another program serves this path")
    except OSError:
        lock.close()
        raise
    _held[address] = lock


# --- a guard against messages without end -----------------------------------------------------------------

_BYTES_RECEIVED_AT = 128
"""Of `tcpi_bytes_received` in Linux's `struct tcp_info` (4.1 and later), 64 bits."""
_WATCHED = zmq.Event.ACCEPTED | zmq.Event.DISCONNECTED | zmq.Event.CLOSED


class Ended(msgspec.Struct, frozen=True):
    """A connection that ended."""

    peer: str
    """HOST:PORT; empty where it is not known (ipc)."""
    is_cut: bool
    """It was ended here, for sending without end; else by the peer, or by libzmq for a part above MAXMSGSIZE."""


class _Connection(msgspec.Struct):
    """A peer, and how much it has sent since it last completed a message."""

    peer: str
    complete_bytes: int = 0
    is_suspect: bool = False
    is_cut: bool = False


class Guard:
    """Ends the connections of one socket that send more than `limit_bytes` without completing a message.

    MAXMSGSIZE limits a part; libzmq keeps the parts of an unfinished message without limit. The kernel knows how much
    a TCP connection has received. An `ipc://` peer is not counted: whoever may write there is trusted.
    """

    def __init__(self, guarded: Socket, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._connections: dict[int, _Connection] = {}
        self._guarded = guarded
        self._monitor: Socket = guarded.get_monitor_socket(_WATCHED)
        self._monitor.linger = 0

    def look(self, completed: set[int]) -> list[Ended]:
        """End whoever sends without end, and return the connections that ended since the last look.

        `completed` holds the file descriptors (`zmq.SRCFD`) from which a message has come since the last look. To be
        called often: between two looks a peer may send as much as the network carries. Never waits.
        """
        ended = self._follow()
        for number, connection in self._connections.items():
            received = _received(number)
            if received is None or connection.is_cut:
                continue
            if number in completed or received < connection.complete_bytes:
                connection.complete_bytes, connection.is_suspect = received, False
            elif received - connection.complete_bytes <= self._limit_bytes:
                continue
            elif not connection.is_suspect:  # its message may have ended, and wait to be taken
                connection.is_suspect = True
            else:
                connection.is_cut = True
                _shut(number)
        return ended

    def shut(self) -> None:
        """End all connections; what they have sent completely can still be received."""
        self._follow()
        for number in self._connections:
            _shut(number)

    def close(self) -> None:
        """Stop watching; to be called before the guarded socket is closed."""
        if not self._guarded.closed:
            self._guarded.disable_monitor()
        self._monitor.close()

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def _follow(self) -> list[Ended]:
        """Learn who came and who went."""
        ended = []
        while self._monitor.poll(0):
            change = recv_monitor_message(self._monitor)
            number = int(change["value"])
            gone = self._connections.pop(number, None)
            if change["event"] == zmq.Event.ACCEPTED:
                self._connections[number] = _Connection(_peer(number))
            elif gone is not None:
                ended.append(Ended(gone.peer, gone.is_cut))
        return ended


def _received(number: int) -> int | None:
    """Return how many bytes a TCP connection has received; None for what is none, or no longer there."""
    try:
        with socket.socket(fileno=os.dup(number)) as connection:
            if connection.family == socket.AF_UNIX:
                return None
            facts = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED_AT + 8)
    except OSError:
        return None
    if len(facts) < _BYTES_RECEIVED_AT + 8:
        return None
    return int(struct.unpack_from("=Q", facts, _BYTES_RECEIVED_AT)[0])


def _peer(number: int) -> str:
    try:
        with socket.socket(fileno=os.dup(number)) as connection:
            name = connection.getpeername()
    except OSError:
        return ""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else ""


def _shut(number: int) -> None:
    """End a connection without closing its descriptor, which is libzmq's."""
    try:
        with socket.socket(fileno=os.dup(number)) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # gone already
        return
