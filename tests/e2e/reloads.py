"""A line that is reloaded again and again under load, each time with another version of its recipe."""

from __future__ import annotations

import signal
import threading
import time
from itertools import pairwise
from pathlib import Path

import msgspec

from inspector.records.events import CoilReport, Defect, Health
from tests.e2e.ledger import LedgerWatch
from tests.e2e.mill import Camera, Mill
from tests.patience import patience_s
from tests.recipes import DARK, renew

RATE_FPS = 200
LAST = 100
"""Frames that are on their way when it is stopped."""
STUB = {"kind": "stub", "inspects_nothing": True}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of frames and reloads."""

    passed: int
    fps: float
    """At which they passed while it was reloaded."""
    lost: int
    """Frames that were not inspected."""
    recipes: list[str]
    """What the `reloaded` events name, in their order."""
    named: list[str]
    """What the defects' events name, in their order; none with the engine that inspects nothing."""
    drain_s: float
    """How long the stop took, with frames on their way."""
    code: int
    ledger: LedgerWatch

    def names_its_recipe(self) -> bool:
        """Whether each defect names a recipe that was in force, and none an older one than the defect before."""
        versions = [int(recipe.rpartition("@")[2]) for recipe in self.named]
        return all(left <= right for left, right in pairwise(versions)) and set(self.named) <= {
            "tiny@1",
            *self.recipes,
        }


def reload(folder: Path, count: int, *, is_null: bool = False) -> Outcome:
    """Reload so often under load, and stop it; `is_null`: with the engine that inspects nothing."""
    mill = Mill(folder)
    mill.engine = STUB if is_null else {}
    mill.write()
    with mill, Camera(mill) as camera, LedgerWatch(mill.ports.http) as ledger:
        stop = threading.Event()
        line = threading.Thread(target=_pass, args=(camera, stop))
        line.start()
        try:
            mill.until(1)
            first, began_s = camera.number, time.monotonic()
            for version in range(2, count + 2):
                _reload(mill, version)
            fps = (camera.number - first) / (time.monotonic() - began_s)
        finally:
            stop.set()
            line.join()
        mill.until(camera.number)
        lost = camera.number - mill.metric("inspector_frames_inspected_total")
        for _ in range(LAST):
            camera.send()
        began_s = time.monotonic()
        code = mill.daemon.stop(signal.SIGTERM, patience_s())
        drain_s = time.monotonic() - began_s
        mill.start()
        events = [event.data for event in mill.received("health.stopping")]
    passed = camera.number - LAST
    ended = sum(event.frames for event in events if isinstance(event, CoilReport) and event.state == "ended")
    return Outcome(
        passed=passed,
        fps=fps,
        lost=int(lost) + (ended - camera.number if ended else 0),
        recipes=[data.recipe for data in events if isinstance(data, Health) and data.state == "reloaded"],
        named=[data.recipe for data in events if isinstance(data, Defect) and not data.is_partial],
        drain_s=drain_s,
        code=code,
        ledger=ledger,
    )


def _pass(camera: Camera, stop: threading.Event) -> None:
    """Let frames pass at the line's rate."""
    due_s = time.monotonic()
    while not stop.is_set():
        camera.send((10, 30, 20, 40, DARK))
        due_s += 1 / RATE_FPS
        time.sleep(max(0.0, due_s - time.monotonic()))


def _reload(mill: Mill, version: int) -> None:
    """Give the recipe another version, and have it taken."""
    renew(mill.folder / "recipe", version)
    before = mill.metric("inspector_last_reload_timestamp_seconds")
    mill.daemon.reload()
    mill.wait_until(lambda: mill.metric("inspector_last_reload_timestamp_seconds") > before, "reload")
