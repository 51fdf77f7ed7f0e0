"""The station over HTTP: which address answers what, to whom.

Laws: everything is served from here, and the pages say so to the browser (Content-Security-Policy, no script but the
files'). What the line says is text, never markup. Nothing waits for a browser.

Knows: routes. Must not know: how anything is found out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inspector import coil
from inspector.errors import InspectorError
from inspector.station.access import SESSION_S, Access, Handler
from inspector.station.api import Api
from inspector.station.lines import Line
from inspector.station.login import Login
from inspector.station.settings import StationSection
from inspector.station.views import Views
from inspector.station.watch import Watch

if TYPE_CHECKING:
    from inspector.station.coil_api import CoilApi
    from inspector.station.review import Review
    from inspector.station.weeks import Weeks

T = TypeVar("T")

STATIC = Path(__file__).with_name("static")
PAGE = Path(coil.__file__).with_name("page")
"""What a coil's page shares with its report."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOCAL = ("127.0.0.1", "localhost", "[::1]")


def build(settings: StationSection, lines: Mapping[str, Line]) -> Starlette:
    """Make the application; it follows the lines while it is served.

    Raises: ConfigError when the users' file cannot be read.
    """
    access = Access(settings)
    watches = {name: Watch(line) for name, line in lines.items()}

    loops: list[asyncio.AbstractEventLoop] = []

    def end_streams() -> None:  # from a signal's handler
        for loop in loops:
            for watch in watches.values():
                loop.call_soon_threadsafe(watch.stream.close)

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        for watch in watches.values():
            watch.start()
        yield
        for watch in watches.values():
            await watch.close()

    routes = [
        *_routes(access, Views(access, watches), Api(watches), Login(access)),
        *_later_routes(access, watches, settings),
        Mount("/static/coil", StaticFiles(directory=PAGE)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    middleware = [Middleware(HostGuard, allows=_allows(settings)), Middleware(Sessions, secret=access.secret)]
    faults = {InspectorError: _failed, HTTPException: _refused, ClientDisconnect: _unread}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=faults, lifespan=life)
    app.state.end_streams = end_streams
    return app


def _routes(access: Access, views: Views, api: Api, login: Login) -> list[BaseRoute]:
    """Which address answers what, and the least role that it takes."""
    page, ask = access.guarded, access.guarded
    return [
        Route("/", page("viewer", views.start, is_page=True)),
        Route("/live", page("viewer", views.live, is_page=True)),
        Route("/coils", page("viewer", views.coils, is_page=True)),
        Route("/coil", page("viewer", views.coil, is_page=True)),
        Route("/review", page("viewer", views.review, is_page=True)),
        Route("/history", page("viewer", views.history, is_page=True)),
        Route("/health", api.health),
        Route("/api/stream", ask("viewer", api.stream)),
        Route("/api/strip", ask("viewer", api.strip)),
        Route("/api/strip_tile", ask("viewer", api.strip_tile)),
        Route("/api/command", ask("operator", api.command), methods=["POST"]),
        Route("/login", login.answer, methods=["GET", "POST"]),
        Route("/logout", ask("viewer", login.leave), methods=["POST"]),
    ]


def _later_routes(access: Access, watches: Mapping[str, Watch], settings: StationSection) -> list[BaseRoute]:
    """Those of what the journal and the archive have kept."""

    def coils() -> CoilApi:
        from inspector.station.coil_api import CoilApi

        return CoilApi(watches)

    def review() -> Review:
        from inspector.station.review import Review

        return Review(watches, settings.exports)

    def weeks() -> Weeks:
        from inspector.station.weeks import Weeks

        return Weeks(watches, settings.zone)

    ask, its, kept, past = access.guarded, Later(coils), Later(review), Later(weeks)
    return [
        Route("/api/coils", ask("viewer", its.handler(lambda its: its.coils))),
        Route("/api/coil", ask("viewer", its.handler(lambda its: its.coil))),
        Route("/api/crops", ask("viewer", its.handler(lambda its: its.crops))),
        Route("/api/crop", ask("viewer", its.handler(lambda its: its.crop))),
        Route("/api/history", ask("viewer", past.handler(lambda past: past.history))),
        Route("/api/gallery", ask("viewer", kept.handler(lambda kept: kept.gallery))),
        Route("/api/relabel", ask("operator", kept.handler(lambda kept: kept.relabel)), methods=["POST"]),
        Route("/api/export", ask("engineer", kept.handler(lambda kept: kept.export)), methods=["POST"]),
        Route("/api/exported", ask("engineer", kept.handler(lambda kept: kept.exported))),
    ]


class Later(Generic[T]):
    """What answers, loaded by the first request for it: a station that comes back takes little from its lines."""

    def __init__(self, load: Callable[[], T]) -> None:
        self._load, self._loaded = load, list[T]()

    def handler(self, of: Callable[[T], Handler]) -> Handler:
        """One of its handlers."""

        async def answer(request: Request) -> Response:
            if not self._loaded:
                made = await asyncio.to_thread(self._load)
                self._loaded = self._loaded or [made]  # others may have asked meanwhile
            return await of(self._loaded[0])(request)

        return answer


class Sessions:
    """Signed cookies. Of a page that came by TLS, from here or from a proxy that is named, they leave by TLS alone."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._plain, self._secure = (
            SessionMiddleware(app, secret, "station", SESSION_S, same_site="lax", https_only=is_secure)
            for is_secure in (False, True)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        session = self._secure if scope.get("scheme") == "https" else self._plain
        await session(scope, receive, send)


class HostGuard:
    """Refuses requests under a name that is not this station's, and sends the headers that keep a browser careful."""

    def __init__(self, app: ASGIApp, allows: Callable[[str], bool]) -> None:
        self._app, self._allows = app, allows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-cache" if scope["path"].startswith("/static/") else "no-store"
            await send(message)

        host = Request(scope).headers.get("host", "")
        if self._allows(host):
            await self._app(scope, receive, careful)
        else:
            words = (
                f"This station is not reached as {host!r}: name it in `hosts` of its file, and its proxy in `proxies`."
            )
            await JSONResponse({"error": words}, 421)(scope, receive, careful)


def _allows(settings: StationSection) -> Callable[[str], bool]:
    """Which names of hosts are this station's; on loopback no other ones."""
    names = {*LOCAL, settings.host, f"[{settings.host}]", *settings.hosts}
    is_any = settings.needs_login and not settings.hosts

    def allows(host: str) -> bool:
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return is_any or name in names

    return allows


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 404 if request.method == "GET" else 503)


async def _unread(request: Request, error: Exception) -> Response:
    """Who sent half a request and went gets no answer, and is no fault of ours."""
    return Response(status_code=400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
