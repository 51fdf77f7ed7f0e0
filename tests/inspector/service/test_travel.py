"""A line without an encoder: positions follow from the configured speed, also when a reload changes it, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from inspector.errors import ConfigError
from inspector.metrics import Metrics
from inspector.records.events import CoilReport, Data, Defect
from inspector.records.recipe import Maps
from inspector.records.stages import Frame, Inferred
from inspector.service import line
from inspector.service.archive import Archive
from inspector.service.desk import Desk
from inspector.service.settings import CommandsSection
from inspector.service.stages import Stages
from tests.frames import HEIGHT, RECIPE, WIDTH, batch, header
from tests.inspector.service.test_reload import Line

LINE = """line = "test"
[recipe]
path = "recipe"
[intake]
bind = "tcp://127.0.0.1:5001"
[[camera]]
name = "top"
mm_per_px = 1.0
mm_per_row = 9.0
{rows}
[travel]
speed_m_min = {speed}
[[defect]]
name = "dark"
join_along_mm = 0
[events]
bind = "tcp://127.0.0.1:5002"
replay_bind = "tcp://127.0.0.1:5003"
[journal]
path = "journal"
"""


def configuration(folder: Path, speed: float, rows: str = "rows_per_s = 1000") -> line.Config:
    """A line of one camera of 1000 rows a second: at 60 m/min a row is a millimetre."""
    (folder / "line.toml").write_text(LINE.format(speed=speed, rows=rows))
    return line.load(folder / "line.toml")


def frame(number: int, **facts: Any) -> Inferred:
    """A frame with a spot in its rows 2 to 4."""
    labels = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    labels[0, 2:4, 3:6] = 1
    maps = Maps(labels, labels * 200, np.ones((1, 2), np.float32))
    return Inferred(batch(Frame(header(number, coil="C", **facts), 0)), RECIPE, maps)


def passed(settings: line.Config, batches: Iterator[Inferred], stages: Stages) -> list[Data]:
    """All that the stages report of batches."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    desk = Desk(context, CommandsSection(bind="tcp://127.0.0.1:*"), "test", lambda: "")
    archive = Archive(settings, lambda data: None)
    try:
        found = stages.findings(batches, Metrics(["top"], ["dark"]), desk, archive)
        return [event for findings in found for event in findings.events]
    finally:
        desk.close()
        assert archive.close(60.0)
        context.destroy()


def test_positions_follow_the_speed_over_a_reload(tmp_path: Path) -> None:
    """Three frames at 60 m/min, a reload to 120, three more: each defect lies where the strip had come to by then."""
    settings, faster = configuration(tmp_path, 60), configuration(tmp_path, 120)
    stages = Stages(settings)

    def batches() -> Iterator[Inferred]:
        yield from (frame(number) for number in range(3))
        stages.replace(faster)
        yield from (frame(number) for number in range(3, 6))

    reported = passed(settings, batches(), stages)
    defects = [event for event in reported if isinstance(event, Defect) and event.is_whole]
    assert [event.start_mm for event in defects] == [2.0, 12.0, 22.0, 34.0, 54.0, 74.0]
    assert [event.length_mm for event in defects] == [2.0] * 3 + [4.0] * 3
    assert all(event.is_estimated for event in defects)
    ended = reported[-1]
    assert isinstance(ended, CoilReport) and (ended.length_m, ended.is_estimated) == (0.09, True)


def test_an_encoder_is_believed_before_the_speed(tmp_path: Path) -> None:
    """A frame that says where it lies, or how long its rows are, is no estimate."""
    settings = configuration(tmp_path, 60)
    facts = {"start_mm": 500.0, "mm_per_row": 2.0}
    reported = passed(settings, iter([frame(0, **facts), frame(1, start_mm=520.0, mm_per_row=2.0)]), Stages(settings))
    defects = [event for event in reported if isinstance(event, Defect) and event.is_whole]
    assert [event.start_mm for event in defects] == [504.0, 524.0]
    assert not any(event.is_estimated for event in defects)


@pytest.mark.parametrize(
    ("speed", "rows", "words"),
    [
        (60, "", "travel.speed_m_min is 60, and no camera has rows_per_s: it concerns none."),
        (
            0,
            "rows_per_s = 10",
            'camera "top" has rows_per_s, and travel.speed_m_min is 0; expected the speed that goes',
        ),
        (
            600,
            "rows_per_s = 1",
            'camera "top": 600 m/min at 1 rows a second are 10000 mm a row; expected at most 1000.',
        ),
    ],
)
def test_a_speed_that_cannot_be_meant(tmp_path: Path, speed: float, rows: str, words: str) -> None:
    """A speed without a camera, a camera without a speed, and rows that would be metres long are refused."""
    with pytest.raises(ConfigError) as caught:
        configuration(tmp_path, speed, rows)
    assert words in str(caught.value)


def test_a_reload_takes_another_speed_and_no_other_camera(tmp_path: Path) -> None:
    """The speed is taken while the line runs; whether a camera follows it, and its rows a second, want a restart."""
    running = Line(tmp_path)
    running.change("mm_per_row = 0.5", "mm_per_row = 0.5\nrows_per_s = 1000\n[travel]\nspeed_m_min = 60")
    (words,) = running.reload()
    assert words.startswith("line3.toml: camera has changed; a reload takes only alarm,")
    running = Line(tmp_path, started_with="mm_per_row = 0.5\nrows_per_s = 1000\n[travel]\nspeed_m_min = 60")
    running.change("speed_m_min = 60", "speed_m_min = 90")
    assert running.reload() == []
    assert [camera.mm_per_row for camera in running.settings.camera] == [1.5]
    running.change("rows_per_s = 1000", "rows_per_s = 2000")
    (words,) = running.reload()
    assert words.startswith("line3.toml: camera has changed;")
