"""A disk that takes no more, under a line that runs."""

from __future__ import annotations

import resource
from pathlib import Path

from inspector.records.events import JournalStatus
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

FULL_BYTES = 400_000
BOXES = [(10 * row, 10 * row + 5, 20, 40, DARK) for row in range(6)]


def fill(mill: Mill, camera: Camera) -> None:
    """Let no file of the daemon grow, as on a full disk, and send frames until it is noticed."""
    resource.prlimit(mill.daemon.child.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))

    def is_noticed() -> bool:
        camera.send(*BOXES)
        return mill.metric("inspector_journal_written") == 0

    mill.wait_until(is_noticed, "notice that the disk takes nothing")


def test_inspection_goes_on_over_a_full_disk_and_no_event_is_missing(tmp_path: Path) -> None:
    """Frames are inspected meanwhile; with room again all events come, numbered without a hole."""
    with Mill(tmp_path) as mill, Camera(mill) as camera:
        fill(mill, camera)
        for _ in range(20):
            camera.send(*BOXES)
        mill.wait_until(lambda: mill.metric("inspector_journal_waiting_events") >= 20 * len(BOXES), "keep the events")
        assert mill.get("/health")[0] == 200 and mill.metric("inspector_journal_written") == 0
        resource.prlimit(mill.daemon.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        camera.send(coil="C2")
        mill.until(camera.number)
        mill.wait_until(lambda: mill.metric("inspector_journal_written") == 1, "write again")
        code, words = mill.stop()
        assert code == 0, words
        mill.start()
        events = mill.received("coil.ended")
        reported = [event.data for event in mill.received("health.stopping") if isinstance(event.data, JournalStatus)]
    assert [event.seq for event in events] == [*range(1, len(events) + 1)]
    assert sum(event.type.startswith("defect.") for event in events) >= 20 * len(BOXES)
    assert [(status.fault, status.state) for status in reported] == [
        ("not_written", "raised"),
        ("not_written", "returned"),
    ]


def test_a_stop_on_a_full_disk_says_what_is_lost(tmp_path: Path) -> None:
    """The exit code is the documented one, not a signal, and the last words name the events."""
    with Mill(tmp_path) as mill, Camera(mill) as camera:
        fill(mill, camera)
        code, words = mill.stop()
    assert code == 1, words
    assert "Traceback" not in words and "Fatal Python error" not in words
    assert "could not be recorded, and are lost" in words and f"{tmp_path / 'journal'}" in words
