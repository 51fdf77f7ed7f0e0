"""What is wrong with frames, put in words for the log: seldom enough to be read, often enough to be seen."""

from __future__ import annotations

import logging

log = logging.getLogger("inspector")

COMPLAIN_NS = 60_000_000_000
"""Things of one kind are put in words this often; all of them are counted."""


class Complaints:
    """Logs the first of a kind at once, then one of its kind a minute."""

    def __init__(self) -> None:
        self._logged_ns: dict[tuple[str, str], int] = {}
        self._unlogged: dict[tuple[str, str], int] = {}

    def add(self, of: str, kind: str, words: str, now_ns: int, level: int = logging.WARNING) -> None:
        """Take in one thing; `of` and `kind` name it, `words` are logged."""
        key = of, kind
        if key in self._logged_ns and now_ns - self._logged_ns[key] < COMPLAIN_NS:
            self._unlogged[key] = self._unlogged.get(key, 0) + 1
            return
        unlogged = self._unlogged.pop(key, 0)
        self._logged_ns[key] = now_ns
        log.log(level, "%s%s", words, f" ({unlogged} more since the last such line)" if unlogged else "")
