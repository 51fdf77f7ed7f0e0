"""What becomes of the line, and of the other browsers, when the station or its browsers behave badly: nothing."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inspector.harness.ports import HOST
from tests.e2e.mill import Camera, Mill
from tests.patience import patience_s
from tests.recipes import DARK
from tests.stations import Station

DARK_BOX = (10, 30, 20, 40, DARK)
DEAF = 40
"""Browsers that ask for the stream and read nothing of it."""


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    """A running line."""
    with Mill(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest.fixture
def station(mill: Mill, tmp_path: Path) -> Iterator[Station]:
    """A station of that line."""
    with Station(mill.config, tmp_path, "127.0.0.1:0") as made:
        yield made


class Reader:
    """A browser's stream: numbers of the journal's events, as they come."""

    def __init__(self, station: Station, last: str = "") -> None:
        self._connection = http.client.HTTPConnection(HOST, station.port, timeout=patience_s())
        self._connection.request("GET", "/api/stream", headers={"last-event-id": last} if last else {})
        self._answer = self._connection.getresponse()
        self.begins = 0
        self.last = last
        self.seqs: list[int] = []
        self.types: list[str] = []

    def read_until(self, kind: str, subject: str) -> None:
        """Read up to an event of a type that concerns a coil."""
        while line := self._answer.readline().decode():
            self.begins += line == "event: begin\n"
            if line.startswith("id: "):
                self.last = line[4:].strip()
                self.seqs.append(int(self.last.rpartition(":")[2]))
            if line.startswith("data: ") and '"specversion"' in line:
                event = msgspec.json.decode(line[6:])
                self.types.append(event["type"])
                if (event["type"], event["subject"]) == (kind, subject):
                    return
        raise AssertionError(f"the stream ended before {kind} {subject}")

    def now(self) -> dict[str, Any]:
        """Read up to the next sign of life; what it says."""
        while line := self._answer.readline().decode():
            if line == "event: now\n":
                found: dict[str, Any] = msgspec.json.decode(self._answer.readline()[6:])
                return found
        raise AssertionError("the stream ended")

    def close(self) -> None:
        self._connection.close()


def recorded(mill: Mill, after: int, subject: str) -> list[int]:
    """Numbers of the journal's events behind one, up to the coil's start."""
    found = []
    with mill.daemon.events((None, after), patience_s()) as events:
        for event in events:
            found.append(event.seq)
            if (event.type, event.subject) == ("coil.started", subject):
                return found
    raise AssertionError(f"no coil {subject} in the journal")


def test_a_stream_that_breaks_goes_on_behind_its_last_event(mill: Mill, station: Station) -> None:
    """Not one skipped, not one twice, whatever came while nobody listened."""
    with Camera(mill) as camera:
        for _ in range(3):
            camera.send(DARK_BOX, coil="A")
        camera.send(coil="B")
        first = Reader(station)
        first.read_until("coil.started", "B")
        first.close()
        for _ in range(4):
            camera.send(DARK_BOX, coil="B")
        camera.send(coil="C")
        mill.until(9)
        second = Reader(station, first.last)
        second.read_until("coil.started", "C")
        second.close()
    assert first.begins >= 1 and second.begins == 0
    assert second.seqs == recorded(mill, first.seqs[-1], "C")


def test_a_line_that_does_not_run_is_shown_as_it_was(mill: Mill, tmp_path: Path) -> None:
    """From its journal; when it runs again its events follow, each once."""
    with Camera(mill, boot="b5") as camera:
        camera.send(DARK_BOX, coil="LAST")
        camera.send(coil="LAST")
        mill.wait_until(lambda: mill.metric("inspector_frames_in_flight") == 0, "inspect what was sent")
    mill.stop()
    with Station(mill.config, tmp_path, "127.0.0.1:0") as station:
        reader = Reader(station)
        reader.read_until("health.stopping", "-")
        assert "defect.dark" in reader.types
        assert not reader.now()["is_answering"]
        mill.start()
        reader.read_until("health.started", "-")
        assert reader.now()["is_answering"]
        reader.close()
    assert reader.seqs == sorted(set(reader.seqs))


def test_deaf_browsers_cost_nobody_anything(mill: Mill, station: Station) -> None:
    """They read nothing, and the line, the station and a browser that reads go on."""
    with ExitStack() as stack:
        for _ in range(DEAF):
            deaf = stack.enter_context(socket.create_connection((HOST, station.port)))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        reader = Reader(station)
        with Camera(mill, boot="b2") as camera:
            for number in range(60):
                camera.send(DARK_BOX, coil=f"D{number // 20}")
            camera.send(coil="E")
        reader.read_until("coil.started", "E")
        reader.close()
        assert reader.types.count("defect.dark") >= 60
        assert station.ask("/health").status == 200


@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGKILL])
def test_a_station_that_hangs_or_dies_is_not_missed(mill: Mill, station: Station, blow: signal.Signals) -> None:
    """The line inspects on; one that hung shows all that came meanwhile when it goes on."""
    reader = Reader(station)
    before = mill.metric("inspector_frames_inspected_total")
    station.child.send(blow)
    with Camera(mill, boot=f"b{blow}") as camera:
        for _ in range(50):
            camera.send(DARK_BOX, coil=f"HUNG{blow}")
        camera.send(coil=f"ON{blow}")
        mill.until(int(before) + 51)
    assert mill.metric("inspector_frames_dropped_total") == 0
    if blow == signal.SIGSTOP:
        station.child.send(signal.SIGCONT)
        reader.read_until("coil.started", f"ON{blow}")
        assert reader.types.count("defect.dark") >= 50
    else:
        station.child.wait()
    reader.close()


def test_it_ends_when_it_is_asked(mill: Mill, station: Station) -> None:
    """With exit code 0, though a browser still listens."""
    reader = Reader(station)
    station.child.terminate()
    assert station.child.wait() == 0
    reader.close()


def test_a_line_that_asks_for_keys_is_followed_with_one(tmp_path: Path) -> None:
    """Without it the page says why nothing comes; with it events come, and commands pass."""
    mill = Mill(tmp_path)
    roles = ["--role", "subscriber", "--role", "operator", "--folder", str(tmp_path / "keys")]
    subprocess.run([sys.executable, "-m", "inspector", "keys", "new", "station", *roles], check=True)
    mill.write(extra='[keys]\npath = "keys"\nloopback = true\n')
    path = tmp_path / "station.toml"
    text = 'bind = "127.0.0.1:0"\n[[line]]\nconfig = "line.toml"\n'
    with mill:
        path.write_text(text)
        with Station(path, tmp_path) as station:
            reader = Reader(station)
            while "asks for a key" not in reader.now()["fault"]:
                pass
            reader.close()
        path.write_text(text + 'key = "keys/station.key"\n')
        with Station(path, tmp_path) as station:
            reader = Reader(station)
            while not reader.now()["is_answering"]:
                pass
            reader.close()
            station.read_token()
            answer = station.command({"command": "acknowledge", "alarm": "three-dark", "operator": "Kim"})
            assert answer.json()["line"] == "test", answer.text
