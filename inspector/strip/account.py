"""What the strip stage keeps, and what one batch adds to it: the records that its rules pass among themselves.

Knows: lanes and sums, and what follows from them as they stand. Must not know: the rules by which they change.
"""

from __future__ import annotations

import msgspec

from inspector.config.motion import RunningTime
from inspector.records.events import CoilReport, Crowded, Data
from inspector.records.stages import Crowd, Inspected, Placed
from inspector.strip.geometry import Place
from inspector.strip.ledger import CoilLane, CoilSums


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
    running: RunningTime = msgspec.field(default_factory=RunningTime)
    """By the frames of all cameras."""

    def restart(self, now_ns: int) -> None:
        """Go on in another process, with another clock: nobody was silent while it was down."""
        self.running.last_ns = now_ns
        for lane in self.lanes.values():
            lane.is_restored, lane.received_ns, lane.lost_since_ns = True, now_ns, now_ns
            lane.running_ns = self.running.ran_ns
        for coil in self.coils.values():
            coil.left_running_ns = self.running.ran_ns
        for refused in self.refused.values():
            refused.last_ns = now_ns


class Turn(msgspec.Struct):
    """What one batch adds."""

    now_ns: int
    events: list[Data] = []
    inspected_mm: dict[str, float] = {}
    left_mm: dict[tuple[str, str], float] = {}
    """How far coils had come that cameras left."""
    placed: list[Placed] = []
    joined: dict[str, str] = {}


def settled(state: StripState) -> dict[tuple[str, str], float]:
    """Up to where no defect of a side is still awaited, by coil and side that cameras are on."""
    unconfirmed_mm = {camera: lane.unconfirmed_mm for camera, lane in state.lanes.items()}
    settled_mm = dict[tuple[str, str], float]()
    for lane in state.lanes.values():
        assembly = state.coils[lane.coil].assemblies.get(lane.side)
        settled_mm[lane.coil, lane.side] = (
            assembly.settled_mm(unconfirmed_mm)
            if assembly and assembly.reached_mm
            else lane.track.last_mm - lane.unconfirmed_mm  # nothing is open: none came, or the inspector was stopped
        )
    return settled_mm


def reached(state: StripState) -> dict[tuple[str, str], float]:
    """How far the coil under each camera has surely come, by coil and camera."""
    return {(lane.coil, camera): lane.track.last_mm - lane.unconfirmed_mm for camera, lane in state.lanes.items()}


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
