"""Events read back from the journal's files, while another thread writes the newest.

Laws: what is damaged or gone is left out and reported once; it never ends the replay of what is whole, in the same file
too.

Knows: SQLite, the envelope. Must not know: who asks. Belongs to one thread, which need not be the journal's; `look_in`
and `let_go` are for the journal's.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise

import apsw

from inspector.events.message import Message, Replay
from inspector.events.resume import JournalPosition
from inspector.events.segments import BUSY_MS, JournalFolder, worded
from inspector.events.sums import CHANGED, ROW_CHANGED, Sums
from inspector.records.envelope import LIMIT_SEQS, envelope_of, read_event

REPLAY = """SELECT seq, topic, payload FROM event
WHERE seq > ?1 AND seq <= ?2 AND substr(topic, 1, length(?3)) = ?3 ORDER BY seq LIMIT ?4"""
LAST = "SELECT coalesce(max(seq), 0) FROM event"
ONE = "SELECT seq, topic, payload FROM event WHERE seq = ?1"
OPEN_FILES = 2
"""Kept open for the next question: askers go on where they were."""

NEWEST_SEQ = 2**63 - 1

EventRow = tuple[int, str, bytes]
DAMAGE = (apsw.NotADBError, apsw.CorruptError, apsw.SQLError)


class Reader:
    """Reads segments by their first numbers."""

    def __init__(self, folder: JournalFolder, report: Callable[[str], None]) -> None:
        """`report` receives what is found damaged, once each."""
        self._folder = folder
        self._report = report
        self._open: dict[int, apsw.Connection] = {}
        self._is_read = threading.Lock()
        self._damaged: set[int] = set()
        self._unsure: set[int] = set()
        """Segments of whose checksums some were changed."""

    def page(self, position: JournalPosition, after_seq: int, limit: int, prefix: str = "") -> Replay:
        """Return at most `limit` events after `after_seq`, of LIMIT_SEQS at most, from whichever segments hold them.

        Raises: JournalError when something else is wrong than what is damaged or gone.
        """
        assert limit > 0
        starts, last_seq, _ = position
        after = max(after_seq, starts[0] - 1)
        through = min(last_seq, after + LIMIT_SEQS)
        found: list[EventRow] = []
        for start, next_start in zip(starts, [*starts[1:], last_seq + 1], strict=True):
            if next_start <= after + 1 or start > through or len(found) == limit:
                continue
            with worded(self._folder.path):
                found += self._read(start, after, through, prefix, limit - len(found))
        if found and len(found) == limit:
            through = found[-1][0]
        elif not found:
            through = max(through, self._end_of_hole(starts, after, last_seq))
        return Replay(tuple(Message(topic, payload) for _, topic, payload in found), through)

    def before(self, position: JournalPosition, wanted: str) -> int:
        """Return the `seq` of the last event before a time, as envelopes write it, by bisection.

        Raises: as `page`.
        """
        low, high = position.first_seq - 1, position.last_seq
        while low < high:
            middle = (low + high + 1) // 2
            found = self._next(position, middle - 1)
            if found and read_event(found[0].payload).time < wanted:
                low = middle
            else:
                high = middle - 1
        return low

    def _next(self, position: JournalPosition, after: int) -> tuple[Message, ...]:
        """The event that follows a number, where one does."""
        found = self.page(position, after, 1)
        while not found.messages and after < found.through_seq < position.last_seq:
            after, found = found.through_seq, self.page(position, found.through_seq, 1)
        return found.messages

    def _end_of_hole(self, starts: Sequence[int], after: int, last_seq: int) -> int:
        """Last number before the next segment where `after` is the end of one; numbers were passed over there."""
        for start, next_start in pairwise(starts):
            if start <= after + 1 < next_start and self._last_of(start) <= after:
                return min(last_seq, next_start - 1)
        return 0

    def _last_of(self, start: int) -> int:
        """Last number of a whole segment; more than any where it cannot be known."""
        with self._is_read:
            if start not in self._damaged:
                with contextlib.suppress(*DAMAGE, apsw.CantOpenError):
                    last: list[tuple[int]] = list(self._segment(start).execute(LAST))
                    return last[0][0]
        return NEWEST_SEQ

    def _read(self, start: int, after: int, through: int, prefix: str, limit: int) -> list[EventRow]:
        """Return rows of one segment; none of it when it is gone, those that are whole where it is damaged.

        Raises: JournalError when the folder is not there, so that nobody can know what is gone; apsw.Error when
        something else is wrong, like too many open files.
        """
        with self._is_read:
            try:
                if start not in self._open:
                    self._folder.see_here()
                if start in self._damaged:
                    return self._whole(start, after, through, prefix, limit)
                segment = self._segment(start)
                rows = list(segment.execute(REPLAY, (after, through, prefix, limit)))
                sums = Sums(segment, after + 1)
                if (changed := sums.first_damaged(rows)) is not None:
                    raise apsw.CorruptError(CHANGED.format(changed))
                if sums.changed and start not in self._unsure:
                    self._unsure.add(start)
                    self._report(f"{self._folder.file(start)}: {ROW_CHANGED.format(sums.changed[0])}")
                return rows
            except DAMAGE as error:
                self._damaged.add(start)
                words = f"{self._folder.file(start)}: is damaged; what is unreadable is left out of replays: {error}"
                self._report(words)
                return self._whole(start, after, through, prefix, limit)
            except apsw.CantOpenError:
                if self._folder.file(start).exists():
                    raise
                self._folder.see_here()
                return []

    def distrust(self, start: int) -> None:
        """Read a segment event by event from now on, and on a connection that remembers nothing of it."""
        with self._is_read:
            self._damaged.add(start)
            if (segment := self._open.pop(start, None)) is not None:
                segment.close()

    def _whole(self, start: int, after: int, through: int, prefix: str, limit: int) -> list[EventRow]:
        """Read event by event: a damaged page takes none with it but its own."""
        rows = list[EventRow]()
        for seq in range(max(start - 1, after) + 1, through + 1):
            try:
                segment = self._segment(start)
                found = [row for row in segment.execute(ONE, (seq,)) if is_whole(row)]
                if Sums(segment, seq).first_damaged(found) is not None:
                    continue
            except DAMAGE:
                continue
            rows += [row for row in found if row[1].startswith(prefix)]
            if len(rows) == limit:
                break
        return rows

    def look_in(self, folder: JournalFolder) -> None:
        """Read from the same folder, which was opened again."""
        self._folder = folder

    def let_go(self) -> None:
        """Close what is open, until it is asked for again."""
        with self._is_read:
            self.close()

    def close(self) -> None:
        """Close what is open."""
        for segment in self._open.values():
            with contextlib.suppress(apsw.Error):
                segment.close()
        self._open.clear()

    def _segment(self, start: int) -> apsw.Connection:
        segment = self._open.pop(start, None)
        if segment is None:
            while len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            segment = apsw.Connection(str(self._folder.file(start)), flags=apsw.SQLITE_OPEN_READWRITE)
            segment.set_busy_timeout(BUSY_MS)
        self._open[start] = segment  # the last one asked for stays longest
        return segment


def is_whole(row: EventRow) -> bool:
    """Whether an event can be read, and is the one that its row names."""
    seq, topic, payload = row
    try:
        envelope = envelope_of(payload)
    except (ValueError, RecursionError):
        return False
    return (envelope.seq, envelope.type) == (seq, topic)
