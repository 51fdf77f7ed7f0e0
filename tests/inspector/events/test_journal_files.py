"""What somebody does to the journal's files is noticed, and never lost in silence."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from inspector.errors import JournalError
from inspector.events.message import Message
from inspector.events.watch import LOOK_S
from inspector.records.events import Data
from tests.journals import ALARM, DEFECT, LONG_HEALTH, events, held, newest, opened


def test_segment_whose_making_was_cut_short_is_made_again(tmp_path: Path) -> None:
    """An empty file without its name, left by a process that died while it rotated, costs no number and goes."""
    journal = opened(tmp_path)
    journal.record([DEFECT, ALARM])
    journal.close()
    (cut := tmp_path / "events-000000000003.sqlite.new").touch()
    journal = opened(tmp_path, epoch="e2")
    journal.record([ALARM])
    assert [(event.epoch, event.seq, event.topicseq) for event in events(held(journal))] == [
        ("e1", 1, 1),
        ("e1", 2, 1),
        ("e1", 3, 2),
    ]
    journal.close()
    assert not cut.exists()


@pytest.mark.parametrize("emptied", [[-1], [-2, -1], [0], [1]])
def test_an_emptied_file_is_set_aside_in_words(tmp_path: Path, emptied: list[int]) -> None:
    """It is named, keeps its place under another name, and no number of the epoch is used twice."""
    journal, before = opened(tmp_path, max_mb=1), list[Message]()
    for _ in range(12):
        before += journal.record([LONG_HEALTH, DEFECT, LONG_HEALTH] * 3)
    journal.close()
    files = sorted(tmp_path.glob("events-*.sqlite"))
    assert len(files) > 3
    for place in emptied:
        files[place].write_bytes(b"")
    journal = opened(tmp_path, max_mb=1, epoch="e2")
    for place in emptied:
        assert (
            f"{files[place]}: was emptied, its events are lost; set aside as {files[place].name}.damaged"
            in journal.remarks
        )
        assert files[place].with_name(files[place].name + ".damaged").exists() and not files[place].exists()
    after = events(journal.record([DEFECT, LONG_HEALTH]))
    used = {(event.type.partition(".")[0], event.topicseq) for event in events(before)}
    assert {event.epoch for event in after} == {"e1"}
    assert min(event.seq for event in after) > max(event.seq for event in events(before))
    assert not used & {(event.type.partition(".")[0], event.topicseq) for event in after}
    assert [event.seq for event in events(held(journal))][-2:] == [event.seq for event in after]
    last_seq = journal.last_seq
    journal.close()
    again = opened(tmp_path, max_mb=1)
    assert again.last_seq == last_seq
    again.close()


def test_a_journal_that_was_emptied_whole_begins_an_epoch(tmp_path: Path) -> None:
    """Where no file tells the epoch the numbers begin again under another one."""
    journal = opened(tmp_path)
    journal.record([DEFECT])
    journal.close()
    (only := tmp_path / "events-000000000001.sqlite").write_bytes(b"")
    journal = opened(tmp_path, epoch="e2")
    (event,) = events(journal.record([DEFECT]))
    journal.close()
    assert (event.epoch, event.seq) == ("e2", 1)
    assert journal.remarks[0].startswith(f"{only}: was emptied")


def a_file(path: Path) -> None:
    """An empty file."""
    path.touch()


def another_database(path: Path) -> None:
    """Some other program's database under our name."""
    path.mkdir()
    with sqlite3.connect(path / "events-000000000001.sqlite") as other:
        other.execute("CREATE TABLE recipe (cake TEXT)")
    other.close()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (a_file, "File exists.* Give a folder as journal.path that this user may write to"),
        (another_database, r"marked 0x0 version 0; expected a journal.* Give another folder"),
    ],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, made: Callable[[Path], None], message: str) -> None:
    """A path that holds something else is refused twice alike, with what to do, and is left as it was."""
    path = tmp_path / "journal"
    made(path)
    for _ in range(2):
        with pytest.raises(JournalError, match=message):
            opened(path)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A place where nothing can be written is refused with what to do."""
    with pytest.raises(JournalError, match=r"/proc/journal: .* Give a folder"):
        opened(Path("/proc/journal"))


def remove_the_folder(path: Path) -> None:
    """The folder goes with all that is in it."""
    shutil.rmtree(path)


def move_the_folder(path: Path) -> None:
    """Another folder takes its name."""
    path.rename(path.with_name("moved"))
    path.mkdir()


def remove_the_file(path: Path) -> None:
    """The database goes."""
    newest(path).unlink()


def remove_the_log(path: Path) -> None:
    """The write-ahead log goes."""
    newest(path).with_name(f"{newest(path).name}-wal").unlink()


def replace_the_log(path: Path) -> None:
    """An empty write-ahead log takes its place."""
    log = newest(path).with_name(f"{newest(path).name}-wal")
    log.unlink()
    log.write_bytes(b"")


def restore_a_copy(path: Path) -> None:
    """A copy takes the database's name."""
    copy = path / "copy"
    shutil.copy(newest(path), copy)
    copy.replace(newest(path))


@pytest.mark.parametrize(
    "meddle",
    [remove_the_folder, move_the_folder, remove_the_file, remove_the_log, replace_the_log, restore_a_copy],
)
def test_files_that_are_taken_away_are_noticed(tmp_path: Path, meddle: Callable[[Path], None]) -> None:
    """Nothing more is recorded where nobody would find it, not even on a line that has nothing to record."""
    path = tmp_path / "journal"
    journal = opened(path)
    journal.record([DEFECT])
    meddle(path)
    for reported in ([], [ALARM]):
        with pytest.raises(JournalError, match=r"was (removed|replaced) while the inspector writes to it"):
            journal.record(reported)
    with suppress(JournalError):
        journal.close()


@pytest.mark.parametrize("meddle", [remove_the_log, replace_the_log])
def test_events_whose_log_was_taken_away_are_saved(tmp_path: Path, meddle: Callable[[Path], None]) -> None:
    """Closing writes into the database what only the log held, so no number is ever given twice."""
    journal = opened(tmp_path)
    recorded = journal.record([DEFECT, ALARM])
    meddle(tmp_path)
    journal.close()
    journal = opened(tmp_path)
    assert tuple(held(journal)) == recorded
    journal.close()


def test_a_journal_is_held_even_when_its_names_are_removed(tmp_path: Path) -> None:
    """The folder itself is held: no file's removal lets a second inspector in."""
    journal = opened(tmp_path)
    for file in tmp_path.iterdir():
        file.unlink()
    with pytest.raises(JournalError, match="in use by process"):
        opened(tmp_path)
    with suppress(JournalError):
        journal.close()


def test_strange_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    """A backup copy, a shell's leavings and a folder disturb nothing, and stay."""
    journal = opened(tmp_path)
    journal.record([DEFECT])
    journal.close()
    strange = [
        tmp_path / name for name in ("events-backup.sqlite", "events-1.sqlite", "events-000000000001.sqlite.bak")
    ]
    for file in strange:
        shutil.copy(newest(tmp_path), file)
    (tmp_path / "events-9.sqlite").mkdir()
    journal = opened(tmp_path)
    assert journal.record([ALARM]) == tuple(held(journal))[1:]
    journal.close()
    assert all(file.exists() for file in strange)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM journal",
        "INSERT INTO journal VALUES ('e2')",
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
        "DELETE FROM event WHERE seq = 2",
        "DELETE FROM counter",
        "DROP TABLE counter",
        "DROP TABLE journal",
    ],
)
def test_rows_that_were_changed_are_set_aside_in_words(tmp_path: Path, change: str) -> None:
    """Numbers that contradict each other are never gone on from: the file goes, and the line does not stand."""
    journal = opened(tmp_path)
    journal.record([DEFECT, ALARM, DEFECT])
    journal.close()
    shell = sqlite3.connect(newest(tmp_path))
    shell.execute(change)
    shell.commit()
    shell.close()
    goes_on_behind(tmp_path, epoch="e1", after=3)


def write_garbage(file: Path) -> None:
    """No database at all."""
    file.write_bytes(b"no database at all " * 400)


def spoil_the_middle(file: Path) -> None:
    """Some pages in the middle are those of another file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(b"\xa5" * (len(content) // 2 - len(content) // 3))
    file.write_bytes(content)


def cut_off(file: Path) -> None:
    """The second half is gone."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


DAMAGE = [write_garbage, spoil_the_middle, cut_off]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_file_is_set_aside_in_words(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """The epoch goes on from the file before, behind every number that the damaged one can have given out."""
    journal = opened(tmp_path, max_mb=1)
    while len(list(tmp_path.glob("events-*.sqlite"))) < 3 or journal.last_seq % 8:
        journal.record([LONG_HEALTH] * 4)
    last_seq = journal.last_seq
    journal.close()
    damage(newest(tmp_path))
    goes_on_behind(tmp_path, epoch="e1", after=last_seq)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_journal_of_one_file_goes_on_where_its_bytes_name_an_epoch(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Where nothing can be read of it, the numbers begin again under another."""
    journal = opened(tmp_path)
    for _ in range(8):
        journal.record([LONG_HEALTH] * 8)
    journal.close()
    damage(newest(tmp_path))
    if damage in (spoil_the_middle, cut_off):
        goes_on_behind(tmp_path, epoch="e1", after=64)
    else:
        goes_on_behind(tmp_path, epoch="e2", after=0)


def goes_on_behind(path: Path, *, epoch: str, after: int) -> None:
    """Open a journal whose newest file is damaged: it is set aside, reported, and recording goes on."""
    damaged = newest(path)
    journal = opened(path, max_mb=1, epoch="e2")
    (event,) = events(journal.record([DEFECT]))
    assert event.epoch == epoch and event.seq > after
    aside = damaged.with_name(f"{damaged.name}.damaged")
    assert aside.exists()
    assert any(f"{damaged}: is damaged" in remark and aside.name in remark for remark in journal.remarks)
    assert [event.seq for event in events(held(journal))][-1] == event.seq
    journal.close()
    again = opened(path, max_mb=1, epoch="e3")
    assert (again.epoch, again.last_seq) == (epoch, event.seq)
    again.close()


def newest_is_cut_off(path: Path) -> None:
    """The newest file loses its second half, and its log."""
    cut_off(newest(path))
    newest(path).with_name(f"{newest(path).name}-wal").unlink()


@pytest.mark.parametrize(
    "meddle", [remove_the_folder, move_the_folder, remove_the_file, remove_the_log, replace_the_log, newest_is_cut_off]
)
def test_a_journal_recovers_with_the_same_numbers(tmp_path: Path, meddle: Callable[[Path], None]) -> None:
    """Whatever is done to the folder while it is written, the numbers go on without a hole and without a second use."""
    path = tmp_path / "journal"
    journal = opened(path)
    journal.record([DEFECT, ALARM], {"strip": b"1"})
    meddle(path)
    with contextlib.suppress(JournalError):
        journal.record([ALARM, DEFECT])
    journal.recover()
    both: list[Data] = [ALARM, DEFECT]
    rest = both[journal.last_seq - 2 :]
    journal.record(rest, {"strip": b"2"})
    assert (journal.epoch, journal.last_seq, dict(journal.last_topicseq)) == ("e1", 4, {"defect.": 2, "alarm.": 2})
    assert [event.seq for event in events(journal.since(2))] == [3, 4]
    assert [event.seq for event in events(held(journal))][-2:] == [3, 4]
    journal.close()
    again = opened(path)
    assert (again.epoch, again.last_seq, again.states) == ("e1", 4, {"strip": b"2"})
    again.close()


def test_another_journal_in_its_place_is_not_written(tmp_path: Path) -> None:
    """Recovery refuses to mix two journals, in words."""
    other = opened(tmp_path / "other", epoch="e9")
    other.record([DEFECT])
    other.close()
    journal = opened(tmp_path / "journal")
    journal.record([DEFECT])
    shutil.rmtree(tmp_path / "journal")
    (tmp_path / "other").rename(tmp_path / "journal")
    with pytest.raises(JournalError, match="is of epoch e9; expected e1: another journal was put in place"):
        journal.recover()


def test_a_damaged_older_file_ends_no_replay(tmp_path: Path) -> None:
    """What lies in it is missing from the answers, and what lies behind it comes."""
    journal = opened(tmp_path, max_mb=1)
    for _ in range(12):
        journal.record([LONG_HEALTH] * 8)
    files = sorted(tmp_path.glob("events-*.sqlite"))
    assert len(files) > 2
    first, second, third = (int(file.stem.split("-")[1]) for file in files[:3])
    files[1].write_bytes(b"no database at all " * 4000)
    assert [event.seq for event in events(held(journal))] == [*range(first, second), *range(third, 97)]
    journal.close()


def test_a_change_in_the_middle_of_a_file_is_noticed(tmp_path: Path) -> None:
    """A file that others change is read at once; what is whole stays in replays. A change without harm is none."""
    now_s = 0.0
    journal = opened(tmp_path, max_mb=1, clock_s=lambda: now_s)
    for _ in range(12):
        journal.record([LONG_HEALTH] * 8)
    older = sorted(tmp_path.glob("events-*.sqlite"))[1]
    first = int(older.stem.split("-")[1])
    older.touch()
    now_s += LOOK_S
    journal.record([])
    assert not journal.remarks
    before, words, after = older.read_bytes().rpartition(b'"message":"xx')
    older.write_bytes(before + words.replace(b'"xx', b'x"x') + after)
    now_s += LOOK_S
    journal.record([])
    (remark,) = journal.remarks
    assert "was changed while the inspector runs, and is damaged: event" in remark and older.name in remark
    seqs = [event.seq for event in events(held(journal))]
    assert len(seqs) == 95 and set(range(1, 97)) - set(seqs) < set(range(first, first + 20))
    journal.close()


def test_the_last_events_are_deleted_under_a_running_journal(tmp_path: Path) -> None:
    """What is left is whole by itself: the numbers say that it is less; recording goes on in another file."""
    journal = opened(tmp_path)
    journal.record([DEFECT, ALARM, DEFECT])
    delete = "DELETE FROM event WHERE seq > 1"  # in a process of its own: in this one it would end our locks
    shell = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    subprocess.run([sys.executable, "-c", shell, newest(tmp_path), delete], check=True)
    (event,) = events(journal.record([DEFECT]))
    assert "its last event is 1; expected 3" in journal.remarks[0]
    assert event.seq == 4 and [event.seq for event in events(held(journal))] == [1, 4]
    journal.close()
