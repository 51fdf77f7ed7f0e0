"""How the process's threads end: how long each may take, which did not, and which a fault ended.

Knows: names, and when the last stage finished something. Must not know: what a thread does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from inspector.service.liveness import Liveness

CLOSE_S = 5.0
"""How long a thread may take to end, besides the batch that is under way."""
HUNG_S = 1.0
"""The same where something hangs."""


class Threads:
    """Ends threads, and remembers those that hang."""

    def __init__(self, liveness: Liveness) -> None:
        self._liveness = liveness
        self._hung: set[str] = set()
        self._fault: BaseException | None = None
        self._otherwise = threading.excepthook

    def watch(self) -> Callable[[], None]:
        """Notice from now on what ends any thread that is not of the flow; return what ends the watch."""
        threading.excepthook = self._note
        return self._unwatch

    def look(self) -> None:
        """Raises: what ended a thread: without it the line would go on, and nobody notice what is no longer done."""
        if self._fault is not None:
            raise self._fault

    def _unwatch(self) -> None:
        threading.excepthook = self._otherwise

    def _note(self, fault: threading.ExceptHookArgs) -> None:
        self._fault = self._fault or fault.exc_value

    def any_hangs(self) -> bool:
        """Whether a thread did not end: then the process must end without it."""
        return bool(self._hung)

    def hangs(self, name: str) -> bool:
        """Whether this thread did not end: what it owns must be left to it."""
        return name in self._hung

    def end(self, name: str, close: Callable[[float], bool]) -> bool:
        """Have `close` end a thread within the seconds that it receives; False when it hangs."""
        is_over = close(self.patience_s())
        if not is_over:
            self._hung.add(name)
        return is_over

    def close(self, name: str, close: Callable[[], None]) -> None:
        """Close what a thread worked with, unless it hangs: then it has it still."""
        if not self.hangs(name):
            close()

    def patience_s(self) -> float:
        """How long a thread may take to end: the batch that is under way, unless something hangs anyway."""
        limit_s = self._liveness.limit_s()
        return HUNG_S if self._hung or self._liveness.idle_s() > limit_s else CLOSE_S + limit_s
