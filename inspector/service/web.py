"""What Prometheus, probes and operators' tools reach over HTTP: /metrics, /health, /ready, acknowledgements.

Laws: *ready* means warmed up on the real engine and taking frames; *healthy* means the last stage finished
work lately (an idle line finishes a tick four times a second), or has not begun to: how long a start may take is
the service manager's business. Serves on threads of its own; never blocks the line.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from inspector.access.token import is_right
from inspector.errors import SocketError
from inspector.service.liveness import Liveness

log = logging.getLogger("inspector")

CLOSE_S = 0.1
"""How long the server takes at most to notice that it is to close."""
MOST_CONNECTIONS = 16
"""Prometheus, a probe and a few people; each takes a descriptor and a thread from the line."""
Acknowledge = Callable[[str, str], bool]
"""Takes an alarm's name and an operator's; False when there is no such alarm. Raises: ValueError for no name."""
PLAIN = "text/plain; charset=utf-8"
ANSWER_S = 1.0
"""How long a peer may take over its answer when others wait."""


class Post(NamedTuple):
    """Who may POST."""

    token: str
    """What a POST must carry; empty: POST is refused."""
    refused: Callable[[str], None]
    """Receives the address of each request that came without it."""


CLOSED = Post("", lambda peer: None)


class Web:
    """The HTTP server; it runs from construction to `close`.

    Raises: SocketError when the address cannot be bound.
    """

    def __init__(
        self,
        bind: str,
        registry: CollectorRegistry,
        liveness: Liveness,
        acknowledge: Acknowledge,
        post: Post = CLOSED,
    ) -> None:
        """`acknowledge`, and what `post` holds, are called on a thread of the server."""
        host, _, port = bind.rpartition(":")
        try:
            self._server = _Server((host.strip("[]"), int(port)), registry, liveness, acknowledge, post)
        except OSError as error:
            raise SocketError(
                f"http.bind {bind}: {error}. Stop the program that holds it, or choose another port."
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(CLOSE_S,), name="web", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.TCPServer):
    """Serves each connection on a thread of its own, and `MOST_CONNECTIONS` of them at most.

    A newcomer takes the place of the oldest that has not asked anything yet, then of the oldest that does not take its
    answer: a client that holds any number of connections open keeps no other out.
    """

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        liveness: Liveness,
        acknowledge: Acknowledge,
        post: Post,
    ) -> None:
        self.registry, self.liveness, self.acknowledge, self.post = registry, liveness, acknowledge, post
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._open: dict[socket.socket, _Connection] = {}
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; without a descriptor for it, let others have the processor."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(CLOSE_S)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it on a thread, once there is room for it."""
        thread = threading.Thread(target=self._serve, args=(request, client_address), name="web-answer", daemon=True)
        with self._changed:
            while len(self._open) >= MOST_CONNECTIONS:
                self._make_room()
                self._changed.wait(CLOSE_S)
            self._open[request] = _Connection(thread)
        thread.start()

    def asked(self, request: socket.socket) -> None:
        """Note that a connection has asked something: it is to have its answer."""
        with self._changed:
            self._open[request].asked_s = time.monotonic()

    def server_close(self) -> None:
        """Let answers leave, then end what is open, and all threads."""
        super().server_close()
        with self._changed:
            threads = [connection.thread for connection in self._open.values()]
            for request, connection in self._open.items():
                if not connection.asked_s:
                    _shut(request)
        until_s = time.monotonic() + ANSWER_S
        for thread in threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        with self._changed:
            for request in self._open:
                _shut(request)
        for thread in threads:
            thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a peer that went away; anything else is a bug."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("http: unexpected %r. Report this as a bug.", error)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)
            with self._changed:
                del self._open[request]
                self._changed.notify()

    def _make_room(self) -> None:
        """End the oldest connection of those that wait for nothing, or for too long."""
        idle = [request for request, connection in self._open.items() if not connection.asked_s]
        late_s = time.monotonic() - ANSWER_S
        late = [request for request, connection in self._open.items() if connection.asked_s < late_s]
        for request in (idle or late)[:1]:
            self._open[request].asked_s = time.monotonic()  # its thread ends soon: once is enough
            _shut(request)


@dataclass
class _Connection:
    """One that is open."""

    thread: threading.Thread
    asked_s: float = 0.0
    """When it asked something; 0 until then."""


def _shut(request: socket.socket) -> None:
    """End a connection whose thread may be reading or writing; that one closes it."""
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """Choose a form of the metrics by what a scraper accepts; the plain one where that cannot be understood."""
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # versions that are no numbers
        return choose_encoder("")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10  # seconds; a peer that stalls gives its thread back
    server_version = "inspector"

    def do_GET(self) -> None:
        self.server.asked(self.connection)
        liveness = self.server.liveness
        stalled = "" if liveness.alive() else f"no work finished for {liveness.idle_s():.0f} s"
        match self.path.partition("?")[0]:
            case "/metrics":
                encode, content_type = _encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, encode(self.server.registry), content_type)
            case "/health":
                self._say_whether("healthy", but=stalled)
            case "/ready":
                but = liveness.not_ready or stalled
                more = f"; {liveness.doing}" if liveness.doing else ""
                self._say_whether(f"ready{more}", but=but and but + more)
            case _:
                self._say(HTTPStatus.NOT_FOUND, "expected /metrics, /health or /ready")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.server.asked(self.connection)
        if not self._may_post():
            return
        path, _, query = self.path.partition("?")
        name = unquote(path.removeprefix("/acknowledge/"))
        operator = parse_qs(query).get("operator", [""])[0]
        if not path.startswith("/acknowledge/"):
            self._say(HTTPStatus.NOT_FOUND, "expected /acknowledge/ALARM")
            return
        if why := self.server.liveness.not_ready:  # nobody carries it out yet, or any more
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, f"the inspector is not ready: {why}; nothing was done. Ask again")
            return
        try:
            is_known = self.server.acknowledge(name, operator)
        except ValueError as error:
            self._say(HTTPStatus.BAD_REQUEST, f"{error}; expected /acknowledge/ALARM?operator=NAME")
            return
        if is_known:
            self._say(HTTPStatus.ACCEPTED, f"{name}: passed on; the alarm's next event carries its new state")
        else:
            self._say(HTTPStatus.NOT_FOUND, f"{name}: no such alarm; expected a name from the configuration")

    def _may_post(self) -> bool:
        """Whether the request carries the token; one that does not is answered."""
        post = self.server.post
        if is_right(self.headers.get("Authorization", ""), post.token):
            return True
        post.refused(str(self.client_address[0]))
        if not post.token:
            self._say(HTTPStatus.FORBIDDEN, "nothing is taken by POST; expected http.token_file in the configuration")
        else:
            words = "expected the token: Authorization: Bearer TOKEN"
            self._answer(HTTPStatus.UNAUTHORIZED, f"{words}\n".encode(), PLAIN, {"WWW-Authenticate": "Bearer"})
        return False

    def log_message(self, format: str, *args: object) -> None:
        """Keep scrapes out of the log."""

    def _say_whether(self, good: str, *, but: str) -> None:
        self._say(HTTPStatus.SERVICE_UNAVAILABLE if but else HTTPStatus.OK, but or good)

    def _say(self, status: HTTPStatus, words: str) -> None:
        self._answer(status, f"{words}\n".encode(), PLAIN)

    def _answer(
        self, status: HTTPStatus, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":  # load balancers ask so (RFC 9110, 9.3.2)
            self.wfile.write(body)
