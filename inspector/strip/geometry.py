"""Where on its coil a frame lies: by its header, its footprint, and the frames before it. Pure.

Knows: positions along the travel. Must not know: what was seen there, what was lost, other cameras.
"""

from __future__ import annotations

import math

import msgspec

from inspector.config.motion import back_at_most_mm, begins_again
from inspector.records.frame import JUST_PASSED, Header

SLACK = 0.01
"""A frame that begins this near to the end of the last, as a share of its length, begins right there:
positions come rounded to millimetres, and the travel per row is known no better."""


class CameraTravel(msgspec.Struct):
    """How far one camera's frames have come along a coil, seen or lost."""

    boot: str
    number: int
    """Of the last frame that found its place."""
    last_mm: float = 0.0
    """End of that frame."""
    placed_mm: float = 0.0
    """Farthest end of a frame."""
    length_mm: float = 0.0
    """Of that frame."""
    placeless: int = 0
    """Bad frames since, of whose headers nothing is believed: the next good frame shows where they lay."""
    missing: int = 0
    """Frames that never came since: they lie before the next one, if that is of this coil."""
    skipped: int = 0
    """Bad frames since that a number was kept for, of the next coil too; messages that were no frames had none."""
    captured_ns: int = 0
    """When the last frame that found its place was captured, by the camera's clock; 0 in a state of before 0.4."""

    def go_on(self, header: Header, place: Place, length_mm: float) -> None:
        """Take up the place of the next frame."""
        self.boot, self.number, self.last_mm = header.boot, header.number, place.end_mm
        self.placed_mm = max(self.placed_mm, place.end_mm)
        self.length_mm, self.placeless, self.missing, self.skipped = length_mm, 0, 0, 0
        self.captured_ns = header.captured_ns

    @property
    def assumed_mm(self) -> float:
        """Where the bad frames end, if they followed the last good one."""
        return self.last_mm + self.placeless * self.length_mm

    def assume(self, to_mm: float = math.inf) -> None:
        """Take bad frames, where they end at `to_mm` at most, to have followed the last good one: no more is known."""
        frames = self.placeless
        if self.assumed_mm > to_mm:
            frames = min(frames, max(0, math.floor((to_mm - self.last_mm) / self.length_mm + SLACK)))
        self.last_mm += frames * self.length_mm
        self.placed_mm = max(self.placed_mm, self.last_mm)
        self.skip(frames)

    def skip(self, frames: int) -> None:
        """Expect no place for some of the bad frames."""
        self.number += frames
        self.placeless -= frames
        self.skipped += frames

    def skip_head(self, begins_mm: float) -> float:
        """Take the last lost frames for the head that the next coil lacks; return what of it is left to explain."""
        if not 0 < begins_mm <= (self.placeless + self.missing) * self.length_mm:
            return begins_mm
        frames = min(self.placeless, round(begins_mm / self.length_mm))
        self.skip(frames)
        return max(0.0, begins_mm - frames * self.length_mm)

    def passed(self, header: Header) -> int | None:
        """How many frames lie between the last one and this; None where the camera counts from the beginning again."""
        return header.number - self.number - 1 if header.boot == self.boot else None

    def recount(self, header: Header, span: int) -> int | None:
        """Count from this frame on, whose camera counts `span` numbers before it begins again; return what `passed`.

        Another process gives out the numbers now, and may be any number of rounds behind the one before. A number that
        passed before, of a frame that was captured later, shows that the camera counts from the beginning again: unless
        it was kept for a bad frame.
        """
        passed = self.passed(header)
        if passed is None:
            return None
        passed %= span
        passed -= span if passed >= span // 2 else 0
        if passed < -JUST_PASSED or (passed < -self.skipped and header.captured_ns > self.captured_ns):
            self.boot = ""  # that of no frame
            return None
        self.number = header.number - 1 - passed
        return passed

    def fall_back(self, by_mm: float) -> None:
        """Take the last frames for lying farther back."""
        self.last_mm -= by_mm
        self.placed_mm -= by_mm


class Place(msgspec.Struct, frozen=True):
    """Where a frame begins and ends on its coil."""

    start_mm: float
    end_mm: float
    follows: bool
    """It begins right where the last good frame ends."""
    is_known: bool
    """False where the camera restarted and has no encoder: what passed meanwhile is unknown."""


RESET_FRAMES = 10
"""An encoder that was set back counts no farther than this when it is believed again (intake waits for
three), and comes from farther away."""


def is_reset(start_mm: float, length_mm: float, last_mm: float, frames: int | None, passed_ns: int) -> bool:
    """Whether a position shows an encoder that was set back to 0: no strip runs back so far.

    `frames` were counted since the last position, `passed_ns` since the last frame; no count after another boot.
    """
    near_mm, back_mm = RESET_FRAMES * length_mm, last_mm - start_mm
    return abs(start_mm) <= near_mm and back_mm > near_mm + back_at_most_mm(frames, length_mm, passed_ns)


JOG_MM = 20_000.0
"""No strip is drawn back so far without a frame that shows it."""


def is_unshown(start_mm: float, length_mm: float, last_mm: float, frames: int | None) -> bool:
    """Whether a position lies so far back that frames would have shown the way there; they are counted as above.

    A short way back is a jog, but to the very head.
    """
    shown_mm, lost_mm = back_at_most_mm(frames, length_mm, 0), max(0, (frames or 1) - 1) * length_mm
    back_mm = last_mm - max(start_mm, 0.0)
    is_at_head = start_mm <= length_mm + lost_mm
    least_mm = RESET_FRAMES * length_mm if is_at_head else JOG_MM
    return back_mm > least_mm + shown_mm and begins_again(start_mm, last_mm)


def place(header: Header, length_mm: float, track: CameraTravel) -> Place:
    """Place a frame of this length: where the encoder says, else after the frames before, by their numbers."""
    start_mm = header.start_mm if header.start_mm is not None else expected_mm(header, length_mm, track)
    is_known = header.start_mm is not None or header.boot == track.boot
    end_mm = start_mm + length_mm
    if abs(start_mm - track.last_mm) <= SLACK * length_mm:
        start_mm = track.last_mm
    return Place(start_mm, end_mm, start_mm == track.last_mm and is_known, is_known)


def runs_back(header: Header, length_mm: float, track: CameraTravel, start_mm: float) -> bool:
    """Whether a frame ends where the one right before it, the last, began: so it does while the line runs backwards."""
    follows = header.boot == track.boot and header.number == track.number + 1 and header.start_mm is not None
    is_last = abs(track.last_mm - track.length_mm - start_mm) <= SLACK * length_mm
    return follows and is_last and abs((header.start_mm or 0.0) + length_mm - start_mm) <= SLACK * length_mm


def expected_mm(header: Header, length_mm: float, track: CameraTravel) -> float:
    """Where a frame begins by its number alone; after a restart of the camera, behind the frames that were bad."""
    passed = header.number - track.number - 1 if header.boot == track.boot else track.placeless
    return track.last_mm + passed * length_mm
