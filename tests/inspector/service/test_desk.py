"""The command socket: what is asked reaches a stage, the answer leaves after the record, and nobody waits in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from inspector.commands import ask
from inspector.errors import NoAnswer, SocketError
from inspector.records import commands
from inspector.records.commands import Answer
from inspector.records.events import Commanded, Data, Health
from inspector.records.stages import Findings
from inspector.service.desk import MOST_WAITING, Desk
from inspector.service.settings import CommandsSection, own_address
from tests.patience import patience_ms, patience_s

ACKNOWLEDGE = commands.Acknowledge(alarm="pits", operator="Kim", reason="known")
NOTHING = Findings(closed_ns=0)


class Room:
    """A desk, and stages that do what a test says."""

    def __init__(self, bind: str) -> None:
        self.why = ""
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.desk = Desk(self.context, CommandsSection(bind=bind), "l", lambda: self.why)
        self.askers = ThreadPoolExecutor()

    def asked(self, command: Any, timeout_s: float = 45.0) -> Any:
        """Ask on a thread; the answer comes later."""
        return self.askers.submit(ask, self.desk.address, command, timeout_s)

    def taken(self, count: int = 1) -> Findings:
        """Wait until N commands came in."""
        findings = NOTHING
        while len(findings.asked) < count:
            time.sleep(0.002)
            findings = self.desk.attach(findings)
        return findings

    def close(self) -> None:
        """Close it, and wait for who asks."""
        self.desk.close()
        self.askers.shutdown()
        self.context.destroy(linger=0)


@pytest.fixture(params=["tcp://127.0.0.1:*", "ipc"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    """A desk on a free port, and on a path."""
    room = Room(f"ipc://{tmp_path}/commands" if request.param == "ipc" else request.param)
    yield room
    room.close()


def events(findings: Findings) -> list[Data]:
    """What a desk adds."""
    return [event for event in findings.events if isinstance(event, Commanded)]


def test_a_command_and_its_answer(room: Room) -> None:
    """A stage receives what was asked, its answer comes back with the line's name, and both are one event."""
    waiting = room.asked(ACKNOWLEDGE)
    findings = room.taken()
    (asked,) = findings.asked
    assert asked.command == ACKNOWLEDGE
    done = Answer(is_done=True, message="pits: acknowledged by Kim")
    findings = room.desk.conclude(msgspec.structs.replace(findings, answers={asked.number: done}))
    assert events(findings) == [
        Commanded(
            command="acknowledge", target="pits", operator="Kim", reason="known", is_done=True, message=done.message
        )
    ]
    assert not waiting.done()
    room.desk.answer(findings)
    assert waiting.result() == msgspec.structs.replace(done, line="l")


def test_a_command_that_no_stage_knows(room: Room) -> None:
    """It is refused, and the refusal is journalled; a question is not."""
    waiting = [room.asked(ACKNOWLEDGE), room.asked(commands.ListAlarms())]
    findings = room.desk.conclude(room.taken(2))
    assert [(event.target, event.is_done) for event in events(findings) if isinstance(event, Commanded)] == [
        ("pits", False)
    ]
    room.desk.answer(findings)
    assert ["no stage" in answer.result().message for answer in waiting] == [True, True]


@pytest.mark.parametrize(
    ("parts", "refusal"),
    [
        ([b"{"], "truncated"),
        ([b"1", b"2"], "2 parts came; expected one"),
        ([b'{"command": "launch"}'], "'launch'"),
        ([b'{"command": "acknowledge", "alarm": "pits"}'], "operator"),
        ([b'{"command": "acknowledge", "alarm": "pits", "operator": " "}'], "operator"),
        ([b'{"command": "shelve", "alarm": "pits", "operator": "Kim", "minutes": 1e9}'], "minutes"),
        ([b'{"command": "alarms", "colour": 1}'], "colour"),
        ([b"[" * 4000], "Expected `object`"),
    ],
)
def test_what_is_no_command_is_answered_with_words(room: Room, parts: list[bytes], refusal: str) -> None:
    """Whatever somebody sends, it is refused with what was wrong, and reaches no stage."""
    socket = room.context.socket(zmq.REQ)
    socket.connect(room.desk.address)
    socket.send_multipart(parts)
    assert socket.poll(patience_ms())
    answer = msgspec.json.decode(socket.recv(), type=Answer)
    assert not answer.is_done and refusal in answer.message
    assert room.desk.attach(NOTHING) is NOTHING
    socket.close(linger=0)


def test_nobody_waits_for_an_inspector_that_is_not_ready(room: Room) -> None:
    """While the engine loads, and while it stops, a command is refused at once, with the reason."""
    room.why = "loading recipe steel@1"
    assert room.asked(ACKNOWLEDGE).result().message == "the inspector is not ready: loading recipe steel@1. Ask again."


def test_a_stop_answers_whoever_waits(room: Room) -> None:
    """A command that came in and was not carried out is refused when the inspector stops."""
    waiting = room.asked(ACKNOWLEDGE)
    room.taken()
    room.desk.close()
    assert "stopped before" in waiting.result().message


def test_a_stop_answers_what_was_not_taken(tmp_path: Path) -> None:
    """A command that lies in the socket when the inspector stops is refused, too."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    begins, stops = threading.Event(), threading.Event()

    def not_ready() -> str:
        begins.set()
        stops.wait()
        time.sleep(0.2)  # `close` is called now
        return "loading"

    desk = Desk(context, CommandsSection(bind=f"ipc://{tmp_path}/commands"), "l", not_ready)
    asker = context.socket(zmq.DEALER)
    asker.connect(desk.address)
    for _ in range(2):
        asker.send(msgspec.json.encode(ACKNOWLEDGE))
    assert begins.wait(patience_s())
    stops.set()
    desk.close()
    for _ in range(2):
        assert asker.poll(patience_ms())
        assert b"not ready: loading" in asker.recv()
    context.destroy(linger=0)


def test_an_inspector_that_goes_without_a_word(room: Room) -> None:
    """Nobody waits for an answer that cannot come any more."""
    stranger = room.context.socket(zmq.ROUTER)
    port = stranger.bind_to_random_port("tcp://127.0.0.1")
    waiting = room.askers.submit(ask, f"tcp://127.0.0.1:{port}", ACKNOWLEDGE, 600)
    assert stranger.poll(patience_ms())
    stranger.close(linger=0)
    with pytest.raises(NoAnswer, match="ended without an answer; it is not known"):
        waiting.result(45)


def test_too_many_commands(room: Room) -> None:
    """Somebody who asks without end is refused, and takes no memory."""
    socket = room.context.socket(zmq.DEALER)
    socket.connect(room.desk.address)
    for _ in range(MOST_WAITING + 1):
        socket.send(msgspec.json.encode(ACKNOWLEDGE))
    assert socket.poll(patience_ms())
    assert b"wait already" in socket.recv()
    socket.close(linger=0)


def test_nobody_listens() -> None:
    """A dead inspector is an error with an exit code of its own, and it is certain that nothing was done."""
    with pytest.raises(NoAnswer, match=r"nobody listens there.*nothing was done") as caught:
        ask("tcp://127.0.0.1:1", ACKNOWLEDGE, 0.2)
    assert caught.value.exit_code == 69


def test_nobody_answers(room: Room) -> None:
    """An inspector that hangs is one too; then nobody knows."""
    with pytest.raises(NoAnswer, match="not known whether it was done"):
        ask(room.desk.address, ACKNOWLEDGE, 0.5)


def test_an_address_that_is_none() -> None:
    """A mistyped address is reported in words."""
    with pytest.raises(SocketError, match="Write tcp://HOST:PORT"):
        ask("tcp:/127.0.0.1:1", ACKNOWLEDGE, 0.1)


def test_an_acknowledgement_over_http(room: Room) -> None:
    """It goes the same way, under the name that was given, or none; what is no name is refused."""
    room.desk.acknowledge("pits", "Kim")
    room.desk.acknowledge("pits")
    findings = room.desk.attach(NOTHING)
    assert [getattr(asked.command, "operator", "") for asked in findings.asked] == ["Kim", "unnamed, over HTTP"]
    with pytest.raises(
        ValueError, match=r"^operator is 'a\\nb'; expected text on one line, not blank, without control"
    ):
        room.desk.acknowledge("pits", "a\nb")
    room.desk.answer(room.desk.conclude(findings))


def test_what_the_inspector_says_of_itself_comes_first(room: Room) -> None:
    """A reload's outcome passes through the stages, so that an alarm may depend on it; what came too late is left."""
    health = Health(state="reload_failed", message="m", recipe="r@1", version="1")
    room.desk.report(health)
    assert room.desk.attach(NOTHING).events == (health,)
    room.desk.report(health)
    assert room.desk.left() == [health]


def test_lines_that_name_no_address_have_one_each(tmp_path: Path) -> None:
    """Two lines on one machine take commands each at its own address, whoever has the one that all of them try."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    own = [own_address(str(tmp_path / name / "journal")) for name in ("one", "two")]
    desks = [Desk(context, CommandsSection(), name, lambda: "it never will be", own=name) for name in own]
    try:
        for desk, address in zip(desks, own, strict=True):
            assert desk.address == address
            assert ask(address, ACKNOWLEDGE, 45.0).line == address
        with pytest.raises(SocketError, match=r"commands\.bind"):
            Desk(context, CommandsSection(), "one again", str, own=own[0])
    finally:
        for desk in desks:
            desk.close()
        context.destroy(linger=0)


def test_what_comes_too_late_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was taken over HTTP while the line stopped, and no stage saw, is not lost without a word."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    desk = Desk(context, CommandsSection(), "one", str, own=own_address(str(tmp_path)))
    desk.acknowledge("pits", "Kim")
    desk.close()
    context.destroy(linger=0)
    assert "stopped before it was carried out" in caplog.text and "pits" in caplog.text
