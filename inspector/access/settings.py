"""The section that says where the keys lie."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import Section, key


class KeysSection(Section, frozen=True):
    """Keys of cameras, subscribers and operators that connect over a network (`inspector keys`)."""

    path: Annotated[
        str,
        key(
            "Folder that `inspector keys` writes (relative to this file). Sockets that other machines reach then admit "
            "these keys and nobody else; without it there may be no such socket."
        ),
    ] = ""
    loopback: Annotated[bool, key("Ask for keys on the loopback addresses of this machine too; never on ipc.")] = False
