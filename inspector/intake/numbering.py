"""What is believed of a whole frame's number and position: the rules, without clocks or sockets.

Laws: numbers given out count on by one for each frame, lost ones included, and only another `boot` begins again. One
absurd value is never believed and changes nothing that comes after it; of a frame without a position a number is absurd
that is farther ahead than time explains. A count that really began elsewhere is believed
once three frames in a row agree on it, as ones that follow each other with small gaps; for positions and names of the
coil see `positions.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from inspector.config.camera import CameraSection
from inspector.errors import FrameError
from inspector.intake.counts import JUMP_FRAMES, Count
from inspector.intake.positions import AGREEING, BEFORE_HEAD_MM, Position
from inspector.records.frame import JUST_PASSED, Header
from inspector.records.stages import Receipt

FRAMES_PER_S = 2000
"""Frames that may be missing more for each second between frames: no line camera has more frames a second."""
SMALL_GAP = 64
"""Frames that may be missing between those that agree on a new count: a line that loses every other frame has one. As
many may be missing at once where nothing but the number says so, neither a position nor the time that passed."""
RATIO = 10
"""A travel per row more than so far from the configured one is not believed."""


BOOTS = 4
"""Boots of a camera whose counts are kept: what a connection that ended had sent may come between frames of the next.
"""
ENDLESS = 2**63 - 1
"""A `last_number` that is never reached: the count does not wrap."""


class _Place(msgspec.Struct):
    """Where a camera stands."""

    boot: str
    count: Count
    position: Position
    seen_ns: int
    """When the last frame that was believed came."""
    captured_ns: int
    """When it was captured, by the camera's clock."""
    restarts: int = 0
    other: Count | None = None
    """The count that would begin again if enough frames agreed, how many have, and what is missing between them."""
    agreeing: int = 0
    missing: int = 0


class Believed(msgspec.Struct, frozen=True):
    """A frame that has its place."""

    header: Header
    missing: int
    """Frames of this camera that never came before it."""
    remarks: tuple[str, ...]
    """What was not believed of it, or what began again, in words."""


class Numbering:
    """Follows every camera's numbers and positions."""

    def __init__(self, cameras: Iterable[CameraSection]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._places: dict[str, dict[str, _Place]] = {camera: {} for camera in self._cameras}
        """By camera and boot, the last one that was seen at the end."""

    def refuse(self, frame: Header | Receipt) -> None:
        """Note a frame that was refused before it could be believed: it came, and is not missing."""
        places, camera = self._places[frame.camera], self._cameras[frame.camera]
        if not places:
            return
        is_known = frame.boot in places and camera.first_number <= frame.number <= camera.last_number
        place = places[frame.boot] if is_known else places[next(reversed(places))]
        for count in (place.count, place.other):
            if count is not None:
                count.refuse(frame.number if is_known else None)

    def believe(self, header: Header, now_ns: int) -> Believed:
        """Find a whole frame's place.

        Raises: FrameError with reason `order` or `number`; `refuse` has been called then where it applies.
        """
        camera = self._cameras[header.camera]
        first, last = camera.first_number, camera.last_number
        if not first <= header.number <= last:
            self.refuse(header)
            raise FrameError("number", f"frame {header.number}; expected {first}..{last}, as configured")
        places = self._places[header.camera]
        place = places.pop(header.boot, None)
        if place is None:
            place = self._begin(header, now_ns, last - first + 1 if last < ENDLESS else 0)
            places[header.boot] = place
            return self._placed(place, header, now_ns, skipped=0, missing=0)
        places[header.boot] = place
        ahead = place.count.ahead(header.number)
        # what waited came at once, and was captured at its time
        passed_ns = max(now_ns - place.seen_ns, header.captured_ns - place.captured_ns)
        most = (SMALL_GAP if header.start_mm is None else JUMP_FRAMES) + passed_ns * FRAMES_PER_S // 1_000_000_000
        if ahead < 0 or place.count.unexplained(ahead) > most:
            return self._elsewhere(place, header, ahead, now_ns)
        place.other = None
        return self._placed(place, header, now_ns, skipped=ahead, missing=place.count.go_on(header.number))

    def _begin(self, header: Header, now_ns: int, span: int) -> _Place:
        """Begin the count of a boot that is not known; the strip is where it was."""
        places = self._places[header.camera]
        position = Position(now_ns)
        if places:
            position = msgspec.structs.replace(places[next(reversed(places))].position)
            position.doubt()
        if len(places) == BOOTS:
            del places[next(iter(places))]
        return _Place(header.boot, Count(header.number, header.number, span), position, now_ns, header.captured_ns)

    def _elsewhere(self, place: _Place, header: Header, ahead: int, now_ns: int) -> Believed:
        """Take in a number that does not follow; once enough agree the count has begun again there."""
        has_passed = -JUST_PASSED <= ahead < 0
        gap = 0 if has_passed else SMALL_GAP
        before = place.count.number
        if place.other is not None and 0 <= place.other.ahead(header.number) <= gap:
            place.missing += place.other.go_on(header.number)
            place.agreeing += 1
        else:
            place.other = Count(header.number, header.number, place.count.span)
            place.agreeing, place.missing = 1, 0
        if place.agreeing < AGREEING:
            wrong = f"frame {header.number} after {before}"
            if has_passed:
                raise FrameError("order", f"{wrong}; expected a higher number, or another boot")
            place.count.refuse(None)
            raise FrameError("number", f"{wrong}; expected the next one, or another boot")
        words = f"the count began again: {AGREEING} frames up to {header.number} after {before}, without another boot"
        place.restarts += 1
        place.count, place.other = Count(header.number, header.number, place.count.span), None
        place.position.doubt()
        believed = self._placed(place, header, now_ns, skipped=0, missing=place.missing)
        return msgspec.structs.replace(believed, remarks=(words, *believed.remarks))

    def _placed(self, place: _Place, header: Header, now_ns: int, *, skipped: int, missing: int) -> Believed:
        """Write down what counts on; leave out what cannot be."""
        camera, position = self._cameras[header.camera], place.position
        place.seen_ns, place.captured_ns = now_ns, header.captured_ns
        changed: dict[str, object] = {}
        remarks = []
        if place.count.sequence != header.number:
            changed["number"] = place.count.sequence
        if place.restarts:
            changed["boot"] = f"{header.boot}+{place.restarts}"
        if not camera.mm_per_row / RATIO <= camera.footprint(header).mm_per_row <= camera.mm_per_row * RATIO:
            remarks.append(f"mm_per_row {header.mm_per_row:g} is not believed; configured is {camera.mm_per_row:g}")
            changed["mm_per_row"] = None
            header = msgspec.structs.replace(header, mm_per_row=None)
        length_mm = camera.footprint(header).length_mm
        skipped_mm = skipped * length_mm
        if not position.is_renamed(header, skipped_mm, length_mm, now_ns):
            remarks.append(
                f"coil {header.coil or 'without a name'} of frame {header.number} is not believed; its position "
                f"goes on along {position.coil or 'a coil without a name'}"
            )
            changed["coil"] = position.coil
            header = msgspec.structs.replace(header, coil=position.coil)
        expected_mm = position.expected_mm(header, skipped_mm)
        if not position.follow(header, skipped_mm, length_mm, now_ns):
            wanted = f"{-BEFORE_HEAD_MM:g} to 1e8" if expected_mm is None else f"about {expected_mm:g}"
            remarks.append(f"start_mm {header.start_mm:g} of frame {header.number} is not believed; expected {wanted}")
            changed["start_mm"] = None
        elif position.comes_before_head(header, length_mm):
            remarks.append(
                f"start_mm {header.start_mm:g} of frame {header.number} lies before the head of "
                f"{header.coil or 'its coil'}: what is seen there is on no coil, and not reported"
            )
        return Believed(msgspec.structs.replace(header, **changed) if changed else header, missing, tuple(remarks))
