"""Records of coils that ended: of each one, once, also where the next of its name has begun already."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from inspector.coil.passage import meant
from inspector.errors import JournalError
from inspector.events.history import History
from inspector.events.journal import Journal
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.recipe import read_card
from inspector.records.commands import Decide
from inspector.records.events import CoilRecord, Data
from inspector.service import line
from inspector.service.coil_records import CoilRecords
from tests.coil_journals import new_journal, reported
from tests.defects import any_defect
from tests.patience import patience_s
from tests.recipes import write_recipe


def published(folder: Path, *coils: str, failing: Sequence[Exception] = ()) -> list[Data]:
    """What is reported when the ends of these coils are on disk; the first reports fail with these."""
    written = write_recipe(folder / "recipe")
    config = configuration.write(folder / "line.toml", Ports(), written, line="test", mm_per_px=0.5)
    found: list[Data] = []
    faults = [*failing]

    def report(data: Data) -> None:
        if faults:
            raise faults.pop(0)
        found.append(data)

    records = CoilRecords(line.load(config), read_card(written), report)
    for coil in coils:
        records.ended(coil)
    assert records.close(patience_s())
    return found


def made(folder: Path, journal: Journal, *coils: str) -> list[CoilRecord]:
    """The records that are made of them, recorded as the daemon does."""
    found = published(folder, *coils)
    journal.record(found)
    return [data for data in found if isinstance(data, CoilRecord)]


def test_a_coil_whose_name_begins_again_in_the_same_batch_has_its_record(tmp_path: Path) -> None:
    """A camera that boots under the old name is on another coil; the one that ended keeps its length and defects."""
    journal = new_journal(tmp_path / "journal")
    ended = reported("C", "ended", 10.0, defects={"dark": 1})
    journal.record([reported("C", "started"), any_defect(coil="C"), ended, reported("C", "started")])
    (first,) = made(tmp_path, journal, "C")
    assert (first.first_seq, first.is_partial, first.length_m, first.defects) == (1, False, 10.0, 1)
    journal.record([reported("C", "ended", 3.0)])
    (second,) = made(tmp_path, journal, "C")
    assert (second.first_seq, second.is_partial, second.length_m) == (4, False, 3.0)
    journal.close()
    with History(tmp_path / "journal") as history:
        older, newer = history.coils()
        assert (history.records(older), history.records(newer)) == ([first], [second])


def test_a_coil_that_ended_twice_in_a_batch_has_one_record_each(tmp_path: Path) -> None:
    """Asked for twice before either is on disk, each is made once; one that died before it is made up for."""
    journal = new_journal(tmp_path / "journal")
    for length_m in (10.0, 3.0):
        journal.record([reported("C", "started"), reported("C", "ended", length_m)])
    assert [record.length_m for record in made(tmp_path, journal, "C", "C")] == [10.0, 3.0]
    assert made(tmp_path, journal) == []
    journal.close()


def test_all_that_ended_while_a_record_was_made_have_theirs(tmp_path: Path) -> None:
    """Of one name, and asked for at once, they are made once each; a process that died meanwhile leaves none out."""
    journal = new_journal(tmp_path / "journal")
    lengths_m = [*map(float, range(1, 13))]
    for length_m in lengths_m:
        journal.record([reported("C", "started"), reported("C", "ended", length_m)])
    assert [data.length_m for data in published(tmp_path) if isinstance(data, CoilRecord)] == lengths_m
    assert [record.length_m for record in made(tmp_path, journal, *["C"] * 12)] == lengths_m
    assert made(tmp_path, journal, "C") == []
    journal.record([reported("C", "started"), reported("C", "ended", 20.0), reported("C", "started")])
    assert [record.length_m for record in made(tmp_path, journal, "C")] == [20.0]
    journal.close()


def test_a_piece_that_ends_once_more_behind_others_has_its_record(tmp_path: Path) -> None:
    """Short pieces have a record when they leave the first camera: a process that died meanwhile owes only the last."""
    journal, names = new_journal(tmp_path / "journal"), [f"P{number}" for number in range(11)]
    for name in names:
        journal.record([reported(name, "started"), reported(name, "ended", 1.0)])
    assert len(made(tmp_path, journal)) == 11
    journal.record([reported("P0", "started", 1.0), reported("P0", "ended", 2.0)])
    assert [(record.coil, record.length_m) for record in made(tmp_path, journal)] == [("P0", 2.0)]
    assert made(tmp_path, journal) == []
    journal.close()


@pytest.mark.parametrize("fault", [JournalError("the disk is away"), ZeroDivisionError("a bug")])
def test_a_record_whose_making_failed_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    """Once another coil has ended, three times in all; whatever it was, the coils after it have their records."""
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("A", "started"), reported("A", "ended", 10.0)])
    journal.close()
    with caplog.at_level(logging.WARNING, "inspector"):
        assert len(published(tmp_path, "B", failing=[fault])) == 1
        assert len(published(tmp_path, "B", "B", failing=[fault] * 2)) == 1
        assert published(tmp_path, "B", "B", "B", failing=[fault] * 3) == []
    assert [str(fault) in record.getMessage() for record in caplog.records] == [True] * 6


def test_a_damaged_event_ends_no_thread(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bit of it flipped on the disk: no record is made, a decision is refused, in words, and the line goes on."""
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started"), reported("C", "ended", 10.0)])
    journal.close()
    (file,) = (tmp_path / "journal").glob("events-*.sqlite")
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("UPDATE event SET payload = CAST('}' || substr(payload, 2) AS BLOB) WHERE seq = 1")
    with caplog.at_level(logging.WARNING, "inspector"):
        assert published(tmp_path, "C") == []
    refusal, _ = meant(tmp_path / "journal", Decide(coil="C", grade="hold", operator="Kim", reason="r", first_seq=1))
    for words in (caplog.text, refusal):
        assert "an event in it is damaged" in words and "inspector journal verify" in words
