"""What a line's journal holds of the last weeks: coils by their records, alarms, cameras. Only what is new is read.

Laws: the journal is only read. A coil counts by its record, which the line makes at its end; the defects themselves are
never read again.

Knows: the journal. Must not know: what is counted, HTTP. From any thread.
"""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

import msgspec

from inspector.events.history import History
from inspector.records.coil import RepeatSums, inspected_length_m
from inspector.records.envelope import envelope_of
from inspector.records.events import Alarm, CameraStatus, CoilRecord, CoilReport, Decision, Health

Span = tuple[datetime, datetime | None]
"""From when to when; None: it has not ended."""


class PastCoil(msgspec.Struct, frozen=True, kw_only=True):
    """A coil that has passed."""

    coil: str
    first_seq: int
    ended: datetime
    length_m: float
    over_m: float
    """Of it, what was inspected."""
    missed_m: float
    doubtful_m: float
    """Inspected and not surely seen."""
    defects: int
    classes: dict[str, int]
    grade: str
    """What a person decided last, else the machine's."""
    repeats: tuple[RepeatSums, ...]


class AlarmChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of state of an alarm."""

    at: datetime
    name: str
    priority: str
    is_raised: bool
    """It became unacknowledged because its condition was met."""
    is_met: bool
    is_acknowledged: bool
    """An operator acknowledged it."""


class CameraChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a camera's health."""

    at: datetime
    camera: str
    fault: str
    is_raised: bool
    status: str


class Past(msgspec.Struct, frozen=True):
    """All of it, in order."""

    since: datetime | None
    """When the oldest event came that was held since this station began to look; None without any."""
    coils: list[PastCoil]
    alarms: list[AlarmChange]
    cameras: list[CameraChange]
    down: list[Span]
    """When the line did not run."""
    last: datetime | None
    """When its newest event came; None without any."""


class PastReader:
    """Reads one line's past; all of it again where another journal begins in the folder."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place = ("", 0)
        self._forget()

    def _forget(self) -> None:
        self._since: datetime | None = None
        self._coils: dict[tuple[str, int], PastCoil] = {}
        """By name and first event."""
        self._begun: dict[str, set[int]] = {}
        """First events of all coils of a name, those that run included."""
        self._decided: dict[tuple[str, int], str] = {}
        """What a person decided last, of coils that run, too: their records come later."""
        self._alarms: list[AlarmChange] = []
        self._cameras: list[CameraChange] = []
        self._down: list[Span] = []
        self._last_seq = {CoilReport: 0, CoilRecord: 0, Decision: 0, Alarm: 0, CameraStatus: 0, Health: 0}

    def read(self, journal: Path) -> Past:
        """All that is held, and what was read of it before.

        Raises: JournalError.
        """
        with self._lock, History(journal) as history:
            goes_on, self._place = history.goes_on_from(self._place)
            if not goes_on:
                self._forget()
            if self._since is None and (oldest := next(history.everything(), None)):
                self._since = datetime.fromisoformat(oldest.time)
            self._read_coils(history)
            for event, alarm in history.of_kind(Alarm, self._last_seq[Alarm]):
                self._last_seq[Alarm] = event.seq
                self._alarms.append(_alarm(event.time, alarm))
            for event, status in history.of_kind(CameraStatus, self._last_seq[CameraStatus]):
                self._last_seq[CameraStatus] = event.seq
                raised = status.state == "raised"
                self._cameras.append(
                    CameraChange(
                        at=datetime.fromisoformat(event.time),
                        camera=status.camera,
                        fault=status.fault,
                        is_raised=raised,
                        status=status.status,
                    )
                )
            self._read_down(history)
            decided = self._decided
            coils = [
                msgspec.structs.replace(coil, grade=decided[key]) if key in decided else coil
                for key, coil in self._coils.items()
            ]
            coils.sort(key=lambda coil: coil.ended)
            last = _time(history, history.last_seq())
            return Past(self._since, coils, list(self._alarms), list(self._cameras), list(self._down), last)

    def _read_down(self, history: History) -> None:
        """It is down from when it stops until it starts; where it was killed, from the last event before that."""
        for event, health in history.of_kind(Health, self._last_seq[Health]):
            self._last_seq[Health] = event.seq
            at = datetime.fromisoformat(event.time)
            if health.state == "stopping":
                self._down.append((at, None))
            elif health.state == "started":
                is_open = bool(self._down) and self._down[-1][1] is None
                since = self._down.pop()[0] if is_open else _time(history, event.seq - 1)
                if since is not None:
                    self._down.append((since, at))

    def _read_coils(self, history: History) -> None:
        """A decision is of the coil that had begun last of its name, whether its record is there or not."""
        for event, report in history.of_kind(CoilReport, self._last_seq[CoilReport]):
            self._last_seq[CoilReport] = event.seq
            if report.begins:
                self._begun.setdefault(report.coil, set()).add(event.seq)
        for event, record in history.of_kind(CoilRecord, self._last_seq[CoilRecord]):
            self._last_seq[CoilRecord] = event.seq
            self._coils[record.coil, record.first_seq] = _coil(event.time, record)
            self._begun.setdefault(record.coil, set()).add(record.first_seq)
        for event, decision in history.of_kind(Decision, self._last_seq[Decision]):
            self._last_seq[Decision] = event.seq
            begun = (seq for seq in self._begun.get(decision.coil, ()) if seq < event.seq)
            self._decided[decision.coil, max(begun, default=0)] = decision.grade


def _time(history: History, seq: int) -> datetime | None:
    """When an event was recorded; None where it is not held."""
    payload = next(history.recorded(seq, seq), None) if seq else None
    return datetime.fromisoformat(envelope_of(payload).time) if payload else None


def _coil(time: str, record: CoilRecord) -> PastCoil:
    return PastCoil(
        coil=record.coil,
        first_seq=record.first_seq,
        ended=datetime.fromisoformat(record.ended or time),
        length_m=record.length_m,
        over_m=inspected_length_m(record.length_m, record.inspected_m, record.missed_m),
        missed_m=record.missed_m,
        doubtful_m=record.doubtful_m,
        defects=record.defects,
        classes={sums.name: sums.count for sums in record.classes},
        grade=record.decisions[-1].grade if record.decisions else record.grade,
        repeats=record.repeats,
    )


def _alarm(time: str, alarm: Alarm) -> AlarmChange:
    is_open = alarm.state == "unacknowledged"
    return AlarmChange(
        at=datetime.fromisoformat(time),
        name=alarm.name,
        priority=alarm.priority,
        is_raised=is_open and alarm.cause in ("", "met"),
        is_met=alarm.is_met or (is_open and not alarm.isa_state),
        is_acknowledged=alarm.cause == "acknowledge" or (not alarm.cause and alarm.state == "acknowledged"),
    )
