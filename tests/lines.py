"""A line that only reports: a real journal and its sockets, for tests of whoever follows its events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec
import zmq

from inspector.access.door import Door
from inspector.client import Events
from inspector.events.journal import Journal
from inspector.events.message import Message
from inspector.events.publish import Publisher
from inspector.events.replay import Replays
from inspector.records.envelope import Event, ReplayHead
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

    def settle(self) -> tuple[str, int]:
        """Wait until all that was published has left: who comes then receives nothing of before; return the place."""
        with self.turn:
            self.publisher.heartbeat()
            while not self.publisher._outbox.empty():  # what was published before has left once this has
                time.sleep(0.001)
            return self.journal.epoch, self.journal.last_seq

    def listen(self, **options: object) -> Events:
        """A client; it receives what is published from now on, or finds it missing."""
        options.setdefault("after", self.settle())
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


class FailingReplay:
    """A replay socket before a line's own: it answers the first requests by an error, and passes the others on.

    Without `errors` all of them, until it `is_mended`.
    """

    def __init__(self, line: Line, errors: int | None = None) -> None:
        self.requests, self._errors = list[bytes](), errors
        self.is_mended = threading.Event()
        self._line, self._socket = line, line.context.socket(zmq.REP)
        self.address = f"tcp://127.0.0.1:{self._socket.bind_to_random_port('tcp://127.0.0.1')}"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        with self._socket, self._line.context.socket(zmq.REQ) as behind:
            behind.connect(self._line.replays.address)
            while not self._is_over.is_set():
                if self._socket.poll(5):
                    self.requests.append(self._socket.recv())
                    if self._errors is not None and len(self.requests) > self._errors:
                        self.is_mended.set()
                    self._socket.send_multipart(self._passed_on(behind) if self.is_mended.is_set() else self._error())

    def _error(self) -> list[bytes]:
        epoch, last = self._line.journal.epoch, self._line.journal.last_seq
        head = ReplayHead(epoch=epoch, first=1, last=last, through=0, count=0, more=False, error="the disk is busy")
        return [msgspec.json.encode(head)]

    def _passed_on(self, behind: zmq.Socket[bytes]) -> list[bytes]:
        behind.send(self.requests[-1])
        return behind.recv_multipart()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def take(events: Events, count: int) -> list[Event]:
    """The next `count` events."""
    return [next(events) for _ in range(count)]


def seqs(events: list[Event]) -> list[int]:
    """Their numbers."""
    return [event.seq for event in events]
