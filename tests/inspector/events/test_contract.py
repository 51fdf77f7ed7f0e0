"""What may change of events: a reader of any version against a writer of any other loses nothing in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.client import Events
from inspector.records import events as records
from inspector.records.envelope import Event, Unknown, read_event, write_event
from inspector.records.events import (
    CONTRACT,
    ROOTS,
    Alarm,
    AlarmState,
    CoilReport,
    CoilState,
    Data,
    Health,
    HealthState,
    Heartbeat,
    Missed,
    Priority,
)
from inspector.records.events.kind import Kind
from tests.defects import any_defect
from tests.inspector.events import client_4bdc204 as old
from tests.inspector.events import records_4bdc204 as old_records
from tests.lines import Line
from tests.patience import patience_s

DEFECT = any_defect(recipe="test@1", captured_ns=1)
COIL = CoilReport(state="started", coil="C", inspected_m=0.0, missed_m=0.0, frames=0, defects={})
ALARM = Alarm(name="pits", state="normal", priority="low", coil="C", camera="top", message="", count=0, defect_id="")
HEALTH = Health(state="started", message="", recipe="test@1", version="1")
MISSED = Missed(camera="top", coil="C", start_mm=0.0, end_mm=1.0, reasons={"lost": 1})


def of_1_0() -> list[Data]:
    """Every kind that contract 1.0 had, with every word that a state or priority of it can take."""
    known: list[Data] = [DEFECT, MISSED]
    known += [msgspec.structs.replace(COIL, state=state) for state in get_args(CoilState)]
    known += [msgspec.structs.replace(HEALTH, state=state) for state in get_args(HealthState)]
    known += [
        msgspec.structs.replace(ALARM, state=state, priority=priority)
        for state in get_args(AlarmState)
        for priority in get_args(Priority)
    ]
    return known


class Repeat(Kind, frozen=True, kw_only=True, tag="repeat"):
    """A kind of a later version, on a topic of its own."""

    period_mm: float

    @property
    def topic(self) -> str:
        """Of a root that nobody knows."""
        return "repeat.top"


class TomorrowsAlarm(Alarm, frozen=True, kw_only=True, tag="alarm"):
    """A known kind that has grown a field."""

    shelved_until: str = "2027-01-01T00:00:00Z"


REPEAT: Any = Repeat(period_mm=1570.8)
GROWN = TomorrowsAlarm(**{name: getattr(ALARM, name) for name in Alarm.__struct_fields__})
SHELVED = msgspec.structs.replace(ALARM, state="shelved", priority="urgent")


def sealed(data: object) -> bytes:
    """An event as a writer of any version puts it on the wire."""
    envelope = {
        "specversion": "1.0",
        "id": "e1-1",
        "source": "/inspector/l",
        "type": "any.topic",
        "time": "2026-03-01T12:00:00.000Z",
        "subject": "-",
        "datacontenttype": "application/json",
        "contract": "7.3",
        "traceparent": "a field of the envelope that nobody knows",
        "epoch": "e1",
        "seq": 1,
        "topicseq": 1,
        "data": data,
    }
    return msgspec.json.encode(envelope)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line that runs."""
    with Line(tmp_path / "journal") as line:
        yield line


# --- the client of 4bdc204, today's daemon ----------------------------------------------------------------


@pytest.mark.parametrize("data", of_1_0(), ids=lambda data: f"{data.topic}-{getattr(data, 'priority', '')}")
def test_the_old_reader_knows_what_it_knew(data: Data) -> None:
    """Each kind of 1.0, with each word we write in it, is read by the old records as it was meant."""
    event = Event(
        id="e1-1",
        source="/inspector/l",
        type=data.topic,
        time="2026-03-01T12:00:00.000Z",
        subject=data.subject,
        contract=CONTRACT,
        epoch="e1",
        seq=1,
        topicseq=1,
        data=data,
    )
    read = msgspec.json.decode(write_event(event), type=old_records.Event)
    fields = type(read.data).__struct_fields__
    assert {name: getattr(read.data, name) for name in fields} == {name: getattr(data, name) for name in fields}
    assert read.type == data.topic


def test_a_kind_has_a_root_of_its_own() -> None:
    """No kind that 1.0 had not is published below a root that a reader of 1.0 may follow."""
    first = {kind.__struct_config__.tag for kind in get_args(old_records.Data)}
    assert len(set(ROOTS)) == len(ROOTS) == len(get_args(Data)) - 1
    assert first <= {kind.__struct_config__.tag for kind in get_args(Data)}
    assert all(data.topic.startswith(f"{type(data).__struct_config__.tag}.") for data in of_1_0())
    assert Heartbeat(last_seq=0, last_topicseq={}).topic == records.HEARTBEAT_TOPIC == old_records.HEARTBEAT_TOPIC


def test_the_old_client_says_what_it_did_not_know(line: Line) -> None:
    """Among kinds of a later version the old client gets all that it knows, in order, and counts the others as lost."""
    gaps: list[old.Gap] = []
    after = (line.journal.epoch, 0)
    with old.Events(
        line.publisher.address, replay=line.replays.address, after=after, timeout_s=patience_s(), on_gap=gaps.append
    ) as events:
        line.say(COIL, REPEAT, GROWN, REPEAT, DEFECT)
        received = [next(events) for _ in range(3)]
        assert [event.seq for event in received] == [1, 3, 5]
        assert events.lost == 2
    assert [(gap.first_seq, gap.last_seq, gap.count) for gap in gaps] == [(2, 2, 1), (4, 4, 1)]
    assert all("words unknown here" in gap.reason for gap in gaps)


def test_the_old_client_of_one_root_loses_nothing(line: Line) -> None:
    """Whoever follows one root of 1.0 does not notice kinds of later versions at all."""
    after = (line.journal.epoch, 0)
    replay = line.replays.address
    with old.Events(
        line.publisher.address, replay=replay, topics=("alarm.",), after=after, timeout_s=patience_s()
    ) as events:
        line.say(REPEAT, ALARM, REPEAT, lost=True)
        line.say(GROWN, REPEAT, ALARM)
        assert [next(events).seq for _ in range(3)] == [2, 4, 6]
        assert events.lost == 0


# --- today's client, a daemon of tomorrow ------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("topics", [("",), ("repeat.", "alarm."), ("repeat.",)])
def test_todays_client_takes_what_it_does_not_know(line: Line, topics: tuple[str, ...], lost: bool) -> None:
    """An unknown kind comes in its place, live or mended from the journal, with its data as sent; nothing is lost."""
    with line.listen(topics=topics) as events:
        line.say(COIL, REPEAT, GROWN, SHELVED, REPEAT, lost=lost)
        wanted = [seq for seq, data in enumerate((COIL, REPEAT, GROWN, SHELVED, REPEAT), 1) if follows(data, topics)]
        received = [next(events) for _ in wanted]
        assert [event.seq for event in received] == wanted
        assert events.lost == 0
    unknown = [event.data for event in received if event.type == "repeat.top"]
    assert unknown == [Unknown(kind="repeat", raw=b'{"kind":"repeat","period_mm":1570.8}')] * 2


def follows(data: Data, topics: tuple[str, ...]) -> bool:
    """Whether a subscriber to these topics gets it."""
    return data.topic.startswith(topics)


def test_an_unknown_word_is_passed_on() -> None:
    """A state or a priority that nobody knew is read as it stands, in a record that is known otherwise."""
    read = read_event(sealed(msgspec.to_builtins(SHELVED)))
    assert read.data == SHELVED and read.contract == "7.3"


def test_an_event_without_a_number_disturbs_nothing(line: Line) -> None:
    """What a later version publishes without a number is passed over like a heartbeat, and is no hole."""
    unnumbered = sealed({"kind": "tick"}).replace(b'"seq":1', b'"seq":0').replace(b'"topicseq":1', b'"topicseq":0')
    with line.listen() as events:
        line.say(COIL)
        with line.turn:
            line.publisher._events.send_multipart((b"tick.", unnumbered))
        line.say(COIL)
        assert [next(events).seq for _ in range(2)] == [1, 2]
        assert events.lost == 0


def test_a_writer_of_1_0_names_no_contract() -> None:
    """An event of 4bdc204 is read, and its contract is the first."""
    event = old_records.Event(
        id="e1-1",
        source="s",
        type="coil.started",
        time="t",
        subject="C",
        epoch="e1",
        seq=1,
        topicseq=1,
        data=old_records.CoilReport(state="started", coil="C", inspected_m=0, missed_m=0, frames=0, defects={}),
    )
    read = read_event(msgspec.json.encode(event))
    assert (read.contract, read.data) == ("1.0", COIL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
KIND = st.sampled_from([*(root.rstrip(".") for root in ROOTS), "repeat", "", "heartbeat"])


@given(JSON | st.builds(lambda kind, more: {**more, "kind": kind}, KIND, st.dictionaries(st.text(max_size=9), JSON)))
def test_any_data_is_read_and_written_again(data: object) -> None:
    """Whatever an envelope carries, it is read without an error; what is unknown is written again as it came."""
    payload = sealed(data)
    event = read_event(payload)
    assert event.seq == 1
    if isinstance(event.data, Unknown):
        assert msgspec.json.decode(write_event(event))["data"] == data
        assert read_event(write_event(event)) == event


@pytest.mark.parametrize("payload", [b"", b"3", b"{", b'{"seq": 1}', b"[" * 100_000])
def test_what_is_no_envelope_is_refused(payload: bytes) -> None:
    """An envelope without its numbers is no event: a client counts it as a hole."""
    with pytest.raises((ValueError, RecursionError)):
        read_event(payload)


def test_the_contract_is_named(line: Line) -> None:
    """Every event carries the version that its writer keeps."""
    with Events(line.publisher.address, replay=None, timeout_s=patience_s(), heartbeats=True) as events:
        assert next(events).contract == CONTRACT
