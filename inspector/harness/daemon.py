"""A daemon next to this program: started, ready, fed, observed, stopped.

Knows: the command, its signals, its ports, its log. Must not know: which recipe it runs, what is sent to it, why.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from inspector.client import Events
from inspector.errors import InspectorError
from inspector.harness import scrape
from inspector.harness.child import GRACE_S, PROGRAM, Child
from inspector.harness.feed import Feed
from inspector.harness.listener import Listener
from inspector.harness.ports import Ports
from inspector.harness.scrape import Counts

T = TypeVar("T")

START_S = 300.0
"""How long it may take to be ready: an interpreter on a busy machine takes tens of seconds, a GPU engine minutes."""
STALL_S = 60.0
POLL_S = 0.05


class DaemonProcess:
    """`inspector run CONFIG`, from `start` to `stop` or the end of the `with` block.

    Its log lies next to the configuration, as `run.log`; every error here ends with the log's last lines.
    """

    def __init__(
        self,
        config: Path,
        ports: Ports,
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.config, self.ports = config, ports
        self._options, self._env, self._program = options, env, program
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self if self._child else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            self._child.__exit__(kind, error, trace)

    # --- its life ---------------------------------------------------------------------------------------------

    def launch(self) -> Child:
        """Start the process, and wait for nothing."""
        out, log = self.config.with_name("run.out"), self.config.with_name("run.log")
        self._child = Child(["run", str(self.config), *self._options], out, log, env=self._env, program=self._program)
        return self._child

    def start(self, wait_s: float = START_S, report: Callable[[str], object] = lambda why: None) -> Self:
        """Start it and wait until it is ready; `report` receives each new reason why it is not.

        Raises: InspectorError when it fails, or is not ready in time.
        """
        child = self.launch()
        reasons = [""]

        def ready() -> bool:
            why = scrape.not_ready(self.ports.http)
            if why and why != reasons[-1]:
                reasons.append(why)
                report(why)
            return not why

        try:
            self.wait_until(ready, "be ready", wait_s)
        except BaseException:
            child.kill()
            raise
        return self

    @property
    def child(self) -> Child:
        """The process.

        Raises: InspectorError before it was started.
        """
        if self._child is None:
            raise InspectorError(f"{self.config.name}: the inspector was not started")
        return self._child

    def check(self) -> None:
        """See that it still runs.

        Raises: InspectorError when it has ended, well or not.
        """
        if not self.child.runs():
            raise InspectorError(self.child.described("was ended by somebody else"))

    def wait_until(self, done: Callable[[], bool], what: str, wait_s: float = STALL_S) -> None:
        """Wait for something that the running daemon is to do; `what` completes "the inspector did not ...".

        Raises: InspectorError when it ends meanwhile, or has not done it in time.
        """
        until_s = time.monotonic() + wait_s
        while not done():
            self.check()
            if time.monotonic() > until_s:
                raise InspectorError(self.child.described(f"did not {what} within {wait_s:g} s"))
            time.sleep(POLL_S)

    def reload(self) -> None:
        """Ask it to read its configuration and recipe again."""
        self.child.send(signal.SIGHUP)

    def stop(self, number: signal.Signals = signal.SIGTERM, wait_s: float = GRACE_S) -> int:
        """Signal it and wait for its end; return the exit code.

        Raises: InspectorError when it does not end in time.
        """
        if number == signal.SIGTERM:
            self.child.terminate()
        else:
            self.child.send(number)
        return self.child.wait(wait_s)

    # --- its sockets ------------------------------------------------------------------------------------------

    def feed(self, *, mm_per_row: float, boot: str | None = None) -> Feed:
        """Be a camera of it."""
        return Feed(self.ports.address("frames"), mm_per_row=mm_per_row, boot=boot, alive=self.check)

    def listener(self, clock_ns: Callable[[], int] = time.time_ns) -> Listener:
        """Collect its events from now on, on a thread, with the time by this clock."""
        return Listener(self.ports.address("events"), self.ports.address("replay"), clock_ns)

    def events(self, after: tuple[str | None, int] | None = (None, 0), timeout_s: float = STALL_S) -> Events:
        """Follow its events, from the journal's first one on; ends after `timeout_s` of silence."""
        return Events(
            self.ports.address("events"), replay=self.ports.address("replay"), after=after, timeout_s=timeout_s
        )

    def counts(self) -> Counts:
        """Read its counts of frames and strip.

        Raises: InspectorError when it does not answer.
        """
        return self._ask(scrape.counts)

    def value(self, name: str, **labels: str) -> float:
        """Read one metric, summed over the samples that carry these labels; 0 where there are none.

        Raises: InspectorError when it does not answer.
        """
        return sum(self._ask(lambda port: scrape.values(port, name, **labels)))

    def _ask(self, question: Callable[[int], T]) -> T:
        try:
            return question(self.ports.http)
        except OSError as error:
            self.check()
            raise InspectorError(self.child.described(f"does not answer on port {self.ports.http}: {error}")) from error
