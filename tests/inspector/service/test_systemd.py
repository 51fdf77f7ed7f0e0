"""sd_notify over real datagram sockets."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from inspector.service.systemd import Notifier


def test_every_message(tmp_path: Path) -> None:
    """Each call sends one datagram of assignments as sd_notify(3) has them."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        closing(Notifier(str(tmp_path / "notify"), clock_ns=lambda: 5_000_999)) as notifier,
    ):
        systemd.bind(str(tmp_path / "notify"))
        calls: list[tuple[Callable[[], None], bytes]] = [
            (lambda: notifier.ready("warm on openvino"), b"READY=1\nSTATUS=warm on openvino"),
            (notifier.reloading, b"RELOADING=1\nMONOTONIC_USEC=5000"),
            (notifier.watchdog, b"WATCHDOG=1"),
            (lambda: notifier.status("30 fps\nREADY=1"), b"STATUS=30 fps READY=1"),
            (lambda: notifier.stopping("draining"), b"STOPPING=1\nSTATUS=draining"),
        ]
        for call, datagram in calls:
            call()
            assert systemd.recv(4096) == datagram


def test_abstract_socket() -> None:
    """An address that begins with @ is in the abstract namespace."""
    name = f"inspector-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}")
        with closing(Notifier.from_environment({"NOTIFY_SOCKET": f"@{name}"}, pid=1)) as notifier:
            notifier.watchdog()
        assert systemd.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000"}, 15.0),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 15.0),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"}, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, None),
        ({"NOTIFY_SOCKET": "/n"}, None),
        ({"WATCHDOG_USEC": "30000000"}, None),
    ],
)
def test_watchdog_interval(environ: dict[str, str], interval_s: float | None) -> None:
    """The watchdog is fed at half its limit, and only where systemd watches this very process."""
    with closing(Notifier.from_environment(environ, pid=42)) as notifier:
        assert notifier.watchdog_interval_s == interval_s


def test_without_systemd_nothing_happens() -> None:
    """No NOTIFY_SOCKET, or one that nobody reads: the line goes on."""
    Notifier.from_environment({}, pid=42).ready("warm")
    with closing(Notifier.from_environment({"NOTIFY_SOCKET": "/nonexistent/notify"}, pid=42)) as notifier:
        notifier.ready("warm")


def test_full_queue_does_not_block(tmp_path: Path) -> None:
    """A systemd that does not read for long holds nothing up for long."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                for _ in range(100_000):
                    other.sendto(b"X=1", str(tmp_path / "notify"))
        with closing(Notifier(str(tmp_path / "notify"))) as notifier:
            notifier.watchdog()


def test_the_watchdog_is_fed_when_no_descriptor_is_left(tmp_path: Path) -> None:
    """Whoever opens connections without end does not have systemd kill the line."""
    held: list[int] = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        closing(Notifier(str(tmp_path / "notify"))) as notifier,
    ):
        systemd.bind(str(tmp_path / "notify"))
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (systemd.fileno() + 50, limits[1]))
            with pytest.raises(OSError):
                while True:
                    held.append(os.dup(systemd.fileno()))
            notifier.watchdog()
            assert systemd.recv(4096) == b"WATCHDOG=1"
        finally:
            for number in held:
                os.close(number)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
