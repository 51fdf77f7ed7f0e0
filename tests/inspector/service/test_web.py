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

import pytest

from inspector import __main__ as inspector
from inspector.errors import EXIT_FAILURE, SocketError
from inspector.metrics import Metrics
from inspector.service.vitals import ALIVE_S, Vitals
from inspector.service.web import MOST_CONNECTIONS, Web


class Clock:
    """A clock that one can set."""

    now_s = 1000.0

    def __call__(self) -> int:
        return int(self.now_s * 1e9)


class Site:
    """A web server on a free port, and a browser."""

    def __init__(self, bind: str = "127.0.0.1:0") -> None:
        self.clock = Clock()
        self.vitals = Vitals(self.clock)
        self.acknowledged: list[str] = []
        self.web = Web(bind, Metrics(["top"], ["dark"]).registry, self.vitals, self._acknowledge)

    def _acknowledge(self, name: str) -> bool:
        self.acknowledged.append(name)
        return name == "three dark/1"

    def ask(self, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str]:
        """Status and text of a request."""
        request = urllib.request.Request(f"http://{host}:{self.web.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=45) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def site() -> Iterator[Site]:
    """Give a web server that runs until the end of the test."""
    site = Site()
    yield site
    site.web.close()


def test_health_while_starting(site: Site) -> None:
    """A start that takes its time is not a stall: who restarts on /health would never let a big engine warm up."""
    site.clock.now_s += 10 * ALIVE_S
    assert site.ask("/health") == (200, "healthy\n")
    assert site.ask("/ready") == (503, "starting\n")


def test_health(site: Site) -> None:
    """Healthy is who finished work lately: 503 when the last stage has stalled, 200 again when it goes on."""
    site.vitals.not_ready = ""
    assert site.ask("/health") == (200, "healthy\n")
    site.clock.now_s += ALIVE_S - 0.1
    assert site.ask("/health") == (200, "healthy\n")
    site.clock.now_s += 2
    assert site.ask("/health") == (503, "no work finished for 12 s\n")
    site.vitals.worked()
    assert site.ask("/health") == (200, "healthy\n")


def test_head_is_answered_without_a_body(site: Site) -> None:
    """A load balancer that only asks for the status gets it, and the connection goes on."""
    with closing(http.client.HTTPConnection("127.0.0.1", site.web.port, timeout=45)) as connection:
        for _ in range(2):
            connection.request("HEAD", "/health")
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "8", b"")


def test_ready(site: Site) -> None:
    """Ready is who is warmed up and alive; else the answer says what is waited for."""
    assert site.ask("/ready") == (503, "starting\n")
    site.vitals.not_ready = "warming up recipe steel@1"
    assert site.ask("/ready") == (503, "warming up recipe steel@1\n")
    site.vitals.not_ready = ""
    assert site.ask("/ready") == (200, "ready\n")
    site.clock.now_s += ALIVE_S + 1
    assert site.ask("/ready") == (503, "no work finished for 11 s\n")


def test_metrics(site: Site) -> None:
    """A scrape gets all metrics as text, whatever else stands in its query."""
    for path in ("/metrics", "/metrics?name=x"):
        status, text = site.ask(path)
        assert status == 200 and "# TYPE inspector_frames_received_total counter" in text


def test_an_alarm_whose_name_is_no_text_is_unknown(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell passes any bytes as a name; the daemon answers, and no traceback is shown."""
    name = os.fsdecode(b"dark\xff")
    assert inspector.main(["acknowledge", name, "--http", f"127.0.0.1:{site.web.port}"]) == EXIT_FAILURE
    assert "no such alarm" in capsys.readouterr().err


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=x,;;;q=y", "\xff", ","])
def test_metrics_are_given_to_whoever_asks_oddly(site: Site, accept: str) -> None:
    """What a scraper says it accepts is no reason to leave it without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", site.web.port, timeout=45)
    with closing(connection):
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"inspector_frames_received_total" in answer.read()


def test_acknowledge(site: Site) -> None:
    """An acknowledgement is passed on under the alarm's name; an unknown name is told, not swallowed."""
    assert site.ask("/acknowledge/three%20dark%2F1", "POST")[0] == 202
    assert site.ask("/acknowledge/four", "POST") == (
        404,
        "four: no such alarm; expected a name from the configuration\n",
    )
    assert site.ask("/acknowledge/four")[0] == 404
    assert site.acknowledged == ["three dark/1", "four"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths(site: Site, method: str) -> None:
    """Any other path is 404 and says what there is."""
    status, words = site.ask("/", method)
    assert status == 404 and words.startswith("expected /")


def test_a_stalled_client_blocks_nobody(site: Site) -> None:
    """Somebody who connects and says nothing does not keep others from an answer."""
    silent = http.client.HTTPConnection("127.0.0.1", site.web.port)
    silent.connect()
    try:
        assert site.ask("/health")[0] == 200
    finally:
        silent.close()


def test_connections_and_threads_are_bounded(site: Site) -> None:
    """Hundreds who connect, ask half a question or do not read their answer keep nobody out, and cost no more."""
    held: list[socket.socket] = []
    for begun in (b"", b"GET /metrics HTTP/1.1\r\nX-a: ", b"GET /metrics HTTP/1.1\r\n\r\n"):
        for _ in range(100):
            held.append(socket.create_connection(("127.0.0.1", site.web.port), timeout=60))
            with suppress(OSError):  # it may have been ended already
                held[-1].sendall(begun)
    assert site.ask("/health")[0] == 200
    deadline = time.monotonic() + 60
    while sum(thread.name == "web-answer" for thread in threading.enumerate()) > MOST_CONNECTIONS:
        assert time.monotonic() < deadline
    for connection in held:
        connection.close()
    assert site.ask("/health")[0] == 200


def test_peers_that_go_away_are_no_news(
    site: Site, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A connection that is reset, or sends garbage, leaves nothing in the log."""
    for words in (b"GET /metrics HTTP/1.1\r\n\r\n", b"\x00\xff" * 100, b"\r\n", b"GET / HTTP/9.9\r\n\r\n", b""):
        for _ in range(5):
            rude = socket.create_connection(("127.0.0.1", site.web.port), timeout=60)
            rude.sendall(words)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.close()
    assert site.ask("/health")[0] == 200
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


def test_close_leaves_no_thread() -> None:
    """Whoever is still connected is disconnected, and the threads end."""
    before = set(threading.enumerate())
    site = Site()
    with socket.create_connection(("127.0.0.1", site.web.port), timeout=60) as silent:
        assert site.ask("/health")[0] == 200
        site.web.close()
        assert silent.recv(1) == b""
    assert set(threading.enumerate()) == before


def test_health_follows_batches_that_take_long(site: Site) -> None:
    """A slow engine is no dead one: what its batches take, at the warm-up and since, is what may be expected."""
    site.vitals.not_ready = ""
    site.vitals.worked()
    site.vitals.batch_s = 12.0
    site.clock.now_s += 35
    assert site.ask("/health")[0] == 200
    site.clock.now_s += 2
    assert site.ask("/health")[0] == 503
    site.vitals.worked()
    site.clock.now_s += 100
    assert site.ask("/health")[0] == 200
    site.clock.now_s += 20
    assert site.ask("/health")[0] == 503


def test_ipv6() -> None:
    """An IPv6 address, as the configuration allows it, is served."""
    try:
        site = Site("[::1]:0")
    except SocketError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    try:
        assert site.ask("/health", host="[::1]")[0] == 200
    finally:
        site.web.close()


def test_port_in_use(site: Site) -> None:
    """A port in use is named, with what to do."""
    with pytest.raises(SocketError) as caught:
        Site(f"127.0.0.1:{site.web.port}")
    assert str(caught.value) == (
        f"http.bind 127.0.0.1:{site.web.port}: [Errno 98] Address already in use. "
        "Stop the program that holds it, or choose another port."
    )


def test_close_frees_the_port() -> None:
    """After `close` the port is free for the next process at once."""
    site = Site()
    site.ask("/health")
    site.web.close()
    again = Site(f"127.0.0.1:{site.web.port}")
    assert again.ask("/health")[0] == 200
    again.web.close()


def test_ready_tells_what_else_goes_on(site: Site) -> None:
    """A rebuild of the engine is said whether the line waits for it or runs on meanwhile."""
    site.vitals.doing = "rebuilding the engine"
    assert site.ask("/ready") == (503, "starting; rebuilding the engine\n")
    site.vitals.not_ready = ""
    assert site.ask("/ready") == (200, "ready; rebuilding the engine\n")
