"""Puts findings on disk, whatever the disk does: full, read-only, taken away, damaged. The inspection goes on.

Laws: nothing is handed on before it is on disk. What the disk does not take waits in memory, and is recorded without a
hole once it does. Each fault is reported when it begins and when it ends, the first by way of the ballast where the
disk is full.

Knows: the journal, and what its errors mean. Must not know: sockets, what is recorded. Belongs to one thread at a time;
`fault` and `waiting` are for any.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from inspector.errors import DiskFull, JournalError
from inspector.events.journal import Journal
from inspector.events.message import Message
from inspector.events.resume import JournalPosition
from inspector.records.events import CameraState, Data, JournalFault, JournalStatus, Ne107
from inspector.records.stages import Findings, JournalAccount
from inspector.service.backlog import Backlog
from inspector.words import counted

log = logging.getLogger("inspector")

RETRY_S = 0.5
"""How often a disk that takes nothing is tried again."""
LOOK_S = 5.0
"""How often a disk that was full is looked at for room for the ballast."""
KEEP_S = 0.25
"""Where nothing happens the stages' states are kept this often, so that sound strip is on record too."""
STANDING, FULL = "journal_disk", b"full"
"""Among the states kept: so that a restart reports the end of a full disk."""

Write = Callable[[Sequence[Data], Mapping[str, bytes]], tuple[Message, ...]]


class RecordedFindings(NamedTuple):
    """Findings whose events are on disk."""

    group: Sequence[Findings]
    messages: tuple[Message, ...]
    position: JournalPosition
    """How far the journal goes with them."""


class Recorder:
    """Records to a journal, which it closes; `report` receives what there is to say of it, for the line's stages."""

    def __init__(
        self,
        journal: Journal,
        report: Callable[[Data], None],
        write: Write,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`write` is the journal's `record`, or that and more; `clock_s` is monotonic."""
        self._journal, self._report, self._write, self._clock_s = journal, report, write, clock_s
        self._backlog = Backlog()
        self.fault = ""
        """Why the disk takes nothing at present; empty where it does."""
        self._damaged = 0
        self._seq = journal.last_seq
        """Up to here everything was handed on."""
        self._is_full = journal.states.get(STANDING) == FULL
        self._retry_s = self._look_s = self._kept_s = -math.inf

    @property
    def waiting(self) -> int:
        """Events that wait for the disk."""
        return len(self._backlog)

    def account(self) -> JournalAccount:
        """How the journal and its disk do now; from any thread."""
        taken, limit, free = self._journal.disk()
        return JournalAccount(not self.fault, self.waiting, taken, limit, free, self._damaged)

    def standing(self) -> list[JournalStatus]:
        """What stands of the journal, as reports of it; its end comes once there is room."""
        words = "the disk was all but full before the inspector was started"
        return [self._status("full", "raised", words)] if self._is_full else []

    def record(self, group: Sequence[Findings], reports: Sequence[Data] = ()) -> RecordedFindings:
        """Put on disk what was found, then the other `reports`, and return what is to be handed on.

        That is less where the disk takes nothing, and all that waited too where it does again.

        Raises: DiskFull where the disk is full of the journal itself.
        """
        self._look_at_the_disk()
        states = self._due(group, reports)
        if not self.fault:
            events = [*(event for findings in group for event in findings.events), *reports]
            try:
                return self._handed_on(group, self._put(events, states))
            except JournalError as error:
                self._make_room(error)
        free = self._backlog.add(group, reports, states)
        if self._clock_s() < self._retry_s:
            return RecordedFindings(free, (), self._journal.position)
        return self._try_again(free)

    def close(self) -> None:
        """Try once more to record what waits, and close the journal.

        Raises: JournalError when that fails: what waits is lost.
        """
        if self.fault:
            self._try_again(())
        waiting = len(self._backlog)
        try:
            self._journal.close()
        except JournalError:
            if not waiting:
                raise
        if waiting:
            raise JournalError(f"{counted(waiting, 'event')} could not be recorded, and are lost: {self.fault}")

    # --- what is handed on ----------------------------------------------------------------------------------------

    def _put(self, events: Sequence[Data], states: Mapping[str, bytes]) -> tuple[Message, ...]:
        """Record; `write` is for what has events, so that it may time that."""
        return (self._write if events else self._journal.record)(events, self._with_standing(states))

    def _handed_on(self, group: Sequence[Findings], messages: Sequence[Message]) -> RecordedFindings:
        self._seq = self._journal.last_seq
        return RecordedFindings(group, tuple(messages), self._journal.position)

    def _due(self, group: Sequence[Findings], reports: Sequence[Data]) -> Mapping[str, bytes]:
        """Return the stages' states where they are to be kept: with whatever happened, else now and then."""
        happened = reports or any(findings.events or findings.receipts for findings in group)
        now_s = self._clock_s()
        if not group or not (happened or now_s - self._kept_s >= KEEP_S):
            return {}
        self._kept_s = now_s
        return group[-1].states

    def _with_standing(self, states: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Add whether the disk is full, where that has changed."""
        now = FULL if self._is_full else b""
        return states if now == self._journal.states.get(STANDING, b"") else {**states, STANDING: now}

    # --- a disk that takes nothing --------------------------------------------------------------------------------

    def _make_room(self, error: JournalError) -> None:
        """Give the ballast up where that helps."""
        self._retry_s = -math.inf
        if isinstance(error, DiskFull) and self._journal.ballast.give_up():
            self._full(f"{error} The ballast was given up: what follows is recorded in its place.")

    def _try_again(self, free: Sequence[Findings]) -> RecordedFindings:
        """Record all that waits, where the disk takes it now."""
        journal, backlog = self._journal, self._backlog
        self._retry_s = self._clock_s() + RETRY_S
        try:
            journal.recover()
            on_disk = journal.last_seq - self._seq  # of an attempt that was reported as failed
            self._put(backlog.events()[on_disk:], backlog.states)
            messages = journal.since(self._seq)  # byte for byte what others can replay
        except JournalError as error:
            if isinstance(error, DiskFull) and journal.fills_its_disk():
                raise  # nobody can make room there: the disk is smaller than journal.max_mb
            journal.let_go()
            self._failed(str(error))
            return RecordedFindings(free, (), journal.position)
        self._goes_on(len(backlog), backlog.lost)
        return self._handed_on([*backlog.empty(), *free], messages)

    # --- what is reported of it --------------------------------------------------------------------------------------

    def _failed(self, why: str) -> None:
        is_new, self.fault = not self.fault, why
        if is_new:
            self._say("not_written", "raised", f"{why} Inspection goes on; events wait in memory.")

    def _goes_on(self, waited: int, lost: int) -> None:
        was, self.fault = self.fault, ""
        if was:
            message = f"the journal is written again; {counted(waited, 'event')} waited, {lost} found no room"
            self._say("not_written", "returned", message, waited, lost)

    def _full(self, message: str) -> None:
        self._is_full = True
        self._say("full", "raised", message)

    def _look_at_the_disk(self) -> None:
        """Report what was found damaged; keep room for a disk that runs full."""
        while self._journal.remarks:
            remark = self._journal.remarks.pop(0)
            self._damaged += 1
            self._say("damaged", "raised", remark)
            self._say("damaged", "returned", f"the journal goes on: its epoch is {self._journal.epoch}")
        now_s = self._clock_s()
        if self.fault or now_s - self._look_s < LOOK_S:
            return
        self._look_s = now_s
        is_laid = self._journal.ballast.lay()
        if is_laid and self._is_full:
            self._is_full = False
            self._say("full", "returned", "there is room again, and ballast for the next time")
        elif not is_laid and not self._is_full:
            self._full(f"{self._journal.ballast}: the disk is all but full. Free space on it, or lower journal.max_mb.")

    def _say(self, fault: JournalFault, state: CameraState, message: str, waited: int = 0, lost: int = 0) -> None:
        (log.info if state == "returned" else log.error)("journal %s: %s", fault, message)
        self._report(self._status(fault, state, message, waited, lost))

    def _status(
        self, fault: JournalFault, state: CameraState, message: str, waited: int = 0, lost: int = 0
    ) -> JournalStatus:
        """The report of a fault, with the status of the journal: whatever else ends, a full disk stays one."""
        is_ill = state == "raised" or self._is_full
        status: Ne107 = "failure" if self.fault else "maintenance_required" if is_ill else "normal"
        return JournalStatus(fault=fault, state=state, status=status, message=message, waited=waited, lost=lost)
