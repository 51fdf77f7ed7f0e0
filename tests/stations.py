"""What a station answers, asked over real sockets: for tests of pages and access."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from inspector.harness import configuration, station
from inspector.harness.ports import Ports
from tests.patience import patience_s
from tests.recipes import write_recipe

HOST = "127.0.0.1"


def line_file(folder: Path) -> Path:
    """Write a line with one camera and its recipe into a folder; return its configuration."""
    write_recipe(folder / "recipe")
    configuration.write(folder / "line.toml", Ports.free(), Path("recipe"), line="test", mm_per_px=0.5)
    return folder / "line.toml"


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]

    def json(self) -> Any:
        return msgspec.json.decode(self.text)


class Station(station.StationProcess):
    """A station that is asked as a browser asks."""

    cookie = token = ""

    def __init__(self, config: Path, folder: Path, bind: str | None = None) -> None:
        super().__init__(config, folder, bind, patience_s())

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Ask for a path, as who has logged in; `headers` with underscores for dashes."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            given.setdefault("cookie", self.cookie)
        connection = http.client.HTTPConnection(HOST, self.port, timeout=patience_s())
        try:
            connection.request(method, quote(path, safe="/?&=%"), body or None, given)
            answer = connection.getresponse()
            return Answer(
                answer.status, answer.read().decode(), {key.lower(): value for key, value in answer.getheaders()}
            )
        finally:
            connection.close()

    def command(self, order: Mapping[str, object], **headers: str) -> Answer:
        """Give a command, with the token of the session."""
        headers = {"content_type": "application/json", "x_station_token": self.token, **headers}
        return self.ask("/api/command", "POST", msgspec.json.encode(order), **headers)

    def post(self, path: str, order: Mapping[str, object]) -> Answer:
        """Send JSON, with the token of the session."""
        body = msgspec.json.encode(order)
        return self.ask(path, "POST", body, content_type="application/json", x_station_token=self.token)

    def fetch(self, path: str) -> bytes:
        """What a path answers, as it is."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=patience_s())
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def log_in(self, name: str, password: str) -> Answer:
        """Log in, and keep what the session is known by."""
        form = urlencode({"name": name, "password": password}).encode()
        answer = self.ask("/login", "POST", form, content_type="application/x-www-form-urlencoded", cookie="none=1")
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        self.token = self.read_token() if answer.status == 303 else ""
        return answer

    def read_token(self) -> str:
        """The token that pages give their scripts."""
        found = re.search(r'"token":"([^"]+)"', self.ask("/live").text)
        self.token = found[1] if found else ""
        return self.token


@contextmanager
def station_of(folder: Path) -> Iterator[Station]:
    """Run a station of the line whose `line.toml` lies in a folder, on loopback."""
    path = folder / "station.toml"
    path.write_text('bind = "127.0.0.1:0"\n[[line]]\nconfig = "line.toml"\n')
    with Station(path, folder) as made:
        yield made
