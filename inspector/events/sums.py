"""The checksums of a segment's events: what finds a byte that a medium changed, where SQLite's own checks see none.

A page holds whatever its bytes say: SQLite notices a damaged structure, and no digit that became another. Each commit
adds one row: four bytes for each of its events, and four for the row itself.

Laws: a sum is written in the commit of its event. What wrote no sums (a version before them) shows: those events count
as whole. So do events whose row was changed, but the change is named.

Knows: the table, CRC-32. Must not know: what an event says, who asks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

import apsw

from inspector.events.message import Message

TABLE = "CREATE TABLE IF NOT EXISTS checksum (first INTEGER PRIMARY KEY, crcs BLOB NOT NULL) STRICT"
"""By the first event of a commit: the CRC-32 of each of its events, and that of all before it; little-endian."""
INSERT = "INSERT INTO checksum VALUES (?, ?)"
IS_THERE = "SELECT count(*) FROM sqlite_schema WHERE name = 'checksum'"
FROM = """SELECT first, crcs FROM checksum
WHERE first >= coalesce((SELECT max(first) FROM checksum WHERE first <= ?), 0) ORDER BY first"""
CRC_BYTES = 4
CHANGED = "event {} is not as it was recorded: its checksum is another"
ROW_CHANGED = "the checksums of events from {} on are not as they were recorded"


def crc_of(seq: int, topic: str, payload: bytes) -> int:
    """The CRC-32 of an event under its number."""
    return zlib.crc32(payload, zlib.crc32(topic.encode(), seq & 0xFFFFFFFF))


def enter(segment: apsw.Connection, first_seq: int, group: Sequence[Message]) -> None:
    """Write the sums of events that are numbered from `first_seq`, within the transaction that writes the events."""
    if group:
        crcs = [crc_of(seq, topic, payload) for seq, (topic, payload) in enumerate(group, first_seq)]
        packed = struct.pack(f"<{len(crcs)}I", *crcs)
        segment.execute(INSERT, (first_seq, packed + _own(first_seq, packed)))


def _own(first_seq: int, packed: bytes) -> bytes:
    """The checksum of a row."""
    return struct.pack("<I", zlib.crc32(packed, first_seq & 0xFFFFFFFF))


class Sums:
    """The sums of one segment, asked for in the order of the events."""

    def __init__(self, segment: apsw.Connection, first_seq: int = 0) -> None:
        """`first_seq` is asked for first.

        Raises: apsw.Error, from every method.
        """
        ((tables,),) = segment.execute(IS_THERE)
        self._rows: Iterator[tuple[int, bytes]] = iter(segment.execute(FROM, (first_seq,)) if tables else ())
        self._first, self._crcs = 0, b""
        self.changed: list[int] = []
        """Rows of those read so far that were changed, by the first event that they name."""

    def is_whole(self, seq: int, topic: str, payload: bytes) -> bool:
        """Whether an event is the one that was recorded, or of those without a sum."""
        while seq >= self._first + len(self._crcs) // CRC_BYTES:
            if not self._read():
                return True
        place = (seq - self._first) * CRC_BYTES
        if place < 0:
            return True
        (crc,) = struct.unpack_from("<I", self._crcs, place)
        return bool(crc == crc_of(seq, topic, payload))

    def first_damaged(self, events: Iterable[tuple[int, str, bytes]]) -> int | None:
        """Return the number of the first of these events that is not as it was recorded."""
        return next((seq for seq, topic, payload in events if not self.is_whole(seq, topic, payload)), None)

    def changed_to_the_end(self) -> list[int]:
        """Read all rows that are left; return those that were changed, by the first event that they name."""
        while self._read():
            pass
        return self.changed

    def _read(self) -> bool:
        """Go on to the next row that is whole; return whether there is one."""
        for first, row in self._rows:
            crcs, own = row[:-CRC_BYTES], row[-CRC_BYTES:]
            if own == _own(first, crcs):
                self._first, self._crcs = first, crcs
                return True
            self.changed.append(first)
        return False
