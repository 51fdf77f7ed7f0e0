"""A terminal with one line at the bottom that stays; a log file gets plain lines instead.

Knows: escape codes and the terminal's width. Must not know: what the words are about.
"""

from __future__ import annotations

import shutil
import time
from typing import TextIO

PLAIN_EVERY_S = 10.0


class StatusScreen:
    """Prints lines, and below them a status that is overwritten in place."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._status = ""
        self._printed_s = time.monotonic()

    def line(self, words: str = "") -> None:
        """Print a line above the status."""
        if self._is_terminal:
            self._out.write(f"\r\x1b[K{words}\n{self._status}")
        else:
            self._out.write(f"{words}\n")
        self._out.flush()

    def status(self, words: str) -> None:
        """Show this at the bottom from now on; without a terminal, every ten seconds, as a line."""
        if self._is_terminal:
            self._status = words[: shutil.get_terminal_size().columns - 1]
            self._out.write(f"\r\x1b[K{self._status}")
            self._out.flush()
        elif time.monotonic() - self._printed_s >= PLAIN_EVERY_S:
            self._printed_s = time.monotonic()
            self.line(words)

    def clear(self) -> None:
        """Take the status away."""
        self._status = ""
        if self._is_terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()
