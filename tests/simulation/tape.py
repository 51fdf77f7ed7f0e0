"""What the journal promises, without files: a tape on which a group of events is whole or not at all, once committed.

A schedule on it takes a fraction of one on files, so that there are many more; those on files (disk.py) show that the
journal keeps what is promised here.

Knows: the journal's promises, envelopes. Must not know: SQLite, files, what is recorded.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from inspector.errors import DiskFull
from inspector.events.journal import Journal
from inspector.events.message import Message, Replay, envelope, envelope_time, topic_root
from inspector.events.resume import JournalPosition
from inspector.records.events import Data
from tests.simulation.line import Clocks, Setup
from tests.simulation.writer import Writer

NO_STATES: Mapping[str, bytes] = MappingProxyType({})


class Tape(Writer):
    """What outlives a process, and what happens to it: as `Disk`, to the commit instead of to the write."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin with an empty tape, and power."""
        self.epoch = ""
        self.messages: list[Message] = []
        self.counts: dict[str, int] = {}
        self.states: dict[str, bytes] = {}
        self.is_full = False
        self.start()

    def open(self, setup: Setup, clocks: Clocks, name: str) -> Journal:
        """Give a process its journal."""
        return cast(Journal, TapeJournal(self, clocks, name))

    def cut(self, chance: random.Random) -> None:
        """Cut the power: what was committed stays."""


class Weight:
    """The ballast of a tape: once it was given up, it is laid again as soon as there is room."""

    def __init__(self, tape: Tape) -> None:
        self._tape, self.is_laid = tape, True

    def lay(self) -> bool:
        """Take the room, where there is any."""
        self.is_laid = self.is_laid or not self._tape.is_full
        return self.is_laid

    def give_up(self) -> bool:
        """Free it: a tape that is full stays so, as the disk of `disk.py`."""
        was_laid, self.is_laid = self.is_laid, False
        return was_laid


class TapeJournal:
    """`Journal` as the recorder and the replay know it, on a tape."""

    first_seq = 1

    def __init__(self, tape: Tape, clocks: Clocks, name: str) -> None:
        """`name` is the epoch, where none has begun."""
        self._tape, self._clocks = tape, clocks
        self.epoch = tape.epoch or name
        if tape.passes():
            tape.epoch = self.epoch
        self.remarks: list[str] = []
        self.ballast = Weight(tape)
        self.recover()

    def recover(self) -> None:
        """Take up what is on the tape."""
        tape = self._tape
        self.states: dict[str, bytes] = dict(tape.states)
        self._place(len(tape.messages), tape.counts)

    def _place(self, last_seq: int, counts: Mapping[str, int]) -> None:
        self.last_seq = last_seq
        self.position = JournalPosition((1,), last_seq, MappingProxyType(dict(counts)))

    def record(self, events: Sequence[Data], states: Mapping[str, bytes] = NO_STATES) -> tuple[Message, ...]:
        """Number events and commit them, with the stages' states. Raises: DiskFull."""
        changed = dict(states.items() - self.states.items())
        if not events and not changed:
            return ()
        tape = self._tape
        if tape.is_full and not tape.is_dead:
            raise DiskFull("the tape is full")
        counts, group = dict(self.position.last_topicseq), list[Message]()
        time = envelope_time(self._clocks.utc())
        for seq, data in enumerate(events, self.last_seq + 1):
            root = topic_root(data.topic)
            counts[root] = counts.get(root, 0) + 1
            group.append(envelope("/inspector/l", self.epoch, data, time=time, seq=seq, topicseq=counts[root]))
        if tape.passes() and tape.passes():  # it may be killed before, in the middle and behind
            tape.messages += group
            tape.counts = dict(counts)
            tape.states |= changed
        tape.passes()
        self.states |= changed
        self._place(self.last_seq + len(group), counts)
        return tuple(group)

    def replay(self, after_seq: int, limit: int, prefix: str = "") -> Replay:
        """Read back what is on the tape."""
        found = tuple(self._tape.messages[after_seq : after_seq + limit])
        return Replay(found, after_seq + len(found))

    def since(self, after_seq: int) -> list[Message]:
        """Read back all behind a number."""
        return self._tape.messages[after_seq:]

    def fills_its_disk(self) -> bool:
        """A tape is full of other things."""
        return False

    def let_go(self) -> None:
        """Hold nothing: there is nothing to hold."""

    def close(self) -> None:
        """There is nothing to close."""
