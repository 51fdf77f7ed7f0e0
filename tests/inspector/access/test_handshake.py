"""What a client reads of a server that ends its handshakes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import zmq

from inspector import sockets
from inspector.access import handshake
from inspector.access.handshake import Handshakes
from inspector.errors import AccessError
from tests.patience import patience_s
from tests.zmtp import GREETING

SIGNATURE = GREETING[:11]
"""And the major version, at which a server sends the rest."""


@contextmanager
def late_server(mechanism: bytes) -> Iterator[tuple[str, list[bool]]]:
    """Serve as libzmq does to a peer that reads late: end once it has greeted, before the own mechanism is sent.

    Gives the address, and for each connection so far whether the peer greeted in full.
    """
    greeted = list[bool]()

    def answer(peer: socket.socket) -> None:
        peer.settimeout(patience_s())
        peer.sendall(SIGNATURE)
        received = b""
        while len(received) < len(SIGNATURE) and (more := peer.recv(64)):
            received += more
        peer.settimeout(1)
        with suppress(TimeoutError):
            received += b"" if len(received) > len(SIGNATURE) else peer.recv(64)
        greeted.append(len(received) > len(SIGNATURE))
        if not greeted[-1]:
            peer.sendall(b"\x00" + mechanism.ljust(20, b"\0") + bytes(32))

    def serve() -> None:
        while True:
            try:
                peer = listening.accept()[0]
            except OSError:
                return
            with peer, suppress(OSError):
                answer(peer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        try:
            yield f"tcp://127.0.0.1:{listening.getsockname()[1]}", greeted
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            serving.join()


@pytest.mark.parametrize(
    ("mechanism", "has_key", "words"),
    [(b"CURVE", False, "asks for a key"), (b"NULL", True, "takes no keys"), (b"NULL", False, ""), (b"", False, "")],
)
def test_a_server_that_ends_before_it_has_greeted(
    mechanism: bytes, has_key: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it asks for a key is read of its greeting; one that has our mechanism, or none, may come round."""
    monkeypatch.setattr(handshake, "PROBE_S", patience_s())
    context: zmq.Context[sockets.Socket] = zmq.Context()
    with late_server(mechanism) as (address, greeted):
        subscriber = sockets.make(context, zmq.SUB, queue=1)
        shakes = Handshakes(subscriber, address, has_key=has_key)
        sockets.connect(subscriber, address)
        deadline = time.monotonic() + patience_s()
        if words:
            with pytest.raises(AccessError, match=words):
                shakes.wait(patience_s())
        else:
            while False not in greeted:  # until its greeting was asked for
                assert time.monotonic() < deadline
                assert not shakes.wait(0.1)
            assert not shakes.wait(0.5)
        context.destroy(linger=0)


def test_one_look_reads_no_more_than_one_greeting() -> None:
    """However many handshakes broke off since the last look: whoever looks has frames to send."""
    context: zmq.Context[sockets.Socket] = zmq.Context()
    with late_server(b"NULL") as (address, greeted):
        subscriber = sockets.make(context, zmq.SUB, queue=1)
        shakes = Handshakes(subscriber, address, has_key=False)
        sockets.connect(subscriber, address)
        deadline = time.monotonic() + patience_s()
        while len(greeted) < 9:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not shakes.is_open and False not in greeted
        shakes.check()
        assert greeted.count(False) <= 1
        context.destroy(linger=0)
