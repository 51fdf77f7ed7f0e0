"""Replay on 127.0.0.1: it answers anybody, in bounded answers, from a thread of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.errors import SocketError
from inspector.events.journal import Journal
from inspector.events.message import Message
from inspector.events.replay import UNFINISHED_BYTES, Replays
from inspector.records.envelope import LIMIT_EVENTS
from inspector.records.events import CoilReport, Health
from tests import zmtp
from tests.patience import patience_ms

ANYWHERE = "tcp://127.0.0.1:*"
HEALTH = Health(state="started", message="x" * 1000, recipe="steel@1", version="1")
COIL = CoilReport(state="started", coil="C1042", inspected_m=0, missed_m=0, frames=0, defects={})

Context = zmq.Context[zmq.Socket[bytes]]


@pytest.fixture
def replays(context: Context, journal: Journal) -> Iterator[Replays]:
    """A socket on a port that was free."""
    replays = Replays(context, ANYWHERE, journal)
    yield replays
    replays.close()


def ask(context: Context, replays: Replays, *parts: bytes) -> tuple[dict[str, Any], list[Message]]:
    """Ask as a program in any other language would: a REQ socket and JSON."""
    with context.socket(zmq.REQ) as asker:
        asker.connect(replays.address)
        asker.send_multipart(parts)
        assert asker.poll(patience_ms())
        head, *rest = asker.recv_multipart()
        reported = [Message(topic.decode(), payload) for topic, payload in zip(rest[::2], rest[1::2], strict=True)]
        return json.loads(head), reported


def test_replay_pages(context: Context, journal: Journal, replays: Replays) -> None:
    """Asking on from `through` until `more` is false yields everything, in answers of bounded size."""
    recorded = journal.record([COIL] * (2 * LIMIT_EVENTS + 1))
    reported: list[Message] = []
    head: dict[str, Any] = {"through": 0, "more": True}
    while head["more"]:
        request = {"epoch": "e1", "after": head["through"], "limit": 10**9, "prefix": ""}
        head, page = ask(context, replays, json.dumps(request).encode())
        assert len(page) == head["count"] <= LIMIT_EVENTS
        reported += page
    assert tuple(reported) == recorded
    assert head == {"epoch": "e1", "first": 1, "last": 2001, "through": 2001, "count": 1, "more": False}


def test_replay_by_prefix(context: Context, journal: Journal, replays: Replays) -> None:
    """A prefix picks topics, and `through` still goes to the end."""
    _, coil, _ = journal.record([HEALTH, COIL, HEALTH])
    head, reported = ask(context, replays, b'{"epoch": null, "after": 0, "limit": 5, "prefix": "coil."}')
    assert (reported, head["through"], head["more"]) == ([coil], 3, False)


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ((b"",), "Input data was truncated"),
        ((b"\xff\xff",), "invalid character"),
        ((b'{"epoch": null, "after": 1, "prefix": "\xff"}',), "UTF-8"),
        ((b'{"epoch": null, "after": -1}',), "Expected `int` >= 0 - at `$.after`. Send {"),
        ((b'{"epoch": null}',), "missing required field `after`"),
        ((b'{"epoch": null, "after": 0, "limit": 0}',), "Expected `int` >= 1 - at `$.limit`"),
        ((b'{"epoch": null, "after": 0, "befor": 1}',), "unknown field `befor`"),
        ((b"[" * 4000,), "Expected `object`, got `array`"),
        ((b'{"epoch": "e0", "after": 7}',), "epoch e0 is not this journal's, e1. Ask that one, after 0."),
        ((b" " * 60_000,), "60000 bytes came; expected at most 4096. Send less."),
        ((b"{}",) * 9, "9 parts came; expected one. Send one part"),
    ],
)
def test_bad_request_is_answered_with_words(
    context: Context, replays: Replays, parts: tuple[bytes, ...], error: str
) -> None:
    """What was wrong and what to send stands in the answer; nothing raises."""
    head, reported = ask(context, replays, *parts)
    assert error.casefold() in head["error"].casefold()  # releases of msgspec write UTF-8 in two ways
    assert (reported, head["more"]) == ([], False)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    request=st.binary(max_size=200)
    | st.fixed_dictionaries(
        {"epoch": st.none() | st.text(), "after": st.integers(), "limit": st.integers(), "prefix": st.text()}
    ).map(lambda tree: json.dumps(tree).encode())
)
def test_any_request_is_answered(context: Context, replays: Replays, request: bytes) -> None:
    """Whatever bytes are asked, an answer comes."""
    head, _ = ask(context, replays, request)
    assert head["epoch"] == "e1"


def test_asker_that_is_gone_disturbs_nobody(context: Context, journal: Journal, replays: Replays) -> None:
    """A request whose asker hung up is dropped, and the next one answered."""
    journal.record([COIL])
    with context.socket(zmq.DEALER) as gone:
        gone.connect(replays.address)
        for _ in range(10):
            gone.send(b'{"epoch": null, "after": 0}')
        assert gone.poll(patience_ms())
    assert ask(context, replays, b'{"epoch": null, "after": 0}')[0]["count"] == 1


def test_address_in_use(context: Context, journal: Journal, replays: Replays) -> None:
    """A taken address is named with its key and what to do."""
    with pytest.raises(SocketError, match=rf"events.replay_bind: {replays.address} cannot be bound: .*in use\. Stop"):
        Replays(context, replays.address, journal)


def test_an_asker_that_loops_keeps_nobody_waiting(context: Context, journal: Journal, replays: Replays) -> None:
    """Askers are answered in turn: between two answers to one lies at most a few to the one that never stops."""
    journal.record([COIL] * LIMIT_EVENTS)
    with context.socket(zmq.DEALER) as greedy:
        greedy.connect(replays.address)
        for _ in range(500):
            greedy.send(b'{"epoch": null, "after": 0}')
        assert greedy.poll(patience_ms())
        assert ask(context, replays, b'{"epoch": null, "after": 0, "limit": 1}')[0]["count"] == 1


@pytest.mark.parametrize(("since", "count"), [("0001-01-01T00:00:00+14:00", 1), ("9999-12-31T23:59:59-14:00", 0)])
def test_times_at_the_ends_of_the_calendar(
    context: Context, journal: Journal, replays: Replays, since: str, count: int
) -> None:
    """A time whose zone takes it beyond the first or last year is answered like any other."""
    journal.record([HEALTH])
    asked = json.dumps({"epoch": None, "after": 0, "since": since}).encode()
    assert ask(context, replays, asked)[0]["count"] == count


def test_a_request_without_end_is_cut(context: Context, replays: Replays) -> None:
    """A peer that sends parts and never the last one loses its connection, and the next asker is answered."""
    port = int(replays.address.rpartition(":")[2])
    with zmtp.connect(port, b"DEALER") as peer, pytest.raises(OSError):  # reset, or a broken pipe
        for _ in range(10_000 * UNFINISHED_BYTES[0] // 4096):
            peer.sendall(zmtp.part(bytes(4000), more=True))
    assert ask(context, replays, b'{"epoch": null, "after": 0}')[0]["epoch"] == "e1"
