"""Cameras with keys: real sockets, right and wrong keys, in both transports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from inspector.camera import Camera
from inspector.errors import AccessError
from inspector.intake import push
from tests.access import KeyedIntake, Keys
from tests.frames import HEIGHT, WIDTH
from tests.intakes import Context
from tests.patience import patience_s

PIXELS = np.full((HEIGHT, WIDTH), 128, np.uint8)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Give an empty folder of keys."""
    return Keys(tmp_path / "keys")


@pytest.fixture(params=["push", "credit"])
def line(request: pytest.FixtureRequest, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyedIntake]:
    """Give a line of the cameras top and bottom that asks for keys; an idle one ticks fast."""
    monkeypatch.setattr(push, "TICK_NS", 10_000_000)
    context: Context = zmq.Context()
    keys.new("top")
    line = KeyedIntake(context, keys, request.param)
    yield line
    line.close()
    context.destroy(linger=0)


def good(line: KeyedIntake, name: str) -> None:
    """See that a camera with its key is served."""
    camera = line.camera(name, line.keys.folder / f"{name}.key")
    camera.send(PIXELS)
    line.until(lambda: line.ends[f"frame of {name}"] == 1, camera)
    camera.close(0)


def refusal(line: KeyedIntake, camera: Camera) -> str:
    """What the camera says once it is refused."""
    with pytest.raises(AccessError) as caught:
        deadline = time.monotonic() + patience_s()
        while time.monotonic() < deadline:
            line.turn()
            camera.tend(0.01)
            camera.room(0.01)
    camera.close(0)
    return str(caught.value)


def test_frames_of_a_key(line: KeyedIntake) -> None:
    """A camera with its key is served; its name in the key's file is the one that its frames carry."""
    good(line, "top")
    assert line.gated.refusals.counts() == {}


def test_no_key(line: KeyedIntake) -> None:
    """A camera without a key is refused, and reads so; the good one is served meanwhile."""
    words = refusal(line, line.camera("top", None))
    assert "asks for a key" in words
    line.until(lambda: line.refused("mechanism") + line.refused("handshake"))  # as who looks first sees it
    good(line, "top")


def test_unknown_key(line: KeyedIntake) -> None:
    """A key that was made elsewhere is refused with 400."""
    words = refusal(line, line.camera("top", line.keys.stranger("top")))
    assert "refuses this key (400)" in words
    assert line.refused("unknown") == 1


def test_key_of_another_role(line: KeyedIntake) -> None:
    """A subscriber's key sends no frames."""
    assert "refuses this key" in refusal(line, line.camera("top", line.keys.new("office", "subscriber")))
    assert line.refused("role") == 1


def test_key_for_another_inspector(line: KeyedIntake, tmp_path: Path) -> None:
    """A key with the public key of another inspector gets nowhere, and the client says what is most likely wrong."""
    elsewhere = Keys(tmp_path / "elsewhere")
    camera = line.camera("top", elsewhere.new("top"))
    line.until(lambda: camera._link.hint, camera)
    assert "the key is for another inspector" in camera._link.hint
    line.until(lambda: line.refused("server_key") >= 3)
    camera.close(0)


def test_impostor(line: KeyedIntake) -> None:
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


def test_key_made_while_it_runs(line: KeyedIntake) -> None:
    """A key that was made a moment ago is admitted at once."""
    line.keys.new("bottom")
    good(line, "bottom")


def test_revoked_while_it_sends(line: KeyedIntake) -> None:
    """From the revocation on nothing that a standing connection sends is taken; a new one is refused."""
    camera = line.camera("top", line.keys.folder / "top.key")
    camera.send(PIXELS)
    line.until(lambda: line.ends["frame of top"] == 1, camera)
    line.keys.revoke("top")
    with pytest.raises(AccessError, match="was revoked"):
        deadline = time.monotonic() + patience_s()
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
