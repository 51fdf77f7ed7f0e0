"""Cameras with keys: real sockets, right and wrong keys, in both transports."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from inspector.access.keys import Key
from inspector.camera import Camera, Transport
from inspector.config.camera import CameraSection
from inspector.demand import Demand
from inspector.errors import AccessError
from inspector.intake import push
from inspector.intake.credit import CreditIntake
from inspector.intake.push import Intake
from inspector.intake.receipts import Known
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.stages import Frame, Loss
from inspector.signals import Flag
from tests.access import LOOPBACK, Gated, Keys
from tests.frames import HEIGHT, WIDTH, consumed
from tests.intakes import SECTIONS, Context

PATIENCE_S = 40
PIXELS = np.full((HEIGHT, WIDTH), 128, np.uint8)


class Line:
    """An intake that asks for keys, drained while a test waits."""

    def __init__(self, context: Context, keys: Keys, transport: Transport) -> None:
        self.keys, self.transport = keys, transport
        self.gated = Gated(context, keys)
        section = IntakeSection(bind=LOOPBACK, transport=transport, max_frame_mb=1)
        cameras: tuple[CameraSection, ...] = SECTIONS
        demand, self.stop = Demand(2), Flag()
        kind = CreditIntake if transport == "credit" else Intake
        self.intake = kind(
            context,
            section,
            BatchSection(max_frames=4, wait_ms=5),
            cameras=cameras,
            height=HEIGHT,
            width=WIDTH,
            stop=self.stop,
            demand=demand,
            known=Known(cameras) if transport == "credit" else None,
            door=self.gated.door("intake"),
        )
        self._demand = demand
        self._batches = consumed(self.intake, demand)
        self.ends: Counter[str] = Counter()

    def camera(self, name: str, key: Key | Path | None) -> Camera:
        """A camera client."""
        return Camera(
            self.intake.address,
            name,
            transport=self.transport,
            key=key,
            patience_s=PATIENCE_S,
        )

    def turn(self) -> None:
        """Take a batch, and acknowledge its frames as if they were on disk."""
        batch = next(self._batches)
        self._demand.acknowledge(batch.receipts)
        for arrival in batch.arrivals:
            match arrival:
                case Frame():
                    self.ends[f"frame of {arrival.header.camera}"] += 1
                case Loss():
                    self.ends[arrival.reason] += arrival.count

    def until(self, holds: Callable[[], object], camera: Camera | None = None) -> None:
        """Take batches, and tend a camera, until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            if camera is not None:
                camera.tend()
            assert time.monotonic() < deadline, f"only {self.ends}, {self.gated.refusals.counts()}"
            self.turn()

    def refused(self, reason: str) -> int:
        """How often the door refused for this reason."""
        return sum(count for (_, why), count in self.gated.refusals.counts().items() if why == reason)

    def close(self) -> None:
        """End it."""
        self.intake.close()
        self.gated.__exit__(None, None, None)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Give an empty folder of keys."""
    return Keys(tmp_path / "keys")


@pytest.fixture(params=["push", "credit"])
def line(request: pytest.FixtureRequest, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Give a line of the cameras top and bottom that asks for keys; an idle one ticks fast."""
    monkeypatch.setattr(push, "TICK_NS", 10_000_000)
    context: Context = zmq.Context()
    keys.new("top")
    line = Line(context, keys, request.param)
    yield line
    line.close()
    context.destroy(linger=0)


def good(line: Line, name: str) -> None:
    """See that a camera with its key is served."""
    camera = line.camera(name, line.keys.folder / f"{name}.key")
    camera.send(PIXELS)
    line.until(lambda: line.ends[f"frame of {name}"] == 1, camera)
    camera.close(0)


def refusal(line: Line, camera: Camera) -> str:
    """What the camera says once it is refused."""
    with pytest.raises(AccessError) as caught:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            line.turn()
            camera.tend(0.01)
            camera.room(0.01)
    camera.close(0)
    return str(caught.value)


def test_frames_of_a_key(line: Line) -> None:
    """A camera with its key is served; its name in the key's file is the one that its frames carry."""
    good(line, "top")
    assert line.gated.refusals.counts() == {}


def test_no_key(line: Line) -> None:
    """A camera without a key is refused, and reads so; the good one is served meanwhile."""
    words = refusal(line, line.camera("top", None))
    assert "asks for a key" in words
    line.until(lambda: line.refused("mechanism") + line.refused("handshake"))  # as who looks first sees it
    good(line, "top")


def test_unknown_key(line: Line) -> None:
    """A key that was made elsewhere is refused with 400."""
    words = refusal(line, line.camera("top", line.keys.stranger("top")))
    assert "refuses this key (400)" in words
    assert line.refused("unknown") == 1


def test_key_of_another_role(line: Line) -> None:
    """A subscriber's key sends no frames."""
    assert "refuses this key" in refusal(line, line.camera("top", line.keys.new("office", "subscriber")))
    assert line.refused("role") == 1


def test_key_for_another_inspector(line: Line, tmp_path: Path) -> None:
    """A key with the public key of another inspector gets nowhere, and the client says what is most likely wrong."""
    elsewhere = Keys(tmp_path / "elsewhere")
    camera = line.camera("top", elsewhere.new("top"))
    line.until(lambda: camera._link.hint, camera)
    assert "the key is for another inspector" in camera._link.hint
    line.until(lambda: line.refused("server_key") >= 3)
    camera.close(0)


def test_impostor(line: Line) -> None:
    """A frame under another camera's name is rejected as an impostor's, and counted at no camera."""
    bottom = line.camera("bottom", line.keys.folder / "top.key")
    if line.transport == "push":
        bottom.send(PIXELS)
        line.until(lambda: line.ends["impostor"] == 1)
        bottom.close(0)
    else:
        assert "may not send frames of camera 'bottom'" in refusal(line, bottom)
    assert line.ends["frame of bottom"] == 0
    (report,) = line.gated.refusals.reports()
    assert (report.entrance, report.reason, report.key, report.peer) == ("intake", "impostor", "top", "127.0.0.1")


def test_key_made_while_it_runs(line: Line) -> None:
    """A key that was made a moment ago is admitted at once."""
    line.keys.new("bottom")
    good(line, "bottom")


def test_revoked_while_it_sends(line: Line) -> None:
    """From the revocation on nothing that a standing connection sends is taken; a new one is refused."""
    camera = line.camera("top", line.keys.folder / "top.key")
    camera.send(PIXELS)
    line.until(lambda: line.ends["frame of top"] == 1, camera)
    line.keys.revoke("top")
    with pytest.raises(AccessError, match="was revoked"):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if camera.room(0.01):
                camera.send(PIXELS)
            camera.tend(0.01)
            line.turn()
    before = line.ends["frame of top"]
    assert line.ends["revoked"] >= 1 and line.refused("revoked") >= 2
    with pytest.raises(AccessError, match="was revoked"):
        while True:
            line.turn()
            camera.tend(0.01)
            camera.room(0.01)
    assert line.ends["frame of top"] == before
    with contextlib.suppress(AccessError):  # once more, for frames that it keeps
        camera.close(0)
