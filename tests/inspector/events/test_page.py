"""The page from which a client is written in another language: current, and enough for one that runs."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from inspector.events import schema
from inspector.records.envelope import ReplayHead, ReplayRequest
from inspector.records.events import ROOTS, Heartbeat
from tests.lines import ALARM, COIL, Line

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
def line(tmp_path: Path) -> Iterator[Line]:
    """A line that runs."""
    with Line(tmp_path / "journal") as line:
        yield line


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_its_client_runs(line: Line, tmp_path: Path) -> None:
    """The client on the page, by Node: each event once and in order, those that were lost on the way too."""
    assert NODE is not None
    (source,) = blocks("js")
    if subprocess.run([NODE, "-e", 'require("zeromq")'], capture_output=True, check=False).returncode:
        pytest.skip("node finds no zeromq: npm install zeromq, and name its folder in NODE_PATH")
    client = tmp_path / "client.js"
    client.write_text(source)
    line.say(COIL, COIL)
    with subprocess.Popen(
        [NODE, str(client), line.publisher.address, line.replays.address], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        received: list[str] = []
        try:
            while not received:  # it begins with whatever comes first after it has connected
                line.say(COIL)
                received += wait_for_line(process.stdout.fileno())
            line.say(ALARM, COIL, lost=True)
            line.say(ALARM)
            last = line.journal.last_seq
            while not received[-1].startswith(f"{last} "):
                received.append(process.stdout.readline())
        finally:
            process.kill()
    seqs = [int(text.split()[0]) for text in received]
    assert seqs == [*range(seqs[0], last + 1)]


def wait_for_line(descriptor: int) -> list[str]:
    """A line that came within a moment, or none."""
    if not select.select([descriptor], [], [], 0.1)[0]:
        return []
    text = b""
    while not text.endswith(b"\n"):
        text += os.read(descriptor, 1)
    return [text.decode()]
