"""A peer that speaks ZMTP 3.0 (NULL) by hand over TCP, and so sends what libzmq never would (RFC 23/ZMTP)."""

from __future__ import annotations

import socket
import struct

from tests.patience import patience_s

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def connect(port: int, kind: bytes = b"PUSH") -> socket.socket:
    """Connect to a port of this machine as a socket of `kind`, through the handshake."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=patience_s())
    peer.sendall(GREETING)
    _receive(peer, len(GREETING))
    ready = b"\x05READY" + _property(b"Socket-Type", kind) + _property(b"Identity", b"")
    peer.sendall(b"\x04" + bytes([len(ready)]) + ready)
    _receive(peer, _receive(peer, 2)[1])
    return peer


def part(data: bytes, *, more: bool = False) -> bytes:
    """Write a part of a message; `more` says that it is not the last."""
    if len(data) < 256:
        return bytes([more, len(data)]) + data
    return bytes([more | 2]) + struct.pack(">Q", len(data)) + data


def _property(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


def _receive(peer: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        more = peer.recv(count - len(received))
        if not more:
            raise ConnectionError("ended by the inspector")
        received += more
    return received
