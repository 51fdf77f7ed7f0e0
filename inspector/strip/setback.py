"""A position that begins again within a coil: the encoder was set back to 0, or the coil comes by again from its head.

Laws: one frame's position begins nothing, two have to agree; the first of them lies behind the frames before, so that
what it shows is reported. Where no strip can have run back in the time since a camera saw the coil run on, its encoder
was set back, and the coil's metres go on; where it can have, and no frame showed it, it is another passage.

Knows: one camera's way along one coil, and until when the coil ran. Must not know: what was seen there.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from inspector.config.motion import back_at_most_mm, begins_again
from inspector.records.frame import Header
from inspector.strip.geometry import RESET_FRAMES, expected_mm, is_reset, is_unshown
from inspector.strip.ledger import CoilLane


def comes_again(lane: CoilLane, header: Header, length_mm: float) -> bool:
    """Whether a frame shows another passage of the coil: the second that does, or the first after a start."""
    if lane.is_restored:
        at_mm = min(lane.come_mm, lane.track.last_mm)
        return header.start_mm is not None and begins_again(header.start_mm + lane.set_back_mm, at_mm)
    return lane.is_again and _agrees(lane.recount_mm, header.start_mm, length_mm)


def ran_ns(lanes: Iterable[CoilLane], lane: CoilLane) -> int:
    """When another camera last named a position on the lane's coil that its strip had not run back from; 0: none."""
    others = (known for known in lanes if known is not lane and known.coil == lane.coil and not known.is_restored)
    return max((known.named_ns for known in others if not begins_again(known.track.last_mm, lane.come_mm)), default=0)


def set_on(lane: CoilLane, header: Header, length_mm: float, now_ns: int, ran_ns: int = 0) -> Header:
    """Return a frame's header with its position on the coil, whatever the encoder has lost; two frames must agree."""
    if header.start_mm is None:
        return header
    named_mm, recount_mm, lane.recount_mm = header.start_mm, lane.recount_mm, None
    if not lane.is_restored and _agrees(recount_mm, named_mm, length_mm):
        lane.set_back_mm = expected_mm(header, length_mm, lane.track) - named_mm
        lane.reasons["reset"] = 0
    elif not lane.is_restored and _begins(lane, header, length_mm, now_ns, ran_ns):
        lane.recount_mm = named_mm + length_mm
        return msgspec.structs.replace(header, start_mm=None)
    lane.named_ns, lane.named_at = now_ns, (header.boot, header.number)
    return msgspec.structs.replace(header, start_mm=named_mm + lane.set_back_mm) if lane.set_back_mm else header


def _begins(lane: CoilLane, header: Header, length_mm: float, now_ns: int, ran_ns: int) -> bool:
    """Whether another count begins with a frame's position; note on the lane whether it would be another passage."""
    named_mm = header.start_mm or 0.0
    come_mm = min(lane.come_mm, lane.track.last_mm) - lane.set_back_mm  # as the encoder counts
    boot, number = lane.named_at
    frames = header.number - number if header.boot == boot else None
    passed_ns = now_ns - max(lane.named_ns if frames is None else lane.received_ns, ran_ns)
    can_mm = RESET_FRAMES * length_mm + back_at_most_mm(frames, length_mm, passed_ns)
    lane.is_again = come_mm - named_mm <= can_mm
    return is_reset(named_mm, length_mm, come_mm, frames, passed_ns) or is_unshown(named_mm, length_mm, come_mm, frames)


def _agrees(recount_mm: float | None, named_mm: float | None, length_mm: float) -> bool:
    return recount_mm is not None and named_mm is not None and abs(named_mm - recount_mm) <= length_mm
