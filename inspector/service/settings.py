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
    token_file: Annotated[
        str,
        key(
            "File with the token that a POST must carry (relative to this file; mode 0600, 16 characters or more). "
            "Without one nothing is taken by POST."
        ),
    ] = ""


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
            "ROUTER socket that takes commands, as of `inspector alarms`. Who reaches it on this machine commands the "
            "line; other machines need an operator's key. Left out: the line's own address, which `--config FILE` "
            "finds, and tcp://127.0.0.1:5558 where it is free.",
            SOCKET_HINT,
            pattern=SOCKET,
        ),
    ] = ""
