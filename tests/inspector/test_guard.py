"""What is asked of a connection by its descriptor, which libzmq may close, and the kernel give away, at any time."""

import os
import socket
from collections.abc import Iterator

import pytest

from inspector import guard

HOST = "127.0.0.1"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give the two ends of a TCP connection: the server's first."""
    with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            yield accepted, client


def test_a_number_that_is_no_connection_any_more_costs_no_descriptor() -> None:
    """The number may be an event's or a file's by now: nothing is known of it, and nothing of it stays open."""
    reader, writer = os.pipe()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        assert guard._peer(reader) == ""
        assert guard._received(reader, f"{HOST}:1") is None
        guard._shut(reader, f"{HOST}:1")
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(reader)
    os.close(writer)
    assert guard._received(reader, f"{HOST}:1") is None


def test_a_number_that_another_connection_has_by_now_is_left_alone(pair: tuple[socket.socket, socket.socket]) -> None:
    """Only the peer that was watched is asked, and ended."""
    accepted, client = pair
    host, port = client.getsockname()
    client.sendall(b"twelve bytes")
    assert accepted.recv(12, socket.MSG_WAITALL) == b"twelve bytes"
    number, peer = accepted.fileno(), f"{host}:{port}"
    assert guard._peer(number) == peer
    assert (guard._received(number, peer), guard._received(number, f"{HOST}:1")) == (12, None)
    guard._shut(number, f"{HOST}:1")
    accepted.sendall(b"open")
    assert client.recv(100) == b"open"
    guard._shut(number, peer)
    assert client.recv(100) == b""


def test_a_peer_that_has_sent_all_and_closed_is_probed_no_more(pair: tuple[socket.socket, socket.socket]) -> None:
    """A probe would be answered with a reset once its kernel has forgotten it, and what it sent would be lost."""
    accepted, client = pair
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    host, port = client.getsockname()
    number, peer = accepted.fileno(), f"{host}:{port}"
    client.sendall(b"the last one")
    assert guard._received(number, peer) is not None
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    client.shutdown(socket.SHUT_WR)
    assert accepted.recv(13, socket.MSG_WAITALL) == b"the last one"  # and the end
    guard._received(number, peer)
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
