"""An encoder that is set back to 0 within a coil: the coil's metres go on.

Knows: one camera's way along one coil. Must not know: what was seen there, other cameras.
"""

from __future__ import annotations

import msgspec

from inspector.records.frame import Header
from inspector.strip.geometry import expected_mm, is_reset
from inspector.strip.ledger import CoilLane


def set_on(lane: CoilLane, header: Header, length_mm: float, now_ns: int) -> Header:
    """Return a frame's header with its position on the coil, whatever the encoder has lost; two frames must agree."""
    if header.start_mm is None:
        return header
    named_mm, doubted_mm, lane.doubted_mm = header.start_mm, lane.doubted_mm, None
    come_mm = min(lane.come_mm, lane.track.last_mm) - lane.set_back_mm  # as the encoder counts
    boot, number = lane.named_at
    frames = header.number - number if header.boot == boot else None
    passed_ns = now_ns - (lane.named_ns if frames is None else lane.received_ns)
    agrees = doubted_mm is not None and abs(named_mm - doubted_mm) <= length_mm
    if not lane.is_restored and (agrees or is_reset(named_mm, length_mm, come_mm, frames, passed_ns)):
        if not agrees:
            lane.doubted_mm = named_mm + length_mm
            return msgspec.structs.replace(header, start_mm=None)
        lane.set_back_mm = expected_mm(header, length_mm, lane.track) - named_mm
        lane.reasons["reset"] = 0
    lane.named_ns, lane.named_at = now_ns, (header.boot, header.number)
    return msgspec.structs.replace(header, start_mm=named_mm + lane.set_back_mm) if lane.set_back_mm else header
