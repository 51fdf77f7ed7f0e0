"""The running inspector's answer to a reload: one small file that it writes and `inspector reload` waits for.

`systemctl reload` fails when ExecReload= fails (systemd 252 has no Type=notify-reload), so that command must learn
what became of the reload. Laws: an answer is taken only of a reload that began at or after the signal that asked for
it, so reloads may be asked for at any time and by anybody at once; the file is replaced whole.

Knows: the file, the signal, the system's monotonic clock, which all processes share. Must not know: what a reload does.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from inspector.errors import InspectorError

log = logging.getLogger("inspector")

FILE = "reload.json"
POLL_S = 0.02


class ReloadAnswer(msgspec.Struct, frozen=True):
    """What became of one reload."""

    pid: int
    """The inspector that answers."""
    began_ns: int
    """When the reload began, CLOCK_MONOTONIC; nothing of the configuration had been read yet."""
    exit_code: int
    """0 when the new configuration is in force; else the exit code of a start with it."""
    message: str
    """What is in force, or why it was refused: one line for each fault."""


class ReloadAnswers:
    """Where a running inspector answers; nowhere without a folder.

    `begin` is called before the configuration is read; `give` by whatever thread knows what became of it.
    """

    def __init__(
        self, folder: Path | None = None, pid: int = 0, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._folder, self._pid, self._clock_ns = folder, pid, clock_ns
        self._began_ns = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], pid: int) -> Self:
        """Answer in RUNTIME_DIRECTORY, which systemd makes for the service; `pid` is this process."""
        return cls(runtime_folder(environ), pid)

    def begin(self) -> None:
        """A reload begins."""
        self._began_ns = self._clock_ns()

    def give(self, exit_code: int, message: str) -> None:
        """Say what became of the reload that began last, or that this inspector answers at all."""
        if self._folder is None:
            return
        answer = ReloadAnswer(pid=self._pid, began_ns=self._began_ns, exit_code=exit_code, message=message)
        partial = self._folder / f".{FILE}.{self._pid}"
        try:
            partial.write_bytes(msgspec.json.encode(answer))
            partial.replace(self._folder / FILE)
        except OSError as error:  # the line goes on, whatever becomes of those who ask
            log.error("%s: cannot be written: %s. `systemctl reload` will wait in vain.", self._folder / FILE, error)


def runtime_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the first folder of RUNTIME_DIRECTORY, as systemd sets it for all processes of the service."""
    first = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None


def ask(pid: int, folder: Path | None) -> ReloadAnswer:
    """Have the inspector `pid` reload, and wait for its answer in `folder`; how long is the caller's business.

    Raises: InspectorError when that process does not answer there, or ends before it does.
    """
    if folder is None:
        raise InspectorError(
            "RUNTIME_DIRECTORY is not set; expected the folder in which the running inspector answers. "
            "Use `systemctl reload inspector@LINE`; without systemd `kill -HUP PID`, and see the log."
        )
    if (before := _read(folder)) is None or before.pid != pid:
        found = "nothing" if before is None else f"process {before.pid}"
        raise InspectorError(
            f"{folder / FILE}: {found} answers there; expected process {pid}. Restart the service if it was upgraded."
        )
    asked_ns = time.monotonic_ns()
    try:
        os.kill(pid, signal.SIGHUP)
        while (answer := _read(folder)) is None or answer.began_ns < asked_ns:
            time.sleep(POLL_S)
            os.kill(pid, 0)
    except ProcessLookupError:
        raise InspectorError(f"process {pid} ended before it answered. See its log.") from None
    except PermissionError:
        raise InspectorError(f"process {pid} is another user's. Ask as root, or as the service's user.") from None
    return answer


def _read(folder: Path) -> ReloadAnswer | None:
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=ReloadAnswer)
    except (OSError, msgspec.MsgspecError):
        return None
