"""Events read back from the journal's files, while another thread writes the newest.

Laws: what is damaged or gone is left out and reported once; it never ends the replay of what is whole.

Knows: SQLite. Must not know: the envelope, who asks. Belongs to one thread, which need not be the journal's.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import apsw

from inspector.events.segments import BUSY_MS, JournalFolder

log = logging.getLogger("inspector")

REPLAY = """SELECT seq, topic, payload FROM event
WHERE seq > ?1 AND seq <= ?2 AND substr(topic, 1, length(?3)) = ?3 ORDER BY seq LIMIT ?4"""
OPEN_FILES = 2
"""Kept open for the next question: askers go on where they were."""

EventRow = tuple[int, str, bytes]


class Reader:
    """Reads segments by their first numbers."""

    def __init__(self, folder: JournalFolder, report: Callable[[str], None]) -> None:
        """`report` receives what is found damaged, once each."""
        self._folder = folder
        self._report = report
        self._open: dict[int, apsw.Connection] = {}
        self._damaged: set[int] = set()

    def read(self, start: int, after: int, through: int, prefix: str, limit: int) -> list[EventRow]:
        """Return rows of one segment; none of it when it is gone or damaged.

        Raises: apsw.Error when something else is wrong, like too many open files.
        """
        if start in self._damaged:
            return []
        try:
            return list(self._segment(start).execute(REPLAY, (after, through, prefix, limit)))
        except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError) as error:
            self._damaged.add(start)
            words = f"{self._folder.file(start)}: is damaged and left out of replays: {error}"
            log.error("%s", words)
            self._report(words)
        except apsw.CantOpenError:
            if self._folder.file(start).exists():
                raise
        return []

    def look_in(self, folder: JournalFolder) -> None:
        """Read from the same folder, which was opened again; from the journal's thread."""
        self._folder = folder

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
