"""A command of this program as a process of its own, whose output goes to files.

Knows: processes and signals. Must not know: what the command does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from inspector import signals
from inspector.errors import InspectorError
from inspector.leash import leashed

GRACE_S = 60.0
"""After SIGTERM, how long before SIGKILL; a busy machine takes tens of seconds for what an idle one does in two."""
TAIL_LINES = 20
PROGRAM = ("-m", "inspector")


class Child:
    """Runs `inspector WORDS...` until it ends or the `with` block does; it does not outlive this process.

    Standard output goes to `out`, standard error to `log`; `env` replaces the environment where it is given,
    `program` what Python runs.
    """

    def __init__(
        self,
        words: list[str],
        out: Path,
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._name = f"inspector {words[0]}"
        self._log = log
        self._is_asked = False
        leash, theirs, ours = leashed(program)
        weakref.finalize(self, os.close, ours)
        command = [sys.executable, *leash, *words]
        with (
            os.fdopen(theirs),
            out.open("wb") as stdout,
            log.open("wb") as stderr,
            _later(signal.SIGINT, *signals.ENDING) as came,
        ):
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env, pass_fds=[theirs]
            )
        try:
            for number in came:
                signal.raise_signal(number)
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        except BaseException:  # a second Ctrl-C: its sender wants no further wait
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit code; None while it runs, the negative number of the signal that killed it."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """All that it has written to standard error so far."""
        return self._log.read_text(errors="replace")

    def runs(self) -> bool:
        """Whether it is still at work.

        Raises: InspectorError with the end of its log, when it has failed.
        """
        code = self.code
        if code:
            raise InspectorError(self.described(f"ended with exit code {code}"))
        return code is None

    def described(self, what: str) -> str:
        """Say what became of it, with the end of its log."""
        lines = self.log.splitlines()[-TAIL_LINES:]
        return "\n".join([f"{self._name} {what}; the end of {self._log}:", *(lines or ["(nothing)"])])

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.code is None:
            self._process.send_signal(number)

    def terminate(self) -> None:
        """Ask it to drain and end; asking again does nothing.

        A second SIGTERM would meet a Python that is already finalising, where it kills.
        """
        if not self._is_asked:
            self._is_asked = True
            self.send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def wait(self, wait_s: float = GRACE_S) -> int:
        """Wait until it ends by itself; return its exit code.

        Raises: InspectorError with the end of its log, when it does not end in time.
        """
        try:
            return self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            raise InspectorError(self.described(f"did not end within {wait_s:g} s")) from None

    def finish(self) -> None:
        """Ask it to drain and wait until it has.

        Raises: InspectorError when it fails, or does not end in time.
        """
        self.terminate()
        self.wait()
        self.runs()


@contextmanager
def _later(*numbers: signal.Signals) -> Iterator[list[signal.Signals]]:
    """Collect signals instead of having them handled: an exception out of the middle of a start would leave an orphan.

    Only the main thread may set handlers; on another one nothing is collected.
    """
    came: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            if before[number] not in (signal.SIG_IGN, None):  # ignored ones are inherited by the child, and stay so
                signal.signal(number, lambda given, _: came.append(signal.Signals(given)))
        yield came
    finally:
        for number, handler in before.items():
            if handler not in (signal.SIG_IGN, None):
                signal.signal(number, handler)
