"""Cameras of which nothing comes, or nothing that is inspected, by how long the line has run. Pure, stateful.

Laws: a line that stands sends no frames, and nobody is silent for that: of a pause counts half of what makes a camera
silent at most. A frame that is dropped or rejected has come all the same, one that is missing has not.

Knows: when frames came, and how they ended. Must not know: what they show, what of it is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from inspector.camera_health.settings import CameraHealthSection
from inspector.config.motion import RunningTime
from inspector.records.stages import COMES_AGAIN, REASONS, End, Loss, Reason

NO_LOSS: tuple[Reason, ...] = (*COMES_AGAIN, "stopping")
"""Why a frame is not inspected that was, or will be; or that nobody would inspect now."""


class _Came(msgspec.Struct):
    """What came of one camera."""

    seen_ran_ns: int = 0
    """How long the line had run when its last frame came, inspected or not."""
    lost: dict[tuple[End, Reason], int] = {}
    """How its frames ended, and how many, since the last that was inspected."""
    lost_ran_ns: int = 0
    """How long the line had run when the first of these came."""


class Silence:
    """For how long nothing came of each camera, or was inspected."""

    def __init__(self, cameras: Iterable[str], limits: CameraHealthSection) -> None:
        self._cameras = {camera: _Came() for camera in cameras}
        self._limits = limits
        self._running = RunningTime()
        """By the frames of all cameras."""
        self._unread: tuple[int, Reason | None] = 0, None
        """How long it had run when the last message came that names no camera of the line, and why it was rejected."""

    def inspected(self, camera: str, came_ns: int) -> None:
        """Note that a frame of a camera came and was inspected."""
        self._cameras[camera].lost = {}
        self._come(self._cameras[camera], came_ns)

    def lost(self, loss: Loss, closed_ns: int) -> str:
        """Note frames that came and were not inspected; return the words where none was for long, else none."""
        camera = self._cameras.get(loss.camera)
        if camera is None:
            self._unread = self._running.ran_ns, loss.reason
            return ""
        self._come(camera, loss.received_ns or closed_ns)
        if loss.reason in NO_LOSS:
            return ""
        if not camera.lost:
            camera.lost_ran_ns = self._running.ran_ns
        how = loss.end, loss.reason
        camera.lost[how] = camera.lost.get(how, 0) + loss.count
        for_s = (self._running.ran_ns - camera.lost_ran_ns) / 1e9
        is_long = self._is_long(for_s) and sum(camera.lost.values()) >= self._limits.frames
        return _not_inspected(for_s, camera.lost) if is_long else ""

    def silent(self) -> dict[str, str]:
        """Return the words for each camera that sent nothing while others did; how its frames ended before is past."""
        words = dict[str, str]()
        for name, camera in self._cameras.items():
            for_s = (self._running.ran_ns - camera.seen_ran_ns) / 1e9
            if self._is_long(for_s):
                camera.lost = {}
                unread_ran_ns, unread = self._unread
                words[name] = _silent(for_s, unread if unread_ran_ns > camera.seen_ran_ns else None)
        return words

    def _come(self, camera: _Came, came_ns: int) -> None:
        camera.seen_ran_ns = self._running.run_on(came_ns, int(self._limits.silent_s * 1e9) // 2)

    def _is_long(self, for_s: float) -> bool:
        return 0 < self._limits.silent_s <= for_s


def _silent(for_s: float, unread: Reason | None) -> str:
    """Return words; `unread`: why messages were rejected meanwhile that name no camera."""
    words = f"has sent nothing for {for_s:.0f} s while others did"
    return f"{words}; messages that name no camera came, rejected as {_why(unread)}" if unread else words


def _not_inspected(for_s: float, ends: Mapping[tuple[End, Reason], int]) -> str:
    """Return words; `ends`: how all frames ended, and how many did."""
    most = sorted(ends.items(), key=lambda item: -item[1])
    whys = "; ".join(f"{count} {end} as {_why(reason)}" for (end, reason), count in most)
    return f"sends frames, and none was inspected for {for_s:.0f} s: {whys}"


def _why(reason: Reason) -> str:
    return f"{reason} ({REASONS[reason]})"
