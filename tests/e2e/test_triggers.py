"""A trigger of a real inspector, over a kill -9: armed before it, due or late after it, once."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from inspector.records.events import CoilReport, Trigger
from tests.e2e.mill import FRAME_MM, Camera, Mill
from tests.recipes import DARK

DARK_BOX = (10, 30, 20, 40, DARK)
AWAY = 200
"""Frames from the camera to the place."""
PACE_S = 0.1
"""A frame's time: 20 s to the place. As fast as they can be sent it is 0.2 s, and a busy line reports `due` at once."""
TRIGGER = f"""[[trigger]]
name = "marker"
action = "mark"
position_m = {AWAY * FRAME_MM / 1000}
classes = ["dark"]
"""


def test_a_trigger_over_a_kill(tmp_path: Path) -> None:
    """What was armed before a kill is neither forgotten nor reported twice, and its place is that of the rule."""
    mill = Mill(tmp_path)
    mill.write(extra=TRIGGER)
    with mill:
        with Camera(mill) as camera:
            for _ in range(3):
                camera.send(DARK_BOX)
                time.sleep(PACE_S)
            mill.until(3)
        mill.wait_until(lambda: mill.metric("inspector_events_total", topic="trigger") == 3, "arm its triggers")
        mill.stop(signal.SIGKILL)
    with mill:
        with Camera(mill) as camera:
            camera.feed.number, camera.feed.coil, camera.feed.position_mm = 3, "C1", 3 * FRAME_MM
            for _ in range(AWAY + 5):
                camera.send()
            mill.until(AWAY + 5)
            camera.send(coil="C2")
        triggers: list[Trigger] = []
        with mill.listen() as events:
            for event in events:
                if isinstance(event.data, Trigger):
                    assert (event.type, event.subject) == ("trigger.marker", "C1")
                    triggers.append(event.data)
                if isinstance(event.data, CoilReport) and event.data.state == "ended":
                    break
    armed = [event for event in triggers if event.state == "armed"]
    last = [event for event in triggers if event.state != "armed"]
    assert [event.defect_id for event in armed] == sorted({event.defect_id for event in last})
    assert len(last) == 3 and {event.state for event in last} <= {"due", "late"}
    assert [event.at_mm for event in armed] == [event.start_mm + AWAY * FRAME_MM for event in armed]
