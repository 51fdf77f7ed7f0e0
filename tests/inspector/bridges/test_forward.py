"""What a bridge reports of its inspector, between real event sockets and a broker in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from inspector.bridges import forward
from inspector.bridges.forward import WAIT_S, Away, Forward, Status
from inspector.client import Events
from inspector.cursor import Cursor, KeptPlace
from inspector.gaps import Gap
from inspector.harness.ports import Ports
from inspector.records.envelope import Event
from inspector.signals import Flag
from tests.lines import COIL, Line

After = Cursor | tuple[str | None, int] | None
ENOUGH = 100
"""Turns of a bridge after which a test ends, whatever was reported."""


class Memory:
    """A broker that keeps what is reported, `until` all of that has come; it goes away for an hour after `turns`."""

    room = 64

    def __init__(self, stop: Flag, until: list[str], turns: int) -> None:
        self.reported: list[str] = []
        self.sent: list[int] = []
        self.lost: list[int] = []
        self.now_s = 0.0
        self._stop, self._until, self._turns = stop, until, turns
        self._left = self._all = 0

    def connect(self) -> None:
        """Be there for some turns."""
        self.now_s += 3600
        self._left = self._turns

    def send(self, event: Event, payload: bytes) -> None:
        """Keep its number."""
        self.sent.append(event.seq)

    def acknowledged(self, wait_s: float) -> int:
        """Go away after some turns."""
        self._left -= 1
        self._all += 1
        if self._all == ENOUGH:
            self._stop.set()
        if not self._left and not self._stop.is_set():
            raise Away("the broker is gone")
        return 0

    def report(self, status: Status) -> None:
        """Keep it, and stop once all has come."""
        self.lost.append(status.lost)
        self.reported.append(status.inspector)
        if self.reported[-len(self._until) :] == self._until:
            self._stop.set()

    def close(self) -> None:
        """Nothing is held."""


class Refusing(Memory):
    """A broker that goes away whenever it was sent something; the third time is the last."""

    def acknowledged(self, wait_s: float) -> int:
        """Take nothing."""
        if not self.sent:
            return 0
        self.sent.clear()
        self._left -= 1
        if not self._left:
            self._stop.set()
        raise Away("the broker refuses the topic")

    def connect(self) -> None:
        """Be there again."""
        self._left = self._left or 3


def follow(connect: str, replay: str, after: After, gap: Callable[[Gap], None]) -> Events:
    """A client as the command makes one."""
    return Events(connect, replay=replay, after=after, timeout_s=WAIT_S, heartbeats=True, on_gap=gap)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[KeptPlace]:
    """No place yet."""
    place = KeptPlace(tmp_path / "cursor.json")
    yield place
    place.release()


@pytest.mark.parametrize("turns", [1000, 4])
def test_an_inspector_that_is_down_from_the_start_is_silent(place: KeptPlace, turns: int) -> None:
    """After 10 s in which events were waited for, though the broker goes away again and again."""
    ports, stop = Ports.free(), Flag()
    broker = Memory(stop, ["silent"], turns)
    clock_s = partial(next, iter(range(0, 10**6, 2)))
    addresses = ports.address("events"), ports.address("replay")
    Forward("l", broker, place, partial(follow, *addresses), stop, clock_s=clock_s).run()
    assert list(dict.fromkeys(broker.reported)) == ["unknown", "silent"]


def test_an_inspector_that_nobody_listened_to_is_not_silent(tmp_path: Path, place: KeptPlace) -> None:
    """A broker that was away for long makes no inspector silent; each session asks for a heartbeat of its own."""
    stop = Flag()
    broker = Memory(stop, ["alive", "unknown", "alive"], 6)
    with Line(tmp_path / "journal") as line:
        addresses = line.publisher.address, line.replays.address
        Forward("l", broker, place, partial(follow, *addresses), stop, clock_s=lambda: broker.now_s).run()
    assert "silent" not in broker.reported


def test_a_clock_that_was_set_back_sends_nothing_from_before_the_beginning(tmp_path: Path, place: KeptPlace) -> None:
    """A bridge begins with now by a heartbeat, which is earlier than the event before: that one is the same still."""
    now, sent = [datetime(2026, 3, 1, 11, tzinfo=UTC)], list[int]()
    with Line(tmp_path / "journal", clock_utc=lambda: now[0]) as line:
        addresses = line.publisher.address, line.replays.address
        line.say(COIL, COIL)
        now[0] -= timedelta(hours=1)
        line.settle()  # no heartbeat comes that was made before the events, or by the clock of then
        for _ in range(2):
            stop = Flag()
            broker = Memory(stop, ["alive"], ENOUGH)
            Forward("l", broker, place, partial(follow, *addresses), stop).run()
            sent += broker.sent
    assert place.cursor is not None and place.cursor.seq == 2
    assert sent == []


def test_what_is_lost_is_counted_once(
    tmp_path: Path, place: KeptPlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bridge that comes back before anything behind the gap is acknowledged finds it again: the sum stays."""
    monkeypatch.setattr(forward, "PAUSE_S", 0.01)
    broker = Refusing(stop := Flag(), [], 0)
    place.note(Cursor("e1", 2))
    with Line(tmp_path / "journal", max_mb=1) as line:
        while line.journal.first_seq == 1:
            line.say(*[COIL] * 500)
        gone = line.journal.first_seq - 3
        Forward("l", broker, place, partial(follow, line.publisher.address, line.replays.address), stop).run()
    assert list(dict.fromkeys(broker.lost)) == [0, gone]
    assert [text.startswith(f"LOST events 3 to {gone + 2}: ") for text in caplog.messages].count(True) == 1
