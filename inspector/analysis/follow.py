"""The strip's edges in one camera's pictures, from frame to frame of one coil. Pure, stateful.

Knows: columns, and which frames show the same strip. Must not know: how an edge is found, millimetres.
"""

from __future__ import annotations

from collections import deque

from inspector.config.motion import begins_again
from inspector.records.frame import Header

FOLLOWED = 5
"""Frames over which an edge is followed: one frame whose rim is torn does not move it."""


class Followed:
    """Where the last frames of a camera showed each edge."""

    def __init__(self) -> None:
        self._header: Header | None = None
        """Of the last frame."""
        self._left, self._right = deque[int](maxlen=FOLLOWED), deque[int](maxlen=FOLLOWED)

    def to(self, header: Header, left_px: int | None, right_px: int | None) -> tuple[int | None, int | None]:
        """Follow the edges to the next frame, which shows them there: the medians of the last frames that did.

        Another coil may have another width, and after a restart the camera may stand elsewhere:
        nothing is followed over those.
        """
        if self._header is not None and not _goes_on(self._header, header):
            self._left.clear()
            self._right.clear()
        self._header = header
        return _median(self._left, left_px), _median(self._right, right_px)


def _goes_on(before: Header, header: Header) -> bool:
    """Whether a frame shows the strip of the one before; coils without names differ in that positions begin again.

    Without positions too, another coil is what a torn rim is: no frame shows which, and the medians are as late.
    """
    if (before.coil, before.boot) != (header.coil, header.boot):
        return False
    return header.start_mm is None or not begins_again(header.start_mm, before.start_mm or 0.0)


def _median(last: deque[int], place_px: int | None) -> int | None:
    """Add where a frame shows an edge; where it does not, nothing is guessed, and the next one is the first."""
    if place_px is None:
        last.clear()
        return None
    last.append(place_px)
    return sorted(last)[len(last) // 2]
