"""What people read of an event, and how `inspector events` ends: real pipes, real signals."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import zmq

from inspector import __version__
from inspector.events.follow import EventsWanted, print_events
from inspector.events.journal import Journal
from inspector.events.publish import Publisher
from inspector.events.replay import Replays
from inspector.events.text import line, wants_colour
from inspector.records.envelope import Event, Unknown
from inspector.records.events import CoilReport, Data, Doubtful, Health, Heartbeat, Missed
from tests import journals

ROOT = Path(__file__).parents[3]

DEFECT = msgspec.structs.replace(
    journals.DEFECT,
    start_mm=123_456.7,
    end_mm=124_268.9,
    left_mm=812.0,
    right_mm=815.1,
    area_mm2=900.0,
    confidence=0.984,
    frames=4,
)
ALARM = msgspec.structs.replace(journals.ALARM, message="3 of scratches within 10 m")
ENDED = CoilReport(
    state="ended",
    coil="C1042",
    inspected_m=123.44,
    missed_m=1,
    frames=9,
    defects={"scratches": 4, "patches": 1},
)
STARTED = journals.COIL
MISSED = Missed(camera="cam1", coil="C1042", start_mm=12_000, end_mm=14_300, reasons={"full": 4, "crc": 1})
JUMPED = Missed(camera="cam1", coil="C1042", start_mm=0, end_mm=1, reasons={})
HEALTH = Health(state="started", message="warm", recipe="steel@1", version="0.1")
HOSTILE = Health(state="reload_failed", message="a\x1b[2Jb\nc", recipe="steel@1", version="0.1")


def event(data: Data) -> Event:
    """An envelope around `data`."""
    return Event(
        id="e1-1",
        source="/inspector/l",
        type="any",
        time="2026-03-01T14:03:07.412Z",
        subject="-",
        epoch="e1",
        seq=1,
        topicseq=1,
        data=data,
    )


def test_a_kind_without_a_layout_is_shown_as_it_came() -> None:
    """An event of a later version has its topic and its data on its line, cut where that is long."""
    unknown = msgspec.structs.replace(event(HEALTH), type="repeat.top", data=Unknown(kind="repeat", raw=b'{"mm":1}'))
    assert line(unknown, colour=False) == '14:03:07.412Z  repeat  top                  {"mm":1}'
    long = msgspec.structs.replace(unknown, data=Unknown(kind="repeat", raw=b"x" * 10_000))
    assert len(line(long, colour=False)) < 500 and line(long, colour=False).endswith(" ...")


def test_one_is_singular() -> None:
    """One frame, one defect: no plural."""
    ended = msgspec.structs.replace(ENDED, frames=1, defects={"scratches": 1})
    assert "1 frame, 1 defect (scratches 1)" in line(event(ended), colour=False)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            DEFECT,
            "defect  scratches            at    123.457 m     812.2 x    3.1 mm  "
            "across   812.0 to   815.1 mm   98%  C1042 cam1 top",
        ),
        (
            msgspec.structs.replace(DEFECT, name="patches", is_partial=True, confidence=1.0),
            "defect  patches              at    123.457 m     812.2 x    3.1 mm  "
            "across   812.0 to   815.1 mm  100%  C1042 cam1 top, goes on",
        ),
        (MISSED, "missed  cam1                 at     12.000 m    2300.0 mm  C1042: crc 1, full 4"),
        (
            Doubtful(camera="cam1", coil="C1042", start_mm=12_000, end_mm=14_300, faults=("dark", "frozen")),
            "doubt   cam1                 at     12.000 m    2300.0 mm  C1042: dark, frozen",
        ),
        (JUMPED, "missed  cam1                 at      0.000 m       1.0 mm  C1042: the position jumped"),
        (
            ALARM,
            "ALARM   long-scratch         high, unacknowledged: 3 of scratches within 10 m  C1042 cam1",
        ),
        (STARTED, "coil    C1042                started"),
        (
            ENDED,
            "coil    C1042                ended: 123.4 m inspected, 1.0 m missed, 9 frames, "
            "5 defects (patches 1, scratches 4)",
        ),
        (HEALTH, "health  started              warm  steel@1 0.1"),
        (HOSTILE, "health  reload_failed        a?[2Jb?c  steel@1 0.1"),
        (Heartbeat(last_seq=7, last_topicseq={}), "beat                         last seq 7"),
    ],
)
def test_line(data: Data, text: str) -> None:
    """Each kind of event is one aligned line, and nothing in it can move the cursor."""
    assert line(event(data), colour=False) == f"14:03:07.412Z  {text}"


def test_colour_wraps_the_same_text() -> None:
    """Colour changes no character, and an alarm that is gone looks unlike one that stands."""
    plain = line(event(ALARM), colour=False)
    assert line(event(ALARM), colour=True) == f"\x1b[1;31m{plain}\x1b[0m"
    assert line(event(msgspec.structs.replace(ALARM, state="normal")), colour=True).startswith("\x1b[32m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environ", "wanted"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_is_for_terminals(out: io.StringIO, environ: dict[str, str], wanted: bool) -> None:
    """Pipes and NO_COLOR get plain text."""
    assert wants_colour(out, environ) is wanted


class Feed(NamedTuple):
    """A publisher, which nobody serves, and its replay."""

    publisher: Publisher
    replays: Replays


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    """Three journalled events."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    journal = Journal(tmp_path, 8, "/inspector/l", clock_utc=lambda: datetime.now(UTC), new_epoch=lambda: "e1")
    journal.record([STARTED, DEFECT, ALARM])
    publisher = Publisher(context, "tcp://127.0.0.1:*", journal, hwm=100)
    replays = Replays(context, "tcp://127.0.0.1:*", journal)
    yield Feed(publisher, replays)
    replays.close()
    publisher.close()
    journal.close()
    context.destroy(linger=0)


COMMAND = """
import os, sys
from pathlib import Path
from inspector.events.follow import EventsWanted, print_events
connect, replay, since, *rest = sys.argv[1:]
count, timeout_s, as_json, *cursor = rest
wanted = EventsWanted(
    connect=connect, replay=replay or None, topics=["defect.", "alarm."], since=int(since),
    count=int(count) or None, timeout_s=float(timeout_s), as_json=as_json == "json",
    cursor=Path(*cursor) if cursor else None,
)
sys.exit(print_events(wanted, environ=os.environ, out=sys.stdout, err=sys.stderr))
"""


def command(feed: Feed, *options: str, replay: str | None = None, since: int = 1) -> subprocess.Popen[str]:
    """`inspector events` as a process of its own."""
    addresses = (feed.publisher.address, feed.replays.address if replay is None else replay, str(since))
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *addresses, *options],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def serve(feed: Feed, process: subprocess.Popen[str], seconds: float = 20) -> tuple[str, str, int]:
    """Live as the daemon does until the process ends; what it printed and its exit code."""
    for _ in range(int(seconds / 0.01)):
        feed.publisher.heartbeat()
        try:
            return *process.communicate(timeout=0.01), process.returncode
        except subprocess.TimeoutExpired:
            pass
    process.kill()
    raise AssertionError("it never ended")


def test_json_since_and_count(feed: Feed) -> None:
    """JSON since 1, counting 2: two CloudEvents of the topics asked for, one a line, and exit code 0."""
    out, err, code = serve(feed, command(feed, "2", "10", "json"))
    assert [json.loads(text)["type"] for text in out.splitlines()] == [
        "defect.scratches",
        "alarm.long-scratch",
    ]
    assert (err, code) == ("", 0)


def test_a_cursor_passes_what_was_printed(feed: Feed, tmp_path: Path) -> None:
    """The next run goes on behind the last event printed, also where it was the one counted to or Ctrl-C came."""
    cursor = str(tmp_path / "cursor")
    out, _, code = serve(feed, command(feed, "1", "10", "json", cursor))
    assert (json.loads(out)["seq"], code) == (2, 0)
    process = command(feed, "0", "20", "json", cursor)
    while not has_printed(process, feed):
        pass
    process.send_signal(signal.SIGINT)
    out, _, code = serve(feed, process)
    assert (json.loads(out)["seq"], code) == (3, 0)
    assert serve(feed, command(feed, "0", "1", "json", cursor)) == ("", "", 0)


def test_silence_ends_it(feed: Feed) -> None:
    """After the timeout it ends: 0, or 1 with words when fewer came than were to be counted."""
    out, err, code = serve(feed, command(feed, "0", "1", "text"))
    assert ("scratches" in out, "\x1b" in out, err, code) == (True, False, "", 0)
    _, err, code = serve(feed, command(feed, "3", "1", "text"))
    assert (err, code) == (f"2 of 3 events came; none for the last 1 s from {feed.publisher.address}.\n", 1)


def test_a_number_beyond_the_end_is_answered_by_where_that_is(feed: Feed) -> None:
    """Nobody can count what is not there: no number of lost events is given, but the journal's last one is."""
    out, err, code = serve(feed, command(feed, "0", "1", "text", since=1000))
    words = "LOST events, nobody can know how many, seq 1000 on: the journal ends at 3"
    assert (out, err.partition(";")[0], code) == ("", words, 0)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://no-such-host.invalid:5556", "ipc:///nowhere/at/all"])
@pytest.mark.parametrize("count", [0, 3])
def test_an_address_where_nobody_answers_is_named(address: str, count: int) -> None:
    """With a timeout it fails, and says which address was tried and what should be there."""
    out, err = io.StringIO(), io.StringIO()
    wanted = EventsWanted(connect=address, count=count or None, timeout_s=0.6)
    code = print_events(wanted, environ={}, out=out, err=err)
    words = f"nobody answers at {address}; expected an inspector's events.bind. Check the address, and that it runs.\n"
    assert (code, out.getvalue(), err.getvalue()) == (1, "", words)


def test_a_topic_that_no_event_has_is_named() -> None:
    """A slip of the pen would wait for ever: it is remarked on, with the topics that there are."""
    err = io.StringIO()
    topics = ["defcts", "al", "alarm.pits", ""]
    wanted = EventsWanted(connect="tcp://127.0.0.1:1", topics=topics, count=0, timeout_s=0.1)
    assert print_events(wanted, environ={}, out=io.StringIO(), err=err) == 0
    words = f"--topic defcts: no event of {__version__} has such a topic; they begin with access, alarm, archive, "
    assert err.getvalue().startswith(words) and err.getvalue().count("\n") == 1


def test_ctrl_c_ends_quietly(feed: Feed) -> None:
    """Ctrl-C is a way to end: exit code 0, no traceback."""
    process = command(feed, "0", "20", "text")
    assert process.stdout is not None
    while not has_printed(process, feed):
        pass
    process.send_signal(signal.SIGINT)
    _, err, code = serve(feed, process)
    assert (err, code) == ("", 0)


def test_closed_pipe_ends_quietly(feed: Feed) -> None:
    """A reader that goes away (`| head`) is a way to end: exit code 0, no traceback."""
    process = command(feed, "0", "20", "text")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stdout = None
    _, err, code = serve(feed, process)
    assert (err, code) == ("", 0)


def has_printed(process: subprocess.Popen[str], feed: Feed) -> bool:
    """Whether the process has printed anything, while the publisher lives on."""
    assert process.stdout is not None
    feed.publisher.heartbeat()
    poller = zmq.Poller()
    poller.register(process.stdout.fileno(), zmq.POLLIN)
    return bool(poller.poll(10))


def test_loss_is_reported_on_stderr(feed: Feed) -> None:
    """What cannot be had is reported, with numbers and reason, in addition to the events."""
    out, err, code = serve(feed, command(feed, "0", "1", "text", replay=""))
    assert (out, err, code) == ("", "LOST 3 events, seq 1 to 3: no replay address was given\n", 0)
