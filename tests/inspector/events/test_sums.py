"""A byte that a medium changed is found where SQLite and JSON see nothing wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from inspector.events.history import History
from inspector.events.verify import verify
from tests.journals import DEFECT, LONG_HEALTH, events, held, newest, opened

SEEN = b'"message":"xx'
CHANGED = b'"message":"xy'


def change_one(file: Path, seq: int) -> None:
    """Change one byte of an event, wherever SQLite has left it in a file."""
    content = bytearray(file.read_bytes())
    at, named = -1, f'"seq":{seq},'.encode()
    while (at := content.find(named, at + 1)) >= 0:
        seen = content.index(SEEN, at)
        content[seen : seen + len(SEEN)] = CHANGED
    file.write_bytes(content)


def test_a_changed_byte_is_named(tmp_path: Path) -> None:
    """`inspector journal verify` names the event; without the change it finds nothing."""
    journal = opened(tmp_path)
    for _ in range(3):
        journal.record([LONG_HEALTH] * 4)
    journal.close()
    assert [checked.faults for checked in verify(tmp_path)] == [()]
    change_one(newest(tmp_path), 5)
    assert [checked.faults for checked in verify(tmp_path)] == [
        ("event 5 is not as it was recorded: its checksum is another",)
    ]


@pytest.mark.parametrize("files", [1, 2])
def test_a_start_sets_a_file_with_a_changed_byte_aside(tmp_path: Path, files: int) -> None:
    """The epoch, its numbers and the stages' states go on from what is known, and the words name the event."""
    journal = opened(tmp_path, max_mb=1)
    while not journal.last_seq or len(list(tmp_path.glob("events-*.sqlite"))) < files or journal.last_seq % 8:
        journal.record([LONG_HEALTH] * 4, {"strip": b"where it was"})
    last_seq = journal.last_seq
    journal.close()
    file = newest(tmp_path)
    change_one(file, last_seq)
    journal = opened(tmp_path, max_mb=1, epoch="e2")
    assert (
        f"event {last_seq} is not as it was recorded" in journal.remarks[0]
        and f"{file.name}.damaged" in journal.remarks[0]
    )
    assert (journal.epoch, journal.last_seq, journal.states["strip"]) == ("e1", last_seq, b"where it was")
    (event,) = events(journal.record([DEFECT]))
    assert event.seq == last_seq + 1
    assert event.seq == [event.seq for event in events(held(journal))][-1]
    journal.close()
    journal = opened(tmp_path, max_mb=1, epoch="e3")
    assert (journal.epoch, journal.last_seq, journal.remarks) == ("e1", last_seq + 1, [])
    journal.close()


def test_a_replay_leaves_a_changed_event_out(tmp_path: Path) -> None:
    """That one alone, of an older file too, and it is reported once."""
    journal = opened(tmp_path, max_mb=1)
    for _ in range(12):
        journal.record([LONG_HEALTH] * 8)
    journal.close()
    files = sorted(tmp_path.glob("events-*.sqlite"))
    assert len(files) > 2
    changed = int(files[1].stem.partition("-")[2]) + 2
    change_one(files[1], changed)
    journal = opened(tmp_path, max_mb=1)
    found = [[event.seq for event in events(held(journal))] for _ in range(2)]
    assert found[0] == found[1] == [seq for seq in range(1, 97) if seq != changed]
    (remark,) = journal.remarks
    assert f"event {changed} is not as it was recorded" in remark and files[1].name in remark
    journal.close()


ROWS = {
    "its events": "first = 60 WHERE first = 5",
    "its place among others": "first = 6 WHERE first = 5",
    "the last one's events": "first = 90 WHERE first = 9",
    "its length": "crcs = substr(crcs, 1, 8) WHERE first = 5",
    "a sum": "crcs = CAST(substr(crcs, 1, 3) || x'5a' || substr(crcs, 5) AS BLOB) WHERE first = 5",
    "its own sum": "crcs = CAST(substr(crcs, 1, 19) || x'5a' AS BLOB) WHERE first = 5",
    "all of it": "crcs = x'' WHERE first = 5",
}


@pytest.mark.parametrize("change", ROWS.values(), ids=ROWS)
def test_a_changed_row_of_sums_is_named(tmp_path: Path, change: str) -> None:
    """The events stay in replays, export names the change, and the start writes on in another file."""
    journal = opened(tmp_path)
    for _ in range(3):
        journal.record([LONG_HEALTH] * 4)
    journal.close()
    shell = sqlite3.connect(file := newest(tmp_path))
    assert shell.execute(f"UPDATE checksum SET {change}").rowcount == 1
    shell.commit()
    shell.close()
    ((fault,),) = [checked.faults for checked in verify(tmp_path)]
    assert fault.startswith("the checksums of events from ") and fault.endswith(" on are not as they were recorded")
    history = History(tmp_path)
    assert len(list(history.recorded())) == 12 and history.damaged == [f"{file}: {fault}"]
    journal = opened(tmp_path, epoch="e2")
    assert journal.remarks == [f"{file}: {fault}. It stays in replays, and is written no more"]
    journal.record([DEFECT], {"strip": b"here"})
    assert (journal.epoch, [event.seq for event in events(held(journal))]) == ("e1", [*range(1, 14)])
    assert journal.remarks[1:] in ([], [f"{file}: {fault}"])  # a replay may not come upon it
    journal.close()
    journal = opened(tmp_path, epoch="e3")
    assert (journal.epoch, journal.last_seq, journal.states["strip"], journal.remarks) == ("e1", 13, b"here", [])
    journal.close()


def test_a_journal_without_sums_goes_on(tmp_path: Path) -> None:
    """One of an earlier version is whole, and what comes from now on has its sums."""
    journal = opened(tmp_path)
    journal.record([LONG_HEALTH] * 4)
    journal.close()
    shell = sqlite3.connect(newest(tmp_path))
    shell.execute("DROP TABLE checksum")
    shell.commit()
    shell.close()
    assert [checked.faults for checked in verify(tmp_path)] == [()]
    journal = opened(tmp_path)
    journal.record([LONG_HEALTH] * 4)
    assert len(list(held(journal))) == 8 and not journal.remarks
    journal.close()
    for seq in (3, 6):
        change_one(newest(tmp_path), seq)
    assert [checked.faults for checked in verify(tmp_path)] == [
        ("event 6 is not as it was recorded: its checksum is another",)
    ]
