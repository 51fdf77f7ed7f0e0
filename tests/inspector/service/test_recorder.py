"""What becomes of findings on a disk that takes nothing, on SQLite's own way to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from inspector.errors import DiskFull, JournalError
from inspector.events.journal import Journal
from inspector.records.events import CoilReport, Data, JournalStatus, Missed
from inspector.records.stages import Findings, Receipt
from inspector.service.backlog import Backlog
from inspector.service.recorder import LOOK_S, RETRY_S, RecordedFindings, Recorder
from tests.disks import FailingDisk, failing_disk
from tests.journals import ALARM, COIL, DEFECT, events, held, opened


class Disk(NamedTuple):
    """What the system says of a file system."""

    f_frsize: int
    f_blocks: int
    f_bfree: int
    f_bavail: int


class Room:
    """A recorder on a disk that fills up on request, a clock that is set forward, and what is reported."""

    def __init__(self, folder: Path, disk: FailingDisk) -> None:
        self.folder, self.disk, self.now_s = folder, disk, 100.0
        self.statuses: list[JournalStatus] = []
        self.journal: Journal = opened(folder)
        self.recorder = Recorder(self.journal, self._take, self.journal.record, lambda: self.now_s)

    def _take(self, data: Data) -> None:
        assert isinstance(data, JournalStatus)
        self.statuses.append(data)

    def record(self, *group: Findings, reports: Sequence[Data] = (), later_s: float = RETRY_S) -> RecordedFindings:
        self.now_s += later_s
        return self.recorder.record(group, reports)

    def ranks(self) -> list[tuple[str, str, str]]:
        """Fault, state and status of the journal, since it was asked for last."""
        found, self.statuses = [(status.fault, status.state, status.status) for status in self.statuses], []
        return found

    def faults(self) -> list[tuple[str, str]]:
        return [(fault, state) for fault, state, _ in self.ranks()]


@pytest.fixture(name="room")
def _room(tmp_path: Path) -> Iterator[Room]:
    with failing_disk() as disk:
        yield (room := Room(tmp_path, disk))
        disk.is_full, disk.fills_until = False, None
        with contextlib.suppress(JournalError):
            room.recorder.close()


def found(*happened: Data, state: bytes = b"1", receipts: int = 0) -> Findings:
    """Findings with events, a stage's state and receipts."""
    return Findings(
        closed_ns=0,
        events=happened,
        states={"strip": state},
        receipts=tuple(Receipt("top", "b1", number) for number in range(receipts)),
    )


def test_on_a_good_disk_all_is_handed_on_at_once(room: Room) -> None:
    """Findings, and then the other reports, in one commit."""
    group = found(DEFECT), found(ALARM)
    recorded = room.record(*group, reports=[COIL])
    assert recorded.group == group
    assert [event.type for event in events(recorded.messages)] == [DEFECT.topic, ALARM.topic, COIL.topic]
    assert (recorded.position.last_seq, room.faults()) == (3, [])


def test_a_full_disk_loses_its_ballast_first(room: Room) -> None:
    """What follows is recorded in its place, the full disk is reported, and so is room for another."""
    room.record()
    assert room.journal.ballast.is_laid
    room.disk.fills_until = lambda: not room.journal.ballast.is_laid
    recorded = room.record(found(DEFECT))
    assert [event.seq for event in events(recorded.messages)] == [1]
    assert room.faults() == [("full", "raised")] and not room.recorder.fault
    room.disk.fills_until = None
    room.record(found(DEFECT), later_s=LOOK_S)
    assert room.faults() == [("full", "returned")] and room.journal.ballast.is_laid


def test_a_full_disk_is_full_though_the_journal_is_written_again(room: Room) -> None:
    """Each report has the status of the journal with all its faults: the end of one leaves the other standing."""
    room.record()
    room.disk.fills_until = lambda: not room.journal.ballast.is_laid
    room.record(found(DEFECT))
    room.disk.is_full = True
    room.record(found(DEFECT))
    assert room.ranks() == [("full", "raised", "maintenance_required"), ("not_written", "raised", "failure")]
    room.disk.is_full, room.disk.fills_until = False, None
    room.record(found(DEFECT))
    room.record(found(DEFECT), later_s=LOOK_S)
    assert room.ranks() == [("not_written", "returned", "maintenance_required"), ("full", "returned", "normal")]


def test_what_a_full_disk_does_not_take_waits_and_follows(room: Room) -> None:
    """Not a hole, not a second time, with the stages' last states; sound strip and its counts go on meanwhile."""
    room.record(found(DEFECT))
    room.disk.is_full = True
    held_back = [room.record(found(ALARM, state=b"2")), room.record(found(DEFECT, state=b"3", receipts=2), found())]
    assert [len(recorded.group) for recorded in held_back] == [0, 1]
    assert all(recorded.messages == () and recorded.position.last_seq == 1 for recorded in held_back)
    assert ("not_written", "raised") in room.faults() and "The disk is full" in room.recorder.fault
    assert room.recorder.waiting == 2
    room.disk.is_full = False
    recorded = room.record(found(COIL, state=b"4"))
    assert [event.seq for event in events(recorded.messages)] == [2, 3, 4]
    assert [event.type for event in events(recorded.messages)] == [ALARM.topic, DEFECT.topic, COIL.topic]
    assert [len(findings.receipts) for findings in recorded.group] == [0, 2, 0]
    assert tuple(recorded.messages) == tuple(held(room.journal))[1:]
    assert room.journal.states["strip"] == b"4"
    (status,) = (status for status in room.statuses if status.state == "returned")
    assert (status.waited, status.lost, room.recorder.fault) == (3, 0, "")


def test_a_group_of_which_some_is_on_disk_is_not_recorded_twice(room: Room) -> None:
    """A disk that fills up between two transactions of one group keeps the first, and gets the rest."""
    many = tuple(DEFECT for _ in range(2500))  # several transactions
    room.disk.fills_after = 200
    room.record(found(*many))
    assert 0 < room.journal.last_seq < 2500 and room.recorder.waiting == 2500
    room.disk.is_full = False
    recorded = room.record(found(ALARM))
    assert [event.seq for event in events(recorded.messages)] == [*range(1, 2502)]


def test_a_retry_waits_for_its_time(room: Room) -> None:
    """The disk is not asked at every frame."""
    room.disk.is_full = True
    room.record(found(DEFECT))
    room.disk.is_full = False
    assert room.record(found(DEFECT), later_s=RETRY_S / 2).messages == ()
    assert len(room.record(later_s=RETRY_S).messages) == 2


def test_a_stop_with_a_full_disk_says_what_is_lost(room: Room) -> None:
    """Nothing pretends to be recorded."""
    room.disk.is_full = True
    room.record(found(DEFECT, ALARM))
    with pytest.raises(JournalError, match=r"2 events could not be recorded, and are lost: .*The disk is full"):
        room.recorder.close()


def test_a_stop_tries_once_more(room: Room, tmp_path: Path) -> None:
    """Room that came at the last moment is used."""
    room.disk.is_full = True
    room.record(found(DEFECT, ALARM))
    room.disk.is_full = False
    room.recorder.close()
    again = opened(tmp_path)
    assert again.last_seq == 2
    again.close()


def test_a_restart_reports_the_end_of_a_full_disk(room: Room, tmp_path: Path) -> None:
    """An alarm on it must not stand for ever."""
    room.record()
    room.disk.fills_until = lambda: not room.journal.ballast.is_laid
    room.record(found(DEFECT))
    room.disk.fills_until = None
    room.recorder.close()
    later = Room(tmp_path, room.disk)
    assert [(status.fault, status.state) for status in later.recorder.standing()] == [("full", "raised")]
    later.record()
    assert later.faults() == [("full", "returned")] and later.recorder.standing() == []
    later.recorder.close()


def test_a_backlog_keeps_what_is_rare() -> None:
    """Beyond the bound defects find no room, counted; alarms and totals stay."""
    backlog = Backlog(most_events=3)
    free = backlog.add([found(DEFECT, COIL), found(DEFECT, DEFECT, ALARM), found(DEFECT)], [], {"strip": b"1"})
    assert [type(event) for event in backlog.events()] == [type(DEFECT), CoilReport, type(ALARM)]
    assert (backlog.lost, [findings.events for findings in free]) == (3, [()])


def test_a_backlog_is_bounded_whatever_waits() -> None:
    """Beyond twice the bound what comes with frames finds no room either, and is counted; alarms and totals stay."""
    backlog = Backlog(most_events=2)
    missed = Missed(camera="cam1", coil="C1", start_mm=0.0, end_mm=500.0, reasons={"lost": 1})
    for _ in range(10):
        backlog.add([found(missed)], [], {})
    backlog.add([found(missed, COIL, ALARM)], [ALARM, missed], {})
    kinds = [type(event) for event in backlog.events()]
    assert kinds == [*[Missed] * 4, CoilReport, type(ALARM), type(ALARM)]
    assert backlog.lost == 8


def test_a_disk_that_the_journal_itself_fills_ends_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can make room on a disk that is smaller than the journal may grow."""
    room.record(found(DEFECT))
    taken = room.journal.disk()[0] - room.journal.ballast.size_bytes
    monkeypatch.setattr("os.statvfs", lambda path: Disk(f_frsize=1, f_blocks=taken, f_bfree=0, f_bavail=0))
    room.disk.is_full = True
    with pytest.raises(DiskFull, match="The disk is full"):
        room.record(found(DEFECT))
