"""Welds: where one coil follows another without a gap, so that what lies behind it goes on. Pure.

Knows: a camera's lane and the frame that names another coil. Must not know: other cameras, what was seen.
"""

from __future__ import annotations

from inspector.records.events import Weld
from inspector.records.frame import Header
from inspector.strip.ledger import CoilLane

LOST_FRAMES = 3
"""This many frames may be lost at a weld; more are a gap in which an unknown length passed."""


def weld_mm(header: Header, length_mm: float, lane: CoilLane) -> float | None:
    """Return where on the next coil its weld lies, if this frame, its first, follows the coil on `lane`; else None.

    Frames follow each other where their numbers do, and the next coil begins with its head under the camera, or where
    positions are not set back at welds, where the last one ends. It lies somewhere within that frame.
    """
    lost = header.number - lane.track.number - 1 - lane.track.placeless
    if header.boot != lane.track.boot or lane.is_restored or not 0 <= lost <= LOST_FRAMES:
        return None
    start_mm, near_mm = header.start_mm or 0.0, (1 + lost) * length_mm
    ends_mm = lane.track.last_mm, lane.track.last_mm - lane.unconfirmed_mm
    if start_mm > near_mm and any(abs(start_mm - end_mm) <= near_mm for end_mm in ends_mm):
        return start_mm
    return 0.0 if start_mm <= near_mm else None


def tail(lane: CoilLane, camera: str, other: str) -> Weld:
    """The weld as it lies on the coil that ends, whose bad frames have their place by now: where its strip ends."""
    return Weld(
        coil=lane.coil,
        other=other,
        is_head=False,
        camera=camera,
        at_mm=round(lane.track.placed_mm - lane.unconfirmed_mm, 1),
        is_estimated=lane.is_estimated,
    )


def head(lane: CoilLane, camera: str, other: str, at_mm: float) -> Weld:
    """The weld as it lies on the coil that begins."""
    return Weld(
        coil=lane.coil,
        other=other,
        is_head=True,
        camera=camera,
        at_mm=round(at_mm, 1),
        is_estimated=lane.is_estimated,
    )
