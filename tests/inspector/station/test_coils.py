"""The list of coils, as the journal holds them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from inspector.coil import report
from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.coil.settings import GradingSection, LimitSection
from inspector.events.history import History
from inspector.records.events import Doubtful
from inspector.station import lines
from inspector.station.coils import Coils
from inspector.station.past import PastReader
from tests.coil_journals import new_journal, reported, write, write_coil, write_record
from tests.stations import line_file


def test_a_defect_is_shown_on_the_coil_that_has_it(tmp_path: Path) -> None:
    """Names come again: a link to a defect of the older coil is to that one; to one that is not held, to the newest."""
    line, journal, coils = lines.read(line_file(tmp_path)), new_journal(tmp_path / "journal"), Coils()
    older = write_coil(journal, "C7", 3, 25.0)[0]
    newer = write_coil(journal, "C7", 4, 25.0, seed=1)[0]
    shown = [coils.shown(line, "C7", None, defect) for defect in (older.id, newer.id, "none", "")]
    journal.record([reported("C7", "started")])
    journal.close()
    assert [(page.record.defects, page.is_newest) for page in shown] == [(3, False), *[(4, True)] * 3]
    assert not coils.shown(line, "C7", None, newer.id).is_newest, "one that was read before another began"


def test_a_coil_that_goes_on_after_a_restart_has_no_grade_yet(tmp_path: Path) -> None:
    """What was recorded when the line stopped is no record of what runs: neither its grade nor its defects stand."""
    line, journal, coils = lines.read(line_file(tmp_path)), new_journal(tmp_path / "journal"), Coils()
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


def test_the_list_holds_what_was_not_surely_seen(tmp_path: Path) -> None:
    """Of all cameras, as the record says: before there is one nobody knows."""
    line, journal, coils = lines.read(line_file(tmp_path)), new_journal(tmp_path / "journal"), Coils()
    found = [
        Doubtful(camera=camera, coil="C1", start_mm=start_mm, end_mm=end_mm, faults=("dark",))
        for camera, start_mm, end_mm in (("top", 0.0, 1000.0), ("top", 900.0, 2000.0), ("under", 0.0, 500.0))
    ]
    journal.record([reported("C1", "started"), *found, reported("C1", "ended", 25.0)])
    known = [coil.doubtful_m for coil in coils.entries(line)]
    write_record(journal, tmp_path / "journal", "C1")
    known += [coil.doubtful_m for coil in coils.entries(line)]
    journal.close()
    assert known == [None, 2.5]
    assert [coil.doubtful_m for coil in PastReader().read(tmp_path / "journal").coils] == [2.5]


def test_a_coil_keeps_the_grade_that_it_was_given(tmp_path: Path) -> None:
    """Its page shows what its record says, as list and decisions do, and next to it what today's rules would say."""
    line, journal, coils = lines.read(line_file(tmp_path)), new_journal(tmp_path / "journal"), Coils()
    write_coil(journal, "C1", 3, 25.0)
    strict = GradingSection(name="any", version="1", limit=(LimitSection(name="all", grade="block", max_count=0),))
    runs = coils.shown(line, "C1", None)
    assert (runs.record.grade, runs.today) == ("ungraded", "")
    with History(tmp_path / "journal") as history:
        write(journal, [record(gather(history, history.coil("C1"), line.spans), [strict])])
    journal.close()
    lenient = msgspec.structs.replace(strict, version="2", limit=())
    for rules, today in ((strict, ""), (lenient, "hold")):
        page = coils.shown(msgspec.structs.replace(line, gradings=(rules,)), "C1", None)
        assert (page.record.grade, page.record.grades[0].version, page.today) == ("block", "1", today)
        assert ("by those of today its grade is hold" in report.body(page.record, today=page.today)) == bool(today)
