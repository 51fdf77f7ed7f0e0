"""How much of an SQLite write-ahead log is whole, by its own checksums (https://sqlite.org/walformat.html).

SQLite looks at these only when it opens a log that nobody has open: whoever overwrites the log of a running program has
it copied into the database as it is.

Knows: the format of that file. Must not know: what is in its pages.
"""

from __future__ import annotations

import struct
from pathlib import Path

HEAD, FRAME_HEAD = 32, 24
"""Bytes before the first frame, and before each frame's page."""
MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""How words are read for the checksums."""
CHECKED = 24
"""Bytes of the head that its checksum is of."""

Sum = tuple[int, int]


def whole_frames(log: Path) -> int:
    """Count the frames, from the first on, that are as they were written. Raises: OSError."""
    content = memoryview(log.read_bytes())
    if len(content) < HEAD:
        return 0
    magic, _, page_bytes, _, *salt, first, second = struct.unpack_from(">8I", content)
    order = MAGIC.get(magic)
    if order is None or _summed(order, content[:CHECKED], (0, 0)) != (first, second):
        return 0
    frames, at, sums = 0, HEAD, (first, second)
    while at + FRAME_HEAD + page_bytes <= len(content):
        _, _, *named, first, second = struct.unpack_from(">6I", content, at)
        sums = _summed(order, content[at : at + 8], sums)
        sums = _summed(order, content[at + FRAME_HEAD : at + FRAME_HEAD + page_bytes], sums)
        if named != salt or sums != (first, second):
            break
        frames, at = frames + 1, at + FRAME_HEAD + page_bytes
    return frames


def _summed(order: str, words: memoryview, sums: Sum) -> Sum:
    """Go on with a checksum over pairs of words."""
    first, second = sums
    for even, odd in struct.iter_unpack(f"{order}2I", words):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
