"""What the live page's script asks for: the stream, the strip's picture, commands.

Laws: a command goes to the line as it would from the shell, with the name of who gives it; what comes back is the
line's own answer.

Knows: JSON in and out. Must not know: pages.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from inspector import __version__
from inspector.commands import ask
from inspector.errors import InspectorError, NoAnswer
from inspector.records.commands import (
    Acknowledge,
    Answer,
    Command,
    Decide,
    Order,
    Relabel,
    Reset,
    RollsChanged,
    Shelve,
    Unshelve,
)
from inspector.refusal import explained
from inspector.station import backdrop
from inspector.station.access import Who
from inspector.station.watch import Watch

OPERATORS = (Acknowledge, Reset, Shelve, Unshelve, RollsChanged, Relabel)
"""What an operator may ask of a line; the rest takes an engineer."""
MOST_BYTES = 20_000
PICTURES = {".jpg": "image/jpeg", ".png": "image/png"}
"""What the archive keeps, by the names of its files."""
LOOK_S = 2.0
"""How often a stream looks whether who reads it still may."""
STUCK_S = 10.0
"""A browser that takes nothing for so long is cut off."""


class Api:
    """Answers scripts."""

    def __init__(self, watches: Mapping[str, Watch]) -> None:
        self._watches = watches

    async def health(self, request: Request) -> Response:
        """200 while the station lives, whatever becomes of its lines; 503 where its pages lack what came from one."""
        lines = {
            name: {"is_answering": watch.is_answering(), "fault": watch.own_faults.last}
            for name, watch in self._watches.items()
        }
        is_whole = not any(watch.own_faults.last for watch in self._watches.values())
        return answered({"version": __version__, "lines": lines}, 200 if is_whole else 503)

    async def stream(self, request: Request) -> Response:
        """Server-sent events of a line."""
        # a browser that comes back by itself asks with the address of its first time, and the header of now
        last = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return _Streamed(watch_of(self._watches, request), last, request.state.is_welcome)

    async def strip(self, request: Request) -> Response:
        """Tiles of the archive's strip picture that show a stretch of a coil."""
        watch, asked = watch_of(self._watches, request), request.query_params
        archive = watch.line.archive
        if archive is None:
            return answered([])
        span_mm, screen_mm = (_number(asked, "from_mm"), _number(asked, "to_mm")), _number(asked, "screen_mm")
        passed = asked.get("since", ""), asked.get("until", "")
        found = partial(watch.backdrop.tiles, archive, asked.get("coil", ""), span_mm, screen_mm, passed)
        return answered(await run_sync(found, limiter=watch.turns.strip))

    async def strip_tile(self, request: Request) -> Response:
        """One of them."""
        watch = watch_of(self._watches, request)
        return await picture_of(backdrop.picture, watch.line.archive, request, watch.turns.tiles)

    async def command(self, request: Request) -> Response:
        """Ask something of a line, and return its answer."""
        watch, who = watch_of(self._watches, request), request.state.who
        command = _command(await read_json(request), who)
        try:
            given = partial(ask, watch.line.commands, command, key=watch.line.key)
            answer: Answer = await run_sync(given, limiter=watch.turns.commands)
        except NoAnswer as error:
            raise HTTPException(504, str(error)) from error
        except InspectorError as error:
            raise HTTPException(502, str(error)) from error
        watch.follower.refresh()
        return answered(answer, 200 if answer.is_done else 409)


class _Streamed(Response):
    """A stream that ends when the browser leaves, or leaves too much unread, and when who reads it is removed."""

    def __init__(self, watch: Watch, last: str, is_welcome: Callable[[], bool]) -> None:
        super().__init__(None, media_type="text/event-stream", headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._watch, self._last, self._is_welcome = watch, last, is_welcome

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        subscriber = self._watch.stream.subscribe(self._last)
        gone = asyncio.create_task(_gone(receive, subscriber.cut))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            looked_s = time.monotonic()
            async for chunk in subscriber:
                if time.monotonic() - looked_s > LOOK_S:
                    looked_s = time.monotonic()
                    if not self._is_welcome():
                        break
                part = {"type": "http.response.body", "body": chunk, "more_body": True}
                await asyncio.wait_for(send(part), STUCK_S)
            await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), STUCK_S)
        except TimeoutError:
            pass  # the connection is closed behind us, unfinished
        finally:
            gone.cancel()
            self._watch.stream.leave(subscriber)


async def _gone(receive: Receive, cut: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    cut()


def watch_of(watches: Mapping[str, Watch], request: Request) -> Watch:
    """The line that a request names; the first where it names none.

    Raises: HTTPException when there is no such line.
    """
    name = request.query_params.get("line", "")
    watch = watches.get(name) if name else next(iter(watches.values()))
    if watch is None:
        raise HTTPException(404, f"line is {name!r}; expected one of {', '.join(watches)}.")
    return watch


async def read_json(request: Request) -> dict[str, object]:
    """What a script sends.

    Raises: HTTPException when it is too much, or no JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415, "expected application/json.")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"more than {MOST_BYTES} bytes; expected a command.")
    try:
        return msgspec.json.decode(content, type=dict[str, object])
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"{error}; expected a command as JSON.") from error


async def picture_of(
    found: Callable[[Path, str], Path | None], archive: Path | None, request: Request, turn: CapacityLimiter
) -> Response:
    """The picture that a request names, read at once: it may be replaced or go meanwhile. `found` runs on a thread.

    Raises: HTTPException where it is not there.
    """

    def read() -> Response | None:
        try:
            path = found(archive, request.query_params.get("image", "")) if archive else None
            headers = {"cache-control": "private, max-age=3600"}
            return Response(path.read_bytes(), headers=headers, media_type=PICTURES[path.suffix]) if path else None
        except OSError:
            return None

    if (answer := await run_sync(read, limiter=turn)) is None:
        raise HTTPException(404, "the archive has no such picture (any more).")
    return answer


def _number(asked: QueryParams, name: str) -> float:
    """A number of a question.

    Raises: HTTPException where it is none.
    """
    text = asked.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise HTTPException(400, f"{name} is {text!r}; expected a number.")
    return value


def _command(given: dict[str, object], who: Who) -> Command:
    """Read a command; who has logged in gives it, whatever it says.

    Raises: HTTPException in words.
    """
    if who.name:
        given["operator"] = who.name
    try:
        command: Command = msgspec.convert(given, Command)
    except msgspec.ValidationError as error:
        raise HTTPException(400, f"{explained(error, given, of=Command)}. Correct it.") from error
    if not isinstance(command, Order):
        raise HTTPException(400, "this changes nothing; the stream has it.")
    if not (isinstance(command, OPERATORS) or who.may("engineer")):
        raise HTTPException(
            403, f"the role {who.role} may not {command.word.replace('_', ' ')}; it takes the role engineer."
        )
    if isinstance(command, Decide) and not command.reason.strip():
        raise HTTPException(400, "a decision needs a reason. Give one.")
    return command


def answered(value: object, status: int = 200) -> Response:
    """JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
