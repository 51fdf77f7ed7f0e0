"""How a client's handshake with an inspector went, in words: a refusal that is not read looks like an idle line.

libzmq reports it to a monitor alone. After a refusal it tries no more by itself, so a refused client has to know.

Knows: ZeroMQ's monitor. Must not know: what is sent.
"""

from __future__ import annotations

import time

import zmq
from zmq.utils.monitor import recv_monitor_message

from inspector.errors import AccessError
from inspector.sockets import Socket, monitor

MISMATCH = 0x11000002
"""ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH of zmq.h."""
HINT_AFTER = 3
"""Handshakes that broke off one after the other: an inspector that was just killed breaks off one."""
_WATCHED = (
    zmq.Event.DISCONNECTED
    | zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.HANDSHAKE_FAILED_AUTH
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
)


class Handshakes:
    """Those of one socket that connects to `address`; made before it connects, closed with its context."""

    def __init__(self, watched: Socket, address: str, *, has_key: bool) -> None:
        self._address, self.has_key = address, has_key
        self.monitor = monitor(watched, _WATCHED)
        """Has something to read when something happened."""
        self._broken = 0
        """Handshakes that broke off since the last good one."""
        self._refusal = ""
        self._is_met = self._is_open = False
        self._ended = 0

    @property
    def is_met(self) -> bool:
        """Whether one has succeeded so far."""
        self._look()
        return self._is_met

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
        """Raises: AccessError when the inspector has refused us, for good."""
        self._look()
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
        self.monitor.close()

    def _look(self) -> None:
        while not self.monitor.closed and self.monitor.poll(0):
            change = recv_monitor_message(self.monitor)
            match change["event"]:
                case zmq.Event.HANDSHAKE_SUCCEEDED:
                    self._is_met = self._is_open = True
                    self._broken, self._refusal = 0, ""
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

    def _mismatch(self) -> str:
        if self.has_key:
            return f"{self._address}: takes no keys there, and one was given. Leave the key out."
        return f"{self._address}: asks for a key. Give one that `inspector keys new` wrote there (--key FILE)."
