"""The MQTT bridge as a process, between a real journal and a real broker: in order, and nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from inspector.errors import EXIT_BUSY, EXIT_CONFIG
from inspector.harness.child import Child
from inspector.records.envelope import read_event
from tests.brokers import Mosquitto, Subscriber, needs_mosquitto
from tests.lines import ALARM, COIL, Line

pytestmark = needs_mosquitto

DEEP_ALARM = msgspec.structs.replace(ALARM, name="pits/deep", state="normal")
STATUS = "steel/l/bridge/status"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line that reports."""
    with Line(tmp_path / "journal") as line:
        yield line


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that admits everybody."""
    with Mosquitto(tmp_path) as broker:
        yield broker


def bridge(folder: Path, line: Line, port: int, *options: str, name: str = "bridge") -> Child:
    """Start a bridge of that line."""
    words = ["bridge", "mqtt", "--line", "l", "--connect", line.publisher.address, "--replay", line.replays.address]
    words += ["--broker", f"127.0.0.1:{port}", "--cursor", str(folder / "cursor.json"), *options]
    return Child(words, folder / f"{name}.out", folder / f"{name}.log")


def until_logged(child: Child, words: str) -> None:
    """Wait until a bridge has logged this."""
    while words not in child.log:
        assert child.runs()
        time.sleep(0.01)


def until_online(subscriber: Subscriber, state: str = "online") -> None:
    """Wait until a bridge reports that it is there, and knows that the inspector is."""
    while True:
        topic, payload, _ = subscriber.take()
        if topic == STATUS:
            status = msgspec.json.decode(payload)
            if status["state"] == state and (state == "offline" or status["inspector"] == "alive"):
                return


def numbers(subscriber: Subscriber, last: int) -> list[int]:
    """Sequence numbers of the events that come, up to the last one."""
    found: list[int] = []
    while not found or found[-1] < last:
        topic, payload, _ = subscriber.take()
        if topic != STATUS:
            found.append(read_event(payload).seq)
    return found


def test_events_come_in_order_once_and_as_published(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """Each event of the line reaches the broker once, in order, byte for byte; SIGTERM ends the bridge with 0."""
    with Subscriber(broker.port) as subscriber, bridge(tmp_path, line, broker.port, "--since", "1") as child:
        until_online(subscriber)
        for _ in range(300):
            line.say(COIL, DEEP_ALARM)
        taken = [subscriber.take() for _ in range(600)]
        child.terminate()
        assert child.wait() == 0
        until_online(subscriber, "offline")
    with line.listen(after=(None, 0)) as events:
        published = [(next(events), events.payload) for _ in range(600)]
    assert [payload for _, payload, _ in taken] == [payload for _, payload in published]
    assert {topic for topic, _, _ in taken} == {"steel/l/coil/started", "steel/l/alarm/pits/deep"}
    assert "LOST" not in child.log


def test_a_new_bridge_begins_with_now_and_keeps_that_place(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """Without a cursor only what is reported from now on is sent; from then on nothing is lost, killed or not."""
    line.say(COIL)
    with Subscriber(broker.port) as subscriber:
        with bridge(tmp_path, line, broker.port) as child:
            until_online(subscriber)
            child.kill()
        line.say(COIL, COIL)
        with bridge(tmp_path, line, broker.port):
            assert numbers(subscriber, last=3) == [2, 3]


def test_a_killed_bridge_loses_nothing(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """Killed in the middle of 2000 events, and started again: the broker has had all, with doubles at the seam only."""
    with Subscriber(broker.port) as subscriber:
        line.say(*[COIL] * 2000)
        with bridge(tmp_path, line, broker.port, "--since", "1") as child:
            found = numbers(subscriber, last=500)
            child.kill()
        line.say(*[COIL] * 100)
        with bridge(tmp_path, line, broker.port, "--since", "1"):
            found += numbers(subscriber, last=2100)
    assert sorted(set(found)) == list(range(1, 2101))
    assert sum(after <= before for before, after in pairwise(found)) <= 1, "in order but for one step back"


def test_a_place_that_cannot_be_written_ends_nothing(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """Where the disk refuses the cursor, events go on, it is warned of, and SIGTERM ends the bridge with 0."""
    (tmp_path / "cursor.json.new").mkdir()
    with Subscriber(broker.port) as subscriber, bridge(tmp_path, line, broker.port) as child:
        until_online(subscriber)
        line.say(*[COIL] * 5)
        assert numbers(subscriber, last=5) == [1, 2, 3, 4, 5]
        until_logged(child, "the cursor cannot be written")
        child.terminate()
        assert child.wait() == 0


def test_a_broker_that_was_away_gets_all(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """A broker stands still, is killed, and comes back empty: it gets all that it had not acknowledged, in order."""
    with bridge(tmp_path, line, broker.port) as child:
        with Subscriber(broker.port) as subscriber:
            until_online(subscriber)
            line.say(*[COIL] * 10)
            assert numbers(subscriber, last=10) == list(range(1, 11))
            broker.stall()
            line.say(*[COIL] * 50)
            broker.kill()
        line.say(*[COIL] * 5)
        child.send(signal.SIGSTOP)  # else it may be back before the subscriber is
        broker.start()
        with Subscriber(broker.port) as subscriber:
            child.send(signal.SIGCONT)
            found = numbers(subscriber, last=65)
    assert found[0] <= 11
    assert found == list(range(found[0], 66))
    assert "trying again" in child.log


def test_the_last_will_tells_of_a_killed_bridge(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """Whoever subscribes later finds `offline`, retained, though the bridge could not say so itself."""
    with Subscriber(broker.port, STATUS) as subscriber, bridge(tmp_path, line, broker.port) as child:
        until_online(subscriber)
        child.kill()
        until_online(subscriber, "offline")
    with Subscriber(broker.port, STATUS) as later:
        _, payload, is_retained = later.take()
    assert is_retained
    assert msgspec.json.decode(payload)["state"] == "offline"


def test_a_bridge_that_ends_by_a_fault_is_offline(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """It leaves no `online` behind, though it takes leave of the broker."""
    topic = "steel/other/bridge/status"
    with (
        Subscriber(broker.port, topic) as subscriber,
        bridge(tmp_path, line, broker.port, "--line", "other") as child,
    ):
        assert child.wait() == EXIT_CONFIG
        states = [""]
        while states[-1] != "offline":
            states.append(msgspec.json.decode(subscriber.take()[1])["state"])
    assert "online" in states


def test_an_unreachable_broker_is_waited_for(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """A broker that is not there yet is tried again, and gets what the journal kept meanwhile."""
    line.say(*[COIL] * 20)
    broker.kill()
    with bridge(tmp_path, line, broker.port, "--since", "1") as child:
        until_logged(child, "cannot be reached")
        child.send(signal.SIGSTOP)
        broker.start()
        with Subscriber(broker.port) as subscriber:
            child.send(signal.SIGCONT)
            assert numbers(subscriber, last=20) == list(range(1, 21))


def test_a_journal_that_was_replaced_is_followed(tmp_path: Path, broker: Mosquitto) -> None:
    """Another journal on the same addresses: what it holds is sent from its beginning, and the change is logged."""
    line = Line(tmp_path / "one", "e1")
    binds = (line.publisher.address, line.replays.address)
    with Subscriber(broker.port) as subscriber, bridge(tmp_path, line, broker.port) as child:
        try:
            until_online(subscriber)
            line.say(COIL)
            assert numbers(subscriber, last=1) == [1]
        finally:
            line.close()
        with Line(tmp_path / "two", "e2", binds=binds) as other:
            other.say(COIL, COIL)
            assert numbers(subscriber, last=2) == [1, 2]
    assert "replaced" in child.log


@pytest.mark.parametrize("right", [False, True])
def test_a_password_is_asked_for(tmp_path: Path, line: Line, right: bool) -> None:
    """With the right password events pass; a wrong one ends the bridge with 78, and in words."""
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "bridge", "s3cret"], check=True, capture_output=True)
    users.chmod(0o644)
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n" if right else "other\n")
    more = f"allow_anonymous false\npassword_file {users}\nuser root"
    options = ("--user", "bridge", "--password-file", str(secret), "--since", "1")
    line.say(COIL)
    with Mosquitto(tmp_path, more) as broker, bridge(tmp_path, line, broker.port, *options) as child:
        if right:
            with Subscriber(broker.port, "steel/#", "bridge", "s3cret") as subscriber:
                until_online(subscriber)
        else:
            assert child.wait() == EXIT_CONFIG
            assert "does not admit inspector-l: Not authorized" in child.log


def test_what_the_rights_forbid_is_not_lost(tmp_path: Path, line: Line) -> None:
    """A broker that refuses the topic is asked again: the cursor stays before the event, and the log says why."""
    rights = tmp_path / "rights"
    rights.write_text(f"topic read #\ntopic write {STATUS}\n")
    rights.chmod(0o644)
    line.say(COIL)
    with (
        Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {rights}\nuser root") as broker,
        bridge(tmp_path, line, broker.port, "--since", "1") as child,
    ):
        until_logged(child, "refuses a message: Not authorized")
    assert msgspec.json.decode((tmp_path / "cursor.json").read_bytes())["seq"] == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--line", "other"], (EXIT_CONFIG, "expected /inspector/other. Give the --line")),
        (["--cert", "x.pem"], (EXIT_CONFIG, "expected both or none")),
        (["--ca", "/nowhere/ca.pem"], (EXIT_CONFIG, "/nowhere/ca.pem: cannot be used for TLS")),
        (["--password-file", "/nowhere/p"], (EXIT_CONFIG, "/nowhere/p: cannot be read")),
        (["--cursor", "/nowhere/p.json"], (EXIT_CONFIG, "/nowhere/p.json: cannot be written")),
        (["--broker", "here"], (2, "expected HOST:PORT")),
        (["--topic", "a/#"], (2, "without + # $")),
        (["--connect", "nonsense"], (1, "Write tcp://HOST:PORT")),
    ],
)
def test_options_that_cannot_be(
    tmp_path: Path, line: Line, broker: Mosquitto, options: list[str], expected: tuple[int, str]
) -> None:
    """Each wrong option ends the bridge at once, with its code and in words."""
    with bridge(tmp_path, line, broker.port, *options) as child:
        code, words = expected
        assert child.wait() == code
        assert words in " ".join(child.log.split())


def test_one_place_has_one_bridge(tmp_path: Path, line: Line, broker: Mosquitto) -> None:
    """A second bridge with the same file ends with 75; a file that holds no cursor, with 78 and in words."""
    with Subscriber(broker.port) as subscriber, bridge(tmp_path, line, broker.port):
        until_online(subscriber)
        with bridge(tmp_path, line, broker.port, name="second") as second:
            assert second.wait() == EXIT_BUSY
    (tmp_path / "cursor.json").write_text("{")
    with bridge(tmp_path, line, broker.port) as child:
        assert child.wait() == EXIT_CONFIG
        assert "holds no cursor" in child.log
