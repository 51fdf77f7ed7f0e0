"""The server's life: SIGTERM and Ctrl-C end it, in order, with exit code 0.

Knows: uvicorn, signals. Must not know: what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn

from inspector.station.connection import PATIENCE_S

ASKED = (signal.SIGINT, signal.SIGTERM)


class Loop(asyncio.SelectorEventLoop):
    """asyncio's, which waits for TLS's handshake as long as for a request; uvicorn has no setting of that."""

    async def create_server(self, *args: Any, **facts: Any) -> asyncio.Server:
        """Listen."""
        if facts.get("ssl"):
            facts["ssl_handshake_timeout"] = PATIENCE_S
        return await super().create_server(*args, **facts)


class Server(uvicorn.Server):
    """Serves until it is asked to end.

    `begun` is called once it answers, `end_streams` to end what would go on for ever.
    """

    def __init__(
        self, config: uvicorn.Config, *, begun: Callable[[], object], end_streams: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._begun, self._end_streams = begun, end_streams

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._begun()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals meanwhile, and ignore them afterwards: what is left is the way out."""
        for number in ASKED:
            signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number in ASKED:
                signal.signal(number, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second signal hurries nothing: it would cut off what ends in order, with a traceback."""
        if self.should_exit:
            return
        super().handle_exit(sig, frame)
        self._end_streams()
