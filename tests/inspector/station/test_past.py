"""What the station holds of the last weeks, read again and again from a journal that goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inspector.events.journal import Journal
from inspector.records.events import Data, Decision, Health, Labelled
from inspector.station.opinions import OpinionReader
from inspector.station.past import PastReader
from tests.coil_journals import new_journal, reported, write_coil, write_record


def decide(journal: Journal, coil: str, grade: str) -> None:
    """Have a person decide on it."""
    journal.record([Decision(coil=coil, grade=grade, machine="", operator="Kim", reason="r")])


def test_a_decision_is_of_the_coil_that_had_begun(tmp_path: Path) -> None:
    """Read before that one's record was there it is not the older coil's of the name, and stands once the record is."""
    folder, reader = tmp_path / "journal", PastReader()
    journal = new_journal(folder)
    write_coil(journal, "C7", 3, 25.0)
    write_record(journal, folder, "C7")
    decide(journal, "C7", "release")
    journal.record([reported("C7", "started")])
    decide(journal, "C7", "block")
    assert [coil.grade for coil in reader.read(folder).coils] == ["release"]
    journal.record([reported("C7", "ended", 5.0)])
    write_record(journal, folder, "C7")
    assert [coil.grade for coil in reader.read(folder).coils] == ["release", "block"]
    decide(journal, "C7", "hold")
    journal.close()
    for again in (reader, PastReader()):
        assert [coil.grade for coil in again.read(folder).coils] == ["release", "hold"]


@pytest.mark.parametrize("before", [0, 50])
def test_another_journal_in_the_folder_is_read_from_its_begin(tmp_path: Path, before: int) -> None:
    """Whether its numbers have come as far as those of the one before or not: what was read of that is forgotten."""
    folder, reader, opinions = tmp_path / "journal", PastReader(), OpinionReader()
    for epoch in ("e1", "e2"):
        journal = new_journal(folder, epoch=epoch)
        noise: list[Data] = [Health(state="reloaded", message="", recipe="r@1", version="1")]
        journal.record((before if epoch == "e2" else 20) * noise)
        write_coil(journal, f"C {epoch}", 3, 25.0)
        write_record(journal, folder, f"C {epoch}")
        label = Labelled(coil=f"C {epoch}", id="d", name="dark", label="sound", crops=1, operator="Kim", reason="")
        journal.record([label, Health(state="stopping", message="", recipe="r@1", version="1")])
        journal.close()
        past = reader.read(folder)
        assert [coil.coil for coil in past.coils] == [f"C {epoch}"] and len(past.down) == 1
        assert opinions.read(folder) == {(f"C {epoch}", "d"): {"Kim": "sound"}}
        shutil.rmtree(folder)
