"""What is read of coils from a journal: found quickly, once each, and never passed over in silence."""

from __future__ import annotations

import contextlib
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.coil.seen import gather
from inspector.errors import JournalError
from inspector.events import index
from inspector.events.history import Filter, History
from inspector.records.events import Defect, Missed
from inspector.strip.strip import Strip
from tests.coil_journals import new_journal, reported, write_coil
from tests.defects import any_defect


def defects(history: History, coil: str, which: Filter | None = None) -> list[Defect]:
    """All that a question finds."""
    found = history.defects(history.coil(coil), which or Filter())
    return [event.data for event in found if isinstance(event.data, Defect)]


def test_each_question_finds_what_a_loop_would(tmp_path: Path) -> None:
    """Class, size, area, confidence and position find just the defects that meet them, over several segments."""
    journal = new_journal(tmp_path / "journal", max_mb=64)
    written = write_coil(journal, "C", 12_000, 900.0)
    write_coil(journal, "D", 200, 900.0, seed=5)
    journal.close()
    assert len(list((tmp_path / "journal").glob("*.sqlite"))) > 1
    with History(tmp_path / "journal") as history:
        assert {defect.id for defect in defects(history, "C")} == {defect.id for defect in written}
        for criteria in (
            Filter(name="scratch", min_length_mm=50),
            Filter(min_length_mm=64.0),
            Filter(min_area_mm2=500, min_confidence=0.8),
            Filter(name="crack", min_width_mm=5),
            Filter(from_mm=100_000, to_mm=110_000),
            Filter(from_mm=100_000, to_mm=800_000, name="pitted"),
            Filter(name="no such class"),
        ):
            wanted = {
                defect.id
                for defect in written
                if criteria.name in (None, defect.name)
                and round(defect.length_mm, 1) >= criteria.min_length_mm
                and round(defect.width_mm, 1) >= criteria.min_width_mm
                and defect.area_mm2 >= criteria.min_area_mm2
                and defect.confidence >= criteria.min_confidence
                and criteria.from_mm <= defect.start_mm < criteria.to_mm
            }
            assert {defect.id for defect in defects(history, "C", criteria)} == wanted
    assert [file.name for file in (tmp_path / "journal").iterdir() if file.suffix != ".sqlite"] == ["home"], (
        "reading left files behind"
    )


def test_a_coil_under_way_in_a_journal_of_before_0_3(tmp_path: Path) -> None:
    """Such a journal keeps no states of stages; it was called damaged, to be moved away."""
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started"), any_defect(coil="C", end_mm=900.0)])
    journal.close()
    (file,) = (tmp_path / "journal").glob("*.sqlite")
    with contextlib.closing(apsw.Connection(str(file))) as segment:
        segment.execute("DROP TABLE stage")
    with History(tmp_path / "journal") as history:
        assert history.state(Strip.name) is None
        assert len(gather(history, history.coil("C")).columns) == 1


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_a_longer_defect_has_no_lower_size(one_mm: float, other_mm: float) -> None:
    """What a minimum length asks for lies at its own size or above."""
    small_mm, large_mm = sorted((one_mm, other_mm))
    assert index.size(small_mm) <= index.size(large_mm)


def test_a_defect_just_as_long_as_asked_for_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where 0.3 has indexed it: by the difference of two floats, which makes 63.99999999999999 mm of 64."""
    exact_size = index.size
    monkeypatch.setattr(index, "size", lambda length_mm: exact_size(length_mm - 1e-9))
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started"), any_defect(start_mm=13.1, end_mm=77.1)])
    journal.close()
    monkeypatch.undo()
    with History(tmp_path / "journal") as history:
        assert len(defects(history, "C", Filter(min_length_mm=64.0))) == 1


def test_a_defect_counts_as_last_reported(tmp_path: Path) -> None:
    """Partial reports give way to the last one; one that still goes on is there as far as it is known.

    One that turned out to be a part of another is not there: the other is.
    """
    journal = new_journal(tmp_path / "journal")
    done = any_defect(id="done", end_mm=5000.0)
    going = any_defect(id="going", name="crack", end_mm=4000.0, is_partial=True)
    parts = [msgspec.structs.replace(done, end_mm=end_mm, is_partial=True) for end_mm in (2000.0, 4000.0)]
    early = msgspec.structs.replace(going, end_mm=2000.0)
    joined = any_defect(id="joined", end_mm=900.0, is_partial=True)
    merged = msgspec.structs.replace(joined, is_partial=False, part_of="done")
    journal.record([reported("C", "started"), parts[0], early, joined, parts[1], merged, going, done])
    with History(tmp_path / "journal") as history:
        assert defects(history, "C") == [done, going]
    journal.close()


def test_a_name_that_comes_again_is_another_coil(tmp_path: Path) -> None:
    """The newest coil of a name is meant, the older one has a number; one that goes on after a stop is the same."""
    journal = new_journal(tmp_path / "journal")
    first, second, third = (any_defect(id=name) for name in ("first", "second", "third"))
    journal.record([reported("C", "started"), first, reported("C", "ended", 10.0)])
    journal.record([reported("C", "started"), second, reported("C", "ended", 5.0)])
    journal.record([reported("C", "started", 5.0), third])
    journal.close()
    with History(tmp_path / "journal") as history:
        coils = history.coils()
        assert [(passage.first_seq, passage.is_over, passage.is_whole) for passage in coils] == [
            (1, True, True),
            (4, False, True),
        ]
        assert defects(history, "C") == [second, third]
        older = history.coil("C", 1)
        assert [event.data for event in history.defects(older)] == [first]
        with pytest.raises(JournalError, match=r"holds no coil X; the newest are: C\. Give one"):
            history.coil("X")


def test_a_coil_whose_head_is_gone_says_so(tmp_path: Path) -> None:
    """What retention took is known: the coil is there, and is not whole."""
    journal = new_journal(tmp_path / "journal")
    gap = Missed(camera="top", coil="C", start_mm=0.0, end_mm=1.0, reasons={})
    journal.record([any_defect(), gap])
    with History(tmp_path / "journal") as history:
        assert not history.coil("C").is_whole
        assert [data for _, data in history.events(history.coil("C"), Missed)] == [gap]
    journal.record([reported("C", "ended", 5.0)])
    with History(tmp_path / "journal") as history:
        assert (history.coil("C").is_whole, history.coil("C").is_over) == (False, True)
    journal.close()


@pytest.mark.parametrize(
    "lost", ["DROP TABLE entry; DROP TABLE indexed", "DELETE FROM entry; UPDATE indexed SET events = 1"]
)
def test_events_without_an_index_are_found_too(tmp_path: Path, lost: str) -> None:
    """A journal of a version before the index is read whole, and indexed when it is written on."""
    journal = new_journal(tmp_path / "journal")
    wanted = [any_defect(id="long", name="scratch", end_mm=80.0)]
    journal.record([reported("C", "started"), any_defect(), *wanted])
    journal.close()
    (file,) = (tmp_path / "journal").glob("*.sqlite")
    with apsw.Connection(str(file)) as old:
        old.execute(lost)
    old.close()
    which = Filter(name="scratch", min_length_mm=50)
    with History(tmp_path / "journal") as history:
        assert defects(history, "C", which) == wanted
        assert len(defects(history, "C", Filter(to_mm=1.0, from_mm=0.0))) == 2
    new_journal(tmp_path / "journal").close()
    segment = apsw.Connection(str(file))
    assert list(segment.execute("SELECT (SELECT events FROM indexed), (SELECT count(*) FROM entry)")) == [(3, 3)]
    segment.close()
    with History(tmp_path / "journal") as history:
        assert defects(history, "C", which) == wanted


def test_it_reads_while_the_daemon_writes(tmp_path: Path) -> None:
    """What is on disk is found at once, and the writer goes on, over rotation too."""
    journal = new_journal(tmp_path / "journal", max_mb=8)
    journal.record([reported("C", "started")])
    written = 0
    with History(tmp_path / "journal") as history:
        for turn in range(8):
            batch = [any_defect(id=f"{turn}/{number}") for number in range(300)]
            journal.record(batch)
            written += len(batch)
            assert len(defects(history, "C")) == written
    journal.close()


def test_a_folder_without_a_journal_is_refused(tmp_path: Path) -> None:
    """The error names the folder and what to give instead."""
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(JournalError, match="holds no journal; expected the folder"):
            History(path)


def test_what_a_coil_had_before_an_event_is_counted(tmp_path: Path) -> None:
    """By class, of the newest coil of its name, only what was finished; one that goes on after a stop is the same."""
    journal = new_journal(tmp_path / "journal")
    for last in ("dark", "bright"):
        found = [any_defect(id=f"{last}{n}", coil="C", name=last if n else "dark") for n in range(3)]
        journal.record([reported("C", "started"), *found, any_defect(id="open", coil="C", is_partial=True)])
    journal.close()
    with History(tmp_path / "journal") as history:
        assert history.counts(history.before("C", 10)) == {"dark": 1, "bright": 2}
        assert history.counts(history.before("C", 9)) == {"dark": 1, "bright": 1}
        assert history.counts(history.before("D", 9)) == {}
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started", 5.0), any_defect(id="later", coil="C", name="dark")])
    journal.close()
    with History(tmp_path / "journal") as history:
        assert history.counts(history.before("C", 13)) == {"dark": 2, "bright": 2}
