"""What the strip stage keeps, and what one batch adds to it: the records that its rules pass among themselves.

Knows: lanes and sums. Must not know: the rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set

import msgspec

from inspector.config.camera import CameraSection
from inspector.config.motion import begins_again
from inspector.records.events import CoilReport, Crowded, Data
from inspector.records.frame import Header
from inspector.records.stages import Crowd, Inspected, Placed
from inspector.strip.geometry import Place
from inspector.strip.ledger import CoilLane, CoilSums

UNNAMED = "unnamed"
"""The coil of frames whose header names none; the next one has a number while cameras are on this one still."""

REMEMBERED = 4
"""Coils that all cameras have seen and left whose accounts are kept, should frames name them again."""
AWAITED = 20
"""Coils that some camera has not seen whose accounts are kept: the pieces that may lie between two cameras.

Where one is dead, all coils are such.
"""
SILENT_NS = 10_000_000_000
"""A camera that has sent nothing while the line ran for so long, and others went on sending, one of them on the next
coil, is taken for dead; on a line that stands nobody is."""
PAUSE_NS = 500_000_000
"""The line has run for so long at most between two frames: in a longer pause it may have stood."""


class Absence(msgspec.Struct):
    """Why a camera is on no coil though it sends: its frames were refused, since a coil ended without it."""

    reasons: dict[str, int] = {}
    last_ns: int = 0
    """When the batch with the last of them was closed."""


class StripState(msgspec.Struct):
    """All that is known of the strip: lanes by camera, coils by name."""

    lanes: dict[str, CoilLane] = {}
    coils: dict[str, CoilSums] = {}
    refused: dict[str, Absence] = {}
    """By camera."""
    running_ns: int = 0
    """How long the line has run."""
    seen_ns: int = 0
    """When the batch with the last frame of any camera was closed."""

    def run_on(self, now_ns: int) -> None:
        """Note that a frame came: frames show that the line runs, but not through a long pause."""
        self.running_ns += min(max(now_ns - self.seen_ns, 0), PAUSE_NS)
        self.seen_ns = now_ns

    def restart(self, now_ns: int) -> None:
        """Go on in another process, with another clock: nobody was silent while it was down."""
        self.seen_ns = now_ns
        for camera, lane in self.lanes.items():
            lane.is_restored, lane.received_ns, lane.lost_since_ns = True, now_ns, now_ns
            lane.running_ns = self.running_ns
            self.assume(camera)
        for coil in self.coils.values():
            coil.left_running_ns = self.running_ns
        for refused in self.refused.values():
            refused.last_ns = now_ns

    def refuse(self, camera: str, reasons: dict[str, int], now_ns: int) -> None:
        """Note frames of which nothing is believed, of a camera that is on no coil; not where none is named."""
        for reason, count in reasons.items() if camera else ():
            refused = self.refused.setdefault(camera, Absence())
            refused.reasons[reason] = refused.reasons.get(reason, 0) + count
            refused.last_ns = now_ns

    def assume(self, camera: str, to_mm: float = math.inf) -> None:
        """Give a camera's bad frames the place behind its last good one, as far as `to_mm`, and as its coil reaches."""
        lane = self.lanes[camera]
        coil = self.coils[lane.coil]
        lane.track.assume(min(to_mm, coil.end_mm))
        if lane.track.placeless and coil.end_mm <= to_mm and lane.track.placed_mm < coil.farthest_mm:
            lane.track.skip(1)  # the first that has no place lies over the end
            lane.track.last_mm = lane.track.placed_mm = coil.farthest_mm
        coil.reach(lane)

    def hand_on(self, camera: str, now_ns: int) -> None:
        """Take bad frames behind the end of their camera's coil for ones of the next, where it has yet to be seen."""
        lane = self.lanes.get(camera)
        if lane is not None and self.coils[lane.coil].end_mm < math.inf:
            self.assume(camera)
            self.refuse(camera, lane.take(lane.track.placeless), now_ns)
            lane.track.skip(lane.track.placeless)

    def why_absent(self, camera: str, now_ns: int) -> dict[str, int]:
        """Say why a camera saw nothing of a coil: its frames were refused, or it sent none, or none of late."""
        refused = self.refused.pop(camera, Absence())
        is_sending = refused.last_ns > now_ns - SILENT_NS
        return refused.reasons if is_sending and refused.reasons else {**refused.reasons, "silent": 0}

    def shown_mm(self, lane: CoilLane, since_ns: int) -> float:
        """How far other cameras with an encoder, that sent since then, show a lane's coil to reach."""
        coil = self.coils[lane.coil]
        coming = self.lanes.keys() - (coil.visitors - coil.cameras)
        ways = [self.lanes[camera] for camera in sorted(coming) if self.lanes[camera] is not lane]
        sending = [way for way in ways if way.received_ns > since_ns and not way.is_estimated]
        return max((way.come_mm if way.coil == coil.name else 0.0 for way in sending), default=math.inf)


class Turn(msgspec.Struct):
    """What one batch adds."""

    now_ns: int
    events: list[Data] = []
    inspected_mm: dict[str, float] = {}
    left_mm: dict[tuple[str, str], float] = {}
    """How far coils had come that cameras left."""
    placed: list[Placed] = []
    joined: dict[str, str] = {}


def nameless(coils: dict[str, CoilSums], lane: CoilLane | None, camera: str, *, begins: bool) -> str:
    """Return the coil of a frame that names none: its camera's own, or where the position begins again the next.

    The next one is that which the first camera to leave began. Two coils under the cameras at once have two names.
    """
    coil = coils[lane.coil] if lane is not None else None
    if coil is None or not coil.is_nameless:  # where the others are
        running = [name for name, sums in coils.items() if sums.is_nameless and not sums.is_ended]
        return running[-1] if running else UNNAMED
    if not begins:
        return coil.name
    following = coils.get(coil.followed_by)
    if following is None or camera in following.visitors:
        names = (UNNAMED, *(f"{UNNAMED}-{number}" for number in range(2, len(coils) + 3)))
        coil.followed_by = next(
            name for name in names if name not in coils or (name == coil.name and coil.cameras == {camera})
        )
    return coil.followed_by


def forget(coils: dict[str, CoilSums], coil: CoilSums) -> None:
    """Take a coil out; cameras that have not left the one before it go on with the one behind it."""
    del coils[coil.name]
    for before in coils.values():
        if before.followed_by == coil.name:
            before.followed_by = coil.followed_by


def newest(coils: dict[str, CoilSums]) -> int:
    """Return the number of the coil that began last."""
    return max((coil.begun for coil in coils.values()), default=0)


def remember(coils: dict[str, CoilSums], coil: CoilSums, cameras: Set[str]) -> None:
    """Keep the account of a coil that all have left: one frame with a wrong name must not cost it.

    Those that one of the `cameras` has not seen have a place of their own.
    """
    coil.is_ended = True
    forget(coils, coil)
    if not coil.is_nameless:
        coils[coil.name] = coil  # the last one now
    gone = [name for name, known in coils.items() if known.is_ended and not known.cameras]
    awaited = [name for name in gone if not cameras <= coils[name].visitors]
    seen = [name for name in gone if name not in awaited]
    for name in (*seen[:-REMEMBERED], *awaited[:-AWAITED]):
        del coils[name]


def silent(state: StripState, for_ns: int = SILENT_NS) -> list[str]:
    """Cameras whose last frame came so long before another's; what the line stood meanwhile does not count."""
    last_ns = max((lane.running_ns for lane in state.lanes.values()), default=0)
    return [camera for camera, lane in state.lanes.items() if last_ns - lane.running_ns >= for_ns]


def comes_first(camera: str, visitors: Set[str], cameras: Mapping[str, CameraSection]) -> bool:
    """Whether strip comes under a camera before, or as, it comes under the visitors; not known where none has a place.

    All at 0 m is how they stand where nobody configured it, be they 30 m apart.
    """
    stations_m = [cameras[name].station_m for name in visitors if name in cameras]
    own_m = cameras[camera].station_m
    return own_m <= min(stations_m, default=-math.inf) and any((own_m, *stations_m))


def is_late(
    state: StripState, coil: CoilSums, header: Header, lane: CoilLane | None, cameras: Mapping[str, CameraSection]
) -> bool:
    """Whether a frame may be of the passage of a coil that others saw and left, where its camera never came to it.

    From its head on, once the line has run for `SILENT_NS` behind it, the coil comes by again where the camera's `lane`
    until now shows that it went past, on a coil that began behind this one under another camera too; and where strip
    comes under it first and it sent nothing meanwhile, for it was dead. One farther down the line may await the coil
    for any time: strip is empty between pieces, and stands.
    """
    if header.camera in coil.visitors:
        return False
    running_ns = state.running_ns
    is_near = running_ns - coil.left_running_ns < SILENT_NS
    if is_near or not begins_again(header.start_mm or 0.0, coil.farthest_mm):
        return True
    before = state.coils.get(lane.coil) if lane is not None else None
    if before is not None and before.begun > coil.begun and before.visitors != {header.camera}:
        return False
    is_sending = lane is not None and running_ns - lane.running_ns < SILENT_NS
    return is_sending or not comes_first(header.camera, coil.visitors, cameras)


def settled(state: StripState) -> dict[tuple[str, str], float]:
    """Up to where no defect of a side is still awaited, by coil and side that cameras are on."""
    doubtful_mm = {camera: lane.doubtful_mm for camera, lane in state.lanes.items()}
    settled_mm = dict[tuple[str, str], float]()
    for lane in state.lanes.values():
        assembly = state.coils[lane.coil].assemblies.get(lane.side)
        settled_mm[lane.coil, lane.side] = (
            assembly.settled_mm(doubtful_mm)
            if assembly and assembly.reached_mm
            else lane.track.last_mm - lane.doubtful_mm  # nothing is open: none came yet, or the inspector was stopped
        )
    return settled_mm


def crowded(arrival: Inspected, crowd: Crowd, lane: CoilLane, at: Place) -> Crowded:
    """The one event of a frame that has more in it than can be listed."""
    return Crowded(
        **crowd.moved(at.start_mm).rounded(),
        camera=arrival.frame.header.camera,
        coil=lane.coil,
        side=lane.side,
        regions=dict(sorted(crowd.regions.items())),
        confidence=round(crowd.confidence, 6),
        recipe=str(arrival.recipe),
        captured_ns=arrival.frame.header.captured_ns,
        is_estimated=lane.is_estimated,
    )


def totals(state: bytes) -> dict[str, CoilReport]:
    """Return the sums of every coil in a state that a journal keeps, by name; none where it cannot be read."""
    try:
        coils = msgspec.json.decode(state, type=StripState).coils
    except (ValueError, RecursionError):
        return {}
    return {name: coil.report("started") for name, coil in coils.items()}
