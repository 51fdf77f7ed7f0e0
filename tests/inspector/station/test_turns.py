"""What a line holds up of another one: nothing, whether it does not answer or its archive's disk hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
import zmq
from starlette.requests import Request
from starlette.responses import Response

from inspector.archive.store import SEEN, _hash
from inspector.commands import ask
from inspector.records.commands import Answer, Command
from inspector.sockets import Socket
from inspector.station import api, review
from inspector.station.access import Who
from inspector.station.api import Api
from inspector.station.coil_api import CoilApi
from inspector.station.review import Review
from inspector.station.turns import LABELS, MOST_AT_ONCE
from inspector.station.watch import Watch
from tests.coil_journals import new_journal
from tests.inspector.station.test_watch import LINE
from tests.patience import patience_s

MANY = 45
"""More than a line may have at once, and than all who have no limit of their own."""
COMMAND = {"command": "acknowledge", "alarm": "a", "operator": "Kim"}
ITEMS = [{"coil": "C", "defect": "d", "seen": ""}]
LABEL = {"label": "sound", "operator": "Kim", "items": ITEMS}
Handler = Callable[[Request], Awaitable[Response]]


def handlers(folder: Path) -> dict[str, Handler]:
    """What answers, of two lines: `away`, and `here`."""
    new_journal(folder / "journal").close()
    watches = {
        name: Watch(
            msgspec.structs.replace(
                LINE,
                name=name,
                commands=f"ipc://{folder}/{name}",
                journal=folder / "journal",
                archive=folder / f"{name}.d",
            )
        )
        for name in ("away", "here")
    }
    kept, live, coils = Review(watches, ""), Api(watches), CoilApi(watches)
    return {"relabel": kept.relabel, "gallery": kept.gallery, "command": live.command, "crops": coils.crops}


async def call(handler: Handler, asked: Request) -> Response:
    """What it answers."""
    return await handler(asked)


def request(line: str, order: object = None) -> Request:
    """One, as an engineer's page makes it."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": msgspec.json.encode(order), "more_body": False}

    query = f"line={line}&coil=C&defect=d" if order is None else f"line={line}"
    facts = {"type": "http", "method": "POST", "state": {"who": Who("Kim", "engineer", "")}}
    headers = [(b"content-type", b"application/json")]
    return Request({**facts, "query_string": query.encode(), "headers": headers}, receive)


def answer(socket: Socket, until: threading.Event) -> None:
    """Say yes to all questions."""
    while not until.is_set():
        if socket.poll(10):
            *way, _ = socket.recv_multipart()
            socket.send_multipart([*way, msgspec.json.encode(Answer(is_done=True, message=""))])


@contextlib.contextmanager
def desk(folder: Path, name: str) -> Iterator[tuple[Socket, Callable[[], None]]]:
    """A line's command socket, and what has it answer."""
    ended = threading.Event()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.bind(f"ipc://{folder}/{name}")
        thread = threading.Thread(target=answer, args=(socket, ended))
        try:
            yield socket, thread.start
        finally:
            ended.set()
            if thread.ident:
                thread.join()


@pytest.mark.parametrize(("word", "order"), [("command", COMMAND), ("relabel", LABEL)])
def test_a_line_that_does_not_answer_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, order: object
) -> None:
    """However many commands and labels wait for it, those for another line have their answer meanwhile."""

    def patient(address: str, command: Command, *_: float, key: Path | None) -> Answer:
        return ask(address, command, patience_s(), key=key)

    monkeypatch.setattr(api, "ask", patient)
    monkeypatch.setattr(review, "ask", patient)
    handler = handlers(tmp_path)[word]

    async def all_of_it() -> None:
        with desk(tmp_path, "away") as (silent, speak), desk(tmp_path, "here") as (_, speak_here):
            speak_here()
            held = [asyncio.create_task(call(handler, request("away", order))) for _ in range(MANY)]
            while not await asyncio.to_thread(partial(silent.poll, 10)):
                pass
            assert (await handler(request("here", order))).status_code == 200
            assert not any(task.done() for task in held)
            speak()
            assert {(await task).status_code for task in held} == {200}

    asyncio.run(all_of_it())


def test_labels_do_not_each_wait_for_a_line_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once one of a request had no answer, those whose turn comes later are not given, and say so."""
    monkeypatch.setattr(review, "WAIT_S", 0.01)
    order = {**LABEL, "items": ITEMS * MOST_AT_ONCE}
    answer = asyncio.run(call(handlers(tmp_path)["relabel"], request("away", order)))
    messages = [given["message"] for given in msgspec.json.decode(answer.body)]
    left = [message for message in messages if message.startswith("line away does not answer; nothing was done.")]
    assert answer.status_code == 409 and "nobody listens there" in messages[0]
    assert len(left) >= MOST_AT_ONCE - LABELS


@pytest.mark.parametrize("word", ["gallery", "crops"])
def test_an_archive_that_hangs_holds_up_no_other(tmp_path: Path, word: str) -> None:
    """A disk that does not answer, as one of another machine may: here a file that has no end."""
    handler = handlers(tmp_path)[word]
    hangs = tmp_path / "away.d" / SEEN / "2026-01-01" / "C" / f"1-{_hash('d')}-0.json"
    hangs.parent.mkdir(parents=True)
    (tmp_path / "here.d").mkdir()
    os.mkfifo(hangs)

    async def all_of_it() -> None:
        held = [asyncio.create_task(call(handler, request("away"))) for _ in range(MANY)]
        while (end := _written(hangs)) is None:
            await asyncio.sleep(0.01)
        try:
            assert await asyncio.wait_for(call(handler, request("here")), patience_s())
            assert not any(task.done() for task in held)
        finally:
            hangs.unlink()
            os.close(end)
        assert {(await task).status_code for task in held} == {200}

    asyncio.run(all_of_it())


def _written(pipe: Path) -> int | None:
    """The end that is written to; None as long as nobody reads."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
