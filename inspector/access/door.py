"""What one socket asks of each peer that connects, and of every message.

Laws: over a socket with keys nothing is believed of a message whose key does not hold at that moment. A socket without
keys (loopback, ipc) asks nobody.

Knows: keys, ZeroMQ's properties of a message. Must not know: what is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inspector.access.authority import Authority
from inspector.access.folder import Grant, Role
from inspector.access.refusals import Refusals
from inspector.guard import Ended
from inspector.records.events import Entrance, RefusalReason
from inspector.sockets import Curve

ROLES_AT: dict[Entrance, frozenset[Role]] = {
    "intake": frozenset({"camera"}),
    "events": frozenset({"subscriber"}),
    "replay": frozenset({"subscriber"}),
    "commands": frozenset({"operator"}),
}
"""Which roles come in by which socket."""
CUTS: dict[str, RefusalReason] = {"endless": "endless", "crowd": "crowd"}
"""Why a connection was ended that is a refusal."""


class Caller:
    """Who sent a message, over a socket with keys."""

    def __init__(self, door: Door, grant: Grant, peer: str) -> None:
        self._door, self._grant, self._peer = door, grant, peer

    @property
    def name(self) -> str:
        """Name of the key."""
        return self._grant.name

    def may_be(self, camera: str) -> bool:
        """Whether it may send as this camera; one that may not is counted and reported as an impostor."""
        if camera in self._grant.cameras:
            return True
        self._door.refuse("impostor", self._peer, self._grant.name)
        return False


class Door:
    """One socket's; `Door("intake")` is open to every peer that reaches it."""

    def __init__(
        self,
        entrance: Entrance,
        curve: Curve | None = None,
        authority: Authority | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self.entrance, self.curve = entrance, curve
        self._authority = authority if curve else None
        self._refusals = refusals or Refusals()
        self._roles = ROLES_AT[entrance]

    @property
    def is_keyed(self) -> bool:
        """Whether it takes keys."""
        return self._authority is not None

    @property
    def lost(self) -> int:
        """How often a key of this socket was revoked: who cannot be asked message by message is to be asked again."""
        return self._authority.lost(self._roles) if self._authority else 0

    def verdict(self, public: str, peer: str) -> tuple[Grant | None, RefusalReason]:
        """Say whether a key may come in, at its handshake; a refusal is counted."""
        assert self._authority is not None
        self._authority.look()  # it may be new, or revoked a moment ago
        grant = self._authority.grant(public)
        if grant is not None and self._roles.intersection(grant.roles):
            return grant, "unknown"
        reason: RefusalReason = "role" if grant else "unknown"
        name = grant.name if grant else self._authority.revoked(public)
        if grant is None and name:
            reason = "revoked"
        elif grant is None and not self._authority.is_readable:
            reason = "not_read"
        self.refuse(reason, peer, name)
        return None, reason

    def caller(self, part: Any) -> Caller | None:
        """Who sent a part of a message (`zmq.Frame`); None, counted and reported, where its key holds no longer."""
        assert self._authority is not None
        public = part.get("User-Id")
        grant = self._authority.grant(public)
        if grant is not None and self._roles.intersection(grant.roles):
            return Caller(self, grant, part.get("Peer-Address"))
        self.refuse("revoked", part.get("Peer-Address"), grant.name if grant else self._authority.revoked(public))
        return None

    def follow(self, ended: Iterable[Ended]) -> None:
        """Count who was ended for what it sent, or to make room, and handshakes that failed before any key was seen."""
        for connection in ended:
            peer = connection.peer.rpartition(":")[0]
            if connection.cut in CUTS:
                self.refuse(CUTS[connection.cut], peer)
            elif connection.cut or not connection.failure:
                continue
            elif self.is_keyed:
                self.refuse(connection.failure, peer)
            else:
                self._refusals.count(self.entrance, connection.failure)

    def refuse(self, reason: RefusalReason, peer: str = "", key: str = "") -> None:
        """Count and report a refusal."""
        self._refusals.add(self.entrance, reason, peer, key)
