"""Sessions that were ended before their time: a copied cookie is worth nothing after the logout.

Laws: what ended stays ended over a restart of the station, where it may write a file; where it may not, the log says so
once, and the station remembers until it ends. No more is kept than a session can last. Clocks are passed in.

Knows: a file of its own. Must not know: cookies, HTTP. What is kept of a session does not open it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from inspector.station import state_file

log = logging.getLogger("inspector")


class Departed:
    """Knows which sessions have ended, by their secrets."""

    def __init__(self, path: Path | None, lasts_s: float, clock_s: Callable[[], float] = time.time) -> None:
        """Without `path` nothing is written. `clock_s` counts as the machine's calendar does."""
        self._path, self._lasts_s, self._clock_s = path, lasts_s, clock_s
        self._until_s = self._read()

    def add(self, secret: str) -> None:
        """End a session."""
        now_s = self._clock_s()
        self._until_s = {name: until_s for name, until_s in self._until_s.items() if until_s > now_s}
        self._until_s[_name(secret)] = now_s + self._lasts_s
        self._write()

    def has(self, secret: str) -> bool:
        """Whether a session has been ended."""
        return _name(secret) in self._until_s

    def _read(self) -> dict[str, float]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, float]) if self._path else {}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read: %s. Sessions that ended before may be used again.", self._path, error)
            return {}

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            state_file.replace(self._path, msgspec.json.encode(self._until_s))
        except OSError as error:
            log.warning("%s cannot be written: %s. Ended sessions are known until a restart.", self._path, error)
            self._path = None


def _name(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
