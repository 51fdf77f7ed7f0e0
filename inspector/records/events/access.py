"""Who was refused: connections and messages that no key admits."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.records.events.kind import Kind, known

Entrance = Literal["intake", "events", "replay", "commands", "http"]
"""The sockets that peers connect to."""
RefusalReason = Literal[
    "unknown",
    "revoked",
    "role",
    "impostor",
    "mechanism",
    "server_key",
    "handshake",
    "not_read",
    "token",
    "endless",
    "crowd",
    "topics",
]
"""Why a peer was refused. We write these today; a reader takes any other word too."""

REFUSALS: dict[RefusalReason, str] = {
    "unknown": "the key is none that was made here",
    "revoked": "the key was revoked",
    "role": "the key is good for other sockets",
    "impostor": "a frame of a camera that the key may not send as",
    "mechanism": "it came without a key, or with one where none is asked for",
    "server_key": "it has the public key of another inspector",
    "handshake": "it broke off the handshake, as some do that have no key, or never ended it",
    "not_read": "the folder of keys, or a record in it, cannot be read: it may try again",
    "token": "an HTTP request without the right token",
    "endless": "it sent on and on without completing a message: its connection was ended",
    "crowd": "there were too many connections: those ended that had sent least",
    "topics": "it subscribed to more topics than there is room for: its connection was ended",
}


class Refused(Kind, frozen=True, kw_only=True, tag="access"):
    """A peer was refused; once a minute for each peer, with all refusals since."""

    entrance: Annotated[str, known(Entrance)]
    """The socket of the last of them."""
    reason: Annotated[str, known(RefusalReason)]
    """Why the last of them was refused."""
    peer: str
    """Address; empty where it is not known."""
    key: str
    """Name of the key, where it is known."""
    count: int
    """How many refusals of this peer since the last such event."""
    message: str
    """For people."""

    @property
    def topic(self) -> str:
        """`access.` and the socket."""
        return f"access.{self.entrance}"
