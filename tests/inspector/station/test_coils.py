"""The list of coils, as the journal holds them."""

from __future__ import annotations

from pathlib import Path

from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.events.history import History
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.station import lines
from inspector.station.coils import Coils
from tests.coil_journals import new_journal, reported, write, write_coil
from tests.recipes import write_recipe


def test_a_coil_that_goes_on_after_a_restart_has_no_grade_yet(tmp_path: Path) -> None:
    """What was recorded when the line stopped is no record of what runs: neither its grade nor its defects stand."""
    write_recipe(tmp_path / "recipe")
    path = tmp_path / "line.toml"
    configuration.write(path, Ports.free(), Path("recipe"), line="test", mm_per_px=0.5, sections={})
    line, journal, coils = lines.read(path), new_journal(tmp_path / "journal"), Coils()
    write_coil(journal, "C1", 3, 25.0)
    with History(tmp_path / "journal") as history:
        write(journal, [record(gather(history, history.coil("C1")), ())])
    (over,) = coils.entries(line)
    assert (over.grade, over.defects, bool(over.ended)) == ("ungraded", 3, True)
    write(journal, [reported("C1", "started", 31.0, 0.5, defects={"crack": 9})])
    (runs,) = coils.entries(line)
    journal.close()
    assert (runs.first_seq, runs.ended) == (over.first_seq, ""), "the same coil goes on"
    assert (runs.grade, runs.defects, runs.length_m) == ("", 9, 31.0)
