"""The authenticator: ZeroMQ asks it about every key that is presented (ZAP, ZeroMQ's RFC 27).

Laws: no fault admits a peer. A key is looked up when it is presented, so one that was made or
revoked a moment ago counts; the folder is looked at four times a second besides, for connections that stand.

Knows: the protocol. Must not know: why a key is good. Has a thread of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import zmq
from zmq.utils import z85

from inspector.access.authority import Authority
from inspector.access.door import Door
from inspector.signals import Flag
from inspector.sockets import Socket

log = logging.getLogger("inspector")

ADDRESS = "inproc://zeromq.zap.01"
LOOK_MS = 250
VERSION = b"1.0"
CREDENTIALS = 6
"""Frames before them: version, request, domain, address, routing id, mechanism."""


class Authenticator:
    """Answers for all sockets of a context, from construction to `close`."""

    def __init__(self, context: zmq.Context[Socket], authority: Authority, doors: Mapping[str, Door]) -> None:
        """`doors` are those with keys, by the domain that their sockets ask under."""
        self._authority, self._doors = authority, doors
        self._socket: Socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind(ADDRESS)
        self._closing = Flag()
        self._thread = threading.Thread(target=self._serve, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more; no peer is admitted from here on."""
        self._closing.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._closing.is_set():
            if self._socket.poll(LOOK_MS):
                request = self._socket.recv_multipart()
                try:
                    answer = self._answer(request)
                except Exception as error:  # whatever it is: nobody comes in, and the next is answered
                    log.error("keys: unexpected %r. Report this as a bug.", error)
                    answer = [b"500", b"the authenticator failed", b"", b""]
                request_id = request[1] if len(request) > 1 else b""
                self._socket.send_multipart([VERSION, request_id, *answer])
            else:
                self._authority.look()
        self._socket.close()

    def _answer(self, request: list[bytes]) -> list[bytes]:
        version, _, domain, address, _, mechanism = request[:CREDENTIALS]
        door = self._doors.get(domain.decode())
        if version != VERSION or mechanism != b"CURVE" or door is None:
            return [b"400", b"only keys are taken", b"", b""]
        public = z85.encode(request[CREDENTIALS]).decode()
        grant, reason = door.verdict(public, address.decode())
        if grant is not None:
            return [b"200", b"OK", public.encode(), b""]
        # 300: it may try again; 400: its ZeroMQ does not, until its program makes another socket
        return [b"300" if reason == "not_read" else b"400", reason.encode(), b"", b""]
