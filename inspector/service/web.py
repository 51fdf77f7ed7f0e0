"""What Prometheus, probes and operators' tools reach over HTTP: /metrics, /health, /ready, acknowledgements.

Laws: *ready* means warmed up on the real engine and taking frames; *healthy* means the last stage finished
work lately (an idle line finishes a tick four times a second), or has not begun to: how long a start may take is
the service manager's business. Serves on threads of its own; never blocks the line.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from inspector.errors import SocketError
from inspector.service.vitals import Vitals

CLOSE_S = 0.1
"""How long the server takes at most to notice that it is to close."""


class Web:
    """The HTTP server; it runs from construction to `close`.

    Raises: SocketError when the address cannot be bound.
    """

    def __init__(
        self, bind: str, registry: CollectorRegistry, vitals: Vitals, acknowledge: Callable[[str], bool]
    ) -> None:
        """`acknowledge` is called on a thread of the server; False when there is no such alarm."""
        host, _, port = bind.rpartition(":")
        try:
            self._server = _Server((host.strip("[]"), int(port)), registry, vitals, acknowledge)
        except OSError as error:
            raise SocketError(
                f"http.bind {bind}: {error}. Stop the program that holds it, or choose another port."
            ) from error
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(CLOSE_S,), name="web", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        vitals: Vitals,
        acknowledge: Callable[[str], bool],
    ) -> None:
        self.registry, self.vitals, self.acknowledge = registry, vitals, acknowledge
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10  # seconds; a peer that stalls gives its thread back
    server_version = "inspector"

    def do_GET(self) -> None:
        vitals = self.server.vitals
        stalled = "" if vitals.alive() else f"no work finished for {vitals.idle_s():.0f} s"
        match self.path.partition("?")[0]:
            case "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, encode(self.server.registry), content_type)
            case "/health":
                self._say_whether("healthy", but=stalled)
            case "/ready":
                but = vitals.not_ready or stalled
                more = f"; {vitals.doing}" if vitals.doing else ""
                self._say_whether(f"ready{more}", but=but and but + more)
            case _:
                self._say(HTTPStatus.NOT_FOUND, "expected /metrics, /health or /ready")

    def do_POST(self) -> None:
        name = unquote(self.path.removeprefix("/acknowledge/"))
        if not self.path.startswith("/acknowledge/"):
            self._say(HTTPStatus.NOT_FOUND, "expected /acknowledge/ALARM")
        elif self.server.acknowledge(name):
            self._say(HTTPStatus.ACCEPTED, f"{name}: passed on; the alarm's next event tells its new state")
        else:
            self._say(HTTPStatus.NOT_FOUND, f"{name}: no such alarm; expected a name from the configuration")

    def log_message(self, format: str, *args: object) -> None:
        """Keep scrapes out of the log."""

    def _say_whether(self, good: str, *, but: str) -> None:
        self._say(HTTPStatus.SERVICE_UNAVAILABLE if but else HTTPStatus.OK, but or good)

    def _say(self, status: HTTPStatus, words: str) -> None:
        self._answer(status, f"{words}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
