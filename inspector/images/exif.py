"""EXIF's orientation, and nothing else of it. Whatever the bytes, an answer comes out."""

from __future__ import annotations

import struct

from inspector.images.head import AS_STORED

ORIENTATION, SHORT = 0x0112, 3
MAX_ENTRIES = 512
"""Of a directory; cameras write a few dozen."""


def orientation(block: bytes) -> int:
    """Return 1..8 from an EXIF block that begins with its byte order; 1, as stored, where it says nothing readable.

    Source: CIPA DC-008, 4.6.4, tag 274, in the first directory of a TIFF structure.
    """
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 10:
        return AS_STORED
    (at,) = struct.unpack_from(f"{order}I", block, 4)
    if at + 2 > len(block):
        return AS_STORED
    (entries,) = struct.unpack_from(f"{order}H", block, at)
    for place in range(at + 2, at + 2 + 12 * min(entries, MAX_ENTRIES), 12):
        if place + 12 > len(block):
            break
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, place)
        if tag == ORIENTATION and kind == SHORT:
            return value if 1 <= value <= 8 else AS_STORED
    return AS_STORED
