"""How much of an SQLite write-ahead log is whole, by its own checksums (https://sqlite.org/walformat.html).

SQLite looks at these only when it opens a log that is not open: what overwrites the log of a running program has
it copied into the database as it is. Where it looks, it takes the first frame that is not whole for the end.

Knows: the format of that file. Must not know: what is in its pages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HEAD, FRAME_HEAD = 32, 24
"""Bytes before the first frame, and before each frame's page."""
MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""How words are read for the checksums."""
CHECKED = 24
"""Bytes of the head that its checksum is of."""

Sum = tuple[int, int]


class _Log(NamedTuple):
    """A log whose head is whole."""

    content: memoryview
    order: str
    """How words are read for the checksums."""
    page_bytes: int
    salt: list[int]
    sums: Sum
    """Of the head."""

    def frames(self) -> Iterator[int]:
        """Yield where each frame begins, of those too that an earlier log has left behind."""
        step = FRAME_HEAD + self.page_bytes
        yield from range(HEAD, len(self.content) - step + 1, step)


def whole_frames(log: Path) -> int:
    """Count the frames, from the first on, that are as they were written. Raises: OSError."""
    found = _opened(log)
    return 0 if found is None else _whole(found)


def lost_commits(log: Path) -> int:
    """Count the commits behind a frame that was changed, of a log that nobody writes: SQLite drops them in silence.

    The last one alone counts as none: a power cut may have torn it, and then nobody has received what is in it.

    Raises: OSError.
    """
    found = _opened(log)
    if found is None:
        return 0
    whole, commits, before = _whole(found), 0, (0, 0)
    for number, at in enumerate(found.frames()):
        page, pages, *salt = struct.unpack_from(">4I", found.content, at)
        if salt != found.salt:
            continue
        # The last frame of a commit names the size of the database; SQLite may repeat it up to the disk's next sector.
        commits += bool(pages) and (page, pages) != before and number >= whole
        before = page, pages
    return commits if commits > 1 else 0


def _opened(log: Path) -> _Log | None:
    content = memoryview(log.read_bytes())
    if len(content) < HEAD:
        return None
    magic, _, page_bytes, _, *salt, first, second = struct.unpack_from(">8I", content)
    order = MAGIC.get(magic)
    if order is None or _summed(order, content[:CHECKED], (0, 0)) != (first, second):
        return None
    return _Log(content, order, page_bytes, salt, (first, second))


def _whole(log: _Log) -> int:
    sums, content, frames = log.sums, log.content, 0
    for at in log.frames():
        _, _, *named, first, second = struct.unpack_from(">6I", content, at)
        sums = _summed(log.order, content[at : at + 8], sums)
        sums = _summed(log.order, content[at + FRAME_HEAD : at + FRAME_HEAD + log.page_bytes], sums)
        if named != log.salt or sums != (first, second):
            break
        frames += 1
    return frames


def _summed(order: str, words: memoryview, sums: Sum) -> Sum:
    """Go on with a checksum over pairs of words."""
    first, second = sums
    for even, odd in struct.iter_unpack(f"{order}2I", words):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
