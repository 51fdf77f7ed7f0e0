"""A line to test with: a real `inspector run` process on its own ports, and a camera one can paint for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from inspector import wire
from inspector.client import Events
from inspector.harness import configuration, scrape
from inspector.harness.child import PROGRAM
from inspector.harness.daemon import DaemonProcess
from inspector.harness.feed import Feed
from inspector.harness.ports import Ports
from inspector.records.envelope import Event
from inspector.records.frame import Bytes2D
from tests.patience import patience_s
from tests.recipes import HEIGHT, SOUND, WIDTH, write_recipe

FRAME_MM = HEIGHT * 0.5


ALARM = """[[defect]]
name = "dark"
join_along_mm = 0
[[alarm]]
name = "three-dark"
classes = ["dark"]
count = 3
within_m = 5
off_delay_ms = 200
"""


class Mill:
    """A running inspector in `folder`; its configuration may be edited between `start` and `stop`."""

    def __init__(
        self, folder: Path, overload: str = "wait", cameras: Sequence[str] = ("top",), **intake: object
    ) -> None:
        self.folder, self.cameras = folder, cameras
        self.ports = Ports.free()
        self.config = folder / "line.toml"
        self.program: Sequence[str] = PROGRAM
        self.journal: Mapping[str, object] = {}
        self.engine: Mapping[str, object] = {}
        """Keys of these sections that are not as usual."""
        self._daemon: DaemonProcess | None = None
        write_recipe(folder / "recipe")
        self._intake = intake
        self.write(overload=overload)

    def write(self, overload: str = "wait", extra: str = "", screen: str = "", audit: float = 0.02) -> None:
        """Write the configuration file; `screen` names a recipe that looks first, of whose sound frames `audit` is."""
        configuration.write(
            self.config,
            self.ports,
            Path("recipe"),
            line="test",
            mm_per_px=0.5,
            cameras=self.cameras,
            sections={
                "intake": {"overload": overload, **self._intake},
                "journal": self.journal,
                "recipe": {"screen": screen, "screen_audit": audit} if screen else {},
                **({"engine": self.engine} if self.engine else {}),
            },
            extra=ALARM + extra,
        )

    def start(self) -> Self:
        """Run it and wait until it is ready."""
        self._daemon = DaemonProcess(
            self.config, self.ports, env={**os.environ, "PYTHONWARNINGS": "error"}, program=self.program
        )
        self._daemon.start(patience_s())
        return self

    @property
    def daemon(self) -> DaemonProcess:
        """The running one."""
        assert self._daemon is not None, "the mill was not started"
        return self._daemon

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Signal it; return exit code and what it wrote."""
        child = self.daemon.child
        code = self.daemon.stop(number, patience_s())
        self._daemon = None
        return code, child.log

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._daemon is not None:
            self.stop(signal.SIGKILL)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an HTTP request; status 0 when nobody listens."""
        try:
            return scrape.get(self.ports.http, path)
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's samples that carry these labels; 0 when nobody listens."""
        try:
            return sum(scrape.values(self.ports.http, name, **labels))
        except OSError:
            return 0.0

    def until(self, frames: int, name: str = "inspector_frames_inspected_total") -> None:
        """Wait until that many frames have ended in this way."""
        self.wait_until(lambda: self.metric(name) >= frames, f"bring {name} to {frames}")

    def until_kept(self, coil: str, crops: int = 1) -> None:
        """Wait until the archive in `archive` holds that many crops of a coil's defects."""
        kept = self.folder / "archive" / "seen"
        self.wait_until(lambda: len([*kept.glob(f"*/{coil}/*.json")]) >= crops, f"keep {crops} crops of {coil}")

    def wait_until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something that the inspector is to do."""
        self.daemon.wait_until(done, what, patience_s())

    def listen(self, timeout_s: float | None = None) -> Events:
        """A subscriber that begins with the journal's first event."""
        return self.daemon.events(timeout_s=patience_s() if timeout_s is None else timeout_s)

    def received(self, last: str) -> list[Event]:
        """All events up to the first of type `last`."""
        received = []
        with self.listen() as events:
            for event in events:
                received.append(event)
                if event.type == last:
                    return received
        raise AssertionError(f"no {last} among {[event.type for event in received]}")


class Camera:
    """A camera of a mill, with frames that a test paints."""

    def __init__(self, mill: Mill, name: str = "top", boot: str = "b1") -> None:
        self.name = name
        self.feed = Feed(mill.ports.address("frames"), mm_per_row=0.5, boot=boot, alive=mill.daemon.check)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.feed.__exit__(kind, error, trace)

    @property
    def number(self) -> int:
        """Number of the next frame: that many have passed."""
        return self.feed.number

    def send(self, *boxes: tuple[int, int, int, int, int], coil: str = "C1", encoding: str = "raw8") -> None:
        """Send the next frame: sound steel with `(top, bottom, left, right, grey)` boxes painted on it."""
        header, payload = wire.frame_message(
            paint(*boxes), camera=self.name, boot="b", number=0, captured_ns=0, encoding=encoding
        )
        self.feed.send(header, payload, coil)

    def send_parts(self, *parts: bytes | memoryview) -> None:
        """Send a message as it is."""
        self.feed.send_parts(*parts)

    def skip(self) -> None:
        """Let a frame go by unsent."""
        self.feed.skip(HEIGHT)


def paint(*boxes: tuple[int, int, int, int, int]) -> Bytes2D:
    """A frame of sound steel with boxes painted on it."""
    pixels = np.full((HEIGHT, WIDTH), SOUND, np.uint8)
    for top, bottom, left, right, grey in boxes:
        pixels[top:bottom, left:right] = grey
    return pixels
