"""The ports of one inspector on this machine.

Knows: loopback addresses, and which ports this process may give. Must not know: what is sent there.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import socket
from collections.abc import Iterator

import msgspec

from inspector.errors import InspectorError

HOST = "127.0.0.1"
FIRST, LAST = 20_000, 32_000
"""Below those that Linux gives to a program that asks for any port (`ip_local_port_range`, from 32 768 on)."""
SHARE = 200
"""Ports of one process."""


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
        """Ports that are free, and that no other process which asks here is given while this one lives.

        Raises: InspectorError when there are none left.
        """
        return cls.counted_from(_share(len(cls.__struct_fields__) + 1).take())  # and one for a station

    def address(self, name: str) -> str:
        """ZeroMQ's address of one of them: `frames`, `events`, `replay` or `commands`."""
        return f"tcp://{HOST}:{getattr(self, name)}"


class _Share:
    """The ports of this process: a share of the range that it holds until it ends.

    The lock is an abstract socket, as nothing is left of it when the process is killed.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        for first in range(FIRST, LAST, SHARE):
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                lock.bind(f"\0inspector/ports/{first}")
            except OSError:
                lock.close()
                continue
            atexit.register(lock.close)
            self._bases: Iterator[int] = itertools.cycle(range(first, first + SHARE - count + 1, count))
            return
        raise InspectorError(f"ports {FIRST} to {LAST}: {(LAST - FIRST) // SHARE} processes have a share. End some.")

    def take(self) -> int:
        """Return the first of `count` free ports in a row: those that were given longest ago."""
        for base in itertools.islice(self._bases, SHARE // self._count):
            if all(is_free(port) for port in range(base, base + self._count)):
                return base
        raise InspectorError(f"all ports that this process may give are in use, {SHARE} of them. End what uses them.")


@functools.cache
def _share(count: int) -> _Share:
    return _Share(count)


def is_free(port: int) -> bool:
    """Whether a port of this machine's loopback is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are over hold nothing up
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True
