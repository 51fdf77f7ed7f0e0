"""A station of its own process, and what it answers: for tests of pages and access."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec

from inspector.errors import InspectorError
from inspector.harness.child import Child

PATIENCE_S = 60.0
HOST = "127.0.0.1"


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]

    def json(self) -> Any:
        return msgspec.json.decode(self.text)


class Station:
    """`inspector station CONFIG` on a port of its own; ended with the `with` block."""

    def __init__(self, config: Path, folder: Path) -> None:
        self._out = folder / "station.out"
        self.child = Child(["station", str(config)], self._out, folder / "station.log")
        self.cookie = self.token = ""
        try:
            self.port = self._started()
        except BaseException:
            self.child.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.child.__exit__(kind, error, at)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def _started(self) -> int:
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            self.child.runs()
            if found := re.search(r":(\d+)/", self._out.read_text()):
                return int(found[1])
            time.sleep(0.05)
        raise InspectorError(self.child.described("did not begin"))

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Ask for a path, as who has logged in; `headers` with underscores for dashes."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            given.setdefault("cookie", self.cookie)
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE_S)
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
