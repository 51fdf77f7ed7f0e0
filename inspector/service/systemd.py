"""Speak to systemd, sd_notify(3), with the standard library alone.

Laws: without NOTIFY_SOCKET nothing is done; a message that systemd cannot take at once is dropped, because
systemd acts on its own timeouts and the line must go on meanwhile.

Knows: the protocol. Must not know: what ready or alive means (the daemon decides), the environment (handed
in). Safe from any thread.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from typing import Self

PATIENCE_S = 0.1  # systemd's queue may be full for a moment


class Notifier:
    """The service manager's socket, or nothing."""

    def __init__(
        self,
        address: str = "",
        watchdog_interval_s: float | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.watchdog_interval_s = watchdog_interval_s
        """How often to call `watchdog`, seconds: half of what systemd allows; None when it does not watch."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._clock_ns = clock_ns
        # Open for as long as we live: the watchdog must be fed when somebody else has taken all descriptors.
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._channel is not None:
            self._channel.settimeout(PATIENCE_S)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], pid: int) -> Self:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; `pid` is this process."""
        address = environ.get("NOTIFY_SOCKET", "")
        usec = environ.get("WATCHDOG_USEC", "")
        is_for_us = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        watched = bool(address) and is_for_us and usec.isdecimal() and int(usec) > 0
        return cls(address, int(usec) / 2e6 if watched else None)

    def close(self) -> None:
        """Say no more."""
        if self._channel is not None:
            self._channel.close()

    def ready(self, status: str) -> None:
        """Started, or done with reloading."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload began; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={self._clock_ns() // 1000}")

    def watchdog(self) -> None:
        """Work was finished lately."""
        self._send("WATCHDOG=1")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={status}")

    def extend(self, seconds: float) -> None:
        """Starting takes longer: systemd is to wait N seconds from now (systemd 236).

        On a service that runs it would put off the watchdog instead.
        """
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def stopping(self, status: str) -> None:
        """The end began; the process drains."""
        self._send("STOPPING=1", f"STATUS={status}")

    def _send(self, *assignments: str) -> None:
        if self._channel is None:
            return
        message = "\n".join(" ".join(assignment.splitlines()) for assignment in assignments)
        with contextlib.suppress(OSError):
            self._channel.sendto(message.encode(), self._address)
