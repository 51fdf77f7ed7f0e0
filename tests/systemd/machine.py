"""A machine to install on: this one's own systemd, booted in namespaces (boot.sh)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

BOOT = Path(__file__).with_name("boot.sh")
BUNDLE = "/media/the bundle"
PYTHON = "/opt/python/bin/python{}.{}".format(*sys.version_info[:2])
SYSTEMD = Path("/lib/systemd/systemd")
CLONE_NEWNET = 0x40000000
"""From sched.h; Python has `os.setns` from 3.12 on."""
BOOT_S = 60.0


def refusal() -> str:
    """Say why no machine can be booted here; empty where it can."""
    if os.geteuid() != 0:
        return "only root makes namespaces that a systemd boots in"
    if not SYSTEMD.exists():
        return "systemd is not installed"
    kinds = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork"]
    mounts = (
        "mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir upper work root cgroup && mount -t cgroup2 cgroup2 cgroup && "
        "mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root"
    )
    tried = subprocess.run(
        ["unshare", *kinds, "--propagation", "private", "sh", "-c", mounts], capture_output=True, text=True, check=False
    )
    return f"the kernel refuses namespaces: {tried.stderr.strip()}" if tried.returncode else ""


class Machine:
    """Runs until the `with` block ends; `bundle` lies there as BUNDLE, this Python as PYTHON."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        stage = folder / "stage"
        stage.mkdir()
        self._console = folder / "console.txt"
        with self._console.open("wb") as console:
            # TERM when this process ends, however it ends: nothing goes on without it.
            command = ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "--propagation", "private"]
            self._boot = subprocess.Popen(
                [*command, "sh", BOOT, stage, bundle, sys.base_prefix],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def __enter__(self) -> Self:
        try:
            self._pid = self._find()
            self.until("systemctl", "is-system-running")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, *command: str | Path) -> tuple[int, str]:
        """Run a command there as root; return its exit code and all its output."""
        ended = subprocess.run(
            ["nsenter", "--target", str(self._pid), "--all", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return ended.returncode, ended.stdout.strip()

    def out(self, *command: str | Path) -> str:
        """Run a command there that must succeed; return its output."""
        code, out = self.run(*command)
        assert code == 0, f"{' '.join(map(str, command))} ended with {code}: {out}"
        return out

    def until(self, *command: str) -> None:
        """Run a command there until it succeeds."""
        deadline = time.monotonic() + BOOT_S
        while (ended := self.run(*command))[0]:
            assert time.monotonic() < deadline, f"{' '.join(command)}: {ended[1]}\n{self._console.read_text()}"
            time.sleep(0.1)

    def write(self, path: str, text: str) -> None:
        """Write a file there as a site would: root's, and the service may read it."""
        self._write(path, text, 'umask 027; cat >"$1"; chgrp inspector "$1"')

    def put(self, path: str, text: str) -> None:
        """Write a file there that anybody may read."""
        self._write(path, text, 'cat >"$1"')

    def _write(self, path: str, text: str, script: str) -> None:
        command = ["nsenter", "--target", str(self._pid), "--all", "sh", "-c", script, "-", path]
        subprocess.run(command, input=text, text=True, check=True)

    def install(self, package: str) -> None:
        """Copy a package of this Python into the program's, as a site with no network would.

        By a pipe, not by its path: there, /tmp is another, and may be where this checkout lies.
        """
        found = find_spec(package)
        assert found is not None
        place = Path(next(iter(found.submodule_search_locations or ()), found.origin or ""))
        script = "tar -xf - -C /opt/inspector/lib/python3*/site-packages"
        command = ["nsenter", "--target", str(self._pid), "--all", "sh", "-c", script]
        with subprocess.Popen(["tar", "-cf", "-", "-C", place.parent, place.name], stdout=subprocess.PIPE) as packed:
            subprocess.run(command, stdin=packed.stdout, check=True)
        assert packed.returncode == 0

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Have this thread, and all threads that it starts, in that machine's network."""
        with open("/proc/self/ns/net") as here, open(f"/proc/{self._pid}/ns/net") as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def _find(self) -> int:
        """Return the number that the booted systemd has out here: it is its unshare's only child."""
        deadline = time.monotonic() + BOOT_S
        while True:
            assert self._boot.poll() is None and time.monotonic() < deadline, self._console.read_text()
            with contextlib.suppress(OSError, ValueError):
                (unshare,) = _children(self._boot.pid)
                (systemd,) = _children(unshare)
                if Path(f"/proc/{systemd}/comm").read_text() == "systemd\n":
                    return systemd
            time.sleep(0.05)

    def _end(self) -> None:
        self._boot.terminate()
        try:
            self._boot.wait(BOOT_S)
        finally:
            self._boot.kill()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
