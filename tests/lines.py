"""A line that only reports: a real journal and its sockets, for tests of whoever follows its events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import zmq

from inspector.access.door import Door
from inspector.client import Events
from inspector.events.journal import Journal
from inspector.events.message import Message
from inspector.events.publish import Publisher
from inspector.events.replay import Replays
from inspector.records.envelope import Event
from inspector.records.events import Alarm, CoilReport, Data

COIL = CoilReport(state="started", coil="C1042", inspected_m=0, missed_m=0, frames=0, defects={})
ALARM = Alarm(
    name="pits",
    state="unacknowledged",
    priority="low",
    coil="C1042",
    camera="cam1",
    message="",
    count=1,
    defect_id="a-1",
)


class Line:
    """A journal and its publisher, kept alive by a thread as the daemon does: heartbeats and replay."""

    def __init__(
        self,
        path: Path,
        epoch: str = "e1",
        *,
        max_mb: int = 8,
        hwm: int = 10_000,
        binds: tuple[str, str] = ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        doors: tuple[Door | None, Door | None] = (None, None),
        clock_utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = context or zmq.Context()
        self.journal = Journal(path, max_mb, "/inspector/l", clock_utc=clock_utc, new_epoch=lambda: epoch)
        self.publisher = Publisher(self.context, binds[0], self.journal, hwm, doors[0])
        self.replays = Replays(self.context, binds[1], self.journal, doors[1])
        self.turn = threading.Lock()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.live)
        self.thread.start()

    def live(self) -> None:
        while not self.is_over.wait(0.005):
            with self.turn:
                self.publisher.heartbeat()

    def say(self, *reported: Data, lost: bool = False) -> None:
        """Record, and publish, unless it shall be lost on the way."""
        with self.turn:
            recorded: Sequence[Message] = self.journal.record(reported)
            if not lost:
                self.publisher.publish(recorded)

    def listen(self, **options: object) -> Events:
        """A client; it receives what is published from now on, or finds it missing."""
        with self.turn:
            self.publisher.heartbeat()
            while not self.publisher._outbox.empty():  # what was published before has left once this has
                time.sleep(0.001)
            options.setdefault("after", (self.journal.epoch, self.journal.last_seq))
        options.setdefault("replay", self.replays.address)
        options.setdefault("timeout_s", 5.0)
        return Events(self.publisher.address, **options)  # type: ignore[arg-type]  # any of its keywords

    def close(self, *, destroy: bool = True) -> None:
        self.is_over.set()
        self.thread.join()
        self.publisher.close()
        self.replays.close()
        self.journal.close()
        if destroy:
            self.context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take(events: Events, count: int) -> list[Event]:
    """The next `count` events."""
    return [next(events) for _ in range(count)]


def seqs(events: list[Event]) -> list[int]:
    """Their numbers."""
    return [event.seq for event in events]
