"""What each person stated of each defect, from the journal's `label` events: where they differ, and who stated what.

Knows: the journal. Must not know: the archive, HTTP. From any thread.
"""

from __future__ import annotations

import threading
from pathlib import Path

from inspector.events.history import History
from inspector.records.events import Labelled


class OpinionReader:
    """Opinions of one line's people; only what is new is read, all of it where another journal begins."""

    def __init__(self) -> None:
        self._place = ("", 0)
        self._last_seq = 0
        self._stated: dict[tuple[str, str], dict[str, str]] = {}
        self._lock = threading.Lock()

    def read(self, journal: Path) -> dict[tuple[str, str], dict[str, str]]:
        """By coil and defect, each person's last word.

        Raises: JournalError.
        """
        with self._lock, History(journal) as history:
            goes_on, self._place = history.goes_on_from(self._place)
            if not goes_on:
                self._stated, self._last_seq = {}, 0
            for event, data in history.of_kind(Labelled, self._last_seq):
                self._last_seq = event.seq
                labels = self._stated.setdefault((data.coil, data.id), {})
                labels.pop(data.operator, None)
                if data.label:
                    labels[data.operator] = data.label
            return {key: dict(labels) for key, labels in self._stated.items()}
