"""The sections that say where Prometheus and people look in, and where commands come in."""

from __future__ import annotations

import hashlib
import os
from typing import Annotated

from inspector.config.reader import HTTP, SOCKET, SOCKET_HINT, Section, key


class HttpSection(Section, frozen=True):
    """Where Prometheus and people look in."""

    bind: Annotated[
        str,
        key("Address of /metrics, /health and /ready.", 'Write "HOST:PORT".', pattern=HTTP),
    ] = "127.0.0.1:9477"


def own_address(journal: str) -> str:
    """Where a line takes commands whose configuration names no address: there is one for each journal.

    An abstract socket: no file is left, and only this machine reaches it.
    """
    key = hashlib.sha256(os.fsencode(os.path.abspath(journal))).hexdigest()[:16]
    return f"ipc://@inspector/{key}/commands"


class CommandsSection(Section, frozen=True):
    """Where people's commands come in."""

    bind: Annotated[
        str,
        key(
            "ROUTER socket that takes commands, as of `inspector alarms`. Whoever reaches it commands the line. Left "
            "out: the line's own address, which `--config FILE` finds, and tcp://127.0.0.1:5558 where it is free.",
            SOCKET_HINT,
            pattern=SOCKET,
        ),
    ] = ""
    open_to_network: Annotated[
        bool, key("Whether other machines may command: else only loopback and ipc addresses are taken.")
    ] = False
