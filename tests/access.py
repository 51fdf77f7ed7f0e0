"""Keys for tests, and doors that ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from inspector.access import folder
from inspector.access.door import Door
from inspector.access.folder import Role
from inspector.access.gate import Gate, ServerKeys
from inspector.access.keys import Key
from inspector.access.refusals import Refusals
from inspector.records.events import Entrance
from tests.intakes import Context

LOOPBACK = "tcp://127.0.0.1:*"


class Keys:
    """A folder of keys."""

    def __init__(self, path: Path) -> None:
        self.folder = path

    def new(self, name: str, *roles: Role, cameras: Sequence[str] = ()) -> Path:
        """Make a key, of a camera unless `roles` say otherwise; return its file."""
        roles = roles or ("camera",)
        return folder.issue(
            self.folder, name, roles=roles, cameras=folder.camera_names(name, roles, cameras), made="2026-11-27"
        )

    def revoke(self, name: str) -> None:
        """Take a key back."""
        folder.revoke(self.folder, name)

    def stranger(self, name: str) -> Key:
        """A key that this inspector never made, though made for it."""
        return Key.new(name, folder.own(self.folder).public)


class Gated:
    """An authenticator in a context, and doors on loopback that ask for keys all the same."""

    def __init__(self, context: Context, keys: Keys) -> None:
        self.refusals = Refusals()
        self._gate = Gate(context, ServerKeys(folder.own(keys.folder), keys.folder, loopback=True), self.refusals)

    def door(self, entrance: Entrance) -> Door:
        """The door of a socket."""
        return self._gate.door(entrance, LOOPBACK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.close()
