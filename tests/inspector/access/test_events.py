"""Subscribers and operators with keys: real sockets, right, wrong and revoked keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from inspector.access.keys import Key
from inspector.client import Events
from inspector.commands import ask
from inspector.errors import AccessError, NoAnswer
from inspector.records.commands import ListAlarms
from inspector.records.events import Health
from inspector.service.desk import Desk
from inspector.service.settings import CommandsSection
from tests.access import LOOPBACK, Gated, Keys
from tests.lines import Line
from tests.patience import patience_ms, patience_s

REPORTED = Health(state="started", message="m", recipe="r@1", version="1")


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Give a folder with the keys of an office and of an operator."""
    keys = Keys(tmp_path / "keys")
    keys.new("office", "subscriber")
    keys.new("kim", "operator")
    return keys


class Plant:
    """A line that reports, and takes commands, with keys."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.gated = Gated(self.context, keys)
        doors = (self.gated.door("events"), self.gated.door("replay"))
        self.line = Line(folder / "journal", context=self.context, doors=doors)
        self.desk = Desk(
            self.context,
            CommandsSection(bind=LOOPBACK),
            "l",
            lambda: "it is a test",
            door=self.gated.door("commands"),
        )

    def events(self, key: Path | Key | None) -> Events:
        """A subscriber from the first event on."""
        return self.line.listen(key=key, after=("e1", 0), timeout_s=patience_s())

    def close(self) -> None:
        """End it."""
        self.desk.close()
        self.line.close(destroy=False)
        self.gated.__exit__(None, None, None)
        self.context.destroy(linger=0)


@pytest.fixture
def plant(tmp_path: Path, keys: Keys) -> Iterator[Plant]:
    """Give a line that asks for keys."""
    plant = Plant(tmp_path, keys)
    yield plant
    plant.close()


def wait_for(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience_s()
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_subscriber(plant: Plant, keys: Keys) -> None:
    """With its key it gets events, those of the journal too."""
    plant.line.say(REPORTED, lost=True)
    with plant.events(keys.folder / "office.key") as events:
        assert next(events).seq == 1


@pytest.mark.parametrize("name", ["top", "kim", "stranger", "none"])
def test_nobody_else_subscribes(plant: Plant, keys: Keys, name: str) -> None:
    """A camera's key, an operator's, an unknown one and none are refused, and whoever iterates learns of it."""
    keys.new("top")
    key = None if name == "none" else keys.stranger("office") if name == "stranger" else keys.folder / f"{name}.key"
    with plant.events(key) as events, pytest.raises(AccessError) as caught:
        next(events)
    assert ("asks for a key" if key is None else "refuses this key (400)") in str(caught.value)
    wait_for(plant.gated.refusals.counts)


def test_a_revoked_subscriber_gets_nothing_more(plant: Plant, keys: Keys) -> None:
    """Its connection ends with the revocation; another's goes on, and misses nothing."""
    keys.new("lab", "subscriber")
    with plant.events(keys.folder / "office.key") as office, plant.events(keys.folder / "lab.key") as lab:
        plant.line.say(REPORTED)
        assert (next(office).seq, next(lab).seq) == (1, 1)
        keys.revoke("office")
        with pytest.raises(AccessError, match="was revoked"):
            next(office)
        for number in range(2, 5):
            plant.line.say(REPORTED)
            assert next(lab).seq == number
        assert lab.lost == 0


def test_commands(plant: Plant, keys: Keys) -> None:
    """An operator's key commands; a subscriber's, a camera's, an unknown one and none do not."""
    address = plant.desk.address
    assert "it is a test" in ask(address, ListAlarms(), patience_s(), key=keys.folder / "kim.key").message
    for key in (keys.folder / "office.key", keys.new("top"), keys.stranger("kim"), None):
        with pytest.raises(AccessError):
            ask(address, ListAlarms(), patience_s(), key=key)


def test_a_revoked_operator_commands_nothing_more(plant: Plant, keys: Keys) -> None:
    """A request over a connection that stands since before is not taken."""
    key = Key.read(keys.folder / "kim.key")
    with plant.context.socket(zmq.REQ) as socket:
        socket.curve_secretkey, socket.curve_publickey = key.secret.encode(), key.public.encode()
        socket.curve_serverkey = (key.server or "").encode()
        socket.connect(plant.desk.address)
        socket.send(b"nonsense")
        assert socket.poll(patience_ms()) and b"Send JSON like" in socket.recv()
        keys.revoke("kim")
        wait_for(lambda: plant.gated.door("commands").lost)
        socket.send(b"nonsense")
        wait_for(lambda: plant.gated.refusals.counts().get(("commands", "revoked")))
        assert not socket.poll(0)


def test_a_key_where_none_is_asked_for(tmp_path: Path, keys: Keys) -> None:
    """A client with a key at a socket without says so, whoever notices first."""
    with (
        Line(tmp_path / "plain") as line,
        line.listen(key=keys.folder / "office.key", timeout_s=patience_s()) as events,
        pytest.raises(AccessError, match="takes no keys there"),
    ):
        next(events)


def test_a_key_for_another_inspector(plant: Plant, tmp_path: Path) -> None:
    """Who waits for an answer in vain reads that the key is most likely for another inspector."""
    key = Keys(tmp_path / "elsewhere").new("kim", "operator")
    with pytest.raises(NoAnswer, match="the key is for another inspector"):
        ask(plant.desk.address, ListAlarms(), 2.0, key=key)


def test_no_thread_is_left(tmp_path: Path, keys: Keys) -> None:
    """The authenticator's thread ends with its gate."""
    before = set(threading.enumerate())
    Plant(tmp_path, keys).close()
    assert set(threading.enumerate()) <= before
