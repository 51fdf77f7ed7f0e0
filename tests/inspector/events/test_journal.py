"""The journal's laws, on real files: durable, gap-free, byte-identical, bounded, one process."""

from __future__ import annotations

import itertools
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.errors import JournalError
from inspector.events.journal import SCAN_SEQS, Journal, Message, topic_root
from inspector.records.envelope import Event, read_event
from inspector.records.events import CONTRACT, Alarm, CoilReport, Data, Health, Heartbeat, Missed
from inspector.signals import Flag
from tests.defects import any_defect

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

DEFECT = any_defect(
    id="a-1",
    name="scratches",
    camera="cam1",
    coil="C1042",
    start_mm=1500.0,
    end_mm=1750.5,
    left_mm=12.0,
    right_mm=13.5,
    area_mm2=88.25,
    confidence=0.97,
    frames=2,
    recipe="steel@1",
    captured_ns=1_700_000_000_000_000_000,
)
ALARM = Alarm(
    name="long-scratch",
    state="unacknowledged",
    priority="high",
    coil="C1042",
    camera="cam1",
    message="3 within 10 m",
    count=3,
    defect_id="a-1",
)
COIL = CoilReport(state="started", coil="C1042", inspected_m=0, missed_m=0, frames=0, defects={})
MISSED = Missed(camera="cam1", coil="", start_mm=0, end_mm=500, reasons={"crc": 1})
LONG_HEALTH = Health(state="started", message="x" * 3000, recipe="steel@1", version="1")


def opened(path: Path, max_mb: int = 8, epoch: str = "e1") -> Journal:
    """A journal at `path`, which is of `epoch` when it is new."""
    return Journal(path, max_mb, "/inspector/line3", clock_utc=lambda: NOON, new_epoch=lambda: epoch)


def held(journal: Journal) -> Iterator[Message]:
    """Everything in the journal, in pages."""
    through = 0
    while through < journal.last_seq:
        page = journal.replay(through, limit=7)
        yield from page.messages
        through = page.through_seq


def events(messages: Iterable[Message]) -> list[Event]:
    """The messages, read."""
    return [read_event(message.payload) for message in messages]


def test_envelope_is_cloudevents(tmp_path: Path) -> None:
    """A recorded defect becomes a CloudEvents 1.0 envelope under its topic."""
    journal = opened(tmp_path)
    (topic, payload), missed, health = journal.record([DEFECT, MISSED, LONG_HEALTH])
    assert topic == "defect.scratches"
    envelope = msgspec.json.decode(payload)
    assert envelope.pop("data") == msgspec.to_builtins(DEFECT)
    assert envelope == {
        "specversion": "1.0",
        "id": "e1-1",
        "source": "/inspector/line3",
        "type": "defect.scratches",
        "time": "2026-03-01T12:00:00.000Z",
        "subject": "C1042",
        "datacontenttype": "application/json",
        "contract": CONTRACT,
        "epoch": "e1",
        "seq": 1,
        "topicseq": 1,
    }
    assert [event.subject for event in events((missed, health))] == ["-", "-"]
    journal.close()


def test_heartbeat_tells_the_last_numbers_and_is_not_recorded(tmp_path: Path) -> None:
    """A heartbeat carries the last seq of all and of each topic root, and takes no number itself."""
    journal = opened(tmp_path)
    journal.record([DEFECT, ALARM, DEFECT])
    (beat,) = events([journal.heartbeat()])
    assert (beat.type, beat.seq, beat.topicseq) == ("health.heartbeat", 0, 0)
    assert beat.data == Heartbeat(last_seq=3, last_topicseq={"defect.": 2, "alarm.": 1})
    assert (journal.last_seq, dict(journal.last_topicseq)) == (3, {"defect.": 2, "alarm.": 1})
    journal.close()


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.none() | st.lists(st.sampled_from([DEFECT, ALARM, COIL, MISSED, LONG_HEALTH]), max_size=30),
        max_size=25,
    )
)
def test_any_history_replays_without_holes(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[Data] | None]
) -> None:
    """Whatever is recorded, rotated and reopened comes back byte for byte, with both numbers gap-free."""
    path = tmp_path_factory.mktemp("journal")
    journal, recorded = opened(path, max_mb=1), list[Message]()
    for number, reported in enumerate(steps):
        if reported is None:
            journal.close()
            journal = opened(path, max_mb=1, epoch=f"never used {number}")
        else:
            recorded += journal.record(reported)
    assert list(held(journal)) == recorded[journal.first_seq - 1 :]
    assert journal.last_seq == len(recorded)
    counts: dict[str, int] = {}
    for seq, event in enumerate(events(recorded), 1):
        root = topic_root(event.type)
        counts[root] = counts.get(root, 0) + 1
        assert (event.epoch, event.seq, event.topicseq) == ("e1", seq, counts[root])
    assert journal.last_topicseq == counts
    journal.close()


def test_size_stays_below_the_limit_and_the_newest_are_held(tmp_path: Path) -> None:
    """Rotation keeps all files together below max_mb, drops the oldest only, and knows the first seq held."""
    journal = opened(tmp_path, max_mb=1)
    for _ in range(100):
        journal.record([LONG_HEALTH] * 8)
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2**20
    assert 1 < journal.first_seq < journal.last_seq - 100
    assert [event.seq for event in events(held(journal))] == [*range(journal.first_seq, 801)]
    assert journal.replay(0, limit=1).messages[0] == next(held(journal))
    journal.close()


def test_replay_filters_pages_and_looks_at_a_bounded_stretch(tmp_path: Path) -> None:
    """A rare topic is found by asking on from `through_seq`, each call reading SCAN_SEQS events at most."""
    journal = opened(tmp_path)
    journal.record([DEFECT] * (2 * SCAN_SEQS) + [ALARM] + [DEFECT] * 3)
    pages, after = [], 0
    while after < journal.last_seq:
        pages.append(journal.replay(after, limit=1000, prefix="alarm."))
        after = pages[-1].through_seq
    assert [len(page.messages) for page in pages] == [0, 0, 1]
    assert journal.replay(10, limit=3) == (tuple(itertools.islice(held(journal), 10, 13)), 13)
    assert journal.replay(journal.last_seq + 5, limit=3) == ((), journal.last_seq)
    journal.close()


def test_second_daemon_is_refused(tmp_path: Path) -> None:
    """Two journals cannot be open on one folder; the message names the process that holds it."""
    journal = opened(tmp_path)
    with pytest.raises(JournalError, match=f"in use by process {os.getpid()}; .* its own journal.path"):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


def test_a_reader_in_a_shell_disturbs_nothing(tmp_path: Path) -> None:
    """Somebody's open read transaction holds up neither recording nor rotation."""
    journal = opened(tmp_path, max_mb=1)
    journal.record([DEFECT])
    shell = sqlite3.connect(next(tmp_path.glob("*.sqlite")), isolation_level=None)
    shell.execute("BEGIN")
    assert shell.execute("SELECT count(*) FROM event").fetchone() == (1,)
    for _ in range(10):
        journal.record([LONG_HEALTH] * 8)
    assert len(list(tmp_path.glob("*.sqlite"))) > 1
    assert len(list(held(journal))) == 81
    shell.close()
    journal.close()


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


# --- disks that fail ----------------------------------------------------------------------------------------


class FailingDisk(apsw.VFS):
    """SQLite's door to the disk: fills up on request, and knows what a power cut would leave of each file."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__("failing", base="unix", makedefault=True)
        self.chance = chance
        self.is_full = False
        self.durable: dict[str, bytes] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        """Writes (offset, bytes) and truncations (size, None) since the last fsync."""
        self.acknowledged = 0
        self.cuts: list[tuple[int, dict[str, bytes]]] = []
        """What was acknowledged when the power went, and the files then."""

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        opened_file = FailingFile(self, name, flags)
        self.follow(f"{opened_file.name}.new", opened_file.name)
        return opened_file

    def follow(self, before: str, name: str) -> None:
        """Take what is known of a file along to the name that it has now."""
        if before in self.durable and not Path(before).exists():
            self.durable[name], self.pending[name] = self.durable.pop(before), self.pending.pop(before)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)
        self.pending.pop(filename, None)

    def sync(self, name: str) -> None:
        self.durable[name] = self.after_cut(name, loses=lambda: False)
        self.pending[name] = []

    def after_cut(self, name: str, loses: Callable[[], bool]) -> bytes:
        content = bytearray(self.durable.get(name, b""))
        for offset, written in self.pending.get(name, ()):
            if loses():
                continue
            if written is None:
                del content[offset:]
                continue
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(written)] = written
        return bytes(content)

    def maybe_cut(self) -> None:
        if self.chance.random() < 0.08:
            names = [name for name in self.durable | self.pending if Path(name).exists()]
            files = {name: self.after_cut(name, lambda: self.chance.random() < 0.5) for name in names}
            self.cuts.append((self.acknowledged, files))


class FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self.disk = disk
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.is_full:
            raise apsw.FullError("full")
        super().xWrite(data, offset)
        self.disk.pending.setdefault(self.name, []).append((offset, bytes(data)))
        self.disk.maybe_cut()

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self.disk.pending.setdefault(self.name, []).append((newsize, None))

    def xSync(self, flags: int) -> None:
        self.disk.maybe_cut()
        super().xSync(flags)
        self.disk.sync(self.name)
        self.disk.maybe_cut()


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    """The disk of every SQLite connection opened meanwhile."""
    disk = FailingDisk(random.Random(7))
    try:
        yield disk
    finally:
        disk.unregister()


def test_full_disk_is_said_and_nothing_is_half_recorded(tmp_path: Path) -> None:
    """A full disk ends in words and in no event at all; with room again, the numbers go on without a hole."""
    with failing_disk() as disk:
        journal = opened(tmp_path)
        journal.record([DEFECT])
        disk.is_full = True
        with pytest.raises(JournalError, match=r"The disk is full: free space on it, or lower journal.max_mb"):
            journal.record([ALARM, DEFECT])
        disk.is_full = False
        assert [event.seq for event in events(held(journal))] == [1]
        journal.record([DEFECT])
        journal.close()
    journal = opened(tmp_path)
    assert [(event.type, event.seq) for event in events(held(journal))] == [
        ("defect.scratches", 1),
        ("defect.scratches", 2),
    ]
    journal.close()


def test_power_cuts_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Power cuts at random writes and fsyncs, any unsynced write lost, leave all that was recorded."""
    recorded: list[Message] = []
    with failing_disk() as disk:
        journal = opened(tmp_path / "running", max_mb=1)
        for _ in range(40):
            recorded += journal.record([DEFECT, LONG_HEALTH, ALARM])
            disk.acknowledged = len(recorded)
        journal.close()
    assert len(list((tmp_path / "running").glob("*.sqlite"))) > 1, "rotation was part of it"
    assert len(disk.cuts) > 50
    for number, (acknowledged, files) in enumerate(disk.cuts):
        path = tmp_path / f"cut-{number}"
        path.mkdir()
        for name, content in files.items():
            (path / Path(name).name).write_bytes(content)
        journal = opened(path, max_mb=1, epoch="e2")
        survived = list(held(journal))
        assert survived[:acknowledged] == recorded[:acknowledged]
        assert survived == recorded[: len(survived)]
        journal.close()


# --- somebody meddles with the files ------------------------------------------------------------------------


def newest(path: Path) -> Path:
    """The segment that is written."""
    return max(path.glob("events-*.sqlite"))


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


def test_one_large_group_stays_below_the_limit(tmp_path: Path) -> None:
    """Retention keeps up within a call too: a frame of noise must not fill the disk."""
    journal = opened(tmp_path, max_mb=1)
    recorded = journal.record([LONG_HEALTH] * 2000)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2**20
    assert len(recorded) == journal.last_seq == 2000
    assert tuple(held(journal)) == recorded[journal.first_seq - 1 :]
    journal.close()


@pytest.mark.slow
def test_a_reader_on_another_thread_sees_whole_groups(tmp_path: Path) -> None:
    """Replay goes on while events are recorded and files come and go: in order, byte for byte, no hole."""
    journal = opened(tmp_path, max_mb=1)
    recorded: list[Message] = []
    received: dict[int, Message] = {}
    over = Flag()

    def read() -> None:
        after = 0
        while not over.is_set() or after < journal.last_seq:
            found = journal.replay(after, 50)
            first = found.through_seq - len(found.messages) + 1
            received.update(enumerate(found.messages, first))
            after = found.through_seq

    reading = threading.Thread(target=read)
    reading.start()
    for _ in range(200):
        recorded += journal.record([LONG_HEALTH] * 8)
    over.set()
    reading.join()
    assert received and all(recorded[seq - 1] == message for seq, message in received.items())
    assert max(received) == 1600
    journal.close()


RECORDING = """
import os, sys, threading, time
from datetime import UTC, datetime
from pathlib import Path
from inspector.events.journal import Journal
from inspector.records.events import Health

def go_on():
    while not Path(os.environ["SYNCING"]).exists():
        time.sleep(0.001)
    Path(os.environ["PASSED"]).touch()

journal = Journal(Path(sys.argv[1]), 8, "/inspector/l", lambda: datetime.now(UTC), lambda: "e1")
os.environ["SYNCING"], os.environ["PASSED"] = sys.argv[2:]
threading.Thread(target=go_on).start()
journal.record([Health(state="started", message="", recipe="r", version="1")])
journal.close()
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="the disk that waits is made by a C compiler")
def test_a_slow_disk_stops_no_other_thread(tmp_path: Path) -> None:
    """A commit waits for the disk without the interpreter's lock: frames, heartbeats and replay go on meanwhile."""
    disk = tmp_path / "waiting_disk.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", disk, Path(__file__).with_name("waiting_disk.c")], check=True
    )
    command = [sys.executable, "-c", RECORDING, *(str(tmp_path / name) for name in ("journal", "syncing", "passed"))]
    done = subprocess.run(command, env={**os.environ, "LD_PRELOAD": str(disk)}, check=False)
    assert done.returncode == 0
    assert (tmp_path / "syncing").exists(), "the disk was never asked to wait"


def test_states_are_kept_with_the_events(tmp_path: Path) -> None:
    """What the stages have to know is there after a restart and over rotation, as of the last events recorded."""
    journal = opened(tmp_path, max_mb=1)
    assert journal.states == {}
    journal.record([DEFECT], {"strip": b"1", "alarms": b"a"})
    journal.record([], {"strip": b"2"})
    journal.close()
    journal = opened(tmp_path, max_mb=1)
    assert (journal.states, journal.last_seq) == ({"strip": b"2", "alarms": b"a"}, 1)
    while len([*tmp_path.glob("events-*.sqlite")]) < 3:
        journal.record([LONG_HEALTH] * 100)
    journal.close()
    journal = opened(tmp_path, max_mb=1)
    assert journal.states == {"strip": b"2", "alarms": b"a"}
    journal.close()


def test_states_that_stay_the_same_are_not_written(tmp_path: Path) -> None:
    """A line that stands writes nothing, however often its states are handed over."""
    journal = opened(tmp_path)
    journal.record([DEFECT], {"strip": b"1"})
    before = {file: file.stat().st_size for file in tmp_path.iterdir()}
    for _ in range(9):
        journal.record([], {"strip": b"1"})
    assert {file: file.stat().st_size for file in tmp_path.iterdir()} == before
    journal.close()


def test_a_journal_of_0_1_has_no_states(tmp_path: Path) -> None:
    """A journal that was written before there were states is read, and keeps them from then on."""
    journal = opened(tmp_path)
    journal.record([DEFECT])
    journal.close()
    (file,) = tmp_path.glob("events-*.sqlite")
    with closing(apsw.Connection(str(file))) as old:
        old.execute("DROP TABLE stage")
    journal = opened(tmp_path)
    assert journal.states == {}
    journal.record([], {"strip": b"1"})
    journal.close()
    journal = opened(tmp_path)
    assert (journal.states, journal.last_seq) == ({"strip": b"1"}, 1)
    journal.close()


def test_without_a_descriptor_the_file_grows_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever opens connections without end does not end the line: rotation waits until a file can be opened."""
    journal = opened(tmp_path, max_mb=1)
    journal.record([LONG_HEALTH])
    held_open: list[int] = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, limits[1]))
        with pytest.raises(OSError):
            while True:
                held_open.append(os.dup(0))
        for _ in range(10):
            journal.record([LONG_HEALTH] * 8)
        assert len(journal.position.starts) == 1
    finally:
        for number in held_open:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    journal.record([LONG_HEALTH] * 8)
    assert max(journal.position.starts) > 1
    assert caplog.text.count("no file descriptor left") == 1
    assert [event.seq for event in events(held(journal))] == [*range(journal.first_seq, 90)]
    journal.close()
