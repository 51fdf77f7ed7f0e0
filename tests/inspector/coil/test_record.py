"""A coil's record: its sums, made from the journal at any time, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from inspector.coil import file, transform
from inspector.coil.record import record, worst_metre
from inspector.coil.seen import closed, covered, gather, opened
from inspector.coil.settings import GradingSection, LimitSection
from inspector.config.geometry import Span
from inspector.config.severity import SeveritySection
from inspector.errors import InspectorError
from inspector.events.history import History
from inspector.records.coil import DoubtSums, WorstMetre, inspected_length_m
from inspector.records.coil import per_100_m as per_100_m_of
from inspector.records.events import Alarm, Doubtful, Missed, Weld
from tests.coil_journals import new_journal, reported, write, write_coil
from tests.coils_seen import seen
from tests.defects import any_defect, any_repeat


def test_sums_are_those_of_the_defects(tmp_path: Path) -> None:
    """Counts, areas, missed metres and totals of a journalled coil agree with what was written."""
    journal = new_journal(tmp_path / "journal")
    written = write_coil(journal, "C", 3000, 200.0)
    journal.close()
    with History(tmp_path / "journal") as history:
        made = record(gather(history, history.coil("C")), severities=[SeveritySection(level="major", min_length_mm=50)])
    assert made.defects == 3000 and not made.is_partial and made.is_whole
    assert (made.length_m, made.inspected_m, made.missed_m) == (200.0, 199.5, 0.5)
    for sums in made.classes:
        its = [defect for defect in written if defect.name == sums.name]
        assert sums.count == len(its)
        assert sums.area_mm2 == pytest.approx(sum(defect.area_mm2 for defect in its), abs=0.1)
        assert sums.severities["major"] == sum(round(defect.length_mm, 1) >= 50 for defect in its)
        assert sums.per_100_m == pytest.approx(len(its) / 1.995, abs=1e-3)
    assert made.per_100_m == pytest.approx(3000 / 1.995, abs=1e-3)
    assert [sums.count for sums in made.classes] == sorted((sums.count for sums in made.classes), reverse=True)
    (top,) = [camera for camera in made.coverage if camera.camera == "top"]
    assert top.missed_m == 0.5
    assert made.grade == "ungraded"


@pytest.mark.parametrize(
    ("inspected_m", "missed_m", "per_100_m"),
    [(100.0, 0.0, 2.0), (25.0, 75.0, 8.0), (50.0, 150.0, 8.0), (0.0, 100.0, None), (0.0, 0.0, 2.0)],
)
def test_what_was_missed_makes_no_coil_cleaner(inspected_m: float, missed_m: float, per_100_m: float | None) -> None:
    """Two defects on a coil of 100 m: as many on 100 m that were inspected, by however many cameras; else unknown."""
    assert per_100_m_of(2, inspected_length_m(100.0, inspected_m, missed_m)) == per_100_m


def test_a_coil_that_runs_has_a_partial_record(tmp_path: Path) -> None:
    """Before the end the record is one of the strip so far."""
    journal = new_journal(tmp_path / "journal")
    alarm = Alarm(
        name="a", state="unacknowledged", priority="low", coil="C", camera="top", message="", count=1, defect_id="1"
    )
    journal.record([reported("C", "started"), any_defect(end_mm=700.0), alarm])
    with History(tmp_path / "journal") as history:
        made = record(gather(history, history.coil("C")), [GradingSection(name="any", version="1")])
    journal.close()
    assert made.is_partial and made.ended == "" and made.length_m == 0.7
    assert (made.grade, made.alarms, made.defects) == ("release", {"a": 1}, 1)


def test_a_coil_names_all_that_inspected_it() -> None:
    """What found nothing too; what a coil of before names in its defects alone; of two that are welded, all."""
    by_two = reported("C", "ended", 100.0, recipes=("r@1", "r@2"))
    clean = msgspec.structs.replace(seen(), totals=by_two)
    assert record(clean).recipes == ("r@1", "r@2")
    found = seen(any_defect(recipe="r@3"))
    assert record(found).recipes == ("r@3",)
    files = [closed(coil, record(coil)) for coil in (clean, found)]
    assert record(opened(files[0])).recipes == ("r@1", "r@2")
    assert record(opened(transform.weld(*files))).recipes == ("r@1", "r@2", "r@3")


def test_what_was_not_surely_seen_is_in_the_record_and_the_file(tmp_path: Path) -> None:
    """By camera, with all its faults, from where to where, and how much; pieces that touch or overlap count once."""
    journal = new_journal(tmp_path / "journal")
    ends_mm = [(0.0, 10_000.0, "dark"), (10_000.0, 12_000.0, "flat"), (50_000.0, 51_000.0, "dark")]
    pieces = [
        Doubtful(camera="top", coil="C", start_mm=start_mm, end_mm=end_mm, faults=(fault,))
        for start_mm, end_mm, fault in ends_mm
    ]
    journal.record([reported("C", "started"), *pieces, reported("C", "ended", 60.0)])
    journal.close()
    with History(tmp_path / "journal") as history:
        seen_of = gather(history, history.coil("C"), keep="defects")
    made = record(seen_of, [GradingSection(name="any", version="1")])
    assert made.doubtful == (
        DoubtSums(camera="top", faults=("dark", "flat"), start_m=0.0, end_m=51.0, doubtful_m=13.0),
    )
    assert (made.grade, made.grades[0].doubtful_m, made.inspected_m) == ("hold", 13.0, 60.0)
    again = record(opened(closed(seen_of, made)), [GradingSection(name="any", version="1")])
    assert (again.doubtful, again.grades) == (made.doubtful, made.grades)


def test_what_was_found_as_the_next_of_its_name_began_is_of_its_coil(tmp_path: Path) -> None:
    """Alarms and repeats that come behind the next one's start, or that of the next but one, say so."""

    def alarm(name: str, coils_since: int) -> Alarm:
        facts: dict[str, Any] = {"coil": "C", "camera": "top", "message": "", "count": 1, "defect_id": ""}
        return Alarm(name=name, state="unacknowledged", priority="low", coils_since=coils_since, **facts)

    marks = [any_defect(id=f"{at}", start_mm=at, end_mm=at + 5) for at in (0.0, 500.0, 1000.0)]
    repeat = any_repeat(id="0.0", newest="1000.0", coils_since=1)
    ends, begins = reported("C", "ended", 1.0), reported("C", "started")
    journal = new_journal(tmp_path / "journal")
    journal.record([begins, *marks, alarm("in time", 0), ends, begins, repeat, alarm("late", 1), alarm("second", 0)])
    journal.record([msgspec.structs.replace(ends, state="started"), ends, begins, alarm("later", 2), alarm("next", 1)])
    journal.close()
    with History(tmp_path / "journal") as history:
        first, second, third = (gather(history, passage) for passage in history.coils())
    assert (first.alarms, len(first.repeats)) == ({"in time": 1, "late": 1, "later": 1}, 1)
    assert (second.alarms, second.repeats) == ({"next": 1, "second": 1}, [])
    assert (third.alarms, third.repeats) == ({}, [])


def test_welds_are_in_the_coils_file_and_in_its_grade(tmp_path: Path) -> None:
    """What the journal knows of welds at a coil's ends is read by its file, and their dead zone by the grade."""
    weld = Weld(coil="C", other="D", is_head=False, camera="top", at_mm=200_000.0)
    at_weld = any_defect(start_mm=199_500.0, end_mm=199_600.0)
    journal = new_journal(tmp_path / "journal")
    behind = Missed(camera="top", coil="C", start_mm=2e5, end_mm=2e5, reasons={"lost": 2}, at_most_mm=320.0)
    journal.record([reported("C", "started"), at_weld, behind, weld, reported("C", "ended", 200.0)])
    journal.record([reported("D", "started"), Weld(coil="D", other="C", is_head=True, camera="top", at_mm=0.0)])
    journal.close()
    rules = [
        GradingSection(name=f"{weld_m}", version="1", weld_m=weld_m, limit=(LimitSection("any", "hold", 0),))
        for weld_m in (0.0, 1.0)
    ]
    with History(tmp_path / "journal") as history:
        coil, other = (gather(history, history.coil(name), keep="defects") for name in ("C", "D"))
    made = record(coil, rules)
    of_coil = closed(coil, made)
    assert of_coil.welds_mm == (200_000.0,) and other.welds_mm == (0.0,)
    assert (opened(of_coil).before, opened(of_coil).after, other.before) == ("", "D", "C")
    assert record(opened(of_coil), rules).grades == made.grades
    assert [grade.grade for grade in made.grades] == ["hold", "release"]


def test_a_side_that_only_frames_name_has_edges(tmp_path: Path) -> None:
    """A camera is configured for the top and its frames name the bottom: an edge's dead zone leaves no more out."""
    journal = new_journal(tmp_path / "journal")
    across = [
        any_defect(id=f"{left_mm:g}", side="bottom", left_mm=left_mm, right_mm=left_mm + 5) for left_mm in (1, 500)
    ]
    journal.record([reported("C", "started"), *across, reported("C", "ended", 200.0)])
    journal.close()
    rules = [GradingSection(name="any", version="1", edge_mm=12.0, limit=(LimitSection("any", "hold", 0),))]
    with History(tmp_path / "journal") as history:
        coil = gather(history, history.coil("C"), [Span("top", "top", 0.0, 1000.0)], keep="defects")
    made = record(coil, rules)
    assert (made.grade, made.grades[0].graded, made.grades[0].left_out) == ("hold", 1, 1)
    assert [(camera.side, camera.left_mm, camera.right_mm) for camera in made.coverage] == [("bottom", 0.0, 1000.0)]
    assert opened(closed(coil, made)).edges_mm("bottom") == (0.0, 1000.0)


def test_a_camera_of_two_sides_is_read_back_as_it_was(tmp_path: Path) -> None:
    """A report is made of what a record has of its cameras: one that saw both sides of the coil stands there twice."""
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started"), any_defect(id="a", side="bottom"), any_defect(id="b", side="top")])
    journal.close()
    with History(tmp_path / "journal") as history:
        passage = history.coil("C")
        coil = gather(history, passage, [Span("top", "top", 0.0, 1000.0)], keep="defects")
        again = gather(history, passage, covered(record(coil)))
    assert [span.side for span in coil.spans] == ["top", "bottom"]
    assert again.spans == opened(closed(coil, record(coil))).spans == coil.spans


def test_a_defect_touches_each_metre_it_crosses() -> None:
    """The worst metre is where most defects lie, a long one counting in all of its metres."""
    long = any_defect(start_mm=2500.0, end_mm=5200.0, area_mm2=9.0)
    spots = [any_defect(start_mm=at_mm, end_mm=at_mm + 1) for at_mm in (100.0, 4100.0, 9000.0)]
    assert worst_metre(seen(long, *spots).columns) == WorstMetre(start_m=4.0, count=2, area_mm2=10.0)
    assert worst_metre(seen().columns) is None


def test_a_coils_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A file opened again gives the same record; what is none is refused in words."""
    coil = seen(any_defect(start_mm=5.0, end_mm=9.0), any_defect(id="2", side="bottom", camera="bottom"))
    rules = [GradingSection(name="any", version="1")]
    made = record(coil, rules)
    file.write(closed(coil, made), tmp_path / "coil.json")
    again = opened(file.read(tmp_path / "coil.json"))
    assert record(again, rules) == made
    assert again.defects == coil.defects
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(InspectorError, match="is no coil's file"):
        file.read(tmp_path / "none.json")
    with pytest.raises(InspectorError, match="expected a coil's JSON file"):
        file.read(tmp_path / "missing.json")


def test_a_repeat_that_ended_before_is_not_of_this_coil(tmp_path: Path) -> None:
    """What ended at the weld has no mark on the new coil, which is not held for it, whatever was counted there."""
    journal = new_journal(tmp_path / "journal")
    ended = any_repeat(id="old", state="ended", marks=0, newest="old", across_mm=434.0)
    begun = any_repeat(id="new", marks=4, newest="new", across_mm=434.0)
    late = msgspec.structs.replace(ended, id="late", marks=1)
    print_ = any_defect(id="new", start_mm=500.0, end_mm=505.0, left_mm=430.0, right_mm=438.0)
    write(journal, [reported("C", "started"), ended, late, print_, begun, reported("C", "ended", 60.0)])
    journal.close()
    with History(tmp_path / "journal") as history:
        repeats = gather(history, history.coil("C")).repeats
    assert [(repeat.id, repeat.marks) for repeat in repeats] == [("new", 1)]
