"""Coils of a line, from its journal: the list, a coil's page, and what the page's script draws.

Laws: the journal is only read. A coil that is over is read once while it is among the last few, and stands as it was
recorded at its end, whatever the rules of today say. What a page is made of comes from one reading.

Knows: the journal's history, the coil's record and report. Must not know: HTTP.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from inspector.archive.pictures import is_archive
from inspector.coil import report
from inspector.coil.pictures import chosen, worst
from inspector.coil.record import as_recorded, record
from inspector.coil.report import Packed
from inspector.coil.seen import covered, gather, totals
from inspector.events.history import History, Passage
from inspector.records.coil import inspected_length_m, per_100_m
from inspector.records.events import CoilRecord, Decision
from inspector.station.lines import Line

REMEMBERED = 12
PICTURED = 12
"""Of the worst defects: as many as the page shows at once."""
FRESH_S = 2.0
"""How soon a coil that runs is read again, however many look at it."""


class ListedCoil(msgspec.Struct, frozen=True, kw_only=True):
    """A coil in the list."""

    coil: str
    first_seq: int
    started: str
    ended: str
    """Empty while it runs."""
    length_m: float
    missed_m: float
    doubtful_m: float | None
    """Inspected and not surely seen, metres; None where it has no record."""
    defects: int
    per_100_m: float | None
    """Defects on 100 metres that were inspected; None where none was."""
    crowded: int
    grade: str
    """As recorded at its end; empty where it was not."""
    decided: str
    """What a person decided of it last; empty where none did."""
    operator: str
    """Who did."""
    is_whole: bool


class CoilPage(msgspec.Struct, frozen=True):
    """A coil's page: its record, what its script draws; all of one reading."""

    stamp: str
    """Names this reading."""
    read_s: float
    """When it was made, monotonic clock."""
    record: CoilRecord
    """That of the coil's end, where the journal has one."""
    today: str
    """The grade that today's rules give, where that is another."""
    packed: Packed
    worst: tuple[str, ...]
    """Ids of the worst defects."""
    is_newest: bool
    """Whether no other coil of its name has begun since: people decide on the newest."""


class Coils:
    """The coils of one line."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._shown: OrderedDict[tuple[object, ...], CoilPage] = OrderedDict()
        self._lock = threading.Lock()

    def entries(self, line: Line) -> list[ListedCoil]:
        """All coils that are held, the newest first.

        Raises: JournalError.
        """
        with History(line.journal) as history:
            return [_entry(history, passage) for passage in reversed(history.coils())]

    def shown(self, line: Line, coil: str, first_seq: int | None, defect: str = "") -> CoilPage:
        """Read and pack a coil: the one of a name that began with an event, or has a defect; else the newest.

        Raises: JournalError.
        """
        with History(line.journal) as history:
            by_defect = first_seq is None and defect
            passage = history.coil_with(coil, defect) if by_defect else history.coil(coil, first_seq)
            decisions = tuple(event.seq for event, _ in history.events(passage, Decision))
            recorded = history.records(passage) if passage.is_over else []
            key = (coil, passage.first_seq, passage.last_seq, passage.ended, decisions, len(recorded))
            with self._lock:
                if line is not self._line:  # its rules may be others
                    self._shown.clear()
                    self._line = line
                found = self._shown.get(key)
                if found and (passage.is_over or time.monotonic() - found.read_s < FRESH_S):
                    self._shown.move_to_end(key)
                    return found
            made = _shown(line, history, passage, recorded)
        with self._lock:
            if not passage.is_over and key in self._shown:  # somebody may still ask for its parts
                before = self._shown.pop(key)
                self._shown[before.stamp,] = before
            self._shown[key] = made
            while len(self._shown) > REMEMBERED:
                self._shown.popitem(last=False)
        return made

    def again(self, stamp: str) -> CoilPage | None:
        """A reading of before, while it is remembered."""
        with self._lock:
            return next((made for made in self._shown.values() if made.stamp == stamp), None)


def pictures(archive: Path, page: CoilPage) -> dict[str, dict[str, Any]]:
    """What the archive has of a coil's worst defects, by id, as the page's script draws it."""
    found = chosen(archive, page.record.coil, page.worst) if is_archive(archive) else {}
    return {name: report.drawn(crop) for name, crop in found.items()}


def _entry(history: History, passage: Passage) -> ListedCoil:
    # a record of before a restart is no record of what runs now
    records = history.records(passage) if passage.is_over else []
    decisions = [decision for _, decision in history.events(passage, Decision)]
    sums = totals(history, passage)
    length_m = records[-1].length_m if records else sums.length_m
    defects = records[-1].defects if records else sum(sums.defects.values())
    return ListedCoil(
        coil=passage.coil,
        first_seq=passage.first_seq,
        started=passage.started,
        ended=passage.ended,
        length_m=length_m,
        missed_m=sums.missed_m,
        doubtful_m=records[-1].doubtful_m if records else None,
        defects=defects,
        per_100_m=per_100_m(defects, inspected_length_m(length_m, sums.inspected_m, sums.missed_m)),
        crowded=sums.crowded,
        grade=records[-1].grade if records else "",
        decided=decisions[-1].grade if decisions else "",
        operator=decisions[-1].operator if decisions else "",
        is_whole=passage.is_whole,
    )


def _shown(line: Line, history: History, passage: Passage, recorded: Sequence[CoilRecord]) -> CoilPage:
    seen = gather(history, passage, covered(recorded[-1]) if recorded else line.spans, keep="ids")
    graded = record(seen, line.gradings, line.severities, line.by_grade)
    made = as_recorded(graded, recorded)
    packed = report.pack(seen, line.gradings, line.severities, classes=line.classes)
    ids = tuple(seen.ids[place] for place in worst(seen, line.severities)[:PICTURED])
    today = graded.grade if graded.grade != made.grade else ""
    return CoilPage(secrets.token_urlsafe(9), time.monotonic(), made, today, packed, ids, passage.is_newest)
