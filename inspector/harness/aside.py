"""What goes on next to a `with` block, in a thread, and ends with it; knows threads alone."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self


class Aside:
    """Does `work` from the beginning of the `with` block to its end; a subclass says what that is."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        """Set at the block's end: `work` looks at it, and returns."""
        self._thread = threading.Thread(target=self.work, name=type(self).__name__, daemon=True)

    def work(self) -> None:
        """Go on until the block is over."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_over.set()
        self._thread.join()
