"""Which coil a frame is of, where its name alone does not say; which cameras are dead; whose accounts are kept.

Knows: lanes and sums, where cameras stand. Must not know: what was seen, what was lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set

from inspector.config.camera import CameraSection
from inspector.config.motion import begins_again
from inspector.records.coil import MOST_PIECES
from inspector.records.frame import Header
from inspector.strip.account import StripState
from inspector.strip.ledger import CoilLane, CoilSums

UNNAMED = "unnamed"
"""The coil of frames whose header names none; the next one has a number while cameras are on this one still."""

STRAY_FRAMES = 2
"""So few frames with another coil's name do not end a coil whose position is unknown."""
REMEMBERED = 4
"""Coils that all cameras have seen and left whose accounts are kept, should frames name them again."""
SILENT_NS = 10_000_000_000
"""A camera that has sent nothing while the line ran for so long, and others went on sending, one of them on the next
coil, is taken for dead; on a line that stands nobody is."""
PAUSE_NS = 500_000_000
"""The line has run for so long at most between two frames: in a longer pause it may have stood."""


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

    Those that one of the `cameras` has not seen have places of their own: where one is dead, all coils are such.
    """
    coil.is_ended = True
    forget(coils, coil)
    if not coil.is_nameless:
        coils[coil.name] = coil  # the last one now
    gone = [name for name, known in coils.items() if known.is_ended and not known.cameras]
    awaited = [name for name in gone if not cameras <= coils[name].visitors]
    seen = [name for name in gone if name not in awaited]
    for name in (*seen[:-REMEMBERED], *awaited[:-MOST_PIECES]):
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


def come_back(coil: CoilSums, header: Header) -> tuple[float, int] | None:
    """Where a coil goes on under a camera that left it and is back, and the number there; None: it begins again.

    It begins again where its position does, or where it had run back off its head; where the position is
    unknown, but for a few frames that named another coil. What is kept of how the camera left is taken away.
    """
    left_mm = coil.left_mm.pop(header.camera, 0.0)
    last_mm = coil.left_last_mm.pop(header.camera, left_mm)
    boot, number = coil.left_at.pop(header.camera, ("", 0))
    if header.start_mm is not None:
        goes_on = bool(coil.cameras) or (last_mm > 0 and not begins_again(header.start_mm, last_mm))
        number = header.number - 1
    else:
        goes_on = header.boot == boot and 0 < header.number - number <= STRAY_FRAMES + 1
    return (left_mm, number) if left_mm and goes_on else None


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
    running_ns = state.running.ran_ns
    is_near = running_ns - coil.left_running_ns < SILENT_NS
    if is_near or not begins_again(header.start_mm or 0.0, coil.farthest_mm):
        return True
    before = state.coils.get(lane.coil) if lane is not None else None
    if before is not None and before.begun > coil.begun and before.visitors != {header.camera}:
        return False
    is_sending = lane is not None and running_ns - lane.running_ns < SILENT_NS
    return is_sending or not comes_first(header.camera, coil.visitors, cameras)
