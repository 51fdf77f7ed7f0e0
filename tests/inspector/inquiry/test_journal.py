"""`inspector journal`: a journal that is whole and one that is not, and all of it as a file."""

from __future__ import annotations

import csv
import errno
import io
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from inspector.__main__ import main
from inspector.inquiry import output
from inspector.records.envelope import SKIPPED, read_event
from tests.journals import ALARM, COIL, DEFECT, LONG_HEALTH, newest, opened


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A journal of a few files."""
    journal = opened(tmp_path / "journal", max_mb=8)
    journal.record([DEFECT, ALARM, COIL])
    while len(list((tmp_path / "journal").glob("events-*.sqlite"))) < 3:
        journal.record([LONG_HEALTH] * 20)
    journal.record([DEFECT, ALARM])
    journal.close()
    return tmp_path / "journal"


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """What `inspector journal` ends with, and prints."""
    code = main(["journal", *map(str, words)])
    return code, capsys.readouterr().out


def test_a_whole_journal_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file, and all together, also while it is written."""
    code, words = command(capsys, "verify", folder)
    assert code == 0 and words.count(", whole") == 3 and "all whole, epoch e1" in words
    journal = opened(folder)
    journal.record([DEFECT])
    assert command(capsys, "verify", folder)[0] == 0
    journal.close()


def test_a_journal_that_was_moved_goes_on(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Carried to another disk it looks like a copy; who says that it was moved has no jump in the numbers."""
    for name, is_known in (("moved", True), ("copy", False)):
        other = tmp_path / name
        shutil.copytree(folder, other)
        if is_known:
            assert command(capsys, "moved", other)[0] == 0
        journal = opened(other)
        assert bool(journal.remarks) is not is_known
        last = journal.last_seq
        journal.close()
        assert (last < SKIPPED) is is_known
    journal = opened(folder)
    assert command(capsys, "moved", folder)[0] == 1
    journal.close()
    assert command(capsys, "moved", tmp_path)[0] == 1


def shell(order: str) -> Callable[[Path], None]:
    """Change the newest file in SQLite's shell."""

    def change(folder: Path) -> None:
        with sqlite3.connect(newest(folder)) as connection:
            connection.execute(order)
        connection.close()

    return change


def spoil(folder: Path) -> None:
    """Overwrite a page in the middle of the oldest file."""
    file = min(folder.glob("events-*.sqlite"))
    content = bytearray(file.read_bytes())
    content[40_960:45_056] = b"\xa5" * 4096
    file.write_bytes(content)


def lose_a_file(folder: Path) -> None:
    """The file in the middle goes."""
    sorted(folder.glob("events-*.sqlite"))[1].unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shell("DELETE FROM event WHERE seq = (SELECT max(seq) - 1 FROM event)"), "follows"),
        (shell("UPDATE event SET payload = x'00' WHERE seq = (SELECT max(seq) FROM event)"), "cannot be read"),
        (shell("UPDATE event SET topic = 'coil.x' WHERE seq = (SELECT max(seq) FROM event)"), "says that it is"),
        (shell("UPDATE journal SET epoch = 'e2'"), "is of epoch e2; expected e1"),
        (shell("PRAGMA application_id = 7"), "is marked 0x7"),
        (spoil, ""),
        (lose_a_file, "are in no file"),
    ],
)
def test_what_is_wrong_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], words: str
) -> None:
    """With the file, and exit code 1."""
    damage(folder)
    code, out = command(capsys, "verify", folder)
    assert code == 1 and words in out and "not whole" in out, out


def test_json_lines_are_what_was_published(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Byte for byte, in order, as many as are asked for."""
    code, out = command(capsys, "export", folder, "--jsonl")
    events = [read_event(line.encode()) for line in out.splitlines()]
    assert code == 0 and [event.seq for event in events] == [*range(1, len(events) + 1)]
    _, out = command(capsys, "export", folder, "--jsonl", "--since", 2, "--until", 3)
    assert [read_event(line.encode()).data for line in out.splitlines()] == [ALARM, COIL]
    assert command(capsys, "export", folder, "--jsonl", "--until", "2026-03-01T11:59Z")[1] == ""
    assert command(capsys, "export", folder, "--jsonl", "--since", "2026-03-01T12:00:00.001Z")[1] == ""


@pytest.mark.parametrize(
    ("damage", "words", "lost"),
    [
        (
            shell("UPDATE event SET payload = CAST(replace(payload, 'a-1', 'a-7') AS BLOB) WHERE topic LIKE 'defect%'"),
            "not as it was recorded",
            1,
        ),
        (shell("UPDATE event SET payload = x'f0' WHERE seq = (SELECT max(seq) FROM event)"), "not as it was", 1),
        (spoil, "is damaged (", None),
        (shell("PRAGMA application_id = 7"), "is marked as no journal's, and all of it left out", None),
    ],
)
def test_an_export_leaves_out_what_is_damaged(
    folder: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], words: str, lost: int | None
) -> None:
    """That alone, named on standard error with its file; exit code 1, and all the other files are exported."""

    def exported() -> tuple[int, set[int], str]:
        code = main(["journal", "export", str(folder), "--csv"])
        printed = capsys.readouterr()
        return code, {int(row["seq"]) for row in csv.DictReader(io.StringIO(printed.out))}, printed.err

    code, every, _ = exported()
    assert code == 0
    damage(folder)
    code, found, printed = exported()
    (line,) = printed.splitlines()
    assert code == 1 and words in line and "events-" in line
    assert found < every and (lost is None or len(found) == len(every) - lost)
    starts = sorted(int(file.stem.partition("-")[2]) for file in folder.glob("events-*.sqlite"))
    assert {seq for seq in every if starts[1] <= seq < starts[2]} <= found


def test_a_kinds_csv_has_a_column_for_each_field(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers as they were recorded; all kinds together have their data as JSON."""
    file = tmp_path / "defects.csv"
    assert command(capsys, "export", folder, "--csv", "--topic", "defect.", "--out", file) == (0, "")
    rows = [*csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))]
    assert [(row["id"], float(row["start_mm"]), row["subject"]) for row in rows] == [("a-1", 1500.0, "C1042")] * 2
    assert rows[0]["seq"] == "1"
    _, out = command(capsys, "export", folder, "--csv", "--until", 3)
    assert [row["type"] for row in csv.DictReader(io.StringIO(out))] == [DEFECT.topic, ALARM.topic, COIL.topic]


def test_an_export_is_whole_or_the_one_before(tmp_path: Path) -> None:
    """A full disk leaves no half of a file; a link goes on pointing where it did."""
    (tmp_path / "march.csv").write_text("before")
    file = tmp_path / "newest.csv"
    file.symlink_to("march.csv")
    with pytest.raises(OSError, match="No space"), output.whole(file) as path:
        path.write_text("ha")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert file.read_text() == "before"
    with output.whole(file) as path:
        path.write_text("after")
    assert file.is_symlink() and (tmp_path / "march.csv").read_text() == "after"
    assert len(list(tmp_path.iterdir())) == 2


def test_parquet_has_types(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers are numbers, and what another program reads is what was recorded."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "defects.parquet"
    assert command(capsys, "export", folder, "--parquet", "--topic", "defect.", "--out", file)[0] == 0
    table = parquet.read_table(file)
    assert str(table.schema.field("start_mm").type) == "double" and str(table.schema.field("seq").type) == "int64"
    assert table.column("area_mm2").to_pylist() == [88.25] * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["verify", "nowhere"], "holds no journal"),
        (["export", "nowhere", "--csv"], "holds no journal"),
        (["export", "journal", "--parquet"], "Give --out FILE"),
        (["export", "journal", "--csv", "--out", "no/such/folder/a.csv"], "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_done_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """In one line, with exit code 1."""
    monkeypatch.chdir(folder.parent)
    assert main(["journal", *words]) == 1
    assert message in capsys.readouterr().err
