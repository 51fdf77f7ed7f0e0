"""What signals ask for, noted without a lock, from the first moment of a process to its last.

Python runs a handler between two instructions of the main thread, whatever those are. `threading.Event.set` takes a
lock that is not reentrant: a second signal inside it waits for itself for ever. So handlers set plain attributes, and
whoever waits looks at them.

Knows: signals. Must not know: what stopping or reloading means.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from inspector.errors import EXIT_INTERRUPTED

ASKED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
ENDING = (signal.SIGHUP, signal.SIGTERM)
"""What ends a program that runs others, besides Ctrl-C: its terminal was closed, or another program asks for it."""
LOOK_S = 0.05
"""The longest that a waiting thread does not look."""


class Flag:
    """A yes that a signal handler, or any thread, may give. It has what is needed of `threading.Event`."""

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it was asked for."""
        return self._is_set

    def set(self) -> None:
        """Ask for it."""
        self._is_set = True

    def clear(self) -> None:
        """Forget it: what is asked from here on is asked again."""
        self._is_set = False

    def wait(self, timeout_s: float) -> bool:
        """Sleep until it is asked for, at most `timeout_s`; return whether it was."""
        end_s = time.monotonic() + timeout_s
        while not self._is_set and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, LOOK_S))
        return self._is_set


def hold() -> None:
    """Let signals wait in the kernel until `received` takes them: what is asked for meanwhile is not lost.

    To be called as early as there is Python. Threads that start meanwhile never take signals.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, ASKED)


@contextmanager
def received(stop: Flag, hangup: Flag | None = None) -> Iterator[None]:
    """Have SIGTERM and SIGINT set `stop`, and SIGHUP set `hangup` where it is given.

    SIGTERM may come any number of times; a second SIGINT (Ctrl-C) ends the process at once. At the end all of them are
    ignored: what is left is the way out, and a signal would replace the exit code.
    """
    interrupted = Flag()

    def on_stop(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if interrupted.is_set():  # not `stop`: Python may run the handlers of two signals in either order
                os._exit(EXIT_INTERRUPTED)
            interrupted.set()
        stop.set()

    def on_hangup(number: int, frame: FrameType | None) -> None:
        if hangup is not None:
            hangup.set()

    taken = ASKED if hangup is not None else (signal.SIGINT, signal.SIGTERM)
    for number in taken:
        signal.signal(number, on_hangup if number == signal.SIGHUP else on_stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def ending(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Have a handler called where a program that runs others is to end: by default they would outlive it.

    One that is ignored, as `nohup` has it, stays so.
    """
    taken = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, handler) for number in taken}
    try:
        yield
    finally:
        for number, before in earlier.items():
            signal.signal(number, before)


@contextmanager
def interrupt_noted() -> Iterator[Flag]:
    """Have Ctrl-C set a flag, for commands that look at it often; a second one interrupts, as it does without us.

    Python drops an exception that a handler raises while a callback of a library runs: once in some hundred, Ctrl-C
    was lost. Outside of the main thread, where Python takes no handlers, the flag is never set.
    """
    flag = Flag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def note(number: int, frame: FrameType | None) -> None:
        flag.set()
        signal.signal(number, earlier)

    earlier = signal.signal(signal.SIGINT, note)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, earlier)
