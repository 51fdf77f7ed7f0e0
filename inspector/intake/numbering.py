"""What is believed of a whole frame's number and position: the rules, without clocks or sockets.

Laws: numbers given out count on by one for each frame, lost ones included, and only another `boot` begins again. One
absurd value is never believed and changes nothing that comes after it. A count, a position or a coil's name that really
began elsewhere is believed once three frames in a row agree on it, as ones that follow each other with small gaps.

A frame that names another coil:

| its position | the coil |
|---|---|
| is near the head, or nearer to it than to where the frame before ends | has begun: a weld |
| is left out, cannot be believed, or is far from the frame before | has begun, seen from there on |
| goes on where the frame before ends | is the one before, until three frames in a row name the new one |
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from inspector.config.camera import CameraSection
from inspector.errors import FrameError
from inspector.records.frame import Header

AGREEING = 3
"""Number of frames in a row that make a new count, a new position, or another name of the coil, believable."""
JUMP_FRAMES, FRAMES_PER_S = 1000, 2000
"""Frames that may be missing at once, and more for each second of silence: no line camera has more frames a second."""
SMALL_GAP = 64
"""Frames that may be missing between those that agree on a new count: a line that loses every other frame has one."""
JUST_PASSED = 64
"""A number at most so far behind has been seen: the frame came twice or late."""
JUMP_FRAME_LENGTHS, MM_PER_S = 10, 30_000
"""How far a position may be from where the frames before it end: a few frames, and more for each second, at the speed
of no strip (20 m/s is the fastest, DESIGN)."""
COIL_MM = 100e6
"""No coil is longer: 100 km."""
RATIO = 10
"""A travel per row more than so far from the configured one is not believed."""


ENDLESS = 2**63 - 1
"""A `last_number` that is never reached: the count does not wrap."""


class _Place(msgspec.Struct):
    """Where a camera's counting stands."""

    boot: str
    number: int
    """Of the last frame that was believed."""
    sequence: int
    """The same, as given out."""
    seen_ns: int
    restarts: int = 0
    bad: int = 0
    """Frames refused since the last one that was believed: they are not missing."""
    next_number: int = -1
    """What would agree with a new count, and how many have."""
    agreeing: int = 0
    coil: str | None = None
    end_mm: float | None = None
    """Where the last frame ends; None: not known."""
    next_mm: float = 0.0
    """What would agree with a new position, and how many have."""
    agreeing_mm: int = 0
    next_coil: str | None = None
    """What would agree with another name of the coil, and how many have."""
    agreeing_coil: int = 0


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
        self._places: dict[str, _Place] = {}

    def refuse(self, camera: str) -> None:
        """Note a frame of this camera that was refused before its number could be believed."""
        if place := self._places.get(camera):
            place.bad += 1

    def believe(self, header: Header, now_ns: int) -> Believed:
        """Find a whole frame's place.

        Raises: FrameError with reason `order` or `number`; `refuse` has been called then where it applies.
        """
        camera = self._cameras[header.camera]
        first, last = camera.first_number, camera.last_number
        if not first <= header.number <= last:
            self.refuse(header.camera)
            raise FrameError("number", f"frame {header.number}; expected {first}..{last}, as configured")
        place = self._places.get(header.camera)
        if place is None or place.boot != header.boot:
            place = _Place(header.boot, header.number, header.number, now_ns)
            self._places[header.camera] = place
            return self._placed(place, header, now_ns, skipped=0, missing=0)
        ahead = _ahead(header.number - place.number - 1, last - first + 1 if last < ENDLESS else 0)
        reach = JUMP_FRAMES + (now_ns - place.seen_ns) * FRAMES_PER_S // 1_000_000_000
        if not 0 <= ahead <= reach:
            return self._elsewhere(place, header, ahead, now_ns)
        place.number, place.sequence = header.number, place.sequence + 1 + ahead
        place.agreeing = 0
        return self._placed(place, header, now_ns, skipped=ahead, missing=max(0, ahead - place.bad))

    def _elsewhere(self, place: _Place, header: Header, ahead: int, now_ns: int) -> Believed:
        """Take in a number that does not follow; once enough agree the count has begun again there."""
        camera = self._cameras[header.camera]
        span = camera.last_number - camera.first_number + 1 if camera.last_number < ENDLESS else 0
        has_passed = -JUST_PASSED <= ahead < 0
        gap = 0 if has_passed else SMALL_GAP
        agrees = place.agreeing and 0 <= _ahead(header.number - place.next_number, span) <= gap
        place.agreeing = place.agreeing + 1 if agrees else 1
        place.next_number = header.number + 1 if header.number < camera.last_number else camera.first_number
        if place.agreeing < AGREEING:
            wrong = f"frame {header.number} after {place.number}"
            if has_passed:
                raise FrameError("order", f"{wrong}; expected a higher number, or another boot")
            place.bad += 1
            raise FrameError("number", f"{wrong}; expected the next one, or another boot")
        words = (
            f"the count began again: {AGREEING} frames up to {header.number} after {place.number}, without another boot"
        )
        place.restarts += 1
        place.number = place.sequence = header.number
        place.agreeing = 0
        place.end_mm, place.agreeing_mm = None, 0
        believed = self._placed(place, header, now_ns, skipped=0, missing=0)
        return msgspec.structs.replace(believed, remarks=(words, *believed.remarks))

    def _placed(self, place: _Place, header: Header, now_ns: int, *, skipped: int, missing: int) -> Believed:
        """Write down what counts on; leave out what cannot be."""
        camera = self._cameras[header.camera]
        changed: dict[str, object] = {}
        remarks = []
        if place.sequence != header.number:
            changed["number"] = place.sequence
        if place.restarts:
            changed["boot"] = f"{header.boot}+{place.restarts}"
        if not camera.mm_per_row / RATIO <= camera.footprint(header).mm_per_row <= camera.mm_per_row * RATIO:
            remarks.append(f"mm_per_row {header.mm_per_row:g} is not believed; configured is {camera.mm_per_row:g}")
            changed["mm_per_row"] = None
            header = msgspec.structs.replace(header, mm_per_row=None)
        length_mm = camera.footprint(header).length_mm
        if not _is_renamed(place, header, skipped * length_mm, length_mm):
            remarks.append(
                f"coil {header.coil or 'without a name'} of frame {header.number} is not believed; its position "
                f"goes on along {place.coil or 'a coil without a name'}"
            )
            changed["coil"] = place.coil
            header = msgspec.structs.replace(header, coil=place.coil)
        expected_mm = self._expected_mm(place, header, skipped * length_mm)
        start_mm = header.start_mm
        wanted = "up to 1e8" if expected_mm is None else f"about {expected_mm:g}"
        if start_mm is not None and not _fits(place, header, expected_mm, length_mm, now_ns):
            remarks.append(f"start_mm {start_mm:g} of frame {header.number} is not believed; expected {wanted}")
            changed["start_mm"], start_mm = None, None
        if start_mm is not None or expected_mm is not None:
            place.end_mm = (start_mm if start_mm is not None else expected_mm or 0.0) + length_mm
        place.coil, place.seen_ns, place.bad = header.coil, now_ns, 0
        return Believed(msgspec.structs.replace(header, **changed) if changed else header, missing, tuple(remarks))

    @staticmethod
    def _expected_mm(place: _Place, header: Header, skipped_mm: float) -> float | None:
        """Where the frame begins if it follows the one before, or is the first of its coil; None: nobody knows."""
        if place.end_mm is None:
            return None
        return place.end_mm + skipped_mm if header.coil == place.coil else 0.0


def _ahead(distance: int, span: int) -> int:
    """How many numbers were left out, in a count that wraps after `span` (0: never); below 0 for one that passed."""
    if not span:
        return distance
    distance %= span
    return distance if distance < span // 2 else distance - span


def _is_renamed(place: _Place, header: Header, skipped_mm: float, length_mm: float) -> bool:
    """Whether a frame's name of the coil is to be believed; see the table above."""
    start_mm = header.start_mm
    if header.coil == place.coil or place.end_mm is None or start_mm is None:
        place.agreeing_coil = 0
        return True
    aside_mm = abs(start_mm - place.end_mm - skipped_mm)
    if aside_mm > JUMP_FRAME_LENGTHS * length_mm or abs(start_mm) <= aside_mm:
        place.agreeing_coil = 0
        return True
    place.agreeing_coil = place.agreeing_coil + 1 if header.coil == place.next_coil else 1
    place.next_coil = header.coil
    return place.agreeing_coil >= AGREEING


def _fits(place: _Place, header: Header, expected_mm: float | None, length_mm: float, now_ns: int) -> bool:
    """Whether a frame's position can be believed."""
    start_mm = header.start_mm
    assert start_mm is not None
    reach_mm = JUMP_FRAME_LENGTHS * length_mm + (now_ns - place.seen_ns) / 1e9 * MM_PER_S
    begins = header.coil is None and abs(start_mm) <= reach_mm  # the next coil, where coils have no names
    near = abs(start_mm) <= COIL_MM if expected_mm is None else abs(start_mm - expected_mm) <= reach_mm
    if near or begins:
        place.agreeing_mm = 0
        return True
    agrees = place.agreeing_mm and abs(start_mm - place.next_mm) <= reach_mm
    place.agreeing_mm = place.agreeing_mm + 1 if agrees else 1
    place.next_mm = start_mm + length_mm
    if place.agreeing_mm < AGREEING or abs(start_mm) > COIL_MM:
        return False
    place.agreeing_mm = 0
    return True
