"""A line scan camera's blocks on a real inspector: gathered while it runs, and not forgotten when it stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector import wire
from inspector.records.events import CoilReport, Defect, Missed
from tests.e2e.mill import FRAME_MM, Camera, Mill, paint
from tests.recipes import DARK, HEIGHT

ROWS = HEIGHT // 4
BOX = (10, 40, 20, 40, DARK)
"""It crosses three blocks of the first plane."""


def test_a_line_that_stops_in_the_middle_of_a_plane(tmp_path: Path) -> None:
    """Blocks that nothing follows are inspected soon, those of a stop too, and the defect over blocks is one."""
    mill = Mill(tmp_path)
    mill.config.write_text(mill.config.read_text().replace('name = "top"\n', f'name = "top"\nheight = {ROWS}\n', 1))
    assert f"height = {ROWS}" in mill.config.read_text()
    with mill, Camera(mill) as camera:

        def send(blocks: int) -> None:
            for _ in range(blocks):
                top = camera.number % 4 * ROWS
                pixels = paint(BOX if camera.number < 4 else (0, 0, 0, 0, 0))[top : top + ROWS].copy()
                header, payload = wire.frame_message(
                    pixels, camera="top", boot="b", number=0, captured_ns=0, encoding="raw8"
                )
                camera.feed.send(header, payload, "C1")

        send(6)
        mill.until(6)
        assert mill.metric("inspector_frames_received_total") == 6
        assert mill.metric("inspector_batch_frames_count") < 6
        send(3)
        code, words = mill.stop()
        assert code == 0, words
        mill.start()
        events = [event.data for event in mill.received("health.stopping")]
    (ended,) = [data for data in events if isinstance(data, CoilReport) and data.state == "ended"]
    assert not any(isinstance(data, Missed) for data in events)
    assert ended.inspected_m == ended.length_m == pytest.approx(ended.frames * ROWS * FRAME_MM / HEIGHT / 1000)
    assert 6 <= ended.frames <= 9  # as many as had come when it was asked to stop
    (defect,) = [data for data in events if isinstance(data, Defect) and data.is_whole]
    box = (defect.start_mm, defect.end_mm, defect.left_mm, defect.right_mm)
    assert (*box, defect.frames) == (BOX[0] * 0.5, BOX[1] * 0.5, BOX[2] * 0.5, BOX[3] * 0.5, 3)
