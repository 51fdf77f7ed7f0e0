"""What each camera was granted in the lossless mode, and what is answered to whom. Pure.

Laws: what a camera may have on its way is bounded. Of a session that is over nothing is taken: the camera sends it
again in the next, which begins once nothing is under way. A receipt goes to the connection that the camera has now.

Knows: sessions, and numbers of frames under way. Must not know: sockets, frames, clocks, what is on disk.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from inspector.intake.receipts import runs
from inspector.records.credit import Answer, FrameRefused, Granted, Recorded
from inspector.records.stages import Receipt

Mail = list[tuple[bytes, Answer]]
"""Answers, each with ZeroMQ's name of the connection that it is for."""


class _Grant(msgspec.Struct):
    """What one camera was granted."""

    peer: bytes
    """ZeroMQ's name of its connection."""
    session: bytes
    under_way: int = 0
    """Its frames that were taken, in this session or before, and that are not on disk yet."""
    is_over: bool = False
    """It sent more than it may have; a new session begins once nothing is under way, and brings all of it again."""


class Grants:
    """The sessions of all cameras."""

    def __init__(self, frames: int, name: str) -> None:
        """`frames` may be under way for each camera; names of sessions begin with `name`, of this process alone."""
        self._frames, self._name = frames, name
        self._grants: dict[str, _Grant] = {}
        self.sessions = 0
        """How many began."""

    @property
    def under_way(self) -> int:
        """Frames of all cameras that were taken and are not on disk."""
        return sum(grant.under_way for grant in self._grants.values())

    def greet(self, peer: bytes, camera: str, *, again: bool) -> bool:
        """Take a greeting; return whether a session began: on a new connection, or where one was asked for."""
        grant = self._grants.get(camera)
        if grant is not None and grant.peer == peer and not again:
            return False
        under_way = grant.under_way if grant else 0
        self._grants[camera] = _Grant(peer, self._session(), under_way)
        return True

    def granted(self, camera: str) -> Granted:
        """What a camera that has greeted may send."""
        return Granted(camera=camera, session=self._grants[camera].session.decode(), frames=self._frames)

    def camera_of(self, peer: bytes, session: bytes | memoryview) -> str | None:
        """The camera whose session this is; None: unknown, or over."""
        for camera, grant in self._grants.items():
            if grant.peer == peer and grant.session == session:
                return camera
        return None

    def has_room(self, camera: str) -> bool:
        """Whether another frame of a camera is taken; where not, its session is over, and none is taken any more.

        One that was taken after one that was not would have overtaken it: that one could only be refused when it comes.
        """
        grant = self._grants[camera]
        grant.is_over |= grant.under_way >= 2 * self._frames
        return not grant.is_over

    def take(self, camera: str) -> None:
        """Note a frame whose receipt will come."""
        self._grants[camera].under_way += 1

    def acknowledge(self, receipts: Iterable[Receipt]) -> Mail:
        """Note what is on disk; return what is to be answered."""
        by_camera: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            by_camera.setdefault(receipt.camera, []).append(receipt)
        mail: Mail = []
        for camera, mine in by_camera.items():
            grant = self._grants[camera]
            grant.under_way -= len(mine)
            mail += [(grant.peer, _answer_to(run)) for run in runs(mine)]
            if grant.is_over and not grant.under_way:
                grant.is_over, grant.session = False, self._session()
                mail.append((grant.peer, self.granted(camera)))
        return mail

    def _session(self) -> bytes:
        self.sessions += 1
        return f"{self._name}-{self.sessions}".encode()


def _answer_to(run: list[Receipt]) -> Answer:
    first, last = run[0], run[-1]
    if first.refused:
        return FrameRefused(reason=first.refused, boot=first.boot, number=first.number)
    return Recorded(boot=first.boot, first=first.number, last=last.number)
