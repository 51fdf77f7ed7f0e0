"""Faults of the station's own: errors that nobody foresaw, in what follows a line or passes it on.

Laws: each is logged once, however often it comes. The last one stands until the station is started again: what it kept
from the pages does not come back by itself.

Knows: errors. Must not know: where they are shown. From any thread.
"""

from __future__ import annotations

import logging

log = logging.getLogger("inspector")

MOST = 100
"""Different ones that are logged: one that names a number may be another each time."""


class OwnFaults:
    """Those of what belongs to one line."""

    def __init__(self) -> None:
        self.last = ""
        """The last one; empty while there was none."""
        self._logged = set[str]()

    def note(self, line: str, error: Exception) -> None:
        """Note an error while it is handled; the log has its traceback."""
        self.last = repr(error)
        if self.last not in self._logged and len(self._logged) < MOST:
            self._logged.add(self.last)
            log.exception("line %s: unexpected %s. Report this as a bug.", line, self.last)
