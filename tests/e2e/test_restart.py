"""What a restart of the daemon must not change, and what a blind camera must not: real processes, real journal."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from inspector import wire
from inspector.records.envelope import Unknown
from inspector.records.events import Alarm, CoilReport, Crowded, Data, Defect, Missed
from tests.e2e.mill import FRAME_MM, Camera, Mill, paint
from tests.recipes import DARK, HEIGHT, WIDTH

DARK_BOX = (10, 30, 20, 40, DARK)


def go_on(camera: Camera, number: int) -> None:
    """Let the camera be at this frame: it ran on while the inspector did not."""
    camera.feed.number, camera.feed.coil, camera.feed.position_mm = number, "C1", number * FRAME_MM


def up_to_the_end(mill: Mill, frames: int) -> list[Data | Unknown]:
    """All that was recorded, up to the end of the coil of `frames` frames."""
    data: list[Data | Unknown] = []
    with mill.listen() as events:
        for event in events:
            data.append(event.data)
            if isinstance(event.data, CoilReport) and (event.data.state, event.data.frames) == ("ended", frames):
                break
        assert events.lost == 0
    return data


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_coil_goes_on_over_a_restart(tmp_path: Path, how: signal.Signals) -> None:
    """Killed or stopped within a coil: what passed meanwhile is missed, and nothing else; sums and alarms go on."""
    mill = Mill(tmp_path)
    with mill:
        with Camera(mill) as camera:
            for _ in range(6):
                camera.send(DARK_BOX)
            mill.until(6)
        mill.wait_until(lambda: mill.metric("inspector_alarms", state="unacknowledged") == 1, "raise the alarm")
        mill.stop(how)
    with mill:
        with Camera(mill) as camera:
            go_on(camera, 9)
            for _ in range(4):
                camera.send(DARK_BOX)
            mill.until(4)
            mill.wait_until(lambda: mill.metric("inspector_alarms", state="unacknowledged") == 1, "know its alarm")
            words = [
                "alarms",
                "acknowledge",
                "three-dark",
                "--operator",
                "Kim",
                "--connect",
                mill.ports.address("commands"),
            ]
            subprocess.run([sys.executable, "-m", "inspector", *words], check=True, capture_output=True)
            mill.wait_until(lambda: mill.metric("inspector_alarms", state="acknowledged") == 1, "acknowledge")
            camera.send(coil="C2")
        data = up_to_the_end(mill, frames=10)
    missed = [event for event in data if isinstance(event, Missed) and event.coil == "C1"]
    assert [(gap.start_mm, gap.end_mm, gap.reasons) for gap in missed] == [(6 * FRAME_MM, 9 * FRAME_MM, {"down": 3})]
    ended = data[-1]
    assert isinstance(ended, CoilReport) and ended.defects == {"dark": 10}
    assert (ended.inspected_m, ended.missed_m) == (10 * FRAME_MM / 1000, 3 * FRAME_MM / 1000)
    assert [event.state for event in data if isinstance(event, Alarm)][:2] == ["unacknowledged", "acknowledged"]


def test_frames_of_noise_are_an_event_each(tmp_path: Path) -> None:
    """A camera that sees nothing but noise: one event a frame, heartbeats go on, and no subscriber loses an event."""
    noise = paint(*((y, y + 5, x, x + 5, DARK) for y in range(1, HEIGHT - 5, 8) for x in range(0, WIDTH, 8)))
    mill = Mill(tmp_path)
    mill.write(extra="[analysis]\nmax_regions = 100\n")
    with mill, mill.listen() as events:
        with Camera(mill) as camera:
            camera.send(DARK_BOX)
            for _ in range(40):
                header, payload = wire.frame_message(noise, camera="top", boot="b", number=0, captured_ns=0)
                camera.feed.send(header, payload, "C1")
            camera.send(DARK_BOX)
            camera.send(coil="C2")
            mill.until(43)
        received = []
        for event in events:
            received.append(event)
            if event.type == "coil.ended":
                break
        assert events.lost == 0
        assert mill.metric("inspector_frames_crowded_total") == 40
    crowded = [event.data for event in received if isinstance(event.data, Crowded)]
    assert len(crowded) == 40
    assert all(before.start_mm < after.start_mm for before, after in pairwise(crowded))
    assert all(event.regions == {"dark": 256} for event in crowded)
    ended = received[-1].data
    assert isinstance(ended, CoilReport)
    assert (ended.frames, ended.crowded, ended.defects, ended.missed_m) == (42, 40, {"dark": 2}, 0.0)
    assert sum(isinstance(event.data, Defect) for event in received) == 2
