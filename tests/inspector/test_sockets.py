"""Sockets: what cannot be bound is put in words, nobody takes a path from another, and nobody sends without end."""

import ast
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq

from inspector import sockets
from inspector.errors import SocketError
from inspector.events import binding
from inspector.guard import Ended, Guard
from inspector.sockets import Socket
from tests import zmtp
from tests.patience import patience_ms, patience_s

Open = Callable[[int], Socket]
LIMIT_BYTES, ALL_BYTES = 1_000_000, 3_000_000


@pytest.fixture
def opened() -> Iterator[Open]:
    """Give what opens sockets, all of which are closed at the end."""
    context: zmq.Context[Socket] = zmq.Context()
    context.setsockopt(zmq.LINGER, 0)
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(context.socket(kind))
    context.term()


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + patience_s()
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_ipc_path_that_is_served_is_refused(opened: Open, tmp_path: Path) -> None:
    """Another process that has the path keeps it, and gets what is sent there."""
    address = f"ipc://{tmp_path}/frames"
    script = (
        "import time, zmq; from inspector import sockets as o; s = zmq.Context().socket(zmq.PULL); "
        f"o.bind(s, {address!r}, 'intake.bind'); print('bound', flush=True); print(s.recv().decode(), flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        watchdog = threading.Timer(patience_s(), other.kill)
        watchdog.start()
        assert other.stdout is not None and other.stdout.readline() == "bound\n"
        with pytest.raises(SocketError) as caught:
            sockets.bind(opened(zmq.PULL), address, "intake.bind")
        assert str(caught.value) == (
            f"intake.bind: {address} cannot be bound: Address already in use. Stop the program that has it, "
            "or choose another."
        )
        camera = opened(zmq.PUSH)
        camera.connect(address)
        camera.send(b"frame")
        assert other.stdout.readline() == "frame\n"
        watchdog.cancel()
        other.kill()
    sockets.bind(opened(zmq.PULL), address, "intake.bind")  # its socket file is still there
    sockets.release(address)


def test_ipc_path_of_a_stranger_is_refused(opened: Open, tmp_path: Path) -> None:
    """Who serves a path without our lock keeps it all the same."""
    stranger = opened(zmq.PULL)
    stranger.bind(f"ipc://{tmp_path}/frames")
    with pytest.raises(SocketError, match="Address already in use"):
        sockets.bind(opened(zmq.PULL), f"ipc://{tmp_path}/frames", "intake.bind")


def test_the_last_word_of_a_connection_that_has_ended(opened: Open, tmp_path: Path) -> None:
    """What came is read after the end of the connection, too, where the socket was made to keep it."""
    address, answerer = f"ipc://{tmp_path}/commands", opened(zmq.REP)
    answerer.bind(address)
    context: zmq.Context[Socket] = zmq.Context()
    asker = sockets.make(context, zmq.REQ, queue=1, keeps_last=True)
    ended = asker.get_monitor_socket(zmq.Event.DISCONNECTED)
    sockets.connect(asker, address)
    asker.send(b"question")
    answerer.recv()
    answerer.send(b"answer")
    answerer.close(linger=patience_ms())
    assert ended.poll(patience_ms()) and asker.poll(0)
    assert asker.recv() == b"answer"
    context.destroy(linger=0)


def test_ipv6(opened: Open) -> None:
    """An IPv6 address is bound, and a camera reaches it."""
    bound = opened(zmq.PULL)
    address = sockets.bind(bound, "tcp://[::1]:*", "intake.bind")
    camera = opened(zmq.PUSH)
    camera.ipv6 = True
    camera.connect(address)
    camera.send(b"frame")
    assert bound.recv() == b"frame"


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("tcp://*:5555", True),
        ("tcp://0.0.0.0:5555", True),
        ("tcp://[::]:5555", True),
        ("tcp://127.0.0.1:5555", False),
        ("tcp://[::1]:5555", False),
        ("ipc:///run/frames", False),
    ],
)
def test_open_to_all(address: str, is_open: bool) -> None:
    """A wildcard is known by all its names."""
    assert sockets.open_to_all(address) is is_open


def test_message_without_end_is_cut(opened: Open) -> None:
    """A peer that sends part after part of one message is cut at the limit; another's messages go on."""
    pull = opened(zmq.PULL)
    guard = Guard(pull, LIMIT_BYTES, ALL_BYTES)
    address = sockets.bind(pull, "tcp://127.0.0.1:*", "intake.bind")
    good = opened(zmq.PUSH)
    good.connect(address)
    peer = zmtp.connect(int(address.rpartition(":")[2]))
    name = "{}:{}".format(*peer.getsockname())
    part = zmtp.part(bytes(10_000), more=True)
    is_cut = threading.Event()

    def send() -> None:
        try:
            while True:
                peer.sendall(part)
                time.sleep(0.0001)
        except OSError:
            is_cut.set()

    sender = threading.Thread(target=send)
    sender.start()
    ended = list[Ended]()
    while not (is_cut.is_set() and ended):
        good.send(b"frame")
        frame = pull.recv(copy=False)
        ended += guard.look({int(frame.get(zmq.SRCFD))})
    sender.join()
    peer.close()
    assert [(gone.peer, gone.cut) for gone in ended] == [(name, "endless")]
    assert len(guard) == 1
    guard.close()


def test_all_together_have_a_limit(opened: Open) -> None:
    """Peers that hold unfinished messages open, each below its own limit, end until all together are below theirs."""
    pull = opened(zmq.PULL)
    guard = Guard(pull, LIMIT_BYTES, ALL_BYTES)
    address = sockets.bind(pull, "tcp://127.0.0.1:*", "intake.bind")
    camera = opened(zmq.PUSH)
    camera.connect(address)
    camera.send(b"frame")
    source = int(pull.recv(copy=False).get(zmq.SRCFD))
    assert guard.look({source}) == []
    peers = [zmtp.connect(int(address.rpartition(":")[2])) for _ in range(5)]
    ended = list[Ended]()
    for peer in peers:
        peer.sendall(zmtp.part(bytes(900_000), more=True))

    def look() -> bool:
        camera.send(b"frame")
        ended.extend(guard.look({int(pull.recv(copy=False).get(zmq.SRCFD))}))
        return len(ended) >= 2

    wait_for(look)
    for _ in range(5):
        look()
    assert [gone.cut for gone in ended] == ["endless", "endless"] and len(guard) == 4
    for peer in peers:
        peer.close()
    guard.close()


def test_whole_messages_are_never_cut(opened: Open) -> None:
    """However much a peer sends, while its messages end and are taken it is left alone; its end is known."""
    pull = opened(zmq.PULL)
    guard = Guard(pull, LIMIT_BYTES, ALL_BYTES)
    camera = opened(zmq.PUSH)
    camera.connect(sockets.bind(pull, "tcp://127.0.0.1:*", "intake.bind"))
    for _ in range(50):
        camera.send_multipart([b"head", bytes(LIMIT_BYTES // 2)])
        source = pull.recv_multipart(copy=False)[0].get(zmq.SRCFD)
        assert guard.look({int(source)}) == []
    camera.close()
    wait_for(lambda: any(not ended.cut for ended in guard.look(set())))
    guard.close()


def test_who_comes_at_once_is_guarded(opened: Open) -> None:
    """Whoever connects the moment a socket is bound is among the connections; a guard that comes later is refused."""
    pull = opened(zmq.PULL)
    router, guard, address = binding.bound(
        pull.context, zmq.ROUTER, "tcp://127.0.0.1:*", "key", unfinished=(9, 99), queue=1
    )
    with zmtp.connect(int(address.rpartition(":")[2]), b"DEALER"):
        wait_for(lambda: guard.look(set()) == [] and len(guard) == 1)
    guard.close()
    router.close()
    sockets.bind(pull, "tcp://127.0.0.1:*", "intake.bind")
    with pytest.raises(AssertionError, match="is bound"):
        Guard(pull, LIMIT_BYTES, ALL_BYTES)


def test_shut(opened: Open) -> None:
    """After `shut` everything that had come can still be received, and nothing comes any more."""
    pull = opened(zmq.PULL)
    pull.rcvhwm = 2
    guard = Guard(pull, LIMIT_BYTES, ALL_BYTES)
    address = sockets.bind(pull, "tcp://127.0.0.1:*", "intake.bind")
    camera = opened(zmq.PUSH)
    camera.connect(address)
    for number in range(20):
        camera.send(b"%d" % number)
    assert pull.recv() == b"0"
    pull.unbind(address)
    guard.shut()
    numbers = list[int]()
    while pull.poll(500):
        numbers.append(int(pull.recv()))
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 2
    guard.close()


def test_options_are_set_in_one_place() -> None:
    """No other file that knows ZeroMQ sets an option of a socket but the closing linger."""
    options = {name.lower() for name in dir(zmq.SocketOption)} - {"linger"}
    root = Path(sockets.__file__).parent
    found = [
        f"{path.relative_to(root)}: {node.attr}"
        for path in sorted(root.rglob("*.py"))
        if path.name != "sockets.py" and "import zmq" in path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in options
    ]
    assert found == []


def test_what_is_no_address_is_reported_in_words(opened: Open) -> None:
    """An address that cannot be connected to says what one looks like, and the socket is closed."""
    socket = opened(zmq.PUSH)
    with pytest.raises(SocketError, match=r"^nowhere: Invalid argument. Write tcp://HOST:PORT or ipc://PATH.$"):
        sockets.connect(socket, "nowhere")
    assert socket.closed


def test_a_flood_of_connections_stops_nobody(opened: Open) -> None:
    """Thousands that come and go while nobody looks leave the others' messages on their way."""
    pull = opened(zmq.PULL)
    guard = Guard(pull, LIMIT_BYTES, ALL_BYTES)
    address = sockets.bind(pull, "tcp://127.0.0.1:*", "intake.bind")
    camera = opened(zmq.PUSH)
    camera.connect(address)
    for _ in range(800):  # three events each; libzmq's own limits for a monitor's two ends are 1000
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=patience_s()).close()
    camera.send(b"frame")
    assert pull.poll(patience_ms()) and pull.recv() == b"frame"
    wait_for(lambda: guard.look(set()) is not None and len(guard) == 1)
    guard.close()
