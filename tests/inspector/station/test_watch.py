"""A line that is watched: what its browsers receive, and when, by a clock that is passed in."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from typing import cast

import msgspec
import pytest
from starlette.requests import Request

from inspector.config.geometry import Span
from inspector.gaps import Gap
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.records.envelope import Event, read_event
from inspector.records.events import Data, Health
from inspector.station import follow, lines
from inspector.station.api import Api, _Streamed
from inspector.station.follow import Follower, Standing
from inspector.station.kept import Dropped, PublishedEvent
from inspector.station.lines import Line
from inspector.station.own_faults import OwnFaults
from inspector.station.stream import Subscriber
from inspector.station.watch import TICK_S, Watch
from tests.coil_journals import new_journal
from tests.defects import any_crowded, any_defect
from tests.inspector.station.test_stream import coil, doubtful, missed, sent, taken
from tests.lines import ALARM, COIL, FailingReplay
from tests.lines import Line as EventLine
from tests.recipes import write_recipe

WANTED_S = 3.0
RULES = """[[severity]]
level = "critical"
min_length_mm = 1
[[grading]]
name = "customer"
version = "7"
max_missed_m = 1
"""
LINE = Line(
    name="l",
    config=Path("line.toml"),
    key=None,
    events="tcp://127.0.0.1:1",
    replay="tcp://127.0.0.1:2",
    commands="tcp://127.0.0.1:3",
    http="127.0.0.1:4",
    journal=Path("journal"),
    archive=None,
    has_strip=False,
    spans=(),
    classes=(),
    gradings=(),
    severities=(),
)


async def reported_s(watch: Watch, now_s: list[float]) -> float:
    """When a browser that looks on is sent that the line is silent, whose last sign comes now."""
    event, published = sent(1, Health(state="started", message="", recipe="r@1", version="1"))
    watch.follower._take(event, published.payload)
    browser = watch.stream.subscribe("")
    for tick in range(100):
        await watch.step(tick)
        if any(not is_answering for is_answering in signs(browser)):
            return now_s[0]
        now_s[0] += TICK_S
    raise AssertionError("it is never reported")


def signs(browser: Subscriber) -> list[bool]:
    """Whether the line answers, by the messages that wait for a browser."""
    chunks = [browser._chunks.get_nowait() or b"" for _ in range(browser._chunks.qsize())]
    facts = [line.removeprefix(b"data: ") for line in b"".join(chunks).splitlines() if b'"is_answering"' in line]
    return [msgspec.json.decode(line)["is_answering"] for line in facts]


@pytest.mark.parametrize("state", ["started", "reloaded"])
def test_what_the_line_has_read_is_in_force_here(tmp_path: Path, state: str) -> None:
    """Rules, archive, cameras, where it is asked: those of its file when it says that it has read it, not before."""
    write_recipe(tmp_path / "recipe")
    config = tmp_path / "line.toml"

    def write(ports: Ports, cameras: tuple[str, ...], extra: str = "") -> Line:
        configuration.write(config, ports, Path("recipe"), line="test", mm_per_px=0.5, cameras=cameras, extra=extra)
        return lines.read(config)

    before = write(Ports.free(), ("top",))
    after = write(Ports.free(), ("top", "under"), f'{RULES}[archive]\npath = "kept"\n')
    watch = Watch(before)
    event, published = sent(1, Health(state=state, message="", recipe="r@1", version="1"))
    asyncio.run(watch.step(1))
    assert watch.line == before
    watch.follower._take(event, published.payload)
    asyncio.run(watch.step(2))
    assert watch.line == watch.follower.line == after
    assert (len(after.gradings), len(after.severities), len(after.spans), after.archive is None) == (1, 1, 2, False)


def shown(browser: Subscriber) -> list[list[str]]:
    """Which sides a browser was sent to draw, message by message; each camera stands on one of them."""
    chunks = b"".join(browser._chunks.get_nowait() or b"" for _ in range(browser._chunks.qsize()))
    facts = [msgspec.json.decode(text.removeprefix(b"data: ")) for text in chunks.splitlines() if b'"sides"' in text]
    for fact in facts:
        assert {camera["side"] for camera in fact["cameras"]} == {side["name"] for side in fact["sides"]}
    return [[side["name"] for side in fact["sides"]] for fact in facts]


def test_sides_are_those_that_the_frames_name() -> None:
    """Of which the configuration knows nothing: an open page is sent them with the first defect, a new one at once."""
    watch = Watch(msgspec.structs.replace(LINE, spans=(Span("cam", "top", 0.0, 1000.0),)))
    browser, seqs = watch.stream.subscribe(""), itertools.count(1)

    def sees(coil: str, side: str) -> list[list[str]]:
        event, published = sent(next(seqs), any_defect(camera="cam", coil=coil, side=side))
        watch.follower._take(event, published.payload)
        asyncio.run(watch.step(1))
        return shown(browser)

    shown(browser)
    assert sees("A", "bottom")[-1] == ["bottom"]
    assert sees("A", "bottom") == []
    assert sees("B", "top") == [["top", "bottom"]]
    assert shown(watch.stream.subscribe("")) == [["top", "bottom"]]
    assert sees("C", "top") == [["top"]]


def test_a_stream_goes_on_where_the_header_says() -> None:
    """A browser that comes back by itself names the event of now there; its address names where it began before."""
    watch = Watch(LINE)
    for seq in (1, 2, 3):
        event, published = sent(seq, any_defect(id=f"d{seq}"))
        watch.follower._take(event, published.payload)
    asyncio.run(watch.step(1))

    def given(**headers: str) -> list[str]:
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "query_string": b"after=e1:1", "headers": named, "state": {"is_welcome": lambda: True}}
        response = cast(_Streamed, asyncio.run(Api({"l": watch}).stream(Request(scope))))
        return taken(watch.stream.subscribe(response._last))

    assert given() == ["2", "3"]
    assert given(last_event_id="e1:2") == ["3"]


def test_an_error_of_the_stations_own_is_logged_and_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Its pages go on and state how many events they lack; whoever looks after the station learns it from /health."""
    watch, no_event = Watch(LINE), cast(Event, None)
    api = Api({"l": watch})
    request = Request({"type": "http"})
    assert asyncio.run(api.health(request)).status_code == 200
    browser = watch.stream.subscribe("")
    for seq in (1, 2):
        event, published = sent(seq, any_defect())
        watch.follower._events.append((event if seq == 2 else no_event, published))
        asyncio.run(watch.step(10 * seq))
    chunks = b"".join(browser._chunks.get_nowait() or b"" for _ in range(browser._chunks.qsize()))
    assert b"id: e1:2\n" in chunks and b'"lost":1' in chunks
    assert [text for text in caplog.messages if "Report this as a bug" in text and "AttributeError" in text]
    answer = asyncio.run(api.health(request))
    assert answer.status_code == 503 and b"AttributeError" in bytes(answer.body)


def test_what_stands_outlasts_an_error_of_the_stations_own(tmp_path: Path) -> None:
    """An alarm, or the line's file as read again: what that tick was to send comes with the next, though only once."""
    write_recipe(tmp_path / "recipe")
    configuration.write(
        tmp_path / "line.toml", Ports.free(), Path("recipe"), line="test", mm_per_px=0.5, cameras=("top",)
    )
    watch = Watch(msgspec.structs.replace(LINE, config=tmp_path / "line.toml"))
    browser = watch.stream.subscribe("")

    def came(tick: int) -> bytes:
        asyncio.run(watch.step(tick))
        return b"".join(browser._chunks.get_nowait() or b"" for _ in range(browser._chunks.qsize()))

    came(0)
    watch.follower._stands(Standing(fault="nobody answers"))
    event, _ = sent(1, Health(state="reloaded", message="", recipe="r@1", version="1"))
    watch.follower._events.append((event, cast(PublishedEvent, None)))
    assert came(1) == b"" and watch.own_faults.last
    text = came(2)
    assert b"nobody answers" in text and b'"camera":"top"' in text and b'"lost":1' in text
    assert came(3) == b""


def test_an_error_ends_no_thread(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Else gauges or alarms would stand still for good. It is logged once; /health and open pages keep it."""
    monkeypatch.setattr(follow, "METRICS_S", 0.001)
    monkeypatch.setattr(follow, "AGAIN_S", 0.001)
    watch = Watch(msgspec.structs.replace(LINE, http=None))
    follower, browser = watch.follower, watch.stream.subscribe("")
    measuring = follower._threads[1]
    measuring.start()
    for _ in range(3):
        watch.own_faults.last = ""
        while measuring.is_alive() and not watch.own_faults.last:
            follower._stop.wait(0.001)
    event, published = sent(1, any_defect())
    follower._take(event, published.payload)
    asyncio.run(watch.step(0))
    answer = asyncio.run(Api({"l": watch}).health(Request({"type": "http"})))
    assert measuring.is_alive() and caplog.text.count("Report this as a bug") == 1
    follower._stop.set()
    chunks = b"".join(browser._chunks.get_nowait() or b"" for _ in range(browser._chunks.qsize()))
    assert answer.status_code == 503 and b"AttributeError" in bytes(answer.body)
    assert b'"fault":"AttributeError' in chunks and not follower.fault


def test_who_comes_back_learns_where_alarms_stand() -> None:
    """A page takes them from the line's answer alone, which came while its connection was away."""
    watch = Watch(LINE)
    event, published = sent(1, any_defect())
    watch.follower._take(event, published.payload)
    asyncio.run(watch.step(1))
    watch.follower._stands(Standing(fault="nobody answers"))
    asyncio.run(watch.step(2))
    chunk = watch.stream.subscribe("e1:1")._chunks.get_nowait() or b""
    assert b"event: begin" not in chunk and b"nobody answers" in chunk


def test_what_a_flood_withholds_stays_so_until_it_is_raised_again() -> None:
    """By the event that raised it, until the line's answer says so; a line before 0.4 does not say it."""
    follower, withheld, seqs = Follower(LINE, OwnFaults()), list[bool](), itertools.count(1)
    for isa_state, raised, annunciate in (
        ("unacknowledged", 0, False),
        ("unacknowledged", 1, False),
        ("returned", 1, False),
        ("unacknowledged", 2, True),
        ("acknowledged", 2, False),
    ):
        alarm = msgspec.structs.replace(ALARM, isa_state=isa_state, raised=raised, annunciate=annunciate)
        event, published = sent(next(seqs), alarm)
        follower._take(event, published.payload)
        withheld += [alarm.is_withheld for alarm in follower.standing.alarms]
    assert withheld == [False, True, True, False, False]


def test_events_that_did_not_come_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However often the journal answers by an error: nothing that follows comes before them, and the fault is shown."""
    monkeypatch.setattr(follow, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(follow, "AGAIN_S", 0.05)
    came, fault = list[int](), "are asked for again: the disk is busy"
    with EventLine(tmp_path / "journal") as line, FailingReplay(line) as failing:
        line.say(COIL, ALARM, ALARM)
        addresses = {"events": line.publisher.address, "replay": failing.address}
        follower = Follower(msgspec.structs.replace(LINE, **addresses), OwnFaults())
        follower._place = ("e1", 1)
        follower.start()
        while not came:
            line.say(ALARM)
            came += [event.seq for event, _ in follower.take()]
            if len(failing.requests) > 7 and fault in caplog.text:
                failing.is_mended.set()
            follower._stop.wait(0.01)
        follower.close()
    assert came[0] == 2 and follower.lost == 0


def test_what_a_line_has_lost_is_counted_once() -> None:
    """Though each connection to it finds the same gap until an event behind it comes."""
    follower = Follower(LINE, OwnFaults())
    for _ in range(2):
        follower._on_gap(Gap(epoch="e1", first_seq=3, last_seq=10, count=8, reason="the journal no longer holds them"))
    assert follower.lost == 8


def test_what_came_before_the_events_that_are_read_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each coil among them, whatever of it comes first there: a page that opens late lacks no metre."""
    monkeypatch.setattr(follow, "BACK", 3)
    journal = new_journal(tmp_path / "journal")
    before: list[Data] = [missed(0.0, 400.0), any_defect(coil="A"), missed(400.0, 1000.0), any_crowded(coil="A")]
    before += [doubtful(0.0, 900.0)]
    journal.record([coil("A"), *before, missed(1000.0, 1500.0), coil("B"), any_defect(id="e", coil="B")])
    journal.close()
    follower = Follower(msgspec.structs.replace(LINE, journal=tmp_path / "journal"), OwnFaults())
    follower._begin()
    assert [event.seq for event, _ in follower.take()] == [7, 8, 9]
    came = Dropped(Counter(dark=1), missed_mm=1000.0, doubtful_mm=900.0, crowded=1)
    assert follower.counted == {"A": came, "B": Dropped()}


def test_a_page_that_is_back_before_the_journal_is_read_lacks_no_metre(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of the station: the journal's end comes as a whole, with what was before, as to a late page."""
    monkeypatch.setattr(follow, "BACK", 3)
    journal = new_journal(tmp_path / "journal")
    journal.record([coil("A"), missed(0.0, 250_000.0), *(any_defect(id=f"d{n}", coil="A") for n in range(4))])
    journal.close()
    watch = Watch(msgspec.structs.replace(LINE, journal=tmp_path / "journal"))
    early, came = watch.stream.subscribe("e1:2"), list[int]()

    def read(payload: bytes) -> Event:
        came.append(len(watch.follower.take()))
        return read_event(payload)

    monkeypatch.setattr(follow, "read_event", read)
    watch.follower._begin()
    asyncio.run(watch.step(1))
    assert came == [0, 0, 0], "nothing before all of it is read"
    text = b"".join(early._chunks.get_nowait() or b"" for _ in range(early._chunks.qsize()))
    *_, last = text.split(b"event: begin")
    assert (
        b'"missed_mm":250000.0' in last
        and b'"dark":1' in last
        and taken(watch.stream.subscribe(""))[1:]
        == [line.decode().removeprefix("id: e1:") for line in last.splitlines() if line.startswith(b"id: ")]
    )


def test_a_silent_line_is_reported_within_three_seconds() -> None:
    """A heartbeat that is late is no loss; after 3 s without a sign each browser has been sent that there is none."""
    now_s = [100.0]
    watch = Watch(LINE, lambda: now_s[0])
    assert 2.0 <= asyncio.run(reported_s(watch, now_s)) - 100.0 <= WANTED_S
