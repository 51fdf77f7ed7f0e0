"""The ports of one inspector on this machine.

Knows: loopback addresses. Must not know: what is sent there.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack

import msgspec

HOST = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True):
    """The ports of one inspector; the defaults are those in `demo.toml`."""

    frames: int = 5555
    events: int = 5556
    replay: int = 5557
    http: int = 9477
    commands: int = 5558

    @classmethod
    def counted_from(cls, base: int) -> Ports:
        """The port `base` and the next four."""
        return cls(*range(base, base + len(cls.__struct_fields__)))

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody held a moment ago."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in cls.__struct_fields__]
            for probe in sockets:
                probe.bind((HOST, 0))
            return cls(*(int(probe.getsockname()[1]) for probe in sockets))

    def address(self, name: str) -> str:
        """ZeroMQ's address of one of them: `frames`, `events`, `replay` or `commands`."""
        return f"tcp://{HOST}:{getattr(self, name)}"
