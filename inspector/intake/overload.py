"""What happens to frames that come faster than they are inspected: the policies, without clocks or sockets.

Laws: while there is room all frames are taken. Then a camera with many waiting gives way to one with few, so that
one camera's flood costs no other camera a frame; between equals the camera's own policy decides. Frames of a camera
that waits are never given up, and leave a place in each batch to every camera that does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from inspector.config.camera import CameraSection, Overload
from inspector.demand import Demand
from inspector.intake.settings import IntakeSection
from inspector.records.frame import Header


class Policy(msgspec.Struct, frozen=True):
    """What one camera's section and the intake's come to."""

    overload: Overload = "drop-newest"
    max_age_ns: int = 0
    """0: no limit."""

    @property
    def waits(self) -> bool:
        """Whether the camera is held back, and none of its frames given up."""
        return self.overload == "wait"

    def is_past(self, header: Header, received_ns: int, now_ns: int, now_unix_ns: int) -> bool:
        """Whether a frame is older than the camera's deadline, by its capture or by when it was received."""
        age_ns = max(now_ns - received_ns, now_unix_ns - header.captured_ns)
        return 0 < self.max_age_ns < age_ns


def policies(cameras: Iterable[CameraSection], section: IntakeSection) -> Mapping[str, Policy]:
    """Return each camera's policy, by its name: its own, or where it has none the intake's."""
    found = {}
    for camera in cameras:
        overload = section.overload if camera.overload == "intake" else camera.overload
        found[camera.name] = Policy(overload, (camera.max_age_ms or section.max_age_ms) * 1_000_000)
    return found


def share(camera: str, policies: Mapping[str, Policy], max_frames: int) -> int:
    """Return how many places of a batch a camera that waits may take: one is left to each that does not."""
    others = sum(not policy.waits for name, policy in policies.items() if name != camera)
    return max(1, max_frames - others)


def gives_way(cameras: Collection[str], to: str, demand: Demand) -> str | None:
    """Return which of the cameras in a full batch loses a place to a frame of `to`; None: none of them does.

    Only `cameras` whose frames may be given up; of equals the first.
    """
    most = max(cameras, key=demand.waiting, default=None)
    if most is None or demand.waiting(most) <= demand.waiting(to) + 1:
        return None
    return most
