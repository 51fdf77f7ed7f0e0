"""How events leave: recorded on the journal's thread, then published and counted on the main thread, in this order.

Laws: nothing is published, nor counted, that is not on disk. The main thread never waits for the disk, so heartbeats
go on behind a slow one.

Knows: the journal and the event sockets. Must not know: stages, what is reported.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import zmq

from inspector.access.gate import Gate
from inspector.events.journal import Journal
from inspector.events.publish import Publisher
from inspector.events.replay import Replays
from inspector.flow import Buffer
from inspector.metrics import Metrics
from inspector.records.events import Data, JournalStatus
from inspector.records.stages import Findings, JournalAccount
from inspector.service.line import Config
from inspector.service.recorder import RecordedFindings, Recorder


class EventSink:
    """Journal, publisher and replays of one line, open from construction to `close`.

    Raises: JournalError, SocketError.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        settings: Config,
        metrics: Metrics,
        report: Callable[[Data], None],
        gate: Gate,
    ) -> None:
        events, journal = settings.events, settings.journal
        """`report` receives what there is to say of the journal, for the line's stages."""
        self._metrics = metrics
        self._waiting: SimpleQueue[Data] = SimpleQueue()
        self._journal = Journal(
            Path(journal.path),
            journal.max_mb,
            f"/inspector/{settings.line}",
            clock_utc=lambda: datetime.now(UTC),
            new_epoch=lambda: uuid.uuid4().hex,
            max_days=journal.max_days,
        )
        try:
            door = gate.door("events", events.bind)
            full, most = metrics.subscriber_full.inc, events.send_events
            self._publisher = Publisher(context, events.bind, self._journal, hwm=most, door=door, on_full=full)
            try:
                door = gate.door("replay", events.replay_bind)
                self._replays = Replays(context, events.replay_bind, self._journal, door)
            except BaseException:
                self._publisher.close()
                raise
        except BaseException:
            self._journal.close()
            raise
        self._recorder = Recorder(self._journal, report, metrics.timed("journal", self._journal.record))
        self._publish = metrics.timed("publish", self._publisher.publish)
        self._published = self._journal.position

    @property
    def states(self) -> Mapping[str, bytes]:
        """What each stage of the process before has to know to go on, by its name."""
        return self._journal.states

    def standing(self) -> list[JournalStatus]:
        """What stands of the journal, as reports of it."""
        return self._recorder.standing()

    def say(self, data: Data) -> None:
        """Have something of the inspector itself recorded with the next findings; from any thread."""
        self._waiting.put(data)

    def recorded(self, found: Buffer[Findings]) -> Iterator[RecordedFindings]:
        """Yield findings once they are on disk, all that wait in one commit."""
        for group in found.groups():
            yield self.record(group)

    def record(self, group: Sequence[Findings]) -> RecordedFindings:
        """Put on disk what was found, and what else was reported; not on two threads at once."""
        reports = list[Data]()
        while not self._waiting.empty():
            reports.append(self._waiting.get())
        return self._recorder.record(group, reports)

    def publish(self, recorded: RecordedFindings) -> None:
        """Send out what is on disk, and count it."""
        if recorded.messages:
            self._publish(recorded.messages)
            for topic, _ in recorded.messages:
                self._metrics.published(topic)
        self._published = recorded.position

    @property
    def fault(self) -> str:
        """Why the disk takes nothing at present; empty where it does."""
        return self._recorder.fault

    def account(self) -> JournalAccount:
        """How the journal and its disk do now; from any thread."""
        return self._recorder.account()

    def heartbeat(self) -> None:
        """Report how far the published numbers go."""
        self._publisher.heartbeat(self._published, self._recorder.fault)

    def close(self, *, journal: bool = True) -> None:
        """Answer no more replays, unbind, and fold the journal, unless its thread hangs."""
        try:
            self._replays.close()
            self._publisher.close()
        finally:
            if journal:
                self._recorder.close()
