"""Ctrl-C while a library works that would swallow it: its callbacks ask for it; it is raised when they are done."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Give a question that any thread may ask, whether Ctrl-C was pressed; at the end it is raised.

    Python's own handler runs in the main thread alone, which is inside the library; a pipe is written to at once.

    Raises: KeyboardInterrupt, instead of whatever ended the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def pressed() -> bool:
        return bool(select.select([reading], [], [], 0)[0])

    handler = signal.signal(signal.SIGINT, lambda *_: None)
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield pressed
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, handler)
        was_pressed = pressed()
        os.close(reading)
        os.close(writing)
        if was_pressed:
            raise KeyboardInterrupt
