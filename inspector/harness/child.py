"""A command of this program as a process of its own, whose output goes to a file.

Knows: processes and signals. Must not know: what the command does.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from inspector.errors import InspectorError

GRACE_S = 20.0
"""After SIGTERM, how long before SIGKILL."""
TAIL_LINES = 20


class Child:
    """Runs `inspector WORDS...` until it ends or the `with` block does.

    Standard output goes to `out`, standard error to `log`.
    """

    def __init__(self, words: list[str], out: Path, log: Path) -> None:
        self._name = f"inspector {words[0]}"
        self._log = log
        with out.open("wb") as stdout, log.open("wb") as stderr:
            command = [sys.executable, "-m", "inspector", *words]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.terminate()
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def runs(self) -> bool:
        """Whether it is still at work.

        Raises: InspectorError with the end of what it said, when it has failed.
        """
        code = self._process.poll()
        if code:
            said = self._log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            raise InspectorError("\n".join([f"{self._name} ended with exit code {code}; it said:", *said]))
        return code is None

    def terminate(self) -> None:
        """Ask it to drain and end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def finish(self) -> None:
        """Ask it to drain and wait until it has.

        Raises: InspectorError when it fails, or does not end in time.
        """
        self.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            raise InspectorError(f"{self._name} did not end within {GRACE_S:g} s of SIGTERM") from None
        self.runs()
