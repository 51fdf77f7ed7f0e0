"""Whether another program wrote in the journal's files: by their sizes and times of change.

What a medium changes by itself shows in neither: a replay that reads it finds that.

Knows: the files. Must not know: how they are written. Belongs to the journal's thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from inspector.events.segments import JournalFolder, log_of

LOOK_S = 1.0
"""How often the files that are written no more are looked at."""

Stamp = tuple[int, int]


class FileWatch:
    """What files looked like when we last wrote in them."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        """`clock_s` is monotonic."""
        self._clock_s, self._looked_s = clock_s, -math.inf
        self._left: dict[Path, Stamp] = {}

    def leave(self, folder: JournalFolder, *starts: int) -> None:
        """Take segments to be ours as they are now."""
        for start in starts:
            self._left |= {file: _stamp(file) for file in _files(folder, start)}

    def leave_log(self, folder: JournalFolder, start: int) -> None:
        """Take a segment's log to be ours as it is now, and not its database."""
        _, file = _files(folder, start)
        self._left[file] = _stamp(file)

    def changed(self, folder: JournalFolder, starts: Sequence[int]) -> Iterator[int]:
        """Yield the segments, of which the last one is written, that another program wrote in."""
        now_s = self._clock_s()
        looked_at = starts if now_s - self._looked_s >= LOOK_S else starts[-1:]
        if looked_at is starts:
            self._looked_s = now_s
        for start in looked_at:
            written = _files(folder, start)[: 2 if start == starts[-1] else 1]
            if any(self._left.get(file) not in (None, _stamp(file)) for file in written):
                yield start


def _files(folder: JournalFolder, start: int) -> tuple[Path, Path]:
    """Return a segment's database and its log; what they share in memory changes as it likes."""
    file = folder.file(start)
    return file, log_of(file)


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
