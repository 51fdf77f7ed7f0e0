"""Each camera's way along the line: which strip lies where on it, over welds, restarts and dead cameras. Pure.

Laws: one frame's position that nothing else supports moves nothing. Positions along the line go on from coil to coil;
what passed between two coils without being seen counts by the frames' numbers. A camera that sends nothing while
another does goes on with that one's strip.

Knows: placed frames, their times. Must not know: defects, rules.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from inspector.config.camera import CameraSection
from inspector.records.frame import Header
from inspector.records.stages import Findings, Inspected, Placed
from inspector.triggers.motion import FASTEST_MM_PER_S, Motion

REMEMBERED = 4
"""Coils whose places on the line are kept, by camera: what lies on one may be reported after the next has begun."""
SILENT_NS = 1_000_000_000
"""A camera that is so far behind another goes on with that one's strip."""
OLDEST_NS = 60_000_000_000
NEWEST_NS = 100_000_000
"""A time of exposure so long ago, or so far ahead, is no time: that of arrival takes its place."""


class CameraPassage(msgspec.Struct):
    """One coil under one camera."""

    coil: str
    head_mm: float
    """Where on the line its head lies."""
    reached_mm: float = 0.0
    """How far it has come: a position on the coil."""


class Way(msgspec.Struct):
    """What one camera has to know after a restart."""

    passages: list[CameraPassage] = []
    """The newest last."""
    line_mm: float = 0.0
    """Of the newest row."""
    borrowed_mm: float = 0.0
    """How much of that passed since its last frame, as another camera saw."""
    boot: str = ""
    number: int = 0
    is_estimated: bool = False

    def place_mm(self, coil: str, start_mm: float) -> float | None:
        """Return where on the line something on a coil lies; None for a coil that is not known."""
        mine = [passage for passage in self.passages if passage.coil == coil]
        for passage in reversed(mine):
            if passage.reached_mm >= start_mm:
                return passage.head_mm + start_mm
        return mine[-1].head_mm + start_mm if mine else None

    def borrow(self, passed_mm: float) -> None:
        """Go on with strip that another camera saw."""
        self.line_mm += passed_mm
        self.borrowed_mm += passed_mm

    def go_on(self, header: Header, placed: Placed, length_mm: float, *, has_left: bool) -> None:
        """Take in a frame; `has_left`: the camera left a coil of this name with this batch."""
        passage = self._passage(header, placed, length_mm, has_left=has_left)
        end_mm = placed.start_mm + length_mm
        passage.reached_mm = max(passage.reached_mm, end_mm)
        self.line_mm, self.borrowed_mm = passage.head_mm + end_mm, 0.0
        self.boot, self.number = header.boot, header.number
        self.is_estimated = header.is_estimated

    def _passage(self, header: Header, placed: Placed, length_mm: float, *, has_left: bool) -> CameraPassage:
        last = self.passages[-1] if self.passages else None
        if last and last.coil == placed.coil and not (has_left and placed.start_mm < last.reached_mm / 2):
            return last
        for passage in self.passages[:-1]:  # a few frames named another coil: it goes on
            if passage.coil == placed.coil and placed.start_mm >= passage.reached_mm / 2:
                self.passages = [*(kept for kept in self.passages if kept is not passage), passage]
                return passage
        counted_mm = (header.number - self.number - 1) * length_mm if header.boot == self.boot else 0.0
        unseen_mm = max(counted_mm, self.borrowed_mm)
        head_mm = self.line_mm - self.borrowed_mm + max(0.0, unseen_mm - placed.start_mm) if last else 0.0
        self.passages = [*self.passages, CameraPassage(placed.coil, head_mm)][-REMEMBERED:]
        return self.passages[-1]


class Ways:
    """All cameras' ways, and how they move."""

    def __init__(self, cameras: Mapping[str, CameraSection]) -> None:
        self._cameras = cameras
        self.by_camera: dict[str, Way] = {}
        self._motions: dict[str, Motion] = {}
        self._arrival_ns = 0
        """How long after its exposure a frame is known here, at most: lately."""
        self._ahead_ns: int | None = None
        """What the calendar was ahead of a clock that nobody sets, at the last call."""
        self._set_ns, self._before_ns = 0, 0
        """By how much it was set last, and what it showed before: exposures of then are named by that."""
        self._doubted_mm: dict[str, float | None] = {}
        """End of the last frame whose position nothing else supports, by camera."""

    def motion(self, camera: str) -> Motion:
        """How the strip moves under a camera."""
        return self._motions.setdefault(camera, Motion())

    def replace(self, cameras: Mapping[str, CameraSection]) -> None:
        """Go on with other calibrations."""
        self._cameras = cameras

    def follow(self, findings: Findings, now_ns: int, steady_ns: int) -> None:
        """Take in a batch's frames; `now_ns` is UNIX time, by which exposures are named, `steady_ns` monotonic."""
        self._follow_clock(now_ns, now_ns - steady_ns)
        for arrival, placed in zip(findings.inspected, findings.placed, strict=True):
            self._see(arrival, placed, (placed.coil, arrival.frame.header.camera) in findings.left_mm, now_ns)
        for camera in self.by_camera:
            self._borrow(camera)

    def stands(self, now_ns: int) -> bool:
        """Whether no camera's frames come that would have come if the strip had moved on as it did."""
        return all(
            now_ns > self.motion(camera).next_ns() + 3 * self._arrival_ns // 2 + NEWEST_NS for camera in self.by_camera
        )

    def _borrow(self, camera: str) -> None:
        """Let a camera that is far behind go on with the strip, and as fast, as the one that saw the newest row."""
        way, motion, ahead = self.by_camera[camera], self.motion(camera), self._ahead()
        if motion.at_ns and ahead.at_ns - motion.at_ns > SILENT_NS:
            way.borrow(ahead.passed_mm(motion.at_ns))
            motion.borrow(ahead, way.line_mm)

    def _ahead(self) -> Motion:
        """How the strip moves under the camera that saw the newest row."""
        return max((self.motion(name) for name in self.by_camera), key=lambda motion: motion.at_ns)

    def _passed_mm(self, camera: str, until_ns: int) -> float:
        """How far the strip has come since a camera's last frame, up to a time, as another camera sees it."""
        motion, ahead = self.motion(camera), self._ahead()
        forecast = ahead.forecast()
        if ahead is motion or not motion.at_ns or forecast is None:
            return 0.0
        return ahead.passed_mm(motion.at_ns) + forecast.place_mm(until_ns) - forecast.line_mm

    def _follow_clock(self, now_ns: int, ahead_ns: int) -> None:
        """Have all that is known go by the new clock where somebody has set it."""
        set_ns = 0 if self._ahead_ns is None else ahead_ns - self._ahead_ns
        self._ahead_ns = ahead_ns
        if abs(set_ns) >= NEWEST_NS:
            self._set_ns, self._before_ns = set_ns, now_ns - set_ns
            for motion in self._motions.values():
                motion.set_clock(set_ns)

    def _exposed_ns(self, named_ns: int, now_ns: int) -> int:
        """When a frame was exposed by today's clock: one that was under way as it was set is named by the old one."""
        is_old = named_ns < self._before_ns if self._set_ns > 0 else now_ns + NEWEST_NS < named_ns <= self._before_ns
        return named_ns + self._set_ns * is_old

    def _see(self, arrival: Inspected, placed: Placed, has_left: bool, now_ns: int) -> None:
        header = arrival.frame.header
        way = self.by_camera.setdefault(header.camera, Way())
        length_mm = self._cameras[header.camera].footprint(header).length_mm
        exposed_ns = self._exposed_ns(header.captured_ns, now_ns)
        if self._is_doubtful(way, header, placed, length_mm, exposed_ns):
            return
        if header.boot != way.boot:  # its numbers do not say what passed before this frame
            way.borrow(max(0.0, self._passed_mm(header.camera, exposed_ns) - length_mm))
        way.go_on(header, placed, length_mm, has_left=has_left)
        age_ns = now_ns - exposed_ns
        at_ns = exposed_ns if -NEWEST_NS <= age_ns <= OLDEST_NS else now_ns
        self._arrival_ns = max(now_ns - at_ns, self._arrival_ns * 15 // 16)
        self.motion(header.camera).see(at_ns, way.line_mm)

    def _is_doubtful(self, way: Way, header: Header, placed: Placed, length_mm: float, exposed_ns: int) -> bool:
        """Whether a frame lies where no strip can have come since the one before, and the next has not confirmed it."""
        before_ns, passage = self.motion(header.camera).at_ns, way.passages[-1] if way.passages else None
        self._doubted_mm, doubted_mm = {**self._doubted_mm, header.camera: None}, self._doubted_mm.get(header.camera)
        if passage is None or passage.coil != placed.coil or not before_ns:
            return False
        way_mm = abs(passage.head_mm + placed.start_mm + length_mm - way.line_mm)
        if way_mm <= length_mm + FASTEST_MM_PER_S * max(0, exposed_ns - before_ns) / 1e9:
            return False
        if doubted_mm is not None and abs(placed.start_mm - doubted_mm) <= length_mm:
            return False
        self._doubted_mm[header.camera] = placed.start_mm + length_mm
        return True
