"""Each camera's way along the line: which strip lies where on it, over welds, restarts and dead cameras. Pure.

Laws: one frame's position that nothing else supports moves nothing. Positions along the line go on from coil to coil;
what passed between two coils without being seen counts by the frames' numbers. A camera that sends nothing while
another does goes on with that one's strip, by how far that one's way has come: over its stands, losses and restarts.

Knows: placed frames, their times. Must not know: defects, rules.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from inspector.config.camera import CameraSection
from inspector.records.frame import Header
from inspector.records.stages import Findings, Frame, Placed
from inspector.triggers.clock import NEWEST_NS, CameraClock
from inspector.triggers.motion import FASTEST_MM_PER_S, Motion

REMEMBERED = 4
"""Coils whose places on the line are kept, by camera: what lies on one may be reported after the next has begun."""
SILENT_NS = 1_000_000_000
"""A camera that is so far behind another goes on with that one's strip."""


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
    others_mm: dict[str, float] = {}
    """`line_mm` of the other cameras when the newest row here was exposed, by name."""
    boot: str = ""
    number: int = 0
    is_estimated: bool = False
    clock_behind_ns: int = 0
    """How far its camera's clock is behind ours, where that is known to be off."""

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

    def is_next(self, header: Header, placed: Placed, length_mm: float) -> bool:
        """Whether nothing was lost before a frame."""
        passage = self.passages[-1] if self.passages else None
        ahead_mm = placed.start_mm - passage.reached_mm if passage and passage.coil == placed.coil else 0.0
        return header.boot == self.boot and header.number == self.number + 1 and ahead_mm <= length_mm / 2

    def go_on(self, header: Header, placed: Placed, length_mm: float, *, has_left: bool) -> None:
        """Take in a frame; `has_left`: the camera left a coil of this name with this batch."""
        passage = self._passage(header, placed, length_mm, has_left=has_left)
        end_mm = placed.start_mm + length_mm
        passage.reached_mm = max(passage.reached_mm, end_mm)
        self.line_mm, self.borrowed_mm = passage.head_mm + end_mm, 0.0
        self.others_mm = {}
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
        counted_mm, unseen_mm = (header.number - self.number - 1) * length_mm, self.borrowed_mm
        if header.boot == self.boot and unseen_mm <= counted_mm + length_mm:  # that is exact
            unseen_mm = counted_mm
        head_mm = self.line_mm - self.borrowed_mm + max(0.0, unseen_mm - placed.start_mm) if last else 0.0
        self.passages = [*self.passages, CameraPassage(placed.coil, head_mm)][-REMEMBERED:]
        return self.passages[-1]


class Ways:
    """All cameras' ways, and how they move."""

    def __init__(self, cameras: Mapping[str, CameraSection]) -> None:
        self._cameras = cameras
        self.by_camera: dict[str, Way] = {}
        self._motions: dict[str, Motion] = {}
        self._clocks: dict[str, CameraClock] = {}
        self._leader = ""
        """The camera whose strip those go on with that send nothing."""
        self._arrival_ns = 0
        """How long after its exposure a frame is known here, at most: lately."""
        self._ahead_ns: int | None = None
        """What the calendar was ahead of a clock that nobody sets, at the last call."""
        self._set_ns, self._before_ns = 0, 0
        """By how much it was set last, and what it showed before: exposures of then are named by that."""
        self._unconfirmed_mm: dict[str, float | None] = {}
        """End of the last frame whose position nothing else supports, by camera."""

    def motion(self, camera: str) -> Motion:
        """How the strip moves under a camera."""
        if (motion := self._motions.get(camera)) is None:
            motion = self._motions[camera] = Motion()
        return motion

    def replace(self, cameras: Mapping[str, CameraSection]) -> None:
        """Go on with other calibrations."""
        self._cameras = cameras

    def restore(self, ways: Mapping[str, Way]) -> None:
        """Go on where the cameras were that there still are."""
        self.by_camera = {camera: way for camera, way in ways.items() if camera in self._cameras}
        for camera, way in self.by_camera.items():
            for name in self.by_camera.keys() - {camera}:  # a state of before 0.4 does not say: all were about as far
                way.others_mm.setdefault(name, self.by_camera[name].line_mm)

    def follow(self, findings: Findings, now_ns: int, steady_ns: int) -> None:
        """Take in a batch's frames; `now_ns` is UNIX time, by which exposures are named, `steady_ns` monotonic."""
        self._follow_clock(now_ns, now_ns - steady_ns)
        for arrival, placed in zip(findings.inspected, findings.placed, strict=True):
            header = arrival.frame.header
            at_ns = self._exposed_ns(arrival.frame, placed, now_ns, now_ns - steady_ns)
            self._see(header, placed, at_ns, now_ns, (placed.coil, header.camera) in findings.left_mm)
        leader_ns = self._lead()
        for camera in self.by_camera:
            if leader_ns - self.motion(camera).own_ns > SILENT_NS:
                self._borrow(camera)
        for camera in self.by_camera:
            self._note(camera)

    def stands(self, now_ns: int) -> bool:
        """Whether no camera's frames come that would have come if the strip had moved on as it did."""
        return all(
            now_ns > self.motion(camera).next_ns() + 3 * self._arrival_ns // 2 + NEWEST_NS for camera in self.by_camera
        )

    def _lead(self) -> int:
        """Choose another leader where the last one is far behind; return when its newest row was exposed."""
        own_ns = {name: self.motion(name).own_ns for name in self.by_camera}
        newest = max(own_ns, key=own_ns.__getitem__, default="")
        if own_ns.get(newest, 0) - own_ns.get(self._leader, 0) > SILENT_NS:
            self._leader = newest
        return own_ns.get(self._leader, 0)

    def _borrow(self, camera: str) -> None:
        """Let a camera that is far behind go on with the strip, and as fast, as the leader."""
        way, motion, leader = self.by_camera[camera], self.motion(camera), self.motion(self._leader)
        if motion.at_ns == leader.at_ns:
            return
        way.borrow(self._passed_mm(camera, self._leader, leader.at_ns))
        motion.go_with(leader, leader.at_ns, way.line_mm)
        way.others_mm[self._leader] = self.by_camera[self._leader].line_mm

    def _note(self, camera: str) -> None:
        """Note where the others were as a camera's newest row was exposed; more exactly once they have gone on."""
        others_mm, at_ns = self.by_camera[camera].others_mm, self.motion(camera).at_ns
        for name in self.by_camera if at_ns else ():
            other = self.motion(name)
            if name != camera and other.at_ns and (other.since_ns <= at_ns or name not in others_mm):
                others_mm[name] = other.near_mm(at_ns)

    def _passed_mm(self, camera: str, other: str, until_ns: int) -> float:
        """How far the strip has come since a camera's newest row, up to a time, as another camera saw it."""
        others_mm, motion = self.by_camera[camera].others_mm, self.motion(other)
        since_mm = others_mm[other] if other in others_mm else motion.place_mm(self.motion(camera).at_ns)
        return motion.place_mm(until_ns) - since_mm

    def _guide(self, camera: str) -> str | None:
        """Another camera that shows how the strip moves: the leader, or the one that saw the newest row."""
        others = [name for name in self.by_camera if name != camera and self.motion(name).at_ns]
        return max(others, key=lambda name: (name == self._leader, self.motion(name).at_ns), default=None)

    def _follow_clock(self, now_ns: int, ahead_ns: int) -> None:
        """Have all that is known go by the new clock where somebody has set it."""
        set_ns = 0 if self._ahead_ns is None else ahead_ns - self._ahead_ns
        self._ahead_ns = ahead_ns
        if abs(set_ns) >= NEWEST_NS:
            self._set_ns, self._before_ns = set_ns, now_ns - set_ns
            for motion in self._motions.values():
                motion.set_clock(set_ns)

    def _exposed_ns(self, frame: Frame, placed: Placed, now_ns: int, ahead_ns: int) -> int:
        """When a frame was exposed by our clock, whatever its camera's is; what rests on a wrong one is forgotten."""
        header, came_ns = frame.header, frame.received_ns + ahead_ns
        way, named_ns = self.by_camera.setdefault(header.camera, Way()), self._named_ns(header.captured_ns, now_ns)
        clock = self._clocks.setdefault(header.camera, CameraClock(way.clock_behind_ns))
        as_known_ns = clock.exposed_ns(named_ns, came_ns)
        is_next = way.is_next(header, placed, self._cameras[header.camera].footprint(header).length_mm)
        clock.see(came_ns - named_ns, frame.received_ns, is_next=is_next)
        at_ns, way.clock_behind_ns = clock.exposed_ns(named_ns, came_ns), clock.behind_ns
        if abs(at_ns - as_known_ns) > NEWEST_NS:
            way.borrow(-way.borrowed_mm)
            way.others_mm = {}
            self._motions[header.camera] = Motion()
        return at_ns

    def _named_ns(self, named_ns: int, now_ns: int) -> int:
        """What a camera named, by today's clock: a frame that was under way as it was set is named by the old one."""
        is_old = named_ns < self._before_ns if self._set_ns > 0 else now_ns + NEWEST_NS < named_ns <= self._before_ns
        return named_ns + self._set_ns * is_old

    def _see(self, header: Header, placed: Placed, at_ns: int, now_ns: int, has_left: bool) -> None:
        way, motion = self.by_camera[header.camera], self.motion(header.camera)
        length_mm = self._cameras[header.camera].footprint(header).length_mm
        if self._is_unconfirmed(way, header, placed, length_mm, at_ns):
            return
        is_back = motion.at_ns != motion.own_ns
        guide = self._guide(header.camera) if is_back or header.boot != way.boot else None
        if guide:  # what passed before this frame, and no numbers say
            passed_mm = self._passed_mm(header.camera, guide, at_ns) - length_mm
            way.borrow(max(-way.borrowed_mm, passed_mm))
        way.go_on(header, placed, length_mm, has_left=has_left)
        self._arrival_ns = max(now_ns - at_ns, self._arrival_ns * 15 // 16)
        if guide and is_back:
            motion.go_with(self.motion(guide), at_ns, way.line_mm)
        else:
            motion.see(at_ns, way.line_mm)
        motion.own_ns = at_ns

    def _is_unconfirmed(self, way: Way, header: Header, placed: Placed, length_mm: float, at_ns: int) -> bool:
        """Whether a frame lies where no strip can have come since the one before, and the next has not confirmed it."""
        before_ns, passage = self.motion(header.camera).own_ns, way.passages[-1] if way.passages else None
        unconfirmed_mm = self._unconfirmed_mm.get(header.camera)
        self._unconfirmed_mm = {**self._unconfirmed_mm, header.camera: None}
        if passage is None or passage.coil != placed.coil or not before_ns:
            return False
        way_mm = abs(passage.head_mm + placed.start_mm + length_mm - way.line_mm + way.borrowed_mm)
        if way_mm <= length_mm + FASTEST_MM_PER_S * max(0, at_ns - before_ns) / 1e9:
            return False
        if unconfirmed_mm is not None and abs(placed.start_mm - unconfirmed_mm) <= length_mm:
            return False
        self._unconfirmed_mm[header.camera] = placed.start_mm + length_mm
        return True
