"""A camera that fails in front of a real inspector, and recovers: raised, and returned, with its metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zmq

from inspector.records.events import CameraStatus
from inspector.simulator.camera import Coil, SimulatedCamera
from inspector.simulator.camera_faults import Faults
from tests.e2e.mill import FRAME_MM, Mill
from tests.recipes import HEIGHT, SOUND, WIDTH

FRAMES = 400


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        ("stuck", "frozen"),
        ("dark", "dark"),
        ("glare", "saturated"),
        ("blank", "flat"),
        ("clock", "clock"),
        ("slip", "encoder_standing"),
    ],
)
def test_a_camera_that_fails_and_recovers(tmp_path: Path, fault: str, reported: str) -> None:
    """The fault is raised and returned, by its own name and by no other, and its metric shows none at the end."""
    rng = np.random.default_rng(3)
    with Mill(tmp_path) as mill, zmq.Context() as context:
        camera = SimulatedCamera(
            context,
            mill.ports.address("frames"),
            "top",
            mm_per_row=FRAME_MM / HEIGHT,
            faults=Faults(**{fault: 0.004}, lasting_frames=80),
            seed=2,
        )
        noise = rng.integers(SOUND - 8, SOUND + 8, (FRAMES, HEIGHT, WIDTH), np.uint8)
        camera.replay(Coil(name="C1", pictures=lambda i: noise[i], frames=FRAMES))
        camera.close()
        began = camera.sent.faults[fault]
        mill.until(FRAMES)
        assert mill.metric("inspector_camera_fault", camera="top") == 0
        assert mill.metric("inspector_events_total", topic="camera") == 2
        with mill.listen() as events:
            statuses = (event.data for event in events if isinstance(event.data, CameraStatus))
            turns = [next(statuses), next(statuses)]
    assert began == 1
    assert [(turn.fault, turn.state) for turn in turns] == [(reported, "raised"), (reported, "returned")]
