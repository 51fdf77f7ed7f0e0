"""Reloads under load, then a stop: `python -m tests.soak.reloads [COUNT]`. Prints times, asserts none."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

from inspector.records.events import CoilReport, Health
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

RATE_FPS = 200
LAST = 100
"""Frames that are on their way when it is stopped."""


def main(count: int) -> bool:
    """Print what was lost; return whether it was nothing, and each reload was taken."""
    with tempfile.TemporaryDirectory() as folder, Mill(Path(folder)) as mill, Camera(mill) as camera:
        stop = threading.Event()

        def line() -> None:
            while not stop.wait(1 / RATE_FPS):
                camera.send((10, 30, 20, 40, DARK))

        thread = threading.Thread(target=line)
        thread.start()
        mill.until(1)
        began_s = time.monotonic()
        for _ in range(count):
            before = mill.metric("inspector_last_reload_timestamp_seconds")
            mill.daemon.reload()
            mill.wait_until(lambda: mill.metric("inspector_last_reload_timestamp_seconds") > before, "reload")  # noqa: B023
        took_s = time.monotonic() - began_s
        fps = camera.number / took_s
        stop.set()
        thread.join()
        mill.until(camera.number)
        lost = camera.number - mill.metric("inspector_frames_inspected_total")
        for _ in range(LAST):
            camera.send()
        began_s = time.monotonic()
        code, _ = mill.stop()
        drain_s = time.monotonic() - began_s
        mill.start()
        events = [event.data for event in mill.received("health.stopping")]
        reloaded = [data.recipe for data in events if isinstance(data, Health) and data.state == "reloaded"]
        ended = [data for data in events if isinstance(data, CoilReport)]
    print(
        f"{count} reloads in {took_s:.0f} s under {fps:.0f} frames/s of {RATE_FPS} wanted: {len(reloaded)} taken, "
        f"each names its recipe {all(reloaded)}; {camera.number - LAST} frames, {lost:.0f} lost; "
        f"SIGTERM: exit {code} after {drain_s:.1f} s; {len(ended)} coil reports",
        flush=True,
    )
    return lost == 0 and code == 0 and len(reloaded) == count and all(reloaded)


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
