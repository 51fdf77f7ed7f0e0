"""The page from which a client is written in another language: current, and enough for one that runs."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec
import pytest

from inspector.events import schema
from inspector.records.envelope import LIMIT_SEQS, SKIPPED, ReplayHead, ReplayRequest
from inspector.records.events import ROOTS, Heartbeat
from tests.journals import newest
from tests.lines import ALARM, COIL, FailingReplay, Line

TEXT = schema.PAGE.read_text(encoding="utf-8")
NODE = shutil.which("node")


def blocks(language: str) -> list[str]:
    """Code on the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_its_tables_are_current() -> None:
    """The fields on the page are those of the records; if not, run `make docs`."""
    assert schema.page(TEXT) == TEXT


def test_its_table_of_topics_has_every_kind() -> None:
    """Whoever subscribes finds each root there, and no other."""
    roots = {f"{root}." for root in re.findall(r"^\| `(\w+)\.[^|]*` \|", TEXT, re.MULTILINE)}
    assert roots - {"health."} == {*ROOTS} - {"health."}


def test_its_heartbeat_is_read() -> None:
    """The example on the page is what the inspector sends, number by root."""
    (beat,) = re.findall(r'^    (\{"kind":"heartbeat".*\})$', TEXT, re.MULTILINE)
    read = msgspec.json.decode(beat, type=Heartbeat)
    assert json.loads(beat) == json.loads(msgspec.json.encode(read))
    assert read.last_topicseq.keys() <= {*ROOTS}


def test_its_replay_messages_are_read() -> None:
    """The request and the head on the page are what the inspector reads and writes."""
    request, head = blocks("json")
    assert msgspec.json.decode(request, type=ReplayRequest) == ReplayRequest(None, 17, 1000, "defect.")
    assert msgspec.json.decode(head, type=ReplayHead).more
    assert set(json.loads(head)) == set(ReplayHead.__struct_fields__) - {"error"}


@pytest.fixture
def client(tmp_path: Path) -> list[str]:
    """The client on the page, as a command for Node, without the addresses."""
    if NODE is None:
        pytest.skip("node is not installed")
    if subprocess.run([NODE, "-e", 'require("zeromq")'], capture_output=True, check=False).returncode:
        pytest.skip("node finds no zeromq: npm install zeromq, and name its folder in NODE_PATH")
    (source,) = blocks("js")
    (tmp_path / "client.js").write_text(source)
    return [NODE, str(tmp_path / "client.js")]


def nothing(_: Path) -> None:
    """The line goes on."""


def put_back(journal: Path) -> None:
    """A backup is put in its place."""
    shutil.copytree(journal, journal.with_name("copy"))
    shutil.rmtree(journal)
    journal.with_name("copy").rename(journal)


def damage(journal: Path) -> None:
    """The newest file is damaged."""
    with sqlite3.connect(newest(journal)) as file:
        file.execute("DELETE FROM event")
    file.close()


@pytest.mark.parametrize(
    ("happens", "jumps"), [(nothing, (1, 1)), (damage, (2, LIMIT_SEQS)), (put_back, (SKIPPED, 9 * SKIPPED))]
)
def test_its_client_runs(
    tmp_path: Path, client: list[str], happens: Callable[[Path], None], jumps: tuple[int, int]
) -> None:
    """By Node: each event once and in order, those lost on the way too; what the journal lacks is reported."""
    journal, errors = tmp_path / "journal", tmp_path / "errors"
    with Line(journal, max_mb=1) as line, errors.open("w") as stderr:
        addresses = line.publisher.address, line.replays.address
        process = subprocess.Popen([*client, *addresses], stdout=subprocess.PIPE, stderr=stderr, text=True)
        assert process.stdout is not None
        received = read_on(line, process.stdout)
        before = line.journal.last_seq
    happens(journal)
    with process, Line(journal, max_mb=1, binds=addresses) as line:
        line.say(ALARM, COIL, lost=True)
        line.say(ALARM)
        last = line.journal.last_seq
        try:
            read_to(last, received, process.stdout)
        finally:
            process.kill()
    seqs = [int(text.split()[0]) for text in received]
    assert seqs == [*range(seqs[0], before + 1), *range(last - 2, last + 1)]
    assert jumps[0] <= last - 2 - before <= jumps[1]
    lost = [words for words in errors.read_text().splitlines() if words.startswith("LOST")]
    reported = [tuple(map(int, words.split()[1::2])) for words in lost]
    assert [seq for _, seq in reported[:-1]] == [seq - 1 for seq, _ in reported[1:]]
    assert not reported if happens is nothing else (reported[0][0], reported[-1][1]) == (before + 1, last - 3)


def test_its_client_asks_again_after_an_error(tmp_path: Path, client: list[str]) -> None:
    """By Node: what is missing is named each time, and comes in its order once the journal has it."""
    with Line(tmp_path / "journal") as line, FailingReplay(line, errors=2) as failing:
        command = [*client, line.publisher.address, failing.address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            seqs = [int(text.split()[0]) for text in read_on(line, process.stdout)]
        finally:
            process.kill()
        _, errors = process.communicate()
    assert seqs == [*range(seqs[0], seqs[0] + len(seqs))]
    assert [text.split()[0] for text in errors.splitlines()] == ["MISSING"] * 2 and "the disk is busy" in errors


def read_on(line: Line, stdout: IO[str]) -> list[str]:
    """What a client that has just begun prints, up to an event before which others were lost on the way."""
    line.say(COIL, COIL)
    received: list[str] = []
    while not received:  # it begins with whatever comes first after it has connected
        line.say(COIL)
        received += wait_for_line(stdout.fileno())
    line.say(ALARM, COIL, lost=True)
    line.say(ALARM)
    read_to(line.journal.last_seq, received, stdout)
    return received


def read_to(seq: int, received: list[str], stdout: IO[str]) -> None:
    """Take what is printed up to an event."""
    while not received[-1].startswith(f"{seq} "):
        received.append(stdout.readline())
        assert received[-1]


def wait_for_line(descriptor: int) -> list[str]:
    """A line that came within a moment, or none."""
    if not select.select([descriptor], [], [], 0.1)[0]:
        return []
    text = b""
    while not text.endswith(b"\n"):
        text += os.read(descriptor, 1)
    return [text.decode()]
