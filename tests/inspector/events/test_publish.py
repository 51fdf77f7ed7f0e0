"""The event socket on 127.0.0.1: out goes what is on disk, and nobody slows us."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zmq

from inspector.access.door import Door
from inspector.access.refusals import Refusals
from inspector.errors import SocketError
from inspector.events.binding import PART_BYTES
from inspector.events.journal import Journal
from inspector.events.message import Message
from inspector.events.publish import MOST_SUBSCRIBERS, Publisher
from inspector.events.subscriptions import PEER_BYTES
from inspector.records.events import CoilReport, Health
from tests import zmtp
from tests.patience import patience_ms, patience_s

ROOT = Path(__file__).parents[3]
ANYWHERE = "tcp://127.0.0.1:*"
HEALTH = Health(state="started", message="x" * 1000, recipe="steel@1", version="1")
COIL = CoilReport(state="started", coil="C1042", inspected_m=0, missed_m=0, frames=0, defects={})

Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]


@pytest.fixture
def publisher(context: Context, journal: Journal) -> Iterator[Publisher]:
    """A socket on a port that was free."""
    publisher = Publisher(context, ANYWHERE, journal, hwm=1000)
    yield publisher
    publisher.close()


def listening(context: Context, publisher: Publisher, topic: str = "") -> Socket:
    """A subscriber that surely receives what is published from now on."""
    subscriber = context.socket(zmq.SUB)
    subscriber.rcvtimeo = 45_000
    subscriber.subscribe(topic)
    subscriber.subscribe("health.heartbeat")
    subscriber.connect(publisher.address)
    while not subscriber.poll(20):
        publisher.heartbeat()
    while subscriber.poll(100):
        subscriber.recv_multipart()
    return subscriber


def until(holds: Callable[[], bool]) -> None:
    """Wait for something."""
    end_s = time.monotonic() + patience_s()
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_what_is_published_is_what_is_on_disk(context: Context, journal: Journal, publisher: Publisher) -> None:
    """A subscriber gets topic and payload byte for byte as replay gives them."""
    with listening(context, publisher) as subscriber:
        publisher.publish(journal.record([HEALTH, COIL]))
        received = [subscriber.recv_multipart() for _ in range(2)]
    assert [Message(topic.decode(), payload) for topic, payload in received] == [*journal.replay(0, 10).messages]


def test_topics_filter(context: Context, journal: Journal, publisher: Publisher) -> None:
    """A subscription to a topic root gets nothing else."""
    with listening(context, publisher, "coil.") as subscriber:
        publisher.publish(journal.record([HEALTH, COIL]))
        assert subscriber.recv_multipart()[0] == b"coil.started"


def test_address_in_use(context: Context, journal: Journal, publisher: Publisher) -> None:
    """A taken address is named with its key and what to do."""
    with pytest.raises(SocketError, match=rf"events.bind: {publisher.address} cannot be bound: .*in use\. Stop"):
        Publisher(context, publisher.address, journal, hwm=10)


def test_address_of_another_machine(context: Context, journal: Journal) -> None:
    """An address that is not ours is refused with what to do."""
    with pytest.raises(SocketError, match=r"events\.bind: tcp://192\.0\.2\.1:5 cannot be bound.* of this machine"):
        Publisher(context, "tcp://192.0.2.1:5", journal, hwm=10)


def test_slow_subscriber_does_not_block(context: Context, journal: Journal) -> None:
    """One that never reads is sent far more than its queue holds, and publishing ends all the same."""
    publisher = Publisher(context, ANYWHERE, journal, hwm=10)
    recorded = journal.record([HEALTH] * 500)
    with context.socket(zmq.SUB) as slow:
        slow.rcvhwm = 1
        slow.rcvbuf = 4096
        slow.subscribe("")
        slow.connect(publisher.address)
        while not slow.poll(20):
            publisher.heartbeat()
        publishing = threading.Thread(target=publisher.publish, args=(recorded * 100,), daemon=True)
        publishing.start()
        publishing.join(timeout=patience_s())
        assert not publishing.is_alive()
    publisher.close()


def test_a_full_queue_is_counted_and_costs_nobody_else(context: Context, journal: Journal) -> None:
    """Once for each time that it runs full; who reads gets everything."""
    full = list[int]()
    publisher = Publisher(context, ANYWHERE, journal, hwm=400, on_full=lambda: full.append(journal.last_seq))
    received = list[bytes]()
    with context.socket(zmq.SUB) as slow, listening(context, publisher, "health.") as reader:
        slow.rcvhwm, slow.rcvbuf = 1, 4096
        slow.subscribe("health.")
        slow.connect(publisher.address)
        while not slow.poll(20):
            publisher.heartbeat()
        while reader.poll(100):
            reader.recv_multipart()
        long = Health(state="started", message="x" * 10_000, recipe="steel@1", version="1")
        messages = journal.record([long] * 20) * 200
        for place in range(0, len(messages), 20):
            publisher.publish(messages[place : place + 20])
            received += [reader.recv_multipart()[1] for _ in range(20)]
            if full:
                break
    assert full
    assert received == [message.payload for message in messages[: len(received)]]
    publisher.close()


def test_a_subscription_without_end_is_cut(context: Context, journal: Journal, publisher: Publisher) -> None:
    """A peer that sends parts and never the last one loses its connection; the others go on."""
    port = int(publisher.address.rpartition(":")[2])
    with zmtp.connect(port, b"SUB") as peer, pytest.raises(OSError):  # reset, or a broken pipe
        until_s = time.monotonic() + patience_s()
        while time.monotonic() < until_s:
            peer.sendall(zmtp.part(bytes(4000), more=True))
    with listening(context, publisher) as subscriber:
        publisher.publish(journal.record([COIL]))
        assert subscriber.recv_multipart()[0] == b"coil.started"


@pytest.mark.parametrize(
    "topics",
    [
        b"".join(zmtp.part(b"\x01%03d" % number + bytes(97)) for number in range(PEER_BYTES // 100 + 1)),
        zmtp.part(b"\x01" + bytes(PEER_BYTES)),
        zmtp.part(b"\x01" + bytes(PART_BYTES - 1)),
    ],
    ids=["many", "a long one", "the longest that can come"],
)
def test_topics_without_end_are_cut(context: Context, journal: Journal, topics: bytes) -> None:
    """Who subscribes to more topics than a subscriber has loses its connection, which is counted; the others go on."""
    refusals = Refusals()
    publisher = Publisher(context, ANYWHERE, journal, 1000, Door("events", refusals=refusals))
    with listening(context, publisher) as subscriber:
        with zmtp.connect(int(publisher.address.rpartition(":")[2]), b"SUB") as peer, suppress(ConnectionResetError):
            peer.sendall(topics)
            while peer.recv(1000):  # heartbeats none: it ends
                pass
        publisher.publish(journal.record([COIL]))
        assert subscriber.recv_multipart()[0] == b"coil.started"
    assert refusals.counts() == {("events", "topics"): 1}
    publisher.close()


def test_crowd_of_subscribers(context: Context, journal: Journal) -> None:
    """Of more connections than there is room for those end that sent nothing; who subscribed before goes on."""
    refusals = Refusals()
    publisher = Publisher(context, ANYWHERE, journal, 1000, Door("events", refusals=refusals))
    with listening(context, publisher) as subscriber, ExitStack() as crowd:
        place = ("127.0.0.1", int(publisher.address.rpartition(":")[2]))
        for _ in range(MOST_SUBSCRIBERS + 10):
            crowd.enter_context(socket.create_connection(place, timeout=patience_s()))
        until(lambda: refusals.counts().get(("events", "crowd"), 0) >= 11)
        publisher.publish(journal.record([COIL]))
        assert subscriber.recv_multipart()[0] == b"coil.started"
    publisher.close()


def test_close_delivers_the_tail(context: Context, journal: Journal) -> None:
    """What was published right before close still arrives."""
    own: Context = zmq.Context()
    publisher = Publisher(own, ANYWHERE, journal, hwm=1000)
    with listening(context, publisher) as subscriber:
        publisher.publish(journal.record([HEALTH] * 900))
        publisher.close()
        own.term()
        assert sum(1 for _ in range(900) if subscriber.recv_multipart()) == 900


DYING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import zmq
from inspector.events.binding import PART_BYTES
from inspector.events.journal import Journal
from inspector.events.publish import Publisher
from inspector.records.events import Health

context = zmq.Context()
journal = Journal(Path(sys.argv[1]), 8, "/inspector/l", lambda: datetime.now(UTC), lambda: "e1")
publisher = Publisher(context, "tcp://127.0.0.1:*", journal, hwm=10_000)
print(publisher.address, flush=True)
sys.stdin.readline()
for group in range(50):
    recorded = journal.record([Health(state="started", message=str(group), recipe="r", version="1")] * 20)
    if group == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    publisher.publish(recorded)
"""


def test_killed_between_commit_and_publish(context: Context, tmp_path: Path) -> None:
    """After kill -9 everything that anyone received is on disk, byte for byte, and the numbers have no hole."""
    command = [sys.executable, "-c", DYING, str(tmp_path / "journal")]
    with (
        subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        context.socket(zmq.SUB) as subscriber,
        subscriber.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED) as monitor,
    ):
        assert process.stdin is not None and process.stdout is not None
        subscriber.subscribe("")
        subscriber.connect(process.stdout.readline().strip())
        assert monitor.poll(patience_ms())
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(timeout=patience_s()) == -signal.SIGKILL
        received = []
        while subscriber.poll(1000):
            topic, payload = subscriber.recv_multipart()
            received.append(Message(topic.decode(), payload))
        subscriber.disable_monitor()
    journal = Journal(
        tmp_path / "journal", 8, "/inspector/l", clock_utc=lambda: datetime.now(UTC), new_epoch=lambda: "e2"
    )
    held = journal.replay(0, 10_000).messages
    assert received and set(received) <= set(held)
    assert (journal.epoch, journal.last_seq, len(held)) == ("e1", 41 * 20, 41 * 20)
    journal.close()
