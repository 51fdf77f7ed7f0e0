"""Strip that was not surely seen, as it is reported of each coil under each camera.

Laws: nothing is reported while its place rests on one frame's position; all of it is before its camera leaves the coil,
and what a blind screen looked at before the coil ends.

Knows: lanes, coils and their doubts. Must not know: by what a fault shows, where a frame lies.
"""

from __future__ import annotations

from inspector.records.events import Doubtful
from inspector.records.stages import Inspected
from inspector.strip.account import StripState, Turn
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


def find_blind(state: StripState, turn: Turn) -> None:
    """Count what the recipe's screen looked at, as it was found to be blind: on all coils that have not ended.

    What cameras saw of them that are farther by now is reported at once, the rest with their next frame.
    """
    for lane in state.lanes.values():
        lane.doubt.find_blind()
    for coil in state.coils.values():
        for camera, doubt in coil.left_doubt.items() if not coil.is_ended else ():
            doubt.find_blind()
            _report(camera, coil.name, doubt, turn, is_estimated=coil.is_estimated)


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
