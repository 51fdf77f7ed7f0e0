"""How a simulated inspector begins and ends: what the one before left on disk, and what must be there.

Knows: a process's start and end. Must not know: what happens meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from inspector.errors import JournalError
from inspector.records.envelope import read_event
from inspector.records.events import Data
from inspector.records.stages import Findings
from inspector.triggers.settings import TriggerSection
from tests.simulation.accounts import AlarmAccount, Ends, FaultAccount, FrameAccount, Record, StripAccount, require
from tests.simulation.cameras import Camera, Shot
from tests.simulation.disk import Disk
from tests.simulation.line import Clocks, Line
from tests.simulation.schedule import LATCHING, Schedule
from tests.simulation.seen import DefectAccount, RepeatAccount, TriggerAccount
from tests.simulation.tape import Tape


class Life:
    """The processes of one mill, one after another."""

    def __init__(self, schedule: Schedule, disk: Disk | Tape) -> None:
        self.disk = disk
        disk.forget()
        self._plan, self._setup = schedule, schedule.setup
        self.clocks = Clocks()
        self.shots: list[Shot] = []
        now_ns = self.clocks.monotonic_ns()
        names = [section.name for section in schedule.setup.cameras]
        self.cameras = [Camera(name, schedule.line, self.shots, now_ns) for name in names]
        self.record = Record()
        self.cuts = self.starts = 0
        """Of power, and of processes."""
        self.epoch = ""
        self._behind = 0
        """Messages that came since a picture waits to be decoded."""
        self._start()

    # --- a process --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the inspector, and compare what it knows with what must be on disk."""
        self.disk.start()
        self.starts += 1
        name = f"e{self.starts}"
        journal = self.disk.open(self._setup, self.clocks, name)
        self.line = Line(journal, self._setup, self.clocks, name)
        journal = self.line.journal
        self.epoch = self.epoch or journal.epoch
        require(journal.epoch == self.epoch, f"the epoch became {journal.epoch}; it was {self.epoch}")
        require(not journal.remarks, f"files were found damaged: {journal.remarks}")
        self.record.settle(journal.last_seq, journal.states)
        self._read_back()
        self.strip, self.alarms, self.ends = StripAccount(), AlarmAccount(LATCHING), Ends()
        self.defects, self.triggers, self.repeats = DefectAccount(), TriggerAccount(), RepeatAccount()
        for findings in self.record.findings:
            self._follow(findings)
        self.faults = FaultAccount()
        self._compare(self.record.events)
        if self.line.repeats:
            self.repeats.compare(self.line.repeats.under_way)
        known = self.ends.inspected | self.ends.given_up
        for camera in self.cameras:
            lost = camera.recorded - known
            require(not lost, f"{camera.name}: shots {sorted(lost)} were acknowledged; the disk knows nothing of them")
        self.account = FrameAccount(known, is_credit=self._plan.line.is_credit)

    def _compare(self, reported: Sequence[Data]) -> None:
        """See that alarms, and what stands for them, are what was reported."""
        self.alarms.follow(reported)
        self.alarms.compare(self.line.alarms.states())
        self.faults.follow(reported)
        self.faults.compare(fault.fault for fault in self.line.alarms.standing.faults)

    def _read_back(self) -> None:
        """Read the journal: no hole, and all that was published, byte for byte."""
        journal, found = self.line.journal, dict[int, bytes]()
        after = journal.first_seq - 1
        while after < journal.last_seq:
            page = journal.replay(after, limit=1000)
            found |= {seq: message.payload for seq, message in enumerate(page.messages, after + 1)}
            after = page.through_seq
        topics = dict[str, int]()
        for seq, payload in found.items():
            event = read_event(payload)
            require(event.seq == seq, f"event {event.seq} stands where {seq} is expected")
            root = event.type.partition(".")[0]
            before = topics.get(root)
            is_next = event.topicseq == (before + 1 if before is not None else event.topicseq)
            require(is_next, f"event {seq}: topicseq {event.topicseq} of {root} follows {before}")
            topics[root] = event.topicseq
            require(event.data == self.record.events[seq - 1], f"event {seq} is not the one that was given")
        require(len(found) == journal.last_seq - journal.first_seq + 1, "the journal has a hole")
        for seq, payload in self.record.published.items():
            if seq >= journal.first_seq:
                require(found.get(seq) == payload, f"event {seq} was published, and is not on disk as it was")
        self.record.published |= found  # whoever asks is given them

    def close(self) -> None:
        """Let go of the last process."""
        self.disk.kill()
        self._end()

    def _end(self) -> None:
        """Let go of a process that was killed."""
        with contextlib.suppress(JournalError):  # nothing that it writes is written
            self.line.close()
        self._disconnect()

    def _disconnect(self) -> None:
        """What was under way to a process that is gone never comes."""
        for camera in self.cameras:
            if not self._plan.line.is_credit:
                camera.sent.clear()

    def _dies(self) -> bool:
        """Whether the process was killed in the middle of something."""
        return self.disk.is_dead

    def _follow(self, findings: Findings, rules: Sequence[TriggerSection] = ()) -> None:
        """Take findings into all accounts; `rules` are the triggers by which they were made, where these are known."""
        seen = self.ends.follow(findings, self.shots)
        self.strip.follow(findings.events, seen, self.ends.confused)
        self.defects.follow(findings, self.ends.confused)
        self.triggers.follow(findings.events, rules)
        self.repeats.follow(findings.events)
