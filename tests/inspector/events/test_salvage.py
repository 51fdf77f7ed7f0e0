"""A journal of one file goes on in its epoch whatever became of that file, as long as its bytes name it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from inspector.events.salvage import salvage
from tests.journals import ALARM, COIL, DEFECT, MISSED, events, newest, opened


def noise_at(first: int, count: int) -> Callable[[Path], None]:
    """Overwrite a stretch of a file."""

    def do(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[first : first + count] = random.Random(first).randbytes(count)
        file.write_bytes(content)

    return do


def shell(order: str) -> Callable[[Path], None]:
    """Change a file in SQLite's shell."""

    def do(file: Path) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute(order)
        connection.close()

    return do


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (noise_at(0, 4096), "file is not a database"),
        (noise_at(100, 60), "is damaged ("),
        (shell("DELETE FROM event WHERE seq = 5"), "rows were changed"),
        (shell("UPDATE counter SET topicseq = topicseq + 7 WHERE root = 'defect.'"), "rows were changed"),
        (shell("UPDATE journal SET epoch = 'e9'"), "its epoch is e9, and its events are of e1"),
    ],
)
def test_the_only_file_is_damaged(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    """It is set aside and reported, the epoch goes on, and no number of it is used twice."""
    journal = opened(tmp_path, max_mb=64)
    for _ in range(20):
        journal.record([DEFECT, ALARM, COIL, MISSED])
    last_seq, last_topicseq = journal.last_seq, journal.last_topicseq["defect."]
    journal.close()
    damage(newest(tmp_path))
    journal = opened(tmp_path, max_mb=64, epoch="e2")
    (event,) = events(journal.record([DEFECT]))
    assert words in journal.remarks[0] and ".damaged" in journal.remarks[0]
    assert event.epoch == "e1" and event.seq > last_seq and event.topicseq > last_topicseq
    journal.close()
    journal = opened(tmp_path, max_mb=64, epoch="e3")
    assert (journal.epoch, journal.last_seq, journal.remarks) == ("e1", event.seq, [])
    journal.close()


def test_a_file_that_says_nothing(tmp_path: Path) -> None:
    """Noise, an event whose number is two numbers, and no file at all: nothing is known."""
    file = tmp_path / "file"
    assert salvage([file]) is None
    file.write_bytes(random.Random(1).randbytes(100_000))
    assert salvage([file]) is None
    head = b'{"id":"e1-%d","source":"/inspector/l","type":"defect.x","epoch":"e1","seq":%d,"topicseq":3,'
    file.write_bytes(head % (7, 6))
    assert salvage([file]) is None
    file.write_bytes(head % (7, 7) + head % (9999, 8))
    assert salvage([file]) == ("e1", 7, {"defect.": 7})
