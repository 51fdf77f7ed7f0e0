"""A reader's place, kept in a file: at least once, nothing missing, whatever happened to journal and disk meanwhile."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inspector.errors import Busy, InspectorError
from inspector.gaps import Gap
from inspector.records.envelope import LIMIT_SEQS, SKIPPED, Event
from tests.journals import newest
from tests.lines import ALARM, COIL, Line, seqs, take


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line that runs."""
    with Line(tmp_path / "journal") as line:
        yield line


@pytest.mark.parametrize("topics", [("",), ("coil.",), ("coil.", "alarm.")])
def test_a_cursor_keeps_the_place(tmp_path: Path, line: Line, topics: tuple[str, ...]) -> None:
    """What was asked for after an event has dealt with it; the one that came last comes again, nothing is missing."""
    cursor = tmp_path / "cursor"
    line.say(COIL, ALARM, COIL, COIL)
    with line.listen(topics=topics, after=(None, 0), cursor=cursor) as events:
        coils = [next(event for event in events if event.type == COIL.topic) for _ in range(3)]
    assert seqs(coils) == [1, 3, 4]
    line.say(COIL)
    with line.listen(topics=topics, cursor=cursor) as events:
        assert seqs(take(events, 2)) == [4, 5]
    with line.listen(topics=topics, cursor=cursor) as events:
        assert seqs(take(events, 1)) == [5]


def test_a_reader_that_fails_gets_its_event_again(tmp_path: Path, line: Line) -> None:
    """At least once: whoever does not ask for the next event has not dealt with the last."""
    line.say(COIL, ALARM, COIL)
    with pytest.raises(ZeroDivisionError), line.listen(after=(None, 0), cursor=tmp_path / "cursor") as events:
        for event in events:
            1 / (2 - event.seq)
    with line.listen(cursor=tmp_path / "cursor") as events:
        assert seqs(take(events, 2)) == [2, 3]


def test_a_cursor_stays_before_what_is_missing(tmp_path: Path, line: Line) -> None:
    """What nobody answered for comes once somebody does, and what came meanwhile comes again."""
    cursor, came = tmp_path / "cursor", list[Event]()
    line.say(COIL, COIL)
    with line.listen(after=(None, 0), cursor=cursor) as events:
        assert seqs(take(events, 2)) == [1, 2]
    with line.listen(cursor=cursor, replay=None, timeout_s=0.2) as events:
        line.say(COIL, lost=True)
        while not came or len(line.journal.position.starts) < 3:  # a subscriber that is not there yet misses more
            line.say(ALARM)
            came += events
        assert events.lost > 0
    with line.listen(cursor=cursor) as events:
        assert seqs(take(events, line.journal.last_seq - 1)) == [*range(2, line.journal.last_seq + 1)]


def test_a_clock_that_was_set_back_makes_no_old_copy(tmp_path: Path) -> None:
    """Where a heartbeat led past events of others: it is earlier than they are, and nothing comes again."""
    now, cursor, gaps = [datetime(2026, 3, 1, 11, tzinfo=UTC)], tmp_path / "cursor", list[Gap]()
    with Line(tmp_path / "journal", clock_utc=lambda: now[0]) as line:
        line.say(ALARM, COIL)
        now[0] -= timedelta(hours=1)
        with line.listen(topics=("alarm.",), after=(None, 0), cursor=cursor, heartbeats=True) as events:
            assert seqs(take(events, 3)) == [1, 0, 0]
        with line.listen(topics=("alarm.",), cursor=cursor, heartbeats=True, on_gap=gaps.append) as events:
            assert seqs(take(events, 1)) == [0] and not gaps


@pytest.mark.parametrize("topics", [("",), ("alarm.",)])
@pytest.mark.parametrize("keeps", ["cursor", "number"])
def test_a_place_beyond_a_journal_that_was_put_back(tmp_path: Path, topics: tuple[str, ...], keeps: str) -> None:
    """Whoever was away gets what followed and learns that something is lost, whatever it keeps as its place."""
    journal, copy, cursor = tmp_path / "journal", tmp_path / "copy", tmp_path / "cursor"
    with Line(journal) as line:
        line.say(ALARM, ALARM, ALARM)
    shutil.copytree(journal, copy)
    with Line(journal) as line, line.listen(topics=topics, after=(None, 0), cursor=cursor) as events:
        line.say(ALARM, ALARM, ALARM)
        assert seqs(take(events, 6)) == [1, 2, 3, 4, 5, 6]
    shutil.rmtree(journal)
    shutil.copytree(copy, journal)
    gaps, place = list[Gap](), {"cursor": cursor} if keeps == "cursor" else {"after": ("e1", 6)}
    with Line(journal) as line:
        for _ in range(5):
            line.say(ALARM)
        first = 3 + SKIPPED + 1
        with line.listen(topics=topics, on_gap=gaps.append, **place) as events:
            assert seqs(take(events, 5)) == [*range(first, first + 5)]
        assert gaps and line.journal.before(datetime(2100, 1, 1, tzinfo=UTC)) == first + 4
        with line.listen(topics=topics, after=("e1", 3), on_gap=gaps.append) as events:
            assert seqs(take(events, 1)) == [first]


@pytest.mark.parametrize("in_its_place", ["nothing", "an empty folder", "an old copy"])
@pytest.mark.parametrize("topics", [("",), ("alarm.",)])
def test_a_journal_whose_disk_is_unmounted_has_deleted_nothing(
    tmp_path: Path, line: Line, topics: tuple[str, ...], in_its_place: str
) -> None:
    """Who comes back meanwhile learns that the events cannot be had now, keeps its place, and gets them all later."""
    folder, away, cursor, gaps = tmp_path / "journal", tmp_path / "away", tmp_path / "cursor", list[Gap]()
    line.say(ALARM, ALARM)
    with line.listen(topics=topics, after=(None, 0), cursor=cursor) as events:
        assert seqs(take(events, 2)) == [1, 2]
    line.journal.let_go()  # as the recorder does once the disk takes nothing
    shutil.copytree(folder, tmp_path / "copy")
    line.journal.recover()
    line.say(ALARM, COIL, ALARM, lost=True)
    line.journal.let_go()
    folder.rename(away)
    if in_its_place == "an empty folder":
        folder.mkdir()
    elif in_its_place == "an old copy":
        (tmp_path / "copy").rename(folder)
    with line.listen(topics=topics, cursor=cursor, timeout_s=0.2, patience_s=0.6, on_gap=gaps.append) as events:
        while not gaps:
            assert not list(events)
    assert not gaps[0].is_final and "is not the journal's folder at present" in gaps[0].reason
    shutil.rmtree(folder, ignore_errors=True)
    away.rename(folder)
    line.journal.recover()
    with line.listen(topics=topics, cursor=cursor) as events:
        assert seqs(take(events, 3)) == ([2, 3, 4] if topics == ("",) else [2, 3, 5])
        assert events.lost == 0


def put_back(journal: Path) -> None:
    """Put a backup in a journal's place."""
    copy = journal.with_name("copy")
    shutil.copytree(journal, copy)
    shutil.rmtree(journal)
    copy.rename(journal)


def lose_newest(journal: Path) -> None:
    """Damage the newest file."""
    with sqlite3.connect(newest(journal)) as file:
        file.execute("DELETE FROM event")
    file.close()


@pytest.mark.parametrize("topics", [("",), ("alarm.",), ("coil.",)])
@pytest.mark.parametrize(
    ("happens", "options"),
    [(put_back, {}), (put_back, {"replay": None}), (lose_newest, {})],
    ids=["backup", "no replay", "lost file"],
)
def test_what_a_jump_of_the_numbers_hides_nobody_can_count(
    tmp_path: Path, topics: tuple[str, ...], happens: Callable[[Path], None], options: dict[str, None]
) -> None:
    """A reader that stays connected reports it as of no known number: a backup was put back, or a file is lost."""
    journal, gaps, came = tmp_path / "journal", list[Gap](), list[Event]()
    with Line(journal, max_mb=1) as line:
        binds = line.publisher.address, line.replays.address
        events = line.listen(topics=topics, on_gap=gaps.append, timeout_s=0.2, **options)
        while not came or len(line.journal.position.starts) < 3:  # a subscriber that is not there yet misses more
            line.say(ALARM, COIL)
            came += events
    happens(journal)
    with Line(journal, binds=binds, max_mb=256) as line, events:
        while came[-1].seq <= LIMIT_SEQS:
            line.say(ALARM, COIL)
            came += events
    assert came[-1].seq > LIMIT_SEQS > events.lost
    assert any(gap.count == 0 and gap.last_seq and gap.last_seq - gap.first_seq > LIMIT_SEQS for gap in gaps)


def test_a_journal_that_was_moved_or_restarted_is_no_copy(tmp_path: Path) -> None:
    """Its numbers go on without a hole."""
    with Line(tmp_path / "journal") as line:
        line.say(ALARM)
    (tmp_path / "journal").rename(tmp_path / "moved")
    with Line(tmp_path / "moved") as line:
        line.say(ALARM)
        assert line.journal.last_seq == 2


def test_a_cursor_that_the_disk_does_not_take_is_reported(tmp_path: Path, line: Line) -> None:
    """In words, whatever the disk has against it; the file is let go, and the next reader has all again."""
    in_the_way = tmp_path / "cursor.new"
    in_the_way.mkdir()
    line.say(COIL, COIL)
    with (
        pytest.raises(InspectorError, match=r"cursor: the cursor cannot be written: Is a directory\. Make room"),
        line.listen(after=(None, 0), cursor=tmp_path / "cursor") as events,
    ):
        take(events, 2)
    in_the_way.rmdir()
    with line.listen(after=(None, 0), cursor=tmp_path / "cursor") as events:
        assert seqs(take(events, 2)) == [1, 2]


def test_a_cursor_belongs_to_one_reader(tmp_path: Path, line: Line) -> None:
    """A second one is refused in words."""
    with line.listen(cursor=tmp_path / "cursor"), pytest.raises(Busy, match="another reader keeps its cursor there"):
        line.listen(cursor=tmp_path / "cursor")
