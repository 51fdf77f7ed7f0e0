"""What Prometheus, probes and operators' tools reach over HTTP: /metrics, /health, /ready, acknowledgements.

Laws: *ready* means warmed up on the real engine and taking frames; *healthy* means the last stage finished
work lately (an idle line finishes a tick four times a second). Serves on threads of its own; never blocks the line.
"""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from inspector.errors import SocketError

ALIVE_NS = 10_000_000_000
"""Healthy while the last stage finished something within this time."""


class Vitals:
    """Signs of life: written by the main thread, read by the web server."""

    def __init__(self) -> None:
        self.not_ready = "starting"
        """Why frames are not being taken yet; empty when ready."""
        self._worked_ns = time.monotonic_ns()

    def worked(self) -> None:
        """Note that the last stage has finished something."""
        self._worked_ns = time.monotonic_ns()

    def idle_s(self) -> float:
        """Seconds since the last stage finished something."""
        return (time.monotonic_ns() - self._worked_ns) / 1e9

    def alive(self) -> bool:
        """Whether that is recent."""
        return self.idle_s() * 1e9 < ALIVE_NS


class Web:
    """The HTTP server; it runs from construction to `close`.

    Raises: SocketError when the address cannot be bound.
    """

    def __init__(
        self, bind: str, registry: CollectorRegistry, vitals: Vitals, acknowledge: Callable[[str], None]
    ) -> None:
        host, _, port = bind.rpartition(":")
        handler = type("Handler", (_Handler,), {"registry": registry, "vitals": vitals, "acknowledge": staticmethod(acknowledge)})
        try:
            self._server = _Server((host.strip("[]"), int(port)), handler)
        except (OSError, OverflowError) as error:
            raise SocketError(
                f"http.bind {bind}: {error}. Stop the program that holds it, or choose another port."
            ) from error
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="web", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    vitals: Vitals
    acknowledge: Callable[[str], None]
    timeout = 10  # seconds; a peer that stalls gives its thread back
    server_version = "inspector"

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, encode(self.registry), content_type)
        elif self.path == "/health":
            alive = self.vitals.alive()
            words = "healthy" if alive else f"no work finished for {self.vitals.idle_s():.0f} s"
            self._say(HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE, words)
        elif self.path == "/ready":
            why = self.vitals.not_ready or ("" if self.vitals.alive() else "no work finished lately")
            self._say(HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK, why or "ready")
        else:
            self._say(HTTPStatus.NOT_FOUND, "expected /metrics, /health or /ready")

    def do_POST(self) -> None:
        name = unquote(self.path.removeprefix("/acknowledge/"))
        if self.path.startswith("/acknowledge/") and name:
            self.acknowledge(name)
            self._say(HTTPStatus.ACCEPTED, f"acknowledgement of {name} passed on; its alarm event tells the new state")
        else:
            self._say(HTTPStatus.NOT_FOUND, "expected /acknowledge/ALARM")

    def log_message(self, format: str, *args: object) -> None:
        """Keep scrapes out of the log."""

    def _say(self, status: HTTPStatus, words: str) -> None:
        self._answer(status, f"{words}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
