"""The journal's laws, on real files: durable, gap-free, byte-identical, bounded, one process."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.errors import JournalError
from inspector.events.message import Message, topic_root
from inspector.records.envelope import LIMIT_SEQS
from inspector.records.events import CONTRACT, Data, Heartbeat
from inspector.signals import Flag
from tests.journals import ALARM, COIL, DEFECT, LONG_HEALTH, MISSED, events, held, opened


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
    assert 1 < journal.first_seq < journal.last_seq - 90
    assert [event.seq for event in events(held(journal))] == [*range(journal.first_seq, 801)]
    assert journal.replay(0, limit=1).messages[0] == next(held(journal))
    journal.close()


def test_replay_filters_pages_and_looks_at_a_bounded_stretch(tmp_path: Path) -> None:
    """A rare topic is found by asking on from `through_seq`, each call reading LIMIT_SEQS events at most."""
    journal = opened(tmp_path)
    journal.record([DEFECT] * (2 * LIMIT_SEQS) + [ALARM] + [DEFECT] * 3)
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
            if not found.messages:
                time.sleep(0.001)  # as a subscriber between two polls; the writer has the processor meanwhile

    reading = threading.Thread(target=read)
    reading.start()
    for _ in range(100):
        recorded += journal.record([LONG_HEALTH] * 16)
    over.set()
    reading.join()
    assert received and all(recorded[seq - 1] == message for seq, message in received.items())
    assert max(received) == 1600
    journal.close()


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
