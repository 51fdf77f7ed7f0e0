"""What the strip stage keeps, and what one batch adds to it: the records that its rules pass among themselves.

Knows: lanes and sums. Must not know: the rules.
"""

from __future__ import annotations

import msgspec

from inspector.records.events import CoilReport, Crowded, Data
from inspector.records.stages import Crowd, Inspected, Placed
from inspector.strip.geometry import Place
from inspector.strip.ledger import CoilLane, CoilSums


class StripState(msgspec.Struct):
    """All that is known of the strip: lanes by camera, coils by name."""

    lanes: dict[str, CoilLane] = {}
    coils: dict[str, CoilSums] = {}


class Turn(msgspec.Struct):
    """What one batch adds."""

    now_ns: int
    events: list[Data] = []
    inspected_mm: dict[str, float] = {}
    left_mm: dict[tuple[str, str], float] = {}
    """How far coils had come that cameras left."""
    placed: list[Placed] = []
    joined: dict[str, str] = {}


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
