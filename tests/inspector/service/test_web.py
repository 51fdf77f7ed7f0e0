"""What is reached over HTTP, by real requests: metrics, signs of life, acknowledgements."""

import http.client
import os
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from inspector import __main__ as inspector
from inspector.errors import EXIT_FAILURE, SocketError
from inspector.metrics import Metrics
from inspector.service.liveness import ALIVE_S, Liveness
from inspector.service.web import MOST_CONNECTIONS, Post, Web
from tests.patience import patience_s

TOKEN = "0123456789abcdef"


class Clock:
    """A clock that one can set."""

    now_s = 1000.0

    def __call__(self) -> int:
        return int(self.now_s * 1e9)


class RunningWeb:
    """A web server on a free port, and a browser."""

    def __init__(self, bind: str = "127.0.0.1:0", token: str = TOKEN) -> None:
        self.clock = Clock()
        self.liveness = Liveness(self.clock)
        self.acknowledged: list[tuple[str, str]] = []
        self.refused: list[str] = []
        post = Post(token, self.refused.append)
        self.web = Web(bind, Metrics(["top"], ["dark"]).registry, self.liveness, self._acknowledge, post)

    def _acknowledge(self, name: str, operator: str) -> bool:
        if operator == "\a":
            raise ValueError("no name")
        self.acknowledged.append((name, operator))
        return name == "three dark/1"

    def ask(
        self, path: str, method: str = "GET", host: str = "127.0.0.1", authorization: str = f"Bearer {TOKEN}"
    ) -> tuple[int, str]:
        """Status and text of a request."""
        headers = {"Authorization": authorization} if authorization else {}
        request = urllib.request.Request(f"http://{host}:{self.web.port}{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=patience_s()) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def running() -> Iterator[RunningWeb]:
    """Give a web server that runs until the end of the test."""
    running = RunningWeb()
    yield running
    running.web.close()


def test_health_while_starting(running: RunningWeb) -> None:
    """A start that takes its time is not a stall: who restarts on /health would never let a big engine warm up."""
    running.clock.now_s += 10 * ALIVE_S
    assert running.ask("/health") == (200, "healthy\n")
    assert running.ask("/ready") == (503, "starting\n")


def test_health(running: RunningWeb) -> None:
    """Healthy is who finished work lately: 503 when the last stage has stalled, 200 again when it goes on."""
    running.liveness.not_ready = ""
    assert running.ask("/health") == (200, "healthy\n")
    running.clock.now_s += ALIVE_S - 0.1
    assert running.ask("/health") == (200, "healthy\n")
    running.clock.now_s += 2
    assert running.ask("/health") == (503, "no work finished for 12 s\n")
    running.liveness.worked()
    assert running.ask("/health") == (200, "healthy\n")


def test_head_is_answered_without_a_body(running: RunningWeb) -> None:
    """A load balancer that only asks for the status gets it, and the connection goes on."""
    with closing(http.client.HTTPConnection("127.0.0.1", running.web.port, timeout=patience_s())) as connection:
        for _ in range(2):
            connection.request("HEAD", "/health")
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "8", b"")


def test_ready(running: RunningWeb) -> None:
    """Ready is who is warmed up and alive; else the answer says what is waited for."""
    assert running.ask("/ready") == (503, "starting\n")
    running.liveness.not_ready = "warming up recipe steel@1"
    assert running.ask("/ready") == (503, "warming up recipe steel@1\n")
    running.liveness.not_ready = ""
    assert running.ask("/ready") == (200, "ready\n")
    running.clock.now_s += ALIVE_S + 1
    assert running.ask("/ready") == (503, "no work finished for 11 s\n")


def test_metrics(running: RunningWeb) -> None:
    """A scrape gets all metrics as text, whatever else stands in its query."""
    for path in ("/metrics", "/metrics?name=x"):
        status, text = running.ask(path)
        assert status == 200 and "# TYPE inspector_frames_received_total counter" in text


def test_an_alarm_whose_name_is_no_text_is_unknown(
    running: RunningWeb, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell passes any bytes as a name; the daemon answers, and no traceback is shown. No proxy gets the token."""
    running.liveness.not_ready = ""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    name, file = os.fsdecode(b"dark\xff"), tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(f"{TOKEN}\n")
    options = ["--http", f"127.0.0.1:{running.web.port}", "--token-file", str(file)]
    assert inspector.main(["acknowledge", name, *options]) == EXIT_FAILURE
    err = capsys.readouterr().err
    assert "no such alarm" in err and "write `inspector alarms acknowledge NAME --operator YOU`" in err
    with pytest.raises(SystemExit):
        inspector.main(["--help"])
    assert "\n    acknowledge" not in capsys.readouterr().out


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=x,;;;q=y", "\xff", ","])
def test_metrics_are_given_to_whoever_asks_oddly(running: RunningWeb, accept: str) -> None:
    """What a scraper says it accepts is no reason to leave it without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", running.web.port, timeout=patience_s())
    with closing(connection):
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"inspector_frames_received_total" in answer.read()


@pytest.mark.parametrize("why", ["starting", "stopping"])
def test_an_acknowledgement_that_nobody_can_carry_out_is_refused(running: RunningWeb, why: str) -> None:
    """Before the stages stand, and once they end, whoever asks is refused and nothing is lost in silence."""
    running.liveness.not_ready = why
    status, words = running.ask("/acknowledge/three%20dark%2F1", "POST")
    assert (status, words) == (503, f"the inspector is not ready: {why}; nothing was done. Ask again\n")
    assert running.acknowledged == []


def test_acknowledge(running: RunningWeb) -> None:
    """An acknowledgement is passed on under the alarm's name; an unknown name is reported, not swallowed."""
    running.liveness.not_ready = ""
    assert running.ask("/acknowledge/three%20dark%2F1", "POST")[0] == 202
    assert running.ask("/acknowledge/four", "POST") == (
        404,
        "four: no such alarm; expected a name from the configuration\n",
    )
    assert running.ask("/acknowledge/four")[0] == 404
    assert running.ask("/acknowledge/three%20dark%2F1?operator=Kim%20Lee", "POST")[0] == 202
    assert running.ask("/acknowledge/three%20dark%2F1?operator=%07", "POST") == (
        400,
        "no name; expected /acknowledge/ALARM?operator=NAME\n",
    )
    assert running.acknowledged == [("three dark/1", ""), ("four", ""), ("three dark/1", "Kim Lee")]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}0", f"Bearer {TOKEN[:-1]}", "\xff"]
)
def test_a_post_without_the_token_changes_nothing(running: RunningWeb, authorization: str) -> None:
    """It is answered with 401 and how to come again, and counted with its address."""
    status, words = running.ask("/acknowledge/four", "POST", authorization=authorization)
    assert (status, words) == (401, "expected the token: Authorization: Bearer TOKEN\n")
    assert (running.acknowledged, running.refused) == ([], ["127.0.0.1"])


@pytest.mark.parametrize("authorization", ["", "Bearer ", f"Bearer {TOKEN}"])
def test_no_post_where_there_is_no_token(authorization: str) -> None:
    """Without a configured token nobody may post, whatever he sends; who only looks may."""
    running = RunningWeb(token="")
    assert running.ask("/acknowledge/four", "POST", authorization=authorization)[0] == 403
    assert running.ask("/health", authorization="")[0] == 200
    assert running.acknowledged == []
    running.web.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths(running: RunningWeb, method: str) -> None:
    """Any other path is 404 and says what there is."""
    status, words = running.ask("/", method)
    assert status == 404 and words.startswith("expected /")


def test_a_stalled_client_blocks_nobody(running: RunningWeb) -> None:
    """Somebody who connects and says nothing does not keep others from an answer."""
    silent = http.client.HTTPConnection("127.0.0.1", running.web.port)
    silent.connect()
    try:
        assert running.ask("/health")[0] == 200
    finally:
        silent.close()


def test_connections_and_threads_are_bounded(running: RunningWeb) -> None:
    """Hundreds who connect, ask half a question or do not read their answer keep nobody out, and cost no more."""
    held: list[socket.socket] = []
    for begun in (b"", b"GET /metrics HTTP/1.1\r\nX-a: ", b"GET /metrics HTTP/1.1\r\n\r\n"):
        for _ in range(100):
            held.append(socket.create_connection(("127.0.0.1", running.web.port), timeout=patience_s()))
            with suppress(OSError):  # it may have been ended already
                held[-1].sendall(begun)
    assert running.ask("/health")[0] == 200
    deadline = time.monotonic() + patience_s()
    while sum(thread.name == "web-answer" for thread in threading.enumerate()) > MOST_CONNECTIONS:
        assert time.monotonic() < deadline
    for connection in held:
        connection.close()
    assert running.ask("/health")[0] == 200


def test_peers_that_go_away_are_no_news(
    running: RunningWeb, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A connection that is reset, or sends garbage, leaves nothing in the log."""
    for words in (b"GET /metrics HTTP/1.1\r\n\r\n", b"\x00\xff" * 100, b"\r\n", b"GET / HTTP/9.9\r\n\r\n", b""):
        for _ in range(5):
            rude = socket.create_connection(("127.0.0.1", running.web.port), timeout=patience_s())
            rude.sendall(words)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.close()
    assert running.ask("/health")[0] == 200
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


def test_close_leaves_no_thread() -> None:
    """Whoever is still connected is disconnected, and the threads end."""
    before = set(threading.enumerate())
    running = RunningWeb()
    with socket.create_connection(("127.0.0.1", running.web.port), timeout=patience_s()) as silent:
        assert running.ask("/health")[0] == 200
        running.web.close()
        assert silent.recv(1) == b""
    assert set(threading.enumerate()) == before


def test_health_follows_batches_that_take_long(running: RunningWeb) -> None:
    """A slow engine is no dead one: what its batches take, at the warm-up and since, is what may be expected."""
    running.liveness.not_ready = ""
    running.liveness.worked()
    running.liveness.batch_s = 12.0
    running.clock.now_s += 35
    assert running.ask("/health")[0] == 200
    running.clock.now_s += 2
    assert running.ask("/health")[0] == 503
    running.liveness.worked()
    running.clock.now_s += 100
    assert running.ask("/health")[0] == 200
    running.clock.now_s += 20
    assert running.ask("/health")[0] == 503


def test_ipv6() -> None:
    """An IPv6 address, as the configuration allows it, is served."""
    try:
        running = RunningWeb("[::1]:0")
    except SocketError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    try:
        assert running.ask("/health", host="[::1]")[0] == 200
    finally:
        running.web.close()


def test_port_in_use(running: RunningWeb) -> None:
    """A port in use is named, with what to do."""
    with pytest.raises(SocketError) as caught:
        RunningWeb(f"127.0.0.1:{running.web.port}")
    assert str(caught.value) == (
        f"http.bind 127.0.0.1:{running.web.port}: [Errno 98] Address already in use. "
        "Stop the program that holds it, or choose another port."
    )


def test_close_frees_the_port() -> None:
    """After `close` the port is free for the next process at once."""
    running = RunningWeb()
    running.ask("/health")
    running.web.close()
    again = RunningWeb(f"127.0.0.1:{running.web.port}")
    assert again.ask("/health")[0] == 200
    again.web.close()


def test_ready_tells_what_else_goes_on(running: RunningWeb) -> None:
    """A rebuild of the engine is reported whether the line waits for it or runs on meanwhile."""
    running.liveness.doing = "rebuilding the engine"
    assert running.ask("/ready") == (503, "starting; rebuilding the engine\n")
    running.liveness.not_ready = ""
    assert running.ask("/ready") == (200, "ready; rebuilding the engine\n")
