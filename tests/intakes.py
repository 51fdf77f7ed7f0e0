"""An intake with real cameras on it, for tests of the frame socket."""

import time
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import zmq

from inspector import wire
from inspector.config.camera import CameraSection
from inspector.demand import Demand
from inspector.intake.push import Intake
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.frame import Header
from inspector.records.stages import Frame, Loss
from inspector.signals import Flag
from tests import frames
from tests.frames import HEIGHT, WIDTH, consumed
from tests.patience import patience_s

Context = zmq.Context[zmq.Socket[bytes]]


CAMERAS = ("top", "bottom")


SECTIONS = tuple(frames.camera(name) for name in CAMERAS)


class Line:
    """An intake on a free port, and cameras that push to it."""

    def __init__(
        self,
        context: Context,
        max_frames: int = 4,
        wait_ms: int = 5,
        waits: bool = False,
        *,
        bind: str = "tcp://127.0.0.1:*",
        cameras: Sequence[CameraSection] = SECTIONS,
        **options: Any,
    ) -> None:
        self.stop, self.demand = Flag(), Demand(2)
        section = IntakeSection(bind=bind, max_frame_mb=1, overload="wait" if waits else "drop-newest")
        batch = BatchSection(max_frames=max_frames, wait_ms=wait_ms)
        facts = {"height": HEIGHT, "width": WIDTH, "stop": self.stop, "demand": self.demand, **options}
        self.intake = Intake(context, section, batch, cameras=cameras, **facts)
        self.batches = consumed(self.intake, self.demand)
        self._camera = context.socket(zmq.PUSH)
        self._camera.connect(self.intake.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._camera.close(linger=0)
        self.intake.close()

    def has_room(self, wait_ms: int) -> bool:
        """Whether the camera's socket takes a message, at least after a while."""
        return bool(self._camera.poll(wait_ms, zmq.POLLOUT))

    def send_parts(self, *parts: bytes | memoryview) -> None:
        """Send a message as it is."""
        self._camera.send_multipart(parts)

    def send(self, number: int, camera: str = "top", **facts: Any) -> None:
        """Send a good frame."""
        self.send_parts(*wire.encode(*message(number, camera, **facts)))

    def take(self, count: int) -> list[Frame | Loss]:
        """Take batches until they hold that many arrivals."""
        arrivals: list[Frame | Loss] = []
        deadline = time.monotonic() + patience_s()
        while len(arrivals) < count:
            assert time.monotonic() < deadline, f"only {arrivals}"
            arrivals += next(self.batches).arrivals
        return arrivals

    def rest(self) -> list[Frame | Loss]:
        """Stop, and take all that comes until the end."""
        self.stop.set()
        return [arrival for batch in self.batches for arrival in batch.arrivals]


def message(number: int, camera: str = "top", boot: str = "b", **facts: Any) -> tuple[Header, bytes]:
    """Make a frame whose pixels all say its number."""
    pixels = np.full((HEIGHT, WIDTH), number % 256, np.uint8)
    return wire.frame_message(pixels, camera=camera, boot=boot, number=number, captured_ns=0, **facts)


def summary(arrivals: list[Frame | Loss]) -> list[object]:
    """Say it shortly: a frame by its number, a loss by its reason and count."""
    return [a.header.number if isinstance(a, Frame) else (a.reason, a.count) for a in arrivals]
