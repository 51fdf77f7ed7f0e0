"""Logging in and out.

Laws: a wrong name and a wrong password are refused alike, after the same time. Who tries too often waits.

Knows: the login page. Must not know: what a session may.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspector.languages.catalogue import Words, language, languages
from inspector.station.access import Access, Limits
from inspector.station.pages import filled
from inspector.station.views import LANGUAGE, accepted

AT_ONCE = 1
"""Passwords that are checked at once: each takes a core and 64 MB for a tenth of a second."""
MOST_BYTES = 4096


class Login:
    """The login page."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._limits = Limits()
        self._turn: anyio.CapacityLimiter | None = None

    async def answer(self, request: Request) -> Response:
        """Show the page, or take a name and a password."""
        code = language(request.cookies.get(LANGUAGE, ""), accepted(request))
        words = languages()[code]
        if not self._access.needs_login:
            return RedirectResponse("/", 303)
        if request.method == "GET":
            return _page(code, words, "")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _page(code, words, words["login.elsewhere"], 403)
        name, password = await _read(request)
        keys = (f"address {request.client.host if request.client else ''}", f"name {name}")
        if wait_s := self._limits.wait_s(*keys):
            answer = _page(code, words, words["login.wait"], 429)
            answer.headers["retry-after"] = str(round(wait_s) + 1)
            return answer
        self._turn = self._turn or anyio.CapacityLimiter(AT_ONCE)
        self._limits.failed(*keys)  # before the check: many at once are counted too
        user = await run_sync(self._access.users().admits, name, password, limiter=self._turn)
        if user is None:
            return _page(code, words, words["login.wrong"], 403)
        self._limits.passed(*keys)
        self._access.admit(request, user)
        return RedirectResponse("/", 303)

    async def leave(self, request: Request) -> Response:
        """End a session."""
        self._access.dismiss(request)
        return Response(status_code=204)


async def _read(request: Request) -> tuple[str, str]:
    """Name and password of a form; what is too long is cut off, and wrong then; both empty where it is no such form."""
    content = b""
    async for part in request.stream():
        content = (content + part)[:MOST_BYTES]
    try:
        form = dict(parse_qsl(content.decode(errors="replace"), max_num_fields=8))
    except ValueError:  # more fields than the page has
        return "", ""
    return form.get("name", ""), form.get("password", "")


def _page(code: str, words: Words, fault: str, status: int = 200) -> Response:
    return HTMLResponse(filled("login.html", words, {"language": code, "fault": fault}), status)
