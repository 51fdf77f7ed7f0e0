"""Follows one line: its events, its metrics, where its alarms stand. Threads of its own; it only listens and asks.

Laws: nothing here waits for a browser, and nothing on the line waits for this. What cannot be had is reported, and
tried again for ever.

Knows: the client, the command socket, /metrics. Must not know: browsers, what is shown.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from inspector.client import Events
from inspector.commands import ask
from inspector.errors import InspectorError, JournalError
from inspector.events.history import History
from inspector.gaps import Gap, LostEvents
from inspector.records.commands import AlarmStatus, ListAlarms
from inspector.records.envelope import Event, read_event
from inspector.records.events import Alarm, CoilReport, Commanded, Crowded, Defect, Doubtful, Health, Missed, Repeat
from inspector.station.gauges import Gauges, Meter, read
from inspector.station.kept import Dropped, PublishedEvent
from inspector.station.lines import Line
from inspector.station.own_faults import OwnFaults

log = logging.getLogger("inspector")

BACK = 5000
"""Events of the journal that are read at the start: what is on the screen, and what stands. What came of their coils
before them is counted; to read more takes a core from the line each time that the station comes back."""
OF_COIL = (CoilReport, Crowded, Defect, Doubtful, Missed, Repeat)
LOOK_S = 0.25
METRICS_S = 1.0
ALARMS_S = 5.0
"""How often to ask where the alarms stand where nothing happens; else with each change."""
TIMEOUT_S = 2.0
ANSWER_S = 10.0
"""The line answers with its next batch: on a slow machine that takes seconds."""
CLOSE_S = 3.0
ASKING_CLOSE_S = 0.5
"""The same for the thread that asks: where no inspector answers any more, it waits for the whole of ANSWER_S."""
AGAIN_S = 5.0
Place = tuple[str, int]
"""An event's epoch and number in the journal."""
SETTLE_S = 0.05


class Standing(msgspec.Struct, frozen=True):
    """Where the alarms stand, as the line answered last."""

    alarms: tuple[AlarmStatus, ...] = ()
    fault: str = ""
    """Why they are not known; empty where they are."""


class Follower:
    """Follows a line from `start` to `close`; `events` and `standing` are taken by one reader."""

    def __init__(self, line: Line, own_faults: OwnFaults, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.line, self._own_faults, self._clock_s = line, own_faults, clock_s
        self.gauges = Gauges()
        self.standing = Standing()
        self.is_changed = threading.Event()
        """Set when `standing` is another."""
        self._lost = LostEvents()
        self.fault = ""
        """Why the line cannot be followed; empty while it is, or merely silent."""
        self.journal_fault = ""
        """What is wrong with the line's journal, by its last heartbeat."""
        self.counted: dict[str, Dropped] = {}
        """What came of coils, by subject, before the first event that was read."""
        self._events: deque[tuple[Event, PublishedEvent]] = deque()
        self._place: Place | None = None
        """The last event that came."""
        self._received_s = -1e9
        self._measured_s = -1e9
        self._stop = threading.Event()
        self._ask = threading.Event()
        works: tuple[Callable[[], None], ...] = (self._follow, self._measure, self._stand)
        self._threads = [
            threading.Thread(target=self._lasting, args=(work,), name=f"{line.name}{work.__name__}", daemon=True)
            for work in works
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End, and wait for the threads for a while: what waits for an answer ends with the process."""
        self._stop.set()
        self._ask.set()
        until_s = time.monotonic() + CLOSE_S
        *others, asking = self._threads
        for thread in others:
            thread.join(max(0.0, until_s - time.monotonic()))
        asking.join(ASKING_CLOSE_S)

    @property
    def lost(self) -> int:
        """Events that the journal no longer had."""
        return self._lost.count

    def take(self) -> list[tuple[Event, PublishedEvent]]:
        """Events that have come since the last call, in order."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def silent_s(self) -> float:
        """How long nothing has come from the line."""
        return self._clock_s() - self._received_s

    def is_measured(self) -> bool:
        """Whether `gauges` are of now."""
        return self._clock_s() - self._measured_s < 3 * METRICS_S

    def refresh(self) -> None:
        """Ask where the alarms stand, soon."""
        self._ask.set()

    def _lasting(self, work: Callable[[], None]) -> None:
        """Work until the end: an error that nobody foresaw is noted, and it goes on behind what failed."""
        while not self._stop.is_set():
            try:
                work()
            except Exception as error:
                self._own_faults.note(self.line.name, error)
                self._stop.wait(AGAIN_S)

    # --- events ---------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._receive(self._place or self._begin())
            except InspectorError as error:  # a key that is refused, by now or always
                log.warning("line %s: %s", self.line.name, error)
                self.fault = str(error)
                self._stop.wait(AGAIN_S)

    def _receive(self, after: Place | None) -> None:
        with self._events_of(after) as events:
            while not self._stop.is_set():
                for event in events:
                    self._take(event, events.payload)
                    if self._stop.is_set():
                        break

    def _begin(self) -> Place | None:
        """Read the end of the journal, whether the line runs or not; return the last event's place.

        What was read is handed over as a whole: pages that wait for it are given it with what was before it.
        """
        found: list[tuple[Event, PublishedEvent]] = []
        try:
            with History(self.line.journal) as history:
                first_seq = max(0, history.last_seq() - BACK + 1)
                for payload in history.recorded(first_seq):
                    event = read_event(payload)
                    if isinstance(event.data, OF_COIL) and event.subject not in self.counted:
                        self.counted[event.subject] = self._before(history, event.subject, first_seq)
                    found.append(self._noted(event, payload))
                    if self._stop.is_set():
                        break
        except JournalError as error:  # it never ran, or its files may not be read
            log.warning("line %s: %s", self.line.name, error)
        finally:
            self._events.extend(found)
        return self._place or self._begin_late()  # an empty one, or none

    def _before(self, history: History, coil: str, seq: int) -> Dropped:
        """What came of a coil before an event, as far as it can be read."""
        came = Dropped()
        try:
            passage = history.before(coil, seq)
            came.defects = history.counts(passage)
            for kind in (Missed, Doubtful, Crowded):
                for _, data in history.events(passage, kind):
                    came.take(data)
        except JournalError as error:
            log.warning("line %s: coil %s: %s", self.line.name, coil, error)
        return came

    def _begin_late(self) -> Place | None:
        """Where to begin in a journal that cannot be read, once the line has reported where it is."""
        with self._events_of(None, replay=False) as events:
            while not self._stop.is_set():
                if event := next(events, None):
                    return event.epoch, max(0, getattr(event.data, "last_seq", event.seq) - BACK)
        return None

    def _events_of(self, after: Place | None, *, replay: bool = True) -> Events:
        return Events(
            self.line.events,
            replay=self.line.replay if replay else None,
            after=after,
            timeout_s=LOOK_S,
            heartbeats=True,
            on_gap=self._on_gap,
            patience_s=TIMEOUT_S,
            key=self.line.key,
        )

    def _take(self, event: Event, payload: bytes) -> None:
        self._received_s = self._clock_s()
        self.fault = ""
        if event.seq == 0:
            self.journal_fault = getattr(event.data, "fault", "")
            return
        self._events.append(self._noted(event, payload))

    def _noted(self, event: Event, payload: bytes) -> tuple[Event, PublishedEvent]:
        """An event as it is handed over; what it says of alarms stands from now."""
        self._place = event.epoch, event.seq
        if isinstance(event.data, Alarm):
            self._stands(Standing(_changed(self.standing.alarms, event.data, event.time), self.standing.fault))
        if isinstance(event.data, Alarm | Commanded | Health):
            self._ask.set()
        return event, PublishedEvent(event.epoch, event.seq, payload)

    def _on_gap(self, gap: Gap) -> None:
        """Count what is gone; what the journal may still have is asked for again, before what follows is shown.

        Raises: JournalError.
        """
        if not gap.is_final:
            words = "on" if gap.last_seq is None else f"to {gap.last_seq}"
            raise JournalError(f"events {gap.first_seq} {words} are asked for again: {gap.reason}")
        self._lost.add(gap)

    # --- metrics and alarms -----------------------------------------------------------------------------------

    def _measure(self) -> None:
        meter = Meter()
        while not self._stop.wait(METRICS_S):
            try:
                self.gauges = meter.take(read(_scraped(self.line.http), time.monotonic()))
                self._measured_s = self._clock_s()
            except (OSError, ValueError):
                continue  # `is_measured` says so

    def _stand(self) -> None:
        while not self._stop.is_set():
            self._ask.clear()
            try:
                answer = ask(self.line.commands, ListAlarms(), ANSWER_S, key=self.line.key)
                fault = "" if answer.is_done else answer.message
                if answer.line != self.line.name:
                    fault = f"{self.line.commands} is line {answer.line}'s. Write [commands] with a bind of its own."
                standing = Standing(() if fault else answer.alarms, fault)
            except InspectorError as error:
                standing = Standing((), str(error))
            self._stands(Standing(self.standing.alarms, standing.fault) if standing.fault else standing)
            self._ask.wait(ALARMS_S)
            self._stop.wait(SETTLE_S)

    def _stands(self, standing: Standing) -> None:
        if standing != self.standing:
            self.standing = standing
            self.is_changed.set()


def _changed(alarms: tuple[AlarmStatus, ...], alarm: Alarm, time: str) -> tuple[AlarmStatus, ...]:
    """Where the alarms stand after a change of one: its event comes before the line's answer does."""
    facts = {name: getattr(alarm, name) for name in AlarmStatus.__struct_fields__ if hasattr(alarm, name)}
    facts |= {"isa_state": alarm.isa_state or alarm.state, "since": time, "is_withheld": _is_withheld(alarms, alarm)}
    try:
        changed = msgspec.convert(facts, AlarmStatus)
    except msgspec.ValidationError:  # a word of a later version
        return alarms
    return tuple(sorted((*(old for old in alarms if old.name != alarm.name), changed), key=lambda old: old.name))


def _is_withheld(alarms: tuple[AlarmStatus, ...], alarm: Alarm) -> bool:
    """Whether a flood withholds it: as is known of that raising, else by its event; none before 0.4 has a number."""
    for old in alarms:
        if (old.name, old.raised) == (alarm.name, alarm.raised):
            return old.is_withheld
    return alarm.isa_state == "unacknowledged" and not alarm.annunciate and alarm.raised > 0


def _scraped(address: str) -> str:
    """Ask for /metrics.

    Raises: OSError when no answer comes.
    """
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
