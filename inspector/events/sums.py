"""The checksums of a segment's events: what finds a byte that a medium changed, where SQLite's own checks see none.

A page holds whatever its bytes say: SQLite notices a damaged structure, and no digit that became another. Each commit
adds one row, four bytes for each of its events.

Laws: a sum is written in the commit of its event. What wrote no sums (a version before them) shows: those events count
as whole.

Knows: the table, CRC-32. Must not know: what an event says, who asks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

import apsw

from inspector.events.message import Message

TABLE = "CREATE TABLE IF NOT EXISTS sums (first INTEGER PRIMARY KEY, crcs BLOB NOT NULL) STRICT"
"""By the first event of a commit: the CRC-32 of each of its events, little-endian."""
INSERT = "INSERT INTO sums VALUES (?, ?)"
IS_THERE = "SELECT count(*) FROM sqlite_schema WHERE name = 'sums'"
FROM = """SELECT first, crcs FROM sums
WHERE first >= coalesce((SELECT max(first) FROM sums WHERE first <= ?), 0) ORDER BY first"""
CRC_BYTES = 4


def crc_of(seq: int, topic: str, payload: bytes) -> int:
    """The CRC-32 of an event under its number."""
    return zlib.crc32(payload, zlib.crc32(topic.encode(), seq & 0xFFFFFFFF))


def enter(segment: apsw.Connection, first_seq: int, group: Sequence[Message]) -> None:
    """Write the sums of events that are numbered from `first_seq`, within the transaction that writes the events."""
    if group:
        crcs = [crc_of(seq, topic, payload) for seq, (topic, payload) in enumerate(group, first_seq)]
        segment.execute(INSERT, (first_seq, struct.pack(f"<{len(crcs)}I", *crcs)))


class Sums:
    """The sums of one segment, asked for in the order of the events."""

    def __init__(self, segment: apsw.Connection, first_seq: int = 0) -> None:
        """`first_seq` is asked for first.

        Raises: apsw.Error, from every method.
        """
        ((tables,),) = segment.execute(IS_THERE)
        self._rows: Iterator[tuple[int, bytes]] = iter(segment.execute(FROM, (first_seq,)) if tables else ())
        self._first, self._crcs = 0, b""

    def is_whole(self, seq: int, topic: str, payload: bytes) -> bool:
        """Whether an event is the one that was recorded, or of those without a sum."""
        while seq >= self._first + len(self._crcs) // CRC_BYTES:
            following = next(self._rows, None)
            if following is None:
                return True
            self._first, self._crcs = following
        place = (seq - self._first) * CRC_BYTES
        if place < 0:
            return True
        (crc,) = struct.unpack_from("<I", self._crcs, place)
        return bool(crc == crc_of(seq, topic, payload))


def damaged(segment: apsw.Connection, events: Iterable[tuple[int, str, bytes]], first_seq: int = 0) -> Iterator[int]:
    """Yield the numbers of a segment's events, from `first_seq` on, that are not as they were recorded."""
    sums = Sums(segment, first_seq)
    return (seq for seq, topic, payload in events if not sums.is_whole(seq, topic, payload))
