"""The client against a real publisher: in order, each event once, and every loss either mended or reported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.client import Events
from inspector.errors import SocketError
from inspector.gaps import Gap
from inspector.records.envelope import LIMIT_SEQS
from inspector.records.events import Data, Health, Heartbeat
from tests.lines import ALARM, COIL, FailingReplay, Line, seqs, take

ROOT = Path(__file__).parents[2]

HEALTH = Health(state="started", message="x" * 1000, recipe="steel@1", version="1")
SCRATCH_ALARM = msgspec.structs.replace(ALARM, name="scratches", defect_id="a-2")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line that runs."""
    with Line(tmp_path / "journal") as line:
        yield line


def test_events_come_typed_and_in_order(line: Line) -> None:
    """What is published is yielded as records, heartbeats kept back."""
    with line.listen() as events:
        line.say(COIL, ALARM)
        assert [(event.seq, event.data) for event in take(events, 2)] == [(1, COIL), (2, ALARM)]
        assert events.lost == 0


def test_begins_with_now_unless_asked_otherwise(line: Line) -> None:
    """Without `after`, what was published before does not come, and is no loss."""
    with line.listen(after=None, heartbeats=True) as early:
        next(early)
        line.say(COIL, COIL)
        while next(early).seq != 2:  # both have been sent
            pass
    with line.listen(after=None, heartbeats=True) as events:
        assert next(events).data == Heartbeat(last_seq=2, last_topicseq={"coil.": 2})
        line.say(ALARM)
        assert next(event for event in events if event.seq).seq == 3
        assert events.lost == 0


KINDS: list[tuple[Data, str]] = [
    (COIL, "coil.started"),
    (ALARM, "alarm.pits"),
    (SCRATCH_ALARM, "alarm.scratches"),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reported=st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), max_size=12),
    topics=st.sampled_from([("",), ("alarm.",), ("alarm.scratches",), ("alarm.pits", "coil."), ("al",)]),
)
def test_any_loss_is_mended(line: Line, reported: list[tuple[tuple[Data, str], bool]], topics: tuple[str, ...]) -> None:
    """Whichever messages are lost, for whichever topics, each event comes once and in order."""
    with line.listen(topics=topics) as events:
        first = line.journal.last_seq + 1
        for (data, _), lost in reported:
            line.say(data, lost=lost)
        wanted = [seq for seq, ((_, topic), _) in enumerate(reported, first) if topic.startswith(topics)]
        assert seqs(take(events, len(wanted))) == wanted
        assert events.lost == 0


@pytest.mark.parametrize("topics", [("",), ("coil.",)])
def test_resumes_after_a_number(line: Line, topics: tuple[str, ...]) -> None:
    """`after` brings what followed it, from the journal first, then live, each once."""
    line.say(COIL, ALARM, COIL, COIL)
    with line.listen(after=(None, 1), topics=topics) as events:
        past = take(events, 3 if topics == ("",) else 2)
        line.say(COIL)
        assert seqs(past + take(events, 1)) == ([2, 3, 4, 5] if topics == ("",) else [3, 4, 5])
        assert events.lost == 0


def test_without_replay_loss_is_counted_and_reported(line: Line) -> None:
    """With nobody to ask, each hole is reported with its bounds, before the event that showed it."""
    gaps: list[Gap] = []
    with line.listen(replay=None, on_gap=gaps.append, heartbeats=True) as events:
        assert next(events).seq == 0
        line.say(COIL, COIL, lost=True)
        line.say(COIL)
        while next(events).seq != 3:
            assert not gaps or gaps[0].last_seq == 2
        line.say(COIL, lost=True)
        while events.lost < 3:
            next(events)
    assert [(gap.count, gap.reason) for gap in gaps] in (
        [(2, "no replay address was given"), (1, "no replay address was given")],
        [(1, "no replay address was given")] * 3,
    )
    assert (gaps[0].first_seq, gaps[-1].first_seq, gaps[-1].last_seq) == (1, 4, 4)


def test_replay_that_does_not_answer_is_reported(line: Line) -> None:
    """A dead replay address costs its patience once, and the loss is reported."""
    gaps: list[Gap] = []
    dead = "tcp://127.0.0.1:9"
    with line.listen(replay=dead, patience_s=0.15, on_gap=gaps.append, heartbeats=True) as events:
        assert next(events).seq == 0
        line.say(COIL, lost=True)
        line.say(COIL)
        assert next(event for event in events if event.seq).seq == 2
    assert [(gap.first_seq, gap.last_seq, gap.count) for gap in gaps] == [(1, 1, 1)]
    assert gaps[0].reason == "tcp://127.0.0.1:9 did not answer within 0.15 s"


@pytest.mark.parametrize(
    ("topics", "after", "exact"), [(("",), 0, True), (("health.",), 0, True), (("health.",), 2, False)]
)
def test_what_the_journal_no_longer_holds_is_reported(
    tmp_path: Path, topics: tuple[str, ...], after: int, exact: bool
) -> None:
    """Whoever comes back too late learns how many are gone, then gets all that is left."""
    gaps: list[Gap] = []
    with Line(tmp_path / "journal", max_mb=1) as line:
        for _ in range(30):
            line.say(*[HEALTH] * 50, COIL)
        first, last = line.journal.first_seq, line.journal.last_seq
        assert first > 100
        wanted = [seq for seq in range(first, last + 1) if topics == ("",) or seq % 51]
        with line.listen(after=("e1", after), topics=topics, on_gap=gaps.append) as events:
            assert seqs(take(events, len(wanted))) == wanted
    (gap,) = gaps
    gone = [seq for seq in range(after + 1, first) if topics == ("",) or seq % 51]
    assert gap.count == (len(gone) if exact else first - 1 - after)
    assert (gap.first_seq, events.lost) == (after + 1, gap.count)
    assert gap.reason.startswith("the journal no longer holds them")


def test_restart_of_the_daemon_loses_nothing(tmp_path: Path) -> None:
    """What was recorded and never published, as after kill -9, reaches a client after the restart."""
    with Line(tmp_path / "journal") as line:
        binds = (line.publisher.address, line.replays.address)
        events = line.listen()
        line.say(COIL)
        assert next(events).seq == 1
        with line.turn:
            line.journal.record([COIL])
            line.is_over.set()
    with Line(tmp_path / "journal", binds=binds) as line, events:
        line.say(ALARM)
        assert seqs(take(events, 2)) == [2, 3]
        assert events.lost == 0


def test_new_journal_is_reported_and_read_from_its_beginning(tmp_path: Path) -> None:
    """Another epoch at the same address: the end of the old one is unknown, the new one comes whole."""
    gaps: list[Gap] = []
    with Line(tmp_path / "new", "e2") as line:
        line.say(COIL, ALARM, lost=True)
        with line.listen(after=("e1", 70), on_gap=gaps.append) as events:
            assert [(event.epoch, event.seq) for event in take(events, 2)] == [("e2", 1), ("e2", 2)]
    assert [(gap.epoch, gap.first_seq, gap.last_seq, gap.count) for gap in gaps] == [("e1", 71, None, 0)]
    assert "replaced" in gaps[0].reason


def test_journal_that_went_back_is_reported(line: Line) -> None:
    """A journal that ends before what was received from it, as after restoring a copy, is no silent end."""
    gaps: list[Gap] = []
    line.say(COIL)
    with line.listen(after=("e1", 70), on_gap=gaps.append, heartbeats=True) as events:
        assert next(events).seq == 0
        assert "went back to 1" in gaps[0].reason
        line.say(COIL)
        assert next(event for event in events if event.seq).seq == 2


def test_slow_subscriber_gets_everything_once(tmp_path: Path) -> None:
    """Far behind a full queue, a client still gets each event exactly once, in order."""
    with Line(tmp_path / "journal", max_mb=64, hwm=10) as line, line.listen() as events:
        line.say(COIL)
        received = take(events, 1)
        for _ in range(25):
            line.say(*[HEALTH] * 200)
        received += take(events, 5_000)
        assert seqs(received) == [*range(1, 5_002)]
        assert events.lost == 0


def test_silence_ends_iteration_and_it_goes_on_later(line: Line) -> None:
    """A timeout ends the loop; the next loop goes on where it stood."""
    with line.listen(timeout_s=0.2) as events:
        line.say(COIL)
        assert seqs(list(events)) == [1]
        line.say(COIL, COIL)
        for event in events:
            assert event.seq == 2
            break
        assert seqs(list(events)) == [3]


def test_bad_address_is_refused() -> None:
    """What is no address is reported with an example of one."""
    with pytest.raises(SocketError, match=r"localhost:5556: .*Write tcp://HOST:PORT"):
        Events("localhost:5556")


def test_import_is_light() -> None:
    """Whoever subscribes needs neither the journal's SQLite nor an engine."""
    heavy = {"apsw", "cv2", "openvino", "prometheus_client"}
    code = f"import sys, inspector.client; print(*{heavy} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    assert ended.stdout.split() == []


def test_no_heartbeats_of_zeromq(line: Line) -> None:
    """With them libzmq aborts a program that is busy for long (tests/soak/late.py takes the time to show it)."""
    with line.listen() as events:
        assert events._replay is not None
        ends = (events._live, events._replay, line.publisher._events, line.replays._socket)
        assert [end.getsockopt(zmq.HEARTBEAT_IVL) for end in ends] == [0] * 4


def test_a_replay_address_where_no_journal_is(line: Line) -> None:
    """Another kind of socket, or nobody at all: patience, then a loss that is reported, and the stream goes on."""
    line.say(COIL, COIL, lost=True)
    for nowhere in (line.publisher.address, "tcp://127.0.0.1:9"):
        gaps: list[Gap] = []
        with line.listen(replay=nowhere, after=("e1", 0), patience_s=0.3, on_gap=gaps.append) as events:
            while not gaps:
                line.say(ALARM)
                next(events, None)  # silence ends an iteration, and it is taken up again
            assert (gaps[0].first_seq, gaps[0].count) == (1, gaps[0].last_seq)
            assert gaps[0].reason == f"{nowhere} did not answer within 0.3 s"


@pytest.mark.parametrize(("errors", "came"), [(2, [1, 2]), (3, [])])
def test_an_error_is_asked_again(line: Line, errors: int, came: list[int]) -> None:
    """It says nothing of what is gone: three times in all, with pauses; then what did not come is reported."""
    gaps: list[Gap] = []
    line.say(COIL, COIL)
    with FailingReplay(line, errors) as failing:
        replay, after = failing.address, (None, 0)
        with line.listen(replay=replay, after=after, patience_s=0.9, heartbeats=True, on_gap=gaps.append) as events:
            assert [*iter(lambda: next(events).seq, 0)] == came
    lost = [] if came else [(2, False, "the disk is busy")]
    assert [(gap.count, gap.is_final, gap.reason) for gap in gaps] == lost


HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (NOON - HOUR, 1),
        (NOON + 2 * HOUR, 3),
        (NOON + 2.5 * HOUR, 4),
        ((NOON + 2 * HOUR).astimezone().replace(tzinfo=None), 3),
        (0, 1),
        (3, 3),
    ],
)
@pytest.mark.parametrize("topics", [("",), ("coil.",), ("coil.", "alarm.")])
def test_begins_at_a_time(tmp_path: Path, since: int | datetime, first: int, topics: tuple[str, ...]) -> None:
    """The first event is the one of that number, or the one that was recorded then, or the next."""
    hours = [0]
    with Line(tmp_path / "journal", clock_utc=lambda: NOON + hours[0] * HOUR) as line:
        for hours[0] in range(6):
            line.say(COIL)
        with line.listen(after=None, since=since, topics=topics) as events:
            assert seqs(take(events, 7 - first)) == [*range(first, 7)]
            assert events.lost == 0


@pytest.mark.parametrize("topics", [("alarm.",), ("alarm.pits",), ("alarm.", "health.")])
def test_the_first_since_a_time_lies_far_behind_it(tmp_path: Path, topics: tuple[str, ...]) -> None:
    """However many events of other topics the journal looks through before it: nothing that is stored is skipped."""
    hours = [0]
    with Line(tmp_path / "journal", max_mb=64, clock_utc=lambda: NOON + hours[0] * HOUR) as line:
        line.say(ALARM)
        hours[0] = 2
        line.say(*[COIL] * (2 * LIMIT_SEQS + 100), lost=True)
        line.say(ALARM, COIL, ALARM, lost=True)
        first = line.journal.last_seq - 2
        with line.listen(after=None, since=NOON + HOUR, topics=topics) as events:
            assert seqs(take(events, 2)) == [first, first + 2]
            assert events.lost == 0


def test_a_time_that_the_journal_was_not_asked_for(line: Line) -> None:
    """Nobody answers there: what was recorded since may be missing, and that is reported; the stream goes on."""
    line.say(COIL, COIL)
    gaps: list[Gap] = []
    nowhere = "tcp://127.0.0.1:9"
    options = {"replay": nowhere, "patience_s": 0.3, "on_gap": gaps.append}
    with line.listen(after=None, since=datetime.now(UTC) - HOUR, **options) as events:
        while not gaps:
            line.say(ALARM)
            next(events, None)
        assert (gaps[0].first_seq, gaps[0].count, gaps[0].is_final) == (1, 0, False)
        assert gaps[0].reason == f"{nowhere} did not answer within 0.3 s"
        line.say(HEALTH)
        while not take(events, 1)[0].type.startswith("health."):
            pass


def test_a_time_of_which_nothing_is_recorded_begins_with_now(line: Line) -> None:
    """What comes next is the first."""
    line.say(COIL, COIL)
    with line.listen(after=None, since=datetime.now(UTC) + HOUR, timeout_s=1.0) as events:
        assert next(events, None) is None
        line.say(HEALTH)
        assert seqs(take(events, 1)) == [3]
