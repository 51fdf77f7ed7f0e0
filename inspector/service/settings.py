"""The sections that say where Prometheus and people look in, and where commands come in."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import HTTP, SOCKET, SOCKET_HINT, Section, key


class HttpSection(Section, frozen=True):
    """Where Prometheus and people look in."""

    bind: Annotated[
        str,
        key("Address of /metrics, /health and /ready.", 'Write "HOST:PORT".', pattern=HTTP),
    ] = "127.0.0.1:9477"


class CommandsSection(Section, frozen=True):
    """Where people's commands come in."""

    bind: Annotated[
        str,
        key(
            "ROUTER socket that takes commands, as of `inspector alarms`. Whoever reaches it commands the line.",
            SOCKET_HINT,
            pattern=SOCKET,
        ),
    ] = "tcp://127.0.0.1:5558"
    open_to_network: Annotated[
        bool, key("Whether other machines may command: else only loopback and ipc addresses are taken.")
    ] = False
