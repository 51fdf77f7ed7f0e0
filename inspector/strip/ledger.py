"""The account of strip: what of each coil was inspected under each camera, what was missed, and the coil's sums.

Laws: a lane's stretches, inspected and missed, follow one another from the head without hole or overlap. All of it
can be written down and read again, so that a restart goes on where the last one ended.

Knows: lengths, reasons, sums, how far a coil reaches. Must not know: where a frame lies (that is geometry's), which
coil it is of (that is `coils.py`'s), when a coil ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from inspector.config.geometry import ROUNDING_MM
from inspector.records.events import CoilReport, CoilState, Missed
from inspector.records.extent import Extent
from inspector.records.frame import Header
from inspector.records.stages import Gap
from inspector.strip.defects import Assembly
from inspector.strip.doubt import Doubt
from inspector.strip.geometry import CameraTravel
from inspector.strip.leaps import Leap

DRIFT = 0.01
"""Two cameras that count for themselves may differ by so much of the way."""
UNSEEN = 64
"""Missed stretches that are remembered for each camera; of more, those are joined that lie nearest to each other."""


class CoilLane(msgspec.Struct):
    """One camera's way along one coil."""

    coil: str
    track: CameraTravel
    side: str = "top"
    """That its last frame showed."""
    accounted_mm: float = 0.0
    """Up to here the strip is inspected or reported as missed; from here to `track.placed_mm` it is lost."""
    reasons: dict[str, int] = {}
    """Losses since the last inspected frame that are not reported yet: reason -> frames."""
    lost_since_ns: int = 0
    received_ns: int = 0
    """When the batch with its last frame was closed."""
    running_ns: int = 0
    """How long the line had run by then."""
    unseen_mm: list[tuple[float, float]] = []
    """Stretches that were missed: should they come by again, what is seen there is new."""
    leap: Leap | None = None
    """Strip that rests on one frame's position: neither inspected nor missed yet, though `accounted_mm` lies beyond."""
    is_estimated: bool = False
    """No encoder stands behind the place of its last frame."""
    set_back_mm: float = 0.0
    """What the encoder has lost: it was set back to 0 within the coil, and the coil's metres go on."""
    recount_mm: float | None = msgspec.field(default=None, name="doubted_mm")  # its name in the states of before
    """Where a frame ends that alone names a position from which another count begins, as the encoder counts."""
    is_again: bool = False
    """The strip can have come to where that frame lies: with a second one it comes by again from its head."""
    named_ns: int = 0
    """When the batch with its last frame that names a position was closed."""
    named_at: tuple[str, int] = ("", 0)
    """Boot and number of that frame."""
    doubt: Doubt = msgspec.field(default_factory=Doubt)
    """What was inspected and not surely seen."""
    is_restored: bool = False
    """Nothing came since the inspector was started again: what passed meanwhile was not seen."""

    def lose(self, reason: Gap, count: int, now_ns: int) -> None:
        """Note frames that were lost, until the stretch they belong to is known."""
        if not self.reasons:
            self.lost_since_ns = now_ns
        self.reasons[reason] = self.reasons.get(reason, 0) + count

    def take(self, frames: int) -> dict[str, int]:
        """Take away the newest of its lost frames, and return them by reason."""
        taken: dict[str, int] = {}
        for reason, count in reversed([*self.reasons.items()]):
            taken[reason] = min(count, frames - sum(taken.values()))
        self.reasons = {
            reason: count - taken[reason]
            for reason, count in self.reasons.items()
            if count == 0 or count > taken[reason]
        }
        return {reason: count for reason, count in taken.items() if count}

    def is_new(self, start_mm: float, end_mm: float) -> bool:
        """Whether any of a stretch was not inspected before."""
        return end_mm > self.accounted_mm or any(start_mm < end and begin < end_mm for begin, end in self.unseen_mm)

    def known(self, seen: Sequence[Extent], start_mm: float) -> set[int]:
        """Places of what was seen in strip that was inspected before: the line stood, or ran backwards."""
        if start_mm >= self.accounted_mm:
            return set()
        return {
            place
            for place, piece in enumerate(seen)
            if not self.is_new(start_mm + piece.start_mm, start_mm + piece.end_mm - ROUNDING_MM)
        }

    def see_again(self, start_mm: float, end_mm: float) -> None:
        """Note that missed strip came by again and was inspected."""
        self.unseen_mm = few(
            [
                part
                for begin, end in self.unseen_mm
                for part in ((begin, min(end, start_mm)), (max(begin, end_mm), end))
                if part[0] < part[1]
            ]
        )

    def miss(self, start_mm: float, end_mm: float) -> None:
        """Note that a stretch was missed."""
        if end_mm > start_mm:
            self.unseen_mm = few([*self.unseen_mm, (start_mm, end_mm)])

    def fall_back(self, by_mm: float) -> None:
        """Take what came since the leap for lying farther back."""
        assert self.leap is not None
        self.doubt.fall_back(self.leap.to_mm, by_mm)
        self.leap.fall_back(by_mm)
        self.track.fall_back(by_mm)
        self.accounted_mm -= by_mm

    @property
    def come_mm(self) -> float:
        """How far the coil has surely come."""
        return self.leap.from_mm if self.leap else self.track.placed_mm

    @property
    def unconfirmed_mm(self) -> float:
        """How much of the way along the coil rests on one frame's position."""
        return self.leap.unconfirmed_mm if self.leap else 0.0

    def unplaced_mm(self, begins_mm: float) -> float:
        """How much strip lost frames showed that have no place on this coil, whose next one is seen from there on."""
        left_mm = self.track.missing * self.track.length_mm
        return left_mm - begins_mm if 0 < begins_mm <= left_mm else left_mm

    @property
    def is_losing(self) -> bool:
        """Whether strip is lost and not reported yet."""
        return self.track.placed_mm > self.accounted_mm


def few(stretches: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join stretches until they are few enough; what lies between those that are joined is taken for missed as well.

    Nothing that was missed is forgotten: rather is a defect reported twice than not at all.
    """
    if len(stretches) <= UNSEEN:
        return stretches
    stretches = sorted(stretches)
    while len(stretches) > UNSEEN:
        place = min(range(1, len(stretches)), key=lambda at: stretches[at][0] - stretches[at - 1][1])
        begin, end = stretches[place - 1][0], max(stretches[place - 1][1], stretches[place][1])
        stretches[place - 1 : place + 1] = [(begin, end)]
    return stretches


class CoilSums(msgspec.Struct):
    """One coil's sums over all cameras."""

    name: str
    cameras: set[str] = msgspec.field(default_factory=set)
    """That are on the coil now."""
    visitors: set[str] = msgspec.field(default_factory=set)
    """That are on it or were."""
    is_nameless: bool = False
    """No frame names it."""
    begun: int = 0
    """The later it began, the higher."""
    followed_by: str = ""
    """The nameless coil behind it, once a camera has come there."""
    absent_mm: dict[str, float] = {}
    """Cameras that never came, and up to where that was reported."""
    left_mm: dict[str, float] = {}
    """Cameras that left it, and up to where it was accounted for under each."""
    left_last_mm: dict[str, float] = {}
    """Where the last frame of each of them ended: of one that was taken for dead, more is accounted for than it saw."""
    left_at: dict[str, tuple[str, int]] = {}
    """Boot and number of the last frame under each of them."""
    left_unseen_mm: dict[str, list[tuple[float, float]]] = {}
    """What was missed under each of them, should it come back."""
    left_doubt: dict[str, Doubt] = {}
    """What shows of each of them that cannot be relied on, should it turn out so."""
    left_running_ns: int = 0
    """How long the line had run when the last of them left."""
    ends_mm: dict[str, float] = {}
    """Cameras that went on to the next coil, and how far this one can have reached under each of them."""
    is_ended: bool = False
    """It was reported as ended, because the inspector stopped or the cameras left it; it may go on."""
    is_estimated: bool = False
    """No encoder stood behind the place of some frame."""
    joined_behind: str = ""
    """The coil that it is welded to with its tail, once that is reported."""
    joined_before: str = ""
    """The same with its head."""
    farthest_mm: float = 0.0
    """End of the farthest frame of any camera."""
    certain_mm: float = 0.0
    """Begin of that frame: so far the coil reaches under every camera, be the weld within it or not."""
    inspected_mm: float = 0.0
    missed_mm: float = 0.0
    frames: int = 0
    defects: dict[str, int] = {}
    assemblies: dict[str, Assembly] = {}
    """Defects under construction, by side."""
    crowded: int = 0
    """Frames with more in them than defects."""
    recipes: set[str] = msgspec.field(default_factory=set)
    """What inspected its frames."""

    def enter(self, header: Header, back: tuple[float, int] | None) -> CoilLane:
        """Begin a camera's way along the coil with this frame, or go on with it where it came `back`."""
        self.cameras.add(header.camera)
        self.visitors.add(header.camera)
        self.ends_mm.pop(header.camera, None)
        last_mm, number = back or (0.0, header.number - 1)
        absent_mm = self.absent_mm.pop(header.camera, 0.0)
        accounted_mm = max(absent_mm, last_mm)
        track = CameraTravel(header.boot, number, last_mm if header.start_mm is None else 0.0, accounted_mm)
        lane = CoilLane(self.name, track, accounted_mm=accounted_mm, is_estimated=header.is_estimated)
        unseen_mm, doubt = self.left_unseen_mm.pop(header.camera, []), self.left_doubt.pop(header.camera, Doubt())
        if back:
            lane.unseen_mm, lane.doubt = unseen_mm, doubt
        lane.miss(0.0, absent_mm)  # so it was reported, and is inspected now
        return lane

    def leave(self, camera: str, lane: CoilLane, running_ns: int) -> None:
        """Keep how far a camera had come that leaves."""
        self.left_running_ns = running_ns
        self.left_mm[camera] = lane.accounted_mm
        self.left_last_mm[camera] = lane.track.last_mm
        self.left_at[camera] = lane.track.boot, lane.track.number
        self.left_unseen_mm[camera] = lane.unseen_mm
        self.left_doubt[camera] = lane.doubt
        self.cameras.discard(camera)

    def reach(self, lane: CoilLane) -> None:
        """Note how far the coil has come under a camera."""
        come_mm = lane.track.placed_mm - lane.unconfirmed_mm
        if come_mm > self.farthest_mm:
            self.farthest_mm, self.certain_mm = come_mm, come_mm - lane.track.length_mm

    @property
    def end_mm(self) -> float:
        """How far it reaches, once a camera has shown its end and no other strip behind it."""
        ends_mm = max(self.ends_mm.values(), default=0.0)
        return max(self.farthest_mm, ends_mm) if ends_mm >= self.certain_mm and self.ends_mm else math.inf

    def is_ahead(self, lane: CoilLane) -> bool:
        """Whether others saw strip of the coil that came under this camera without being seen."""
        drift_mm = DRIFT * self.farthest_mm if self.is_estimated else 0.0
        come_mm = lane.track.placed_mm + lane.track.placeless * lane.track.length_mm
        return come_mm + lane.track.length_mm + drift_mm < self.certain_mm

    def miss(
        self,
        camera: str,
        start_mm: float,
        end_mm: float,
        reasons: dict[str, int],
        *,
        is_estimated: bool = False,
        at_most_mm: float = 0.0,
    ) -> Missed:
        """Count a stretch as missed; return its event."""
        self.missed_mm += end_mm - start_mm
        return Missed(
            camera=camera,
            coil=self.name,
            start_mm=round(start_mm, 1),
            end_mm=round(end_mm, 1),
            reasons=reasons,
            is_estimated=is_estimated,
            at_most_mm=round(at_most_mm, 1),
        )

    def report(self, state: CoilState) -> CoilReport:
        """The coil's event, with its sums as they stand."""
        return CoilReport(
            state=state,
            coil=self.name,
            inspected_m=round(self.inspected_mm / 1000, 3),
            missed_m=round(self.missed_mm / 1000, 3),
            frames=self.frames,
            is_estimated=self.is_estimated,
            defects=dict(sorted(self.defects.items())),
            crowded=self.crowded,
            length_m=round(self.farthest_mm / 1000, 3),
            recipes=tuple(sorted(self.recipes)),
        )
