"""A terminal with a few lines at the bottom that stay; a log file gets plain lines instead.

Knows: escape codes and the terminal's width. Must not know: what the words are about.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import TextIO

PLAIN_EVERY_S = 10.0


class StatusScreen:
    """Prints lines, and below them a status of one or more lines that is overwritten in place."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.is_terminal = out.isatty()
        """Whether it is a terminal."""
        self._status: tuple[str, ...] = ()
        self._printed_s = time.monotonic()

    @property
    def columns(self) -> int:
        """Signs that a line has room for."""
        return shutil.get_terminal_size().columns

    def line(self, words: str = "") -> None:
        """Print a line above the status."""
        if self.is_terminal:
            self._draw([words], self._status)
        else:
            self._out.write(f"{words}\n")
        self._out.flush()

    def status(self, words: str, above: Sequence[str] = ()) -> None:
        """Show this at the bottom from now on, below the lines `above`, which must fit the terminal.

        Without a terminal the words alone are printed, every ten seconds, as a line.
        """
        if self.is_terminal:
            self._draw([], (*above, words[: self.columns - 1]))
            self._out.flush()
        elif time.monotonic() - self._printed_s >= PLAIN_EVERY_S:
            self._printed_s = time.monotonic()
            self.line(words)

    def clear(self) -> None:
        """Take the status away."""
        if self.is_terminal:
            self._draw([], ())
            self._out.flush()

    def _draw(self, lines: Sequence[str], status: tuple[str, ...]) -> None:
        """Write lines where the status begins, and a status below them."""
        up = f"\x1b[{len(self._status) - 1}A" if len(self._status) > 1 else ""
        self._out.write(f"\r{up}\x1b[J")
        for words in lines:
            self._out.write(f"{words}\n")
        self._out.write("\n".join(status))
        self._status = status
