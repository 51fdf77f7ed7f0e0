"""What is believed of the coil and the position that a camera's frames name: the rules, without clocks or sockets.

Laws: a position that one frame alone names falls to the next frame that goes on where the frames before it ended, or to
two that agree with each other. One that several frames named falls to three.

A frame that names another coil:

| its position | the coil |
|---|---|
| is near the head, or nearer to it than to where the frame before ends | has begun: a weld |
| is left out, cannot be believed, or is far from the frame before | has begun, seen from there on |
| goes on where the frame before ends | is the one before, until three frames in a row name the new one |

Knows: coils, positions, how fast a strip is. Must not know: numbers, what was lost.
"""

from __future__ import annotations

import msgspec

from inspector.config.motion import MM_PER_S, back_at_most_mm
from inspector.records.frame import Header

AGREEING = 3
"""Number of frames in a row that make a new count, a new position, or another name of the coil, believable."""
AGAINST_ONE = 2
"""Number of them against a position that rests on a single frame."""
JUMP_FRAME_LENGTHS = 10
"""How far a position may be from where the frames before it end: a few frames, and more for each second, at the speed
of no strip; backwards as far as no drive turns strip around."""
COIL_MM = 100e6
"""No coil is longer: 100 km."""
BEFORE_HEAD_MM = 10_000.0
"""A first position may lie so far before the coil's head: a shear or a weld's sensor stands behind the camera."""


class Position(msgspec.Struct):
    """Where a camera's frames have come to."""

    named_ns: int
    """When the last frame came whose position was believed."""
    coil: str | None = None
    end_mm: float | None = None
    """Where the last frame ends; None: not known."""
    resting: int = 0
    """Number of frames in a row that named where it is."""
    before_mm: float | None = None
    """Where the last frame ends if the one frame that the position rests on is wrong; None: not known."""
    before_ns: int = 0
    """When the frame before that one came."""
    left_coil: str | None = None
    """The coil before this one, and where it was left: it may go on, where frames named another by mistake."""
    left_mm: float | None = None
    left_ns: int = 0
    next_mm: float = 0.0
    """What would agree with a new position, and how many have."""
    agreeing: int = 0
    is_before_head: bool = False
    """The last frame lay before its coil's head."""
    next_coil: str | None = None
    """What would agree with another name of the coil, and how many have."""
    agreeing_coil: int = 0

    def doubt(self) -> None:
        """Note that the camera or its count began again: so may its encoder have."""
        self.resting, self.before_mm, self.agreeing = 0, None, 0

    def is_renamed(self, header: Header, skipped_mm: float, length_mm: float, now_ns: int) -> bool:
        """Whether a frame's name of the coil is to be believed; see the table above.

        After a restart of the camera it goes on wherever the strip can have come to meanwhile.
        """
        start_mm = header.start_mm
        if header.coil == self.coil or self.end_mm is None or start_mm is None:
            self.agreeing_coil = 0
            return True
        aside_mm = abs(start_mm - self.end_mm - skipped_mm)
        near_mm = JUMP_FRAME_LENGTHS * length_mm
        if self.resting == 0 and self.agreeing == 0:
            near_mm += (now_ns - self.named_ns) / 1e9 * MM_PER_S
        if aside_mm > near_mm or abs(start_mm) <= aside_mm:
            self.agreeing_coil = 0
            return True
        self.agreeing_coil = self.agreeing_coil + 1 if header.coil == self.next_coil else 1
        self.next_coil = header.coil
        return self.agreeing_coil >= AGREEING

    def expected_mm(self, header: Header, skipped_mm: float) -> float | None:
        """Where the frame begins if it follows the one before, or is the first of its coil; None: unknown."""
        if self.end_mm is None:
            return None
        return self.end_mm + skipped_mm if header.coil == self.coil else 0.0

    def comes_before_head(self, header: Header, length_mm: float) -> bool:
        """Whether a frame that follows is the first in a row that lies before its coil's head, as it names itself."""
        was, is_named = self.is_before_head, header.start_mm is not None
        self.is_before_head = (header.start_mm or 0.0) + length_mm <= 0 if is_named else was
        return self.is_before_head and not was

    def follow(self, header: Header, skipped_mm: float, length_mm: float, now_ns: int) -> bool:
        """Go on to a frame's end; return whether the position that it names is believed, true where it names none."""
        start_mm, expected_mm = header.start_mm, self.expected_mm(header, skipped_mm)
        is_new = header.coil != self.coil
        left = self.coil, self.end_mm, self.named_ns
        if self.before_mm is not None:
            self.before_mm = None if is_new else self.before_mm + skipped_mm
        fits = start_mm is None or self._fits(header, skipped_mm, length_mm, now_ns)
        if fits and start_mm is not None:
            self._rest(start_mm, expected_mm, length_mm, is_new=is_new)
            self.named_ns = now_ns
        elif is_new:
            self.resting = 0
        begin_mm = start_mm if fits and start_mm is not None else expected_mm
        if begin_mm is not None:
            self.end_mm = begin_mm + length_mm
        if self.before_mm is not None:
            self.before_mm += length_mm
        if is_new:
            self.left_coil, self.left_mm, self.left_ns = left
        self.coil = header.coil
        return fits

    def _rest(self, start_mm: float, expected_mm: float | None, length_mm: float, *, is_new: bool) -> None:
        """Note how many frames now name where the camera is."""
        if self.agreeing:  # as many against what was believed
            self.resting, self.before_mm, self.agreeing = self.agreeing, None, 0
        elif is_new or self.resting == 0 or expected_mm is None or abs(start_mm - expected_mm) > length_mm:
            self.resting, self.before_mm, self.before_ns = 1, expected_mm, self.named_ns
        else:
            self.resting, self.before_mm = self.resting + 1, None

    def _fits(self, header: Header, skipped_mm: float, length_mm: float, now_ns: int) -> bool:
        """Whether a frame's position can be believed."""
        start_mm, expected_mm = header.start_mm, self.expected_mm(header, skipped_mm)
        assert start_mm is not None
        slack_mm = JUMP_FRAME_LENGTHS * length_mm
        reach_mm = slack_mm + (now_ns - self.named_ns) / 1e9 * MM_PER_S
        is_new = header.coil != self.coil
        begins = header.coil is None and abs(start_mm) <= reach_mm  # the next coil, where coils have no names
        if expected_mm is None:
            near = -max(length_mm, BEFORE_HEAD_MM) <= start_mm <= COIL_MM
        else:
            frames = None if is_new or not self.resting else round(skipped_mm / length_mm)
            back_mm = slack_mm + back_at_most_mm(frames, length_mm, now_ns - self.named_ns)
            near = -back_mm <= start_mm - expected_mm <= reach_mm
        before_reach_mm = slack_mm + (now_ns - self.before_ns) / 1e9 * MM_PER_S
        falls_back = self.before_mm is not None and abs(start_mm - self.before_mm) <= before_reach_mm
        goes_on = header.coil == self.left_coil and header.coil != self.coil and self.left_mm is not None
        if goes_on:
            left_reach_mm = slack_mm + skipped_mm + (now_ns - self.left_ns) / 1e9 * MM_PER_S
            goes_on = abs(start_mm - (self.left_mm or 0.0)) <= left_reach_mm
        if near or begins or falls_back or goes_on:
            self.agreeing = 0
            return True
        agrees = self.agreeing and abs(start_mm - self.next_mm - skipped_mm) <= reach_mm
        self.agreeing = self.agreeing + 1 if agrees else 1
        self.next_mm = start_mm + length_mm
        needed = AGAINST_ONE if self.resting <= 1 else AGREEING
        return self.agreeing >= needed and abs(start_mm) <= COIL_MM
