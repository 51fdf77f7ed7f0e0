"""What all bridges do: follow a line's events, send each at least once and in order, keep the cursor, survive the rest.

Laws: the cursor on disk never passes an event that the broker has not acknowledged. What is under way is bounded. A
broker that is away is waited for, and an inspector that is away too; both are logged. What the journal has deleted
before it could be sent is counted and logged, never passed over in silence. The inspector notices nothing of it: a
bridge that waits has no connection to it.

Knows: the client, the cursor. Must not know: which broker.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from inspector.client import Events
from inspector.cursor import Cursor, KeptPlace
from inspector.errors import EXIT_CONFIG, InspectorError
from inspector.gaps import Gap, LostEvents
from inspector.records.envelope import Event
from inspector.records.events import Heartbeat
from inspector.signals import Flag

log = logging.getLogger("inspector")

WAIT_S = 0.05
"""The longest wait for an event, or for an acknowledgement: a stop is noticed."""
PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""From one try to the next, doubled each time."""
DRAIN_S = 5.0
"""After a stop, how long acknowledgements are waited for."""
SILENT_S = 10.0
"""An inspector without a heartbeat for so long is down, or out of reach (events/README.md)."""
EVENTS_A_TURN = 64
"""Events sent between two looks at the broker."""


class Away(InspectorError):
    """The broker, or the journal, cannot be reached now: it is tried again."""


class BrokerRefused(InspectorError):
    """The broker does not admit this bridge; at its first try that is a fault of its configuration."""

    exit_code = EXIT_CONFIG


class WrongLine(InspectorError):
    """The events are of another line: its cursor is not ours."""

    exit_code = EXIT_CONFIG


class Status(msgspec.Struct, frozen=True):
    """What a bridge reports of itself, retained by the broker."""

    state: str
    """`online`, or `offline`."""
    inspector: str = "unknown"
    """`alive`, or `silent`: no heartbeat for 10 s; `unknown` until either is so."""
    lost: int = 0
    """Number of events that the journal had deleted before they could be sent."""


class Broker(Protocol):
    """Where events go; the one thing that a new bridge writes. It belongs to one thread."""

    room: int
    """How many more events it takes before it has acknowledged some."""

    def connect(self) -> None:
        """Connect once; what was under way before is forgotten.

        Raises: Away; Refused when the broker does not admit us.
        """

    def send(self, event: Event, payload: bytes) -> None:
        """Send an event; `payload` is its JSON as it was published.

        Raises: Away.
        """

    def acknowledged(self, wait_s: float) -> int:
        """Do what is due, for `wait_s` at most; return how many events more the broker has, in the order of sending.

        Raises: Away.
        """

    def report(self, status: Status) -> None:
        """Let the broker keep what this bridge reports of itself.

        Raises: Away.
        """

    def close(self) -> None:
        """Leave; never raises."""


class Forward:
    """Passes the events of one line on, until `stop` is set.

    `follow(after, on_gap)` opens the event stream after a cursor: with heartbeats, and a short `timeout_s`. `since` is
    the first `seq` to send where `place` knows none; None: what is reported from now on. After a kill, what was
    acknowledged since the place was written down is sent twice.
    """

    def __init__(
        self,
        line: str,
        broker: Broker,
        place: KeptPlace,
        follow: Callable[[tuple[str | None, int] | Cursor | None, Callable[[Gap], None]], Events],
        stop: Flag,
        *,
        since: int | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = f"/inspector/{line}"
        self._broker, self._place, self._follow, self._stop = broker, place, follow, stop
        self._since, self._clock_s = since, clock_s
        self._sent: deque[Cursor] = deque()
        """Under way, oldest first."""
        self._quiet_s = 0.0
        """How long events were waited for since the last heartbeat, without the time in which nobody listened."""
        self._has_beaten = False
        """Whether a heartbeat came in this session."""
        self._lost = LostEvents()
        self._status = Status("offline")
        self._is_new = True
        """Whether no connection was ever made."""
        self.count = 0
        """Number of events that the broker acknowledged."""

    def run(self) -> None:
        """Forward until asked to stop.

        Raises: Refused when the very first connection is; WrongLine.
        """
        pause_s = PAUSE_S
        while not self._stop.is_set():
            count = self.count
            try:
                self._session()
            except (Away, BrokerRefused) as error:
                if isinstance(error, BrokerRefused) and self._is_new:
                    raise
                if self._stop.is_set():
                    log.warning("%s; what is not acknowledged is sent after the next start", error)
                    break
                pause_s = PAUSE_S if self.count > count else min(2 * pause_s, LONGEST_PAUSE_S)
                log.warning("%s; trying again in %g s; the journal keeps what is to be sent", error, pause_s)
            finally:
                self._broker.close()
                self._keep(self._place.keep)
            self._stop.wait(pause_s)

    # --- one connection -------------------------------------------------------------------------------------------

    def _session(self) -> None:
        """Send from the cursor on until something goes away or a stop is asked for."""
        self._sent.clear()
        self._has_beaten = False
        self._broker.connect()
        self._is_new = False
        cursor = self._place.cursor
        begin = None if self._since is None else max(0, self._since - 1)
        last = cursor.seq if cursor else begin
        log.info("connected to the broker; sending %s", "from now on" if last is None else f"what follows {last}")
        after = cursor or (None if begin is None else (None, begin))
        self._status = Status("")
        with self._follow(after, self._on_gap) as events:
            while not self._stop.is_set():
                self._report()
                self._turn(events)
        self._drain()

    def _turn(self, events: Events) -> None:
        """Send what has come, as far as there is room, and see what was acknowledged."""
        is_quiet = False
        for _ in range(min(EVENTS_A_TURN, self._broker.room)):
            begin_s = self._clock_s()
            event = next(events, None)
            if event is None:
                self._quiet_s += self._clock_s() - begin_s
                is_quiet = True
                break
            self._take(event, events.payload)
        self._settle(0 if is_quiet or self._broker.room else WAIT_S)
        self._keep(self._place.keep_at_times)

    def _take(self, event: Event, payload: bytes) -> None:
        """Deal with one event, or heartbeat."""
        if event.source != self._source:
            raise WrongLine(
                f"events come from {event.source}; expected {self._source}. Give the --line of that inspector, "
                "or the --connect of this line's."
            )
        if isinstance(event.data, Heartbeat):
            self._quiet_s, self._has_beaten = 0.0, True
        if self._place.cursor is None:  # begins here: from now on nothing may be lost
            begin = event.data.last_seq if isinstance(event.data, Heartbeat) else event.seq - 1
            self._place.note(Cursor(event.epoch, max(0, begin)))  # when that one was sent, this one does not say
            self._keep(self._place.keep)
        if event.seq == 0:
            return  # not numbered: it can be neither acknowledged nor asked for again
        self._broker.send(event, payload)
        self._sent.append(Cursor(event.epoch, event.seq, event.time))

    def _settle(self, wait_s: float) -> None:
        for _ in range(self._broker.acknowledged(wait_s)):
            self._place.note(self._sent.popleft())
            self.count += 1

    def _drain(self) -> None:
        """Wait for what is under way, and say goodbye."""
        until_s = time.monotonic() + DRAIN_S
        while self._sent and time.monotonic() < until_s:
            self._settle(WAIT_S)
        self._broker.report(msgspec.structs.replace(self._status, state="offline"))
        self._broker.acknowledged(WAIT_S)

    def _keep(self, keep: Callable[[], None]) -> None:
        """Write the place down; a disk that refuses costs doubles after a restart, no event."""
        try:
            keep()
        except InspectorError as error:
            log.warning("%s", error)

    def _report(self) -> None:
        """Let the broker know what has changed with this bridge."""
        inspector = "alive" if self._has_beaten else "unknown"
        if self._quiet_s >= SILENT_S:
            inspector = "silent"
        status = Status("online", inspector, self._lost.count)
        if status != self._status:
            self._status = status
            self._broker.report(status)

    def _on_gap(self, gap: Gap) -> None:
        """Try again where the events may still be had; else count them, once however often they are found missing.

        Raises: Away, which ends the session before anything behind the gap is sent.
        """
        end = "?" if gap.last_seq is None else gap.last_seq
        if not gap.is_final:
            raise Away(f"events {gap.first_seq} to {end} did not come: {gap.reason}")
        if self._lost.add(gap):
            log.error("LOST events %d to %s: %s", gap.first_seq, end, gap.reason)
