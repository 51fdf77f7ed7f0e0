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

    def go_on(self, header: Header, placed: Placed, length_mm: float, *, has_left: bool) -> None:
        """Take in a frame; `has_left`: the camera left a coil of this name with this batch."""
        passage = self._passage(header, placed, length_mm, has_left=has_left)
        end_mm = placed.start_mm + length_mm
        passage.reached_mm = max(passage.reached_mm, end_mm)
        self.line_mm = passage.head_mm + end_mm
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
        unseen = header.number - self.number - 1 if header.boot == self.boot else 0
        head_mm = self.line_mm + max(0.0, unseen * length_mm - placed.start_mm) if last else 0.0
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
        self._doubted_mm: dict[str, float | None] = {}
        """End of the last frame whose position nothing else supports, by camera."""

    def motion(self, camera: str) -> Motion:
        """How the strip moves under a camera."""
        return self._motions.setdefault(camera, Motion())

    def replace(self, cameras: Mapping[str, CameraSection]) -> None:
        """Go on with other calibrations."""
        self._cameras = cameras

    def follow(self, findings: Findings, now_ns: int) -> None:
        """Take in a batch's frames; `now_ns` is UNIX time, by which exposures are named."""
        for arrival, placed in zip(findings.inspected, findings.placed, strict=True):
            self._see(arrival, placed, (placed.coil, arrival.frame.header.camera) in findings.left_mm, now_ns)
        newest = max(self.by_camera, key=lambda camera: self.motion(camera).at_ns, default="")
        for camera, way in self.by_camera.items():
            ahead, motion = self.motion(newest), self.motion(camera)
            if motion.at_ns and ahead.at_ns - motion.at_ns > SILENT_NS:
                way.line_mm += ahead.passed_mm(motion.at_ns)
                motion.borrow(ahead, way.line_mm)

    def stands(self, now_ns: int) -> bool:
        """Whether no camera's frames come that would have come if the strip had moved on as it did."""
        return all(
            now_ns > self.motion(camera).next_ns() + 3 * self._arrival_ns // 2 + NEWEST_NS for camera in self.by_camera
        )

    def _see(self, arrival: Inspected, placed: Placed, has_left: bool, now_ns: int) -> None:
        header = arrival.frame.header
        way = self.by_camera.setdefault(header.camera, Way())
        length_mm = self._cameras[header.camera].footprint(header).length_mm
        if self._is_doubtful(way, header, placed, length_mm):
            return
        way.go_on(header, placed, length_mm, has_left=has_left)
        age_ns = now_ns - header.captured_ns
        at_ns = header.captured_ns if -NEWEST_NS <= age_ns <= OLDEST_NS else now_ns
        self._arrival_ns = max(now_ns - at_ns, self._arrival_ns * 15 // 16)
        self.motion(header.camera).see(at_ns, way.line_mm)

    def _is_doubtful(self, way: Way, header: Header, placed: Placed, length_mm: float) -> bool:
        """Whether a frame lies where no strip can have come since the one before, and the next has not confirmed it."""
        before_ns, passage = self.motion(header.camera).at_ns, way.passages[-1] if way.passages else None
        self._doubted_mm, doubted_mm = {**self._doubted_mm, header.camera: None}, self._doubted_mm.get(header.camera)
        if passage is None or passage.coil != placed.coil or not before_ns:
            return False
        way_mm = abs(passage.head_mm + placed.start_mm + length_mm - way.line_mm)
        if way_mm <= length_mm + FASTEST_MM_PER_S * max(0, header.captured_ns - before_ns) / 1e9:
            return False
        if doubted_mm is not None and abs(placed.start_mm - doubted_mm) <= length_mm:
            return False
        self._doubted_mm[header.camera] = placed.start_mm + length_mm
        return True
