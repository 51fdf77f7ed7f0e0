"""How a client's handshake with an inspector went, in words: a refusal that is not read looks like an idle line.

libzmq reports it to a monitor alone. After a refusal it tries no more by itself, so a refused client has to know.
Where only one end has keys, libzmq's server often ends the connection before it has sent that it does: whenever its
peer reads late, and then each time. So a client whose handshakes break off reads the server's greeting by itself.

Knows: ZeroMQ's monitor, and the greeting of its protocol. Must not know: what is sent.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress

import zmq
from zmq.utils.monitor import recv_monitor_message

from inspector.errors import AccessError
from inspector.sockets import Socket, monitor

MISMATCH = 0x11000002
"""ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH of zmq.h."""
HINT_AFTER = 3
"""Handshakes that broke off one after the other: an inspector that was just killed breaks off one."""
PROBE_S = 0.2
"""How long the greeting of a server may take: whoever sends frames waits for it."""
_GREETING_BEGINS = b"\xff" + bytes(8) + b"\x7f\x03"
"""Signature and major version of ZMTP 3 (ZeroMQ's RFC 23); a server then sends the rest of its own greeting."""
_MECHANISM = slice(12, 32)
_GREETING_BYTES = 64
_WATCHED = (
    zmq.Event.DISCONNECTED
    | zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.HANDSHAKE_FAILED_AUTH
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
)


class Handshakes:
    """Those of one socket that connects to `address`; made before it connects, closed before it or with its context."""

    def __init__(self, watched: Socket, address: str, *, has_key: bool) -> None:
        self._address, self._watched, self.has_key = address, watched, has_key
        self.monitor = monitor(watched, _WATCHED)
        """Has something to read when something happened."""
        self._broken = self._probed = 0
        """Handshakes that broke off since the last good one, and how many when the server's greeting was read."""
        self._refusal = ""
        self._is_met = self._is_open = False
        self._ended = 0

    @property
    def is_met(self) -> bool:
        """Whether one has succeeded so far."""
        self._look()
        return self._is_met

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as it is known by now."""
        self._look()
        return self._is_open

    @property
    def ended(self) -> int:
        """How many connections have ended so far."""
        self._look()
        return self._ended

    def wait(self, wait_s: float) -> bool:
        """Wait for a connection, at most so long; False when there is none by then.

        Raises: AccessError as `check`.
        """
        until_s = time.monotonic() + wait_s
        while True:
            self.check()
            left_ms = round(1000 * (until_s - time.monotonic()))
            if self._is_open or left_ms <= 0:
                return self._is_open
            self.monitor.poll(left_ms)

    def check(self) -> None:
        """Raises: AccessError when the inspector has refused us: with this key, or without, none will succeed."""
        self._look()
        if not self._refusal and self._broken - self._probed >= HINT_AFTER:
            self._probed = self._broken
            self._refusal = self._mismatch() if self._asks_otherwise() else ""
        if self._refusal:
            raise AccessError(self._refusal)

    @property
    def hint(self) -> str:
        """What is most likely wrong when no answer comes; empty where nothing points to keys."""
        self._look()
        if self._broken < HINT_AFTER or not self.has_key:
            return ""
        return (
            f"{self._address}: breaks off every handshake: the key is for another inspector, or what answers there is "
            "none. Give the key that was made for this one."
        )

    def close(self) -> None:
        """Watch no more."""
        if not self._watched.closed:  # libzmq's own thread waits for ever to report to a monitor that is gone
            self._watched.disable_monitor()
        self.monitor.close()

    def _look(self) -> None:
        while not self.monitor.closed and self.monitor.poll(0):
            change = recv_monitor_message(self.monitor)
            match change["event"]:
                case zmq.Event.HANDSHAKE_SUCCEEDED:
                    self._is_met = self._is_open = True
                    self._broken, self._probed, self._refusal = 0, 0, ""
                case zmq.Event.DISCONNECTED:
                    self._ended += self._is_open
                    self._is_open = False
                case zmq.Event.HANDSHAKE_FAILED_AUTH:
                    self._refusal = (
                        f"{self._address}: the inspector refuses this key ({change['value']}): it was not made there, "
                        "was revoked, or is not for this socket. See `inspector keys list` there, and its log."
                    )
                case zmq.Event.HANDSHAKE_FAILED_PROTOCOL if change["value"] == MISMATCH:
                    self._refusal = self._mismatch()
                case _:
                    self._broken += 1

    def _asks_otherwise(self) -> bool:
        """Whether the server greets with keys and we have none, or the other way round."""
        mechanism = _mechanism(self._address)
        return mechanism in (b"NULL", b"CURVE") and (mechanism == b"CURVE") != self.has_key

    def _mismatch(self) -> str:
        if self.has_key:
            return f"{self._address}: takes no keys there, and one was given. Leave the key out."
        return f"{self._address}: asks for a key. Give one that `inspector keys new` wrote there (--key FILE)."


def _mechanism(address: str) -> bytes:
    """Return the security mechanism that a server on TCP greets with; empty where none is read in time."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    greeting, until_s = b"", time.monotonic() + PROBE_S
    if address.startswith("tcp://") and port.isdigit():
        with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), PROBE_S) as server:
            server.sendall(_GREETING_BEGINS)
            while (lacks := _GREETING_BYTES - len(greeting)) and (left_s := until_s - time.monotonic()) > 0:
                server.settimeout(left_s)
                if not (more := server.recv(lacks)):
                    break
                greeting += more
    return greeting[_MECHANISM].rstrip(b"\0") if len(greeting) == _GREETING_BYTES else b""
