"""What somebody does to the journal's files is noticed, and never lost in silence."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from inspector.errors import JournalError
from inspector.events.journal import Message
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
def test_an_emptied_file_is_set_aside_in_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, emptied: list[int]
) -> None:
    """The log names the file, it keeps its place under another name, and no number of the epoch is used twice."""
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
            f"{files[place]}: was emptied, its events are lost; set aside as {files[place].name}.damaged" in caplog.text
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


def test_a_journal_that_was_emptied_whole_begins_an_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no file tells the epoch the numbers begin again under another one."""
    journal = opened(tmp_path)
    journal.record([DEFECT])
    journal.close()
    (only := tmp_path / "events-000000000001.sqlite").write_bytes(b"")
    journal = opened(tmp_path, epoch="e2")
    (event,) = events(journal.record([DEFECT]))
    journal.close()
    assert (event.epoch, event.seq) == ("e2", 1)
    assert f"{only}: was emptied" in caplog.text


def a_file(path: Path) -> None:
    """An empty file."""
    path.touch()


def another_database(path: Path) -> None:
    """Some other program's database under our name."""
    path.mkdir()
    with sqlite3.connect(path / "events-000000000001.sqlite") as other:
        other.execute("CREATE TABLE recipe (cake TEXT)")
    other.close()


def garbage(path: Path) -> None:
    """No database at all under our name."""
    path.mkdir()
    (path / "events-000000000001.sqlite").write_bytes(b"no database at all " * 400)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (a_file, "File exists.* Give a folder as journal.path that this user may write to"),
        (another_database, r"marked 0x0 version 0; expected a journal.* Give another folder"),
        (garbage, "file is not a database. This is no journal, or a damaged one: move it away"),
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
def test_rows_that_were_changed_are_refused_in_words(tmp_path: Path, change: str) -> None:
    """Numbers that contradict each other are never gone on from."""
    journal = opened(tmp_path)
    journal.record([DEFECT, ALARM, DEFECT])
    journal.close()
    shell = sqlite3.connect(newest(tmp_path))
    shell.execute(change)
    shell.commit()
    shell.close()
    with pytest.raises(JournalError, match=r"rows were changed|a damaged one: move it away"):
        opened(tmp_path)


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
