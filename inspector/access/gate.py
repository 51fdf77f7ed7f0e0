"""A line's keys at work: its own key, who is admitted, the authenticator, and the account of the refused.

Knows: which sockets there are. Must not know: what is sent over them.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import zmq

from inspector.access import folder
from inspector.access.authority import Authority
from inspector.access.credentials import credential
from inspector.access.door import ROLES_AT, Door
from inspector.access.folder import Role
from inspector.access.keys import Key
from inspector.access.refusals import Refusals
from inspector.access.settings import KeysSection
from inspector.access.zap import Authenticator
from inspector.errors import AccessError
from inspector.records.events import Entrance
from inspector.sockets import Socket, local

CREDENTIAL = "server.key"
"""Its name among the service manager's credentials (systemd's LoadCredential=)."""


class ServerKeys(msgspec.Struct, frozen=True):
    """What a line needs to identify its peers."""

    own: Key
    folder: Path
    loopback: bool


def read_keys(section: KeysSection, credentials: Path | None) -> ServerKeys | None:
    """Read the inspector's own key, from its credentials first, else from the folder; None where there are no keys.

    Raises: AccessError when it cannot be read, or is none.
    """
    if not section.path:
        return None
    path = Path(section.path)
    handed = credential(credentials, CREDENTIAL)
    if handed is not None:
        own = Key.read(handed, is_credential=True)
    elif (path / folder.SERVER).exists():
        own = Key.read(path / folder.SERVER)
    else:
        raise AccessError(
            f"keys.path is {path}: no {folder.SERVER} in it; expected a folder that `inspector keys new` wrote. "
            f"Run: inspector keys new NAME --folder {path}"
        )
    if own.server:
        raise AccessError(f"{handed or path / folder.SERVER}: is the key of {own.name}; expected the inspector's own.")
    return ServerKeys(own, path, section.loopback)


class Gate:
    """All doors of a line, from construction to `close`; the authenticator runs where a door takes keys."""

    def __init__(
        self,
        context: zmq.Context[Socket],
        keys: ServerKeys | None,
        refusals: Refusals,
    ) -> None:
        """`keys` None: every door is open. `refusals` counts the peers that are refused."""
        self._keys, self._refusals = keys, refusals
        self._authority = Authority(keys.folder) if keys else None
        self._doors: dict[str, Door] = {}
        self._authenticator = Authenticator(context, self._authority, self._doors) if self._authority else None

    def door(self, entrance: Entrance, address: str, *, without_keys: bool = False) -> Door:
        """Return the door of a socket that is to be bound to an address: with keys where other machines reach it.

        `without_keys`: it is to take none all the same.
        """
        assert entrance in ROLES_AT
        keys = None if without_keys else self._keys
        is_near = address.startswith("ipc://") or (local(address) and not (keys and keys.loopback))
        if keys is None or is_near:
            return Door(entrance, refusals=self._refusals)
        door = Door(entrance, keys.own.curve(address, entrance), self._authority, self._refusals)
        self._doors[entrance] = door
        return door

    def keys_by_role(self) -> dict[Role, int]:
        """How many keys are admitted, by role."""
        return dict(self._authority.by_role()) if self._authority else {}

    def close(self) -> None:
        """Admit no more peers; after the sockets are closed."""
        if self._authenticator is not None:
            self._authenticator.close()
