"""A disk that takes no more, under a line that runs."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from inspector.records.envelope import Event
from inspector.records.events import JournalStatus
from tests.e2e import own_disk
from tests.e2e.disk_faults import AT_ONCE, BOXES, FILL, FREE, MEANWHILE, PULLED, READ_ONLY, TMPFS, UNMOUNT, FailingLine
from tests.e2e.ledger import LedgerWatch
from tests.e2e.mill import Camera, Mill

FULL_BYTES = 400_000


def fill(mill: Mill, camera: Camera) -> None:
    """Let no file of the daemon grow, as on a full disk, and send frames until it is noticed."""
    resource.prlimit(mill.daemon.child.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))

    def is_noticed() -> bool:
        for _ in range(AT_ONCE):
            camera.send(*BOXES)
        return mill.metric("inspector_journal_written") == 0

    mill.wait_until(is_noticed, "notice that the disk takes nothing")


def test_inspection_goes_on_over_a_full_disk_and_no_event_is_missing(tmp_path: Path) -> None:
    """Frames are inspected meanwhile; with room again all events come, numbered without a hole."""
    with Mill(tmp_path) as mill, Camera(mill) as camera, LedgerWatch(mill.ports.http) as watch:
        fill(mill, camera)
        for _ in range(20):
            camera.send(*BOXES)
        mill.wait_until(lambda: mill.metric("inspector_journal_waiting_events") >= 20 * len(BOXES), "keep the events")
        # what waits for the disk is in flight, and the account is right all the same
        mill.wait_until(lambda: mill.metric("inspector_frames_in_flight") >= 20, "keep the frames in flight")
        assert mill.get("/health")[0] == 200 and mill.metric("inspector_journal_written") == 0
        resource.prlimit(mill.daemon.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        camera.send(coil="C2")
        mill.until(camera.number)
        mill.wait_until(lambda: mill.metric("inspector_journal_written") == 1, "write again")
        mill.wait_until(lambda: mill.metric("inspector_frames_in_flight") == 0, "end every frame")
        code, words = mill.stop()
        assert code == 0, words
        mill.start()
        events = mill.received("coil.ended")
        reported = [event.data for event in mill.received("health.stopping") if isinstance(event.data, JournalStatus)]
    assert watch.most_in_flight >= 20 and not watch.wrong, watch.wrong
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


def reported(events: Sequence[Event]) -> list[tuple[str, str]]:
    """What was reported of the journal, and whether it begins or ends."""
    return [(event.data.fault, event.data.state) for event in events if isinstance(event.data, JournalStatus)]


def test_a_real_disk_runs_full_turns_read_only_and_is_unmounted(tmp_path: Path) -> None:
    """Inspection goes on, each fault is reported, and with the disk back all events follow without a hole."""
    if refusal := own_disk.refusal(tmp_path / "disk", TMPFS):
        pytest.skip(refusal)
    with FailingLine(tmp_path) as line:
        took_s = {"full": line.fails(FILL)}
        line.goes_on()
        line.mends(FREE)
        took_s["read-only"] = line.fails(READ_ONLY)
        line.goes_on()
        line.does_in_time(UNMOUNT)
        line.goes_on()
        assert not line.gap().is_final
        line.mends("mount --bind /mnt/of {}")
        took_s["unmounted in use"] = line.fails(PULLED)
        line.goes_on()
        assert [*line.disk.rglob("*")] == []
        line.mends("mount --bind /mnt/of {}")
        line.camera.send(coil="C2")
        events = line.mill.received("coil.ended")
        _, words = line.mill.stop()
    print("reported after", {fault: f"{seconds:.2f} s" for fault, seconds in took_s.items()})
    assert [event.seq for event in events] == [*range(1, len(events) + 1)]
    assert sum(event.type.startswith("defect.") for event in events) >= 4 * MEANWHILE * len(BOXES)
    assert [fault for fault in reported(events) if fault[0] == "not_written"] == 3 * [
        ("not_written", "raised"),
        ("not_written", "returned"),
    ]
    assert ("full", "raised") in reported(events)
    assert "The disk is full" in words and "The file system is read-only" in words


def test_a_journal_overwritten_and_removed_under_a_running_line(tmp_path: Path) -> None:
    """Each is reported by event, metric and log; what is whole stays, and the numbers go on without a hole."""
    with FailingLine(tmp_path, mount="") as line:
        line.sends_until(lambda: line.files()[-1].stat().st_size > 120_000, "fold its log")
        took_s = {"overwritten": line.damages(lambda: line.overwrite(line.files()[-1]))}
        line.camera.send(coil="C2")
        before = line.mill.received("coil.ended")
        took_s["removed"] = line.damages(lambda: shutil.rmtree(line.seen / "journal"))
        line.camera.send(coil="C3")
        with line.mill.daemon.events(after=(None, before[-1].seq)) as following:
            after = [next(event for event in following if isinstance(event.data, JournalStatus))]
            for event in following:
                after.append(event)
                if event.type == "coil.ended":
                    break
        code, words = line.mill.stop()
    print("reported after", {fault: f"{seconds:.2f} s" for fault, seconds in took_s.items()})
    assert code == 0, words
    gaps = [(left.seq, right.seq) for left, right in pairwise(before) if right.seq != left.seq + 1]
    assert gaps and sum(right - left for left, right in gaps) < len(before) / 4
    assert reported(before) == reported(after) == [("damaged", "raised"), ("damaged", "returned")]
    assert [event.seq for event in after] == [*range(after[0].seq, after[0].seq + len(after))]
    assert words.count("ERROR journal damaged") == words.count("ERROR") == 2
