"""Connections that keep the station waiting: they end, and keep nobody out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from asyncio import constants
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from inspector.station import connection, server
from inspector.station.command import MOST_REQUESTS, configured
from inspector.station.connection import Connection, taken_bytes
from inspector.station.settings import LineSection, StationSection
from tests.patience import patience_s
from tests.stations import HOST, Station, line_file, station_of

HALF_HEAD = "POST /api/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALF_BODY = f"{HALF_HEAD}X-Station-Token: {{token}}\r\nContent-Length: 20000\r\n\r\n{{{{"
KINDS = {"nothing": "", "half a head": HALF_HEAD, "half a body": HALF_BODY}
LARGE = 50 * 2**20
"""Bytes of an answer: more than the kernel takes for one who does not read."""
Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Opened]]


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station, on loopback."""
    folder = tmp_path_factory.mktemp("station")
    line_file(folder)
    with station_of(folder) as made:
        made.read_token()
        yield made
    assert "Traceback" not in (folder / "station.log").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_nothing_whole_keeps_nobody_out(station: Station, kind: str) -> None:
    """However many there are: who asks has the answer."""
    sent = KINDS[kind].format(token=station.token).encode()
    with contextlib.ExitStack() as held:
        for _ in range(MOST_REQUESTS):
            held.enter_context(socket.create_connection((HOST, station.port))).sendall(sent)
        assert station.ask("/live").status == 200


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what was sent, or nobody."""
    with contextlib.suppress(Exception):
        await Response(await Request(scope, receive).body())(scope, receive, send)


async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without reading."""
    await Response("no")(scope, receive, send)


async def is_large(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at length."""
    await Response(bytes(LARGE))(scope, receive, send)


@contextlib.asynccontextmanager
async def served(
    app: Callable[..., Awaitable[None]],
) -> AsyncIterator[tuple[Connect, set[Any]]]:
    """An application, as a way to connect to it, and its connections."""
    config = uvicorn.Config(app, http=Connection, lifespan="off", log_config=None, limit_concurrency=2)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(config, state, {}), HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        opened = list[Opened]()

        async def connect() -> Opened:
            opened.append(await asyncio.open_connection(HOST, port))
            return opened[-1]

        try:
            yield connect, state.connections
        finally:
            for _, writer in opened:
                writer.close()


def run(test: Awaitable[None]) -> None:
    """Carry it out; it fails where something never comes."""

    async def within() -> None:
        await asyncio.wait_for(test, patience_s())

    asyncio.run(within())


@pytest.mark.parametrize("kind", [*KINDS, "an answer"])
def test_who_asks_nothing_whole_is_ended(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """After a while, whatever trickles in meanwhile; also who was answered before all was sent."""
    monkeypatch.setattr(connection, "LOOK_S", 0.01)
    monkeypatch.setattr(connection, "PATIENCE_S", 0.05)

    async def test() -> None:
        async with served(refuses if kind == "an answer" else reads) as (connect, connections):
            reader, writer = await connect()
            writer.write(KINDS.get(kind, KINDS["half a body"]).format(token="").encode())
            while not (connections or reader.at_eof()):
                await asyncio.sleep(0)
            if kind == "an answer":
                assert b"200 OK" in await reader.readuntil(b"\r\n\r\nno")
            while connections:
                if kind == "an answer":
                    writer.write(b" ")
                await asyncio.sleep(0.001)
            if kind != "an answer":
                assert not await reader.read()

    run(test())


@pytest.mark.parametrize("count", ["the kernel's", "asyncio's"])
def test_who_takes_no_answer_is_ended(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    """Not one who takes it slowly: a little of it between two looks, of which asyncio's buffer shows nothing yet."""
    monkeypatch.setattr(connection, "PATIENCE_S", 0.0)
    if count == "asyncio's":
        monkeypatch.delattr(socket, "TCP_INFO")

    async def test() -> None:
        async with served(is_large) as (connect, connections):
            reader, writer = await connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            while not (connections and next(iter(connections)).flow.write_paused):
                await asyncio.sleep(0)
            looked_at: Connection = next(iter(connections))
            for _ in range(5):
                taken = taken_bytes(looked_at.transport)
                while taken_bytes(looked_at.transport) == taken:
                    await reader.read(2**20)
                looked_at._look()
                assert looked_at in connections
            while connections:
                await asyncio.sleep(0.001)
                looked_at._look()

    run(test())


def test_who_ends_no_handshake_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS's, on the loop that the station runs on; asyncio waits for it as long as for nothing else."""
    monkeypatch.setattr(constants, "SSL_HANDSHAKE_TIMEOUT", 1e6)
    monkeypatch.setattr(server, "PATIENCE_S", 0.01)
    config = configured(StationSection(line=(LineSection(config="line.toml"),)), Starlette())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    async def test() -> None:
        async with await asyncio.get_running_loop().create_server(asyncio.Protocol, HOST, 0, ssl=tls) as listening:
            reader, writer = await asyncio.open_connection(HOST, listening.sockets[0].getsockname()[1])
            assert not await asyncio.wait_for(reader.read(), patience_s())
            writer.close()

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(test())


def test_who_is_owed_an_answer_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, and whoever else comes: the newcomer that asks nothing makes room then."""
    monkeypatch.setattr(connection, "PATIENCE_S", 0.0)
    answer = asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await answer.wait()
        await Response("here")(scope, receive, send)

    async def test() -> None:
        async with served(waits) as (connect, connections):
            reader, writer = await connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            while not (connections and next(iter(connections)).cycle):
                await asyncio.sleep(0)
            waiting = next(iter(connections))
            waiting._look()
            for silent in [await connect() for _ in range(3)][:2]:
                assert await silent[0].read() == b""
            assert waiting in connections and len(connections) == 2
            answer.set()
            assert (await reader.read()).endswith(b"here")

    run(test())
