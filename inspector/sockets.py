"""What all ZeroMQ sockets of the inspector share: options, and words for bad addresses.

Knows: ZeroMQ, and the file descriptors below it. Must not know: what is sent.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec
import zmq

from inspector.errors import SocketError

KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_TRIES = 5, 2, 3
"""A machine that is gone without notice is detected in 11 s."""
HANDSHAKE_MS = 5000
RECONNECT_MS = 100
"""After so long, and up to twice that, libzmq connects again."""
BACKLOG = 512
"""Connections that may wait to be accepted: hundreds that come at once do not keep a good one out."""

Socket = zmq.Socket[bytes]

_held: dict[str, socket.socket] = {}
"""Locks of the ipc paths that this process has bound; they go with the process."""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one end of encrypted connections (CurveZMQ, ZeroMQ's RFC 26), in 40 letters of Z85 each."""

    public: str
    secret: str
    server: str = ""
    """Public key of the end that binds; empty at that end itself."""
    domain: str = ""
    """What that end asks its authenticator as (ZAP, RFC 27)."""

    def __repr__(self) -> str:  # a traceback, or a log, is to keep the secret
        return f"Curve({self.public!r})"


def make(
    context: zmq.Context[Socket],
    kind: int,
    *,
    queue: int,
    answers: int = 0,
    linger_ms: int = 0,
    most_bytes: int = -1,
    kernel_bytes: int = -1,
    keeps_last: bool = False,
    reconnect_ms: int = RECONNECT_MS,
    curve: Curve | None = None,
) -> Socket:
    """Make a socket of the inspector's, neither bound nor connected: the one place that sets options.

    `queue` messages wait here for each peer (`answers` on their way out, where that differs); `most_bytes` of a part
    are taken, and `kernel_bytes` buffered below; -1 leaves that to libzmq. `keeps_last` keeps what came and was not yet
    read when a connection ends. libzmq then takes messages for a peer that was never there, so send after a handshake.
    With `curve` nobody is talked to who has no key; without an authenticator in the context nobody comes in at all.

    The kernel detects a peer that is gone without notice, on TCP. Not ZeroMQ's heartbeats: with them libzmq aborts a
    program that reads late (`Assertion failed: _input_stopped`, its issues 3937 and 4767), and a ping that lies unread
    makes the kernel throw away frames that nobody has read yet (LOG.md).
    """
    made = context.socket(kind)
    made.sndhwm, made.rcvhwm = answers or queue, queue
    made.linger = linger_ms
    made.maxmsgsize = most_bytes
    made.sndbuf = made.rcvbuf = kernel_bytes
    made.handshake_ivl, made.reconnect_ivl = HANDSHAKE_MS, reconnect_ms
    if kind == zmq.XPUB:
        made.xpub_nodrop = True  # a full queue is reported: `send_to_all`
        made.setsockopt(zmq.XPUB_VERBOSER, 1)  # each subscription is, not only the first to a topic
    made.backlog = BACKLOG
    made.tcp_keepalive = 1
    made.tcp_keepalive_idle, made.tcp_keepalive_intvl, made.tcp_keepalive_cnt = (
        KEEPALIVE_IDLE_S,
        KEEPALIVE_EVERY_S,
        KEEPALIVE_TRIES,
    )
    if kind == zmq.REQ:  # may ask again when no answer came; the late one is thrown away
        made.req_relaxed = made.req_correlate = 1
    if curve is not None:
        _encrypt(made, curve)
    if kind in (zmq.PUSH, zmq.REQ, zmq.DEALER):  # messages wait here, not in a queue for a receiver that is not there
        made.immediate = not keeps_last  # when a connection ends, libzmq throws away what came over it, too
    return made


def send_to_all(publisher: Socket, parts: Sequence[bytes]) -> bool:
    """Send to all subscribers without waiting; return False where the queue of one has run full.

    The others have the message; libzmq passes over the full queue from here on, until its reader has read.
    """
    try:
        publisher.send_multipart(parts, zmq.NOBLOCK)
    except zmq.Again:
        publisher.xpub_nodrop = False
        publisher.send_multipart(parts, zmq.NOBLOCK)
        publisher.xpub_nodrop = True
        return False
    return True


def _encrypt(made: Socket, curve: Curve) -> None:
    made.curve_secretkey, made.curve_publickey = curve.secret.encode(), curve.public.encode()
    if curve.server:
        made.curve_serverkey = curve.server.encode()
        return
    made.curve_server = True
    made.setsockopt(zmq.ZAP_DOMAIN, curve.domain.encode())
    made.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # no authenticator: no peer is admitted


def connect(connected: Socket, address: str) -> None:
    """Connect a socket to an address; its server may start later.

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


def monitor(watched: Socket, events: int) -> Socket:
    """Return a socket that reports these events of another (`zmq.Event`).

    Its queue has no limit, for libzmq stops all of the context's traffic while the queue of a monitor is full.
    """
    address = f"inproc://monitor-{secrets.token_hex(8)}"
    watched.monitor(address, events)
    reports: Socket = watched.context.socket(zmq.PAIR)
    reports.rcvhwm, reports.linger = 0, 0
    reports.connect(address)
    return reports


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
    """Make sure that no other process serves an ipc path.

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
