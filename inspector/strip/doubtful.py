"""Strip that was not surely seen, as it is reported of each coil under each camera.

Laws: nothing is reported while its place rests on one frame's position; all of it is before its camera leaves the coil.

Knows: lanes and their doubts. Must not know: by what a fault shows, where a frame lies.
"""

from __future__ import annotations

from inspector.records.events import Doubtful
from inspector.records.stages import Inspected
from inspector.strip.account import Turn
from inspector.strip.doubt import Doubt
from inspector.strip.ledger import CoilLane


def see(arrival: Inspected, lane: CoilLane, turn: Turn) -> None:
    """Note what of a frame's new strip was not surely seen; its lane is accounted for up to where that begins."""
    is_due = lane.doubt.see(arrival.doubts, lane.accounted_mm, lane.track.placed_mm)
    if is_due and lane.leap is None:
        _report(arrival.frame.header.camera, lane.coil, lane.doubt, turn, is_estimated=lane.is_estimated)


def leave(camera: str, lane: CoilLane, turn: Turn) -> None:
    """Report what waits for that under a camera which sees no more of its coil."""
    lane.doubt.leave()
    _report(camera, lane.coil, lane.doubt, turn, is_estimated=lane.is_estimated)


def _report(camera: str, coil: str, doubt: Doubt, turn: Turn, *, is_estimated: bool) -> None:
    if not doubt.faults:
        return
    start_mm, end_mm, faults = doubt.take()
    if end_mm > start_mm:
        turn.events.append(
            Doubtful(
                camera=camera,
                coil=coil,
                start_mm=round(start_mm, 1),
                end_mm=round(end_mm, 1),
                faults=faults,
                is_estimated=is_estimated,
            )
        )
