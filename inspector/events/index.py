"""The index of a segment: one short row for each event, so that a coil's defects are found without reading all others.

Laws: a row is written in the commit of its event. What wrote no rows (a version before the index) shows: the rows are
counted, and a segment that lacks some is read from its events instead.

Knows: which facts of an event people ask for. Must not know: who asks, how segments follow one another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator

import apsw

from inspector.records.envelope import read_event
from inspector.records.events import Data, Defect

WHOLE, OPEN, PART = 0, 1, 2
"""`state` of an entry: a defect that is finished, one that goes on, one that turned out to be a part of another."""

IndexRow = tuple[str, str, str, int, int, int | None, int, float, float, float, float, float]

COLUMNS = """kind TEXT NOT NULL, coil TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, seq INTEGER NOT NULL,
key INTEGER, state INTEGER NOT NULL, start_mm REAL NOT NULL, length_mm REAL NOT NULL, width_mm REAL NOT NULL,
area_mm2 REAL NOT NULL, confidence REAL NOT NULL, PRIMARY KEY (kind, coil, name, size, seq)"""
"""`size` puts the long defects of a class together; within one size rows are appended, which is cheap."""
TABLES = f"""
CREATE TABLE IF NOT EXISTS entry ({COLUMNS}) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_partial ON entry (coil, seq) WHERE state > 0;
CREATE INDEX IF NOT EXISTS entry_start ON entry (coil, start_mm) WHERE kind = 'defect';
CREATE TABLE IF NOT EXISTS indexed (one INTEGER PRIMARY KEY CHECK (one = 1), events INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO indexed VALUES (1, 0);
"""
INSERT = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
COUNT = "UPDATE indexed SET events = events + ?"
TEMPORARY = TABLES.partition("CREATE TABLE IF NOT EXISTS indexed")[0].replace("EXISTS entry", "EXISTS temp.entry")
SCAN_EVENTS = 10_000
"""Events without rows that are read at once."""


def row(seq: int, topic: str, data: object, subject: str) -> IndexRow:
    """The index's row of an event: `name` is what follows the kind in its topic, a defect's class."""
    kind, _, name = topic.partition(".")
    if not isinstance(data, Defect):
        return (kind, subject, name, 0, seq, None, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return (
        kind,
        subject,
        name,
        size(data.length_mm),
        seq,
        key(data.id),
        OPEN if data.is_partial else PART if data.part_of else WHOLE,
        data.start_mm,
        round(data.length_mm, 1),
        round(data.width_mm, 1),
        data.area_mm2,
        data.confidence,
    )


NEAR_MM = 0.001
"""Indexes of 0.3 have lengths with the error of a difference, and so 64 mm as less: a question looks so far below."""


def size(length_mm: float) -> int:
    """A length's power of two: no defect that is at least so long has a lower one. 0 below 1 mm."""
    return max(0, math.frexp(length_mm)[1]) if length_mm > 0 else 0


def key(name: str) -> int:
    """A defect's id in 8 bytes: two of 200 000 share one with a probability of 1e-9."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def enter(segment: apsw.Connection, events: Iterable[tuple[int, Data]]) -> None:
    """Write the rows of events, by `seq`, within the transaction that writes the events."""
    rows = [row(seq, data.topic, data, data.subject) for seq, data in events]
    segment.executemany(INSERT, rows)
    segment.execute(COUNT, (len(rows),))


def prepare(segment: apsw.Connection, *, writable: bool) -> None:
    """Make the rows of all events that have none; in a table of this connection only, where it may not write.

    Raises: apsw.Error.
    """
    if writable:
        segment.execute(TABLES)
        if not _lacks_rows(segment):
            return
        segment.execute("BEGIN IMMEDIATE")
        segment.execute("DELETE FROM main.entry")
        segment.executemany(INSERT, _rows(segment))
        segment.execute("UPDATE indexed SET events = (SELECT count(*) FROM entry)")
        segment.execute("COMMIT")
    elif _lacks_rows(segment):
        segment.execute(TEMPORARY)
        segment.executemany(INSERT.replace("entry", "temp.entry"), _rows(segment))


def _lacks_rows(segment: apsw.Connection) -> bool:
    ((first, last),) = segment.execute("SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event)")
    held = 0 if first is None else last - first + 1
    tables = {name for (name,) in segment.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")}
    if not {"entry", "indexed"} <= tables:
        return held > 0
    ((events,),) = segment.execute("SELECT events FROM indexed")
    return bool(events != held)


def _rows(segment: apsw.Connection) -> Iterator[IndexRow]:
    """Yield the rows of all events of a segment, a bounded number of events at a time."""
    after = 0
    while batch := list(
        segment.execute(
            "SELECT seq, topic, payload FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (after, SCAN_EVENTS)
        )
    ):
        for seq, topic, payload in batch:
            event = read_event(payload)
            yield row(seq, topic, event.data, event.subject)
        after = batch[-1][0]
