"""A write-ahead log that somebody overwrote under a running journal takes nothing with it but what it held."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from inspector.errors import JournalError
from inspector.events import home
from inspector.events.verify import verify
from inspector.events.write_ahead import FRAME_HEAD, HEAD, whole_frames
from tests.journals import ALARM, COIL, DEFECT, events, held, newest, opened

PAGE = 4096


def log_of(folder: Path) -> Path:
    """The log of the file that is written."""
    return newest(folder).with_name(f"{newest(folder).name}-wal")


def overwrite(log: Path, at: int) -> None:
    """Put noise in the place of all that follows a byte, in the same file."""
    with log.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(at).randbytes(log.stat().st_size - at))
    found = log.stat()  # the journal may have written in the same tick of the kernel's clock
    os.utime(log, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000_000))


def killed(folder: Path, commits: int) -> tuple[Path, int]:
    """A journal of a process that was killed: all of it is in the log. Return where that is, and the last number."""
    journal = opened(folder / "written")
    for number in range(commits):
        journal.record([DEFECT, ALARM], {"strip": bytes([number])})
    shutil.copytree(folder / "written", folder / "journal")
    (folder / "journal" / home.NAME).unlink()  # by which a copy is known
    last_seq = journal.last_seq
    journal.close()
    return folder / "journal", last_seq


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_byte_of_a_killed_lines_log(tmp_path: Path, share: float) -> None:
    """SQLite drops all behind it in silence: that is found, reported, and no number is given out twice."""
    folder, last_seq = killed(tmp_path, commits=40)
    log = log_of(folder)
    content = bytearray(log.read_bytes())
    content[round(share * len(content))] ^= 4
    log.write_bytes(content)
    (fault,) = [fault for file in verify(folder) for fault in file.faults]
    assert "its write-ahead log was changed" in fault
    journal = opened(folder, epoch="e2")
    (event,) = events(journal.record([DEFECT]))
    assert (event.epoch, event.seq > last_seq) == ("e1", True)
    changed, skipped = journal.remarks
    assert "was changed while nobody wrote it" in changed and "used twice" in skipped
    kept = [event.seq for event in events(held(journal))]
    assert 0 < len(kept) - 1 < last_seq and kept[:-1] == [*range(1, len(kept))]
    journal.close()
    journal = opened(folder)
    assert journal.remarks == [] and journal.last_seq == event.seq
    journal.close()


@pytest.mark.parametrize("torn", [0, 1, 2])
def test_a_commit_that_a_power_cut_tore_is_no_damage(tmp_path: Path, torn: int) -> None:
    """The last commit may lack any of its frames: nobody has received what was in it, and its numbers are free."""
    folder, last_seq = killed(tmp_path, commits=5)
    log = log_of(folder)
    content = bytearray(log.read_bytes())
    begin = HEAD + (len(content) // (FRAME_HEAD + PAGE) - 1 - torn) * (FRAME_HEAD + PAGE)
    content[begin + FRAME_HEAD : begin + FRAME_HEAD + PAGE] = bytes(PAGE)
    log.write_bytes(content)
    assert [fault for file in verify(folder) for fault in file.faults] == []
    journal = opened(folder)
    assert (journal.remarks, journal.last_seq) == ([], last_seq - 2)
    journal.close()


def test_frames_that_are_whole(tmp_path: Path) -> None:
    """All as SQLite wrote them; those before the first that was changed; none of noise, of nothing, of half a head."""
    journal = opened(tmp_path)
    for _ in range(5):
        journal.record([DEFECT])
    written = log_of(tmp_path).read_bytes()
    journal.close()
    frames, copy = (len(written) - HEAD) // (FRAME_HEAD + PAGE), tmp_path / "copy"
    copy.write_bytes(written)
    assert whole_frames(copy) == frames > 5
    overwrite(copy, HEAD + 3 * (FRAME_HEAD + PAGE) + 100)
    assert whole_frames(copy) == 3
    for content in (b"", written[:20], random.Random(1).randbytes(9000), b"\0" * 5000, written[:HEAD]):
        copy.write_bytes(content)
        assert whole_frames(copy) == 0


@pytest.mark.parametrize("is_read", [False, True])
@pytest.mark.parametrize("at", [0, 50_000])
def test_an_overwritten_log(tmp_path: Path, at: int, is_read: bool) -> None:
    """What was in the database stays, what of the log is whole too; it is reported, and the numbers go on."""
    journal = opened(tmp_path, max_mb=64)
    while journal.last_seq < 150:
        journal.record([DEFECT, ALARM, COIL])
    journal.recover()  # folds the log into the database
    folded = journal.last_seq
    while journal.last_seq < folded + 30:  # all of it is in the log
        journal.record([DEFECT, ALARM, COIL])
    last_seq = journal.last_seq
    if is_read:
        assert journal.replay(0, limit=5).messages
    overwrite(log_of(tmp_path), at)
    with pytest.raises(JournalError, match=r"-wal: was changed while the inspector runs"):
        journal.record([DEFECT])
    journal.recover()
    (event,) = events(journal.record([DEFECT]))
    assert event.seq == last_seq + 1
    (remark,) = journal.remarks
    assert f"of {last_seq}: the others can be replayed no more" in remark
    kept = [event.seq for event in events(held(journal))]
    assert kept[:folded] == [*range(1, folded + 1)] and kept[-1] == last_seq + 1
    assert (len(kept) > folded + 1) == bool(at)
    journal.close()
    (fault, *_) = [fault for file in verify(tmp_path) for fault in file.faults]
    assert fault == f"events {len(kept)} to {last_seq} are in no file"
