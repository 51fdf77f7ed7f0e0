"""Ctrl-C and SIGTERM while a run goes on: the step under way is finished first. Knows signals alone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:  # a plain install has no rich, and the command line needs `RunStopped`
    from rich.console import Console


class RunStopped(Exception):
    """A run was asked to stop, and its checkpoint is on disk."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


WORDS = b"stopping after this step; once more stops at once, without saving\n"


class Stop:
    """Remembers the first signal; the second acts as it does without us. Handlers are put back at the end."""

    def __init__(self, console: Console) -> None:
        self._descriptor = -1
        with contextlib.suppress(OSError):  # a console that is no file
            self._descriptor = -1 if console.quiet else console.file.fileno()
        self._earlier: dict[int, signal._HANDLER] = {}
        self.signal_number = 0
        """The signal that came; 0: none."""

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python takes no handlers
            self._earlier = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        # No lock may be taken here: the console may be the very thing that was interrupted, so the words go past it.
        self.signal_number = number
        self._restore()
        with contextlib.suppress(OSError):
            os.write(self._descriptor, WORDS)

    def _restore(self) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        self._earlier = {}


def leave_signals_to_parent() -> None:
    """Let a loading process live on while the loop finishes its step: Ctrl-C and SIGTERM reach the whole group.

    It ends when its parent says so: by torch's own event, or by SIGTERM, which multiprocessing sends at its end and
    then waits for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, name="signals", daemon=True).start()  # it waits for ever


def _end_with_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
