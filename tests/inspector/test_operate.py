"""The command line of commands: what is asked, how the answer reads, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec
import pytest
import zmq

from inspector.__main__ import main
from inspector.records import commands
from inspector.records.commands import AlarmStatus, Answer, Command
from tests.patience import patience_ms

STATUS = AlarmStatus(
    name="cracks",
    isa_state="latched_acknowledged",
    priority="high",
    is_met=False,
    value=0.0,
    limit=3.0,
    since="2026-03-01T14:03:07.412Z",
    until="",
    operator="Kim",
    reason="known",
    coil="C1",
    message="no defect within 5 m (crack)",
)


class Inspector:
    """Answers one command, and keeps what was asked."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.REP)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.answer = Answer(is_done=True, message="done", line="l", alarms=(STATUS,))
        self.asked: Command | None = None
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        if self.socket.poll(patience_ms()):
            self.asked = msgspec.json.decode(self.socket.recv(), type=Command)
            self.socket.send(msgspec.json.encode(self.answer))

    def run(self, *words: str) -> int:
        """Run a command line that asks it."""
        code = main([*words, "--connect", self.address, "--timeout", "45"])
        self.thread.join()
        return code


@pytest.fixture
def inspector() -> Iterator[Inspector]:
    """One that answers."""
    inspector = Inspector()
    yield inspector
    if inspector.thread.is_alive():  # nobody asked
        with inspector.context.socket(zmq.REQ) as socket:
            socket.connect(inspector.address)
            socket.send(msgspec.json.encode(commands.ListAlarms()))
            socket.recv()
    inspector.thread.join()
    inspector.context.destroy(linger=0)


LINES: list[tuple[str, Command]] = [
    ("alarms acknowledge cracks --operator Kim", commands.Acknowledge(alarm="cracks", operator="Kim")),
    ("alarms reset cracks --operator Kim", commands.Reset(alarm="cracks", operator="Kim")),
    ("alarms shelve cracks --operator Kim --minutes 7.5", commands.Shelve(alarm="cracks", operator="Kim", minutes=7.5)),
    ("alarms unshelve cracks --operator Kim", commands.Unshelve(alarm="cracks", operator="Kim")),
    ("alarms suppress cracks --operator Kim", commands.Suppress(alarm="cracks", operator="Kim")),
    ("alarms unsuppress cracks --operator Kim", commands.Unsuppress(alarm="cracks", operator="Kim")),
    ("alarms out-of-service cracks --operator Kim", commands.TakeOut(alarm="cracks", operator="Kim")),
    ("alarms in-service cracks --operator Kim", commands.PutBack(alarm="cracks", operator="Kim")),
    ("roll changed bridle-1 --operator Kim", commands.RollsChanged(roll="bridle-1", operator="Kim")),
    ("roll changed --operator Kim --reason worn", commands.RollsChanged(operator="Kim", reason="worn")),
]


@pytest.mark.parametrize(("words", "command"), LINES)
def test_each_command(inspector: Inspector, words: str, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command line asks for what it says, with the operator's name, and shows what became of it."""
    assert inspector.run(*words.split()) == 0
    assert inspector.asked == command
    assert capsys.readouterr().out == "line l: done\ncracks is latched acknowledged\n"


def test_a_list(inspector: Inspector, capsys: pytest.CaptureFixture[str]) -> None:
    """Alarms in columns, with all that an operator must know to answer."""
    assert inspector.run("alarms", "list") == 0
    head, names, row = capsys.readouterr().out.splitlines()
    assert head == "line l: done" and names.split()[:3] == ["alarm", "state", "priority"]
    columns = ("cracks  latched acknowledged  high", "not met    0      3", "2026-03-01 14:03:07", "Kim (known)", "C1")
    for words in columns:
        assert words in row


def test_a_list_as_json(inspector: Inspector, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole answer, for programs."""
    assert inspector.run("alarms", "list", "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Answer) == inspector.answer


def test_a_refusal(inspector: Inspector, capsys: pytest.CaptureFixture[str]) -> None:
    """What was refused fails, with the reason on standard error."""
    inspector.answer = Answer(is_done=False, message="cracks is normal.", line="l")
    assert inspector.run("alarms", "acknowledge", "cracks", "--operator", "Kim") == 1
    shown = capsys.readouterr()
    assert shown.out == "" and "line l: refused: cracks is normal." in shown.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("alarms shelve cracks --operator Kim --minutes -1", "shelve: --minutes is -1; expected more than 0. Correct"),
        ("alarms shelve cracks --operator Kim --minutes nan", "shelve: --minutes is nan; expected more than 0."),
        (
            "alarms shelve cracks --operator Kim --minutes 100000",
            "--minutes is 100000; expected at most 10080.",
        ),
        ("alarms acknowledge ../x --operator Kim", "acknowledge: NAME is '../x'; expected letters, digits and _ . :"),
        (
            "alarms acknowledge x --operator=",
            "acknowledge: --operator is ''; expected at least 1 character. Correct it.",
        ),
        (
            "alarms reset x --operator " + 70 * "a",
            f"is '{40 * 'a'}'... (70 characters); expected at most 64 characters.",
        ),
        ("decide A hold --operator K --reason " + 401 * "a", "decide: --reason is 'aaaa"),
        ("roll changed ../x --operator Kim", "ROLL is '../x'; expected letters"),
        ("relabel A 1 --operator K --class=-x", "--class is"),
    ],
)
def test_what_cannot_be_asked(words: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that no inspector would take is refused before anybody is asked."""
    assert main(words.split()) == 1
    printed = capsys.readouterr().err
    assert why in printed and "`" not in printed and "$" not in printed


@pytest.mark.parametrize(
    "words",
    ["alarms", "alarms acknowledge cracks", "alarms shelve cracks --operator K", "roll", "decide A hold --operator K"],
)
def test_what_is_missing(words: str) -> None:
    """A name, a time or a reason that is missing is asked for."""
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """A dead inspector has an exit code of its own."""
    assert main(["alarms", "list", "--connect", "tcp://127.0.0.1:1", "--timeout", "0.1"]) == 69
    assert "nobody listens there" in capsys.readouterr().err
