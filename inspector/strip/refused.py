"""Frames of which nothing is believed: on which coil they lay, how far along it, and of which camera they are all.

Laws: they lay behind their camera's last good frame, no farther than the coil reaches; those behind its end are of the
next one. Where a camera is on no coil, they say why.

Knows: lanes and sums, how far other cameras have come. Must not know: where a good frame lies, what was seen.
"""

from __future__ import annotations

import math

from inspector.strip.account import Absence, StripState
from inspector.strip.coils import SILENT_NS
from inspector.strip.ledger import CoilLane


def refuse(state: StripState, camera: str, reasons: dict[str, int], now_ns: int) -> None:
    """Note frames of which nothing is believed, of a camera that is on no coil; not where none is named."""
    for reason, count in reasons.items() if camera else ():
        refused = state.refused.setdefault(camera, Absence())
        refused.reasons[reason] = refused.reasons.get(reason, 0) + count
        refused.last_ns = now_ns


def why_absent(state: StripState, camera: str, now_ns: int) -> dict[str, int]:
    """Say why a camera saw nothing of a coil: its frames were refused, or it sent none, or none of late."""
    refused = state.refused.pop(camera, Absence())
    is_sending = refused.last_ns > now_ns - SILENT_NS
    return refused.reasons if is_sending and refused.reasons else {**refused.reasons, "silent": 0}


def assume(state: StripState, camera: str, to_mm: float = math.inf) -> None:
    """Give a camera's bad frames the place behind its last good one, as far as `to_mm`, and as its coil reaches."""
    lane = state.lanes[camera]
    coil = state.coils[lane.coil]
    lane.track.assume(min(to_mm, coil.end_mm))
    if lane.track.placeless and coil.end_mm <= to_mm and lane.track.placed_mm < coil.farthest_mm:
        lane.track.skip(1)  # the first that has no place lies over the end
        lane.track.last_mm = lane.track.placed_mm = coil.farthest_mm
    coil.reach(lane)


def hand_on(state: StripState, camera: str, now_ns: int) -> None:
    """Take bad frames behind the end of their camera's coil for ones of the next, where it has yet to be seen."""
    lane = state.lanes.get(camera)
    if lane is not None and state.coils[lane.coil].end_mm < math.inf:
        assume(state, camera)
        refuse(state, camera, lane.take(lane.track.placeless), now_ns)
        lane.track.skip(lane.track.placeless)


def shown_mm(state: StripState, lane: CoilLane, since_ns: int) -> float:
    """How far other cameras with an encoder, that sent since then, show a lane's coil to reach."""
    coil = state.coils[lane.coil]
    coming = state.lanes.keys() - (coil.visitors - coil.cameras)
    ways = [state.lanes[camera] for camera in sorted(coming) if state.lanes[camera] is not lane]
    sending = [way for way in ways if way.received_ns > since_ns and not way.is_estimated]
    return max((way.come_mm if way.coil == coil.name else 0.0 for way in sending), default=math.inf)
