"""What waits for a disk that takes nothing: events and findings in memory, bounded, in their order. Pure.

Laws: what is not on disk stays here until it is. Beyond the bound new defects go, counted, and beyond twice the bound
whatever else a bad camera can report with each frame: totals, alarms and what people did stay. What needs no disk waits
for none.

Knows: findings and events. Must not know: the journal, clocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from inspector.records.events import (
    Alarm,
    CoilRecord,
    CoilReport,
    Commanded,
    Crowded,
    Data,
    Decision,
    Defect,
    Flood,
    Health,
    JournalStatus,
    Labelled,
)
from inspector.records.stages import Findings

MOST_EVENTS = 50_000
"""Some 100 MB of memory; minutes of a bad strip, hours of a good one. With what is no defect twice as many may wait."""
STAYS = Alarm | Flood | CoilReport | CoilRecord | Decision | Labelled | Commanded | Health | JournalStatus
"""What is rare, and what nothing else says."""


class Backlog:
    """Findings and events in the order in which they came."""

    def __init__(self, most_events: int = MOST_EVENTS) -> None:
        self._most = most_events
        self._group: list[Findings] = []
        self._events: list[Data] = []
        self.states: Mapping[str, bytes] = {}
        """Of the stages, after all that waits."""
        self.lost = 0
        """Events that found no room."""

    def __len__(self) -> int:
        """Events that wait."""
        return len(self._events)

    def add(self, group: Sequence[Findings], reports: Sequence[Data], states: Mapping[str, bytes]) -> list[Findings]:
        """Keep what needs the disk, and then the other `reports`; return the findings that need none.

        `states` are the newest of the stages, where they are due.
        """
        free = list[Findings]()
        for findings in group:
            kept = msgspec.structs.replace(findings, events=self._bounded(findings.events), crops=(), states={})
            self._events += kept.events  # without pictures: those have gone to the archive
            needs_disk = kept.events or kept.receipts or kept.answers
            (self._group if needs_disk else free).append(kept)
        self._events += self._bounded(reports)
        self.states = states or self.states
        return free

    def events(self) -> Sequence[Data]:
        """All that wait, in their order."""
        return self._events

    def empty(self) -> list[Findings]:
        """Forget everything, and return the findings that waited: all is on disk."""
        group, self._group, self._events, self.states, self.lost = self._group, [], [], {}, 0
        return group

    def _bounded(self, events: Sequence[Data]) -> tuple[Data, ...]:
        """Leave out those for which there is no room."""
        kept = tuple(events)
        if len(self._events) + len(kept) > self._most:
            kept = tuple(event for event in kept if not isinstance(event, Defect | Crowded))
        if len(self._events) + len(kept) > 2 * self._most:
            kept = tuple(event for event in kept if isinstance(event, STAYS))
        self.lost += len(events) - len(kept)
        return kept
