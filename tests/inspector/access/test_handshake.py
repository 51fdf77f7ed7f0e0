"""What a client reads of a server that ends its handshakes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq

from inspector import sockets
from inspector.access.handshake import Handshakes
from inspector.errors import AccessError
from tests.patience import patience_s

SIGNATURE = b"\xff" + bytes(8) + b"\x7f\x03"


@contextmanager
def late_server(mechanism: bytes) -> Iterator[str]:
    """Serve as libzmq does to a peer that reads late: end once it has greeted, before the own mechanism is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    peer = listening.accept()[0]
                except OSError:
                    return
                with peer:
                    peer.settimeout(patience_s())
                    peer.sendall(SIGNATURE)
                    received = b""
                    while len(received) < len(SIGNATURE):
                        received += peer.recv(64)
                    peer.settimeout(0.2)
                    try:
                        is_whole = len(received) > len(SIGNATURE) or bool(peer.recv(64))
                    except TimeoutError:
                        is_whole = False
                    if not is_whole:
                        peer.sendall(b"\x00" + mechanism.ljust(20, b"\0") + bytes(32))

        serving = threading.Thread(target=serve)
        serving.start()
        yield f"tcp://127.0.0.1:{port}"
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()


@pytest.mark.parametrize(("mechanism", "words"), [(b"CURVE", "asks for a key"), (b"NULL", ""), (b"", "")])
def test_a_server_that_ends_before_it_has_greeted(mechanism: bytes, words: str) -> None:
    """That it asks for a key is read of its greeting; one that has our mechanism, or none, may come round."""
    context: zmq.Context[sockets.Socket] = zmq.Context()
    with late_server(mechanism) as address:
        subscriber = sockets.make(context, zmq.SUB, queue=1)
        shakes = Handshakes(subscriber, address, has_key=False)
        sockets.connect(subscriber, address)
        if words:
            with pytest.raises(AccessError, match=words):
                shakes.wait(patience_s())
        else:
            assert not shakes.wait(1.5)
        context.destroy(linger=0)
