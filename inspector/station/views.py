"""The pages: live, coils, one coil. Each is a shell with words in it; scripts fill it.

Knows: which page holds what. Must not know: how scripts fill it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspector import __version__
from inspector.languages.catalogue import Words, in_units, language, languages
from inspector.station.access import Access
from inspector.station.kept import COILS, MANY, MOST
from inspector.station.pages import Html, data, filled
from inspector.station.turns import LABELS_MS, MOST_AT_ONCE
from inspector.station.watch import Watch

LANGUAGE, UNITS = "language", "units"
"""Cookies of what a reader chose."""
KNOWN_UNITS = ("mm", "in")
STYLES = {"coil": "coil/page.css", "review": "review.css", "history": "history.css"}
"""Style sheets of single pages."""
NAVIGATION = ("live", "coils", "review", "history")


class Views:
    """Answers browsers with pages."""

    def __init__(self, access: Access, watches: Mapping[str, Watch]) -> None:
        self._access, self._watches = access, watches

    async def start(self, request: Request) -> Response:
        """The first line's live page."""
        return RedirectResponse("/live?" + urlencode({"line": next(iter(self._watches))}), 303)

    async def live(self, request: Request) -> Response:
        """The strip as it passes, gauges, cameras, alarms."""
        return self._page(request, "live")

    async def coils(self, request: Request) -> Response:
        """The list of coils."""
        return self._page(request, "coils")

    async def coil(self, request: Request) -> Response:
        """One coil."""
        return self._page(request, "coil")

    async def review(self, request: Request) -> Response:
        """The archive's defects, to be labelled."""
        return self._page(request, "review")

    async def history(self, request: Request) -> Response:
        """The last weeks."""
        return self._page(request, "history")

    def _page(self, request: Request, name: str) -> Response:
        chosen = request.query_params.get("line") or next(iter(self._watches))
        if chosen not in self._watches:
            raise HTTPException(404, f"line is {chosen!r}; expected one of {', '.join(self._watches)}.")
        code = language(request.query_params.get(LANGUAGE) or request.cookies.get(LANGUAGE, ""), accepted(request))
        words, who = in_units(languages()[code], _units(request)), request.state.who
        facts = {
            "line": chosen,
            "page": name,
            "role": who.role,
            "user": who.name,
            "token": who.token,
            "zone": self._access.zone,
            "utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "units": _units(request),
            "has_strip": self._watches[chosen].line.has_strip,
            "has_archive": self._watches[chosen].line.archive is not None,
            "kept": {"coils": COILS, "many": MANY, "most": MOST},
            "labels_at_once": MOST_AT_ONCE,
            "labels_ms": LABELS_MS,
        }
        values = {
            "language": code,
            "title": f"{words[f'page.{name}']} {chosen}",
            "line": chosen,
            "page": name,
            "script": f"/static/{name}.js",
            "body": filled(f"{name}.html", words, {"line": chosen}),
            "navigation": self._navigation(name, chosen, words),
            "person": self._person(who.name, who.role, words),
            "facts": data(facts),
            "words": data(words),
            "version": __version__,
            "styles": _style(STYLES.get(name, "")),
        }
        response = HTMLResponse(filled("shell.html", words, values))
        if request.query_params.get(LANGUAGE) in languages():
            response.set_cookie(LANGUAGE, code, max_age=10**8, samesite="lax")
        if request.query_params.get(UNITS) in KNOWN_UNITS:
            response.set_cookie(UNITS, _units(request), max_age=10**8, samesite="lax")
        return response

    def _navigation(self, page: str, chosen: str, words: Words) -> Html:
        links = [
            _link(f"/{name}?{urlencode({'line': chosen})}", words[f"page.{name}"], is_here=name == page)
            for name in NAVIGATION
        ]
        same = page if page in NAVIGATION else NAVIGATION[0]
        others = [
            _link(f"/{same}?{urlencode({'line': name})}", name, is_here=name == chosen)
            for name in self._watches
            if len(self._watches) > 1
        ]
        return Html("".join([*links, *(['<span class="gap"></span>', *others] if others else [])]))

    def _person(self, name: str, role: str, words: Words) -> Html:
        if not self._access.needs_login:
            return Html("")
        return filled("person.html", words, {"name": name, "role": words[f"role.{role}"]})


def accepted(request: Request) -> str:
    """Languages that a browser asks for."""
    return request.headers.get("accept-language", "")


def _units(request: Request) -> str:
    wanted = request.query_params.get(UNITS) or request.cookies.get(UNITS, "")
    return wanted if wanted in KNOWN_UNITS else KNOWN_UNITS[0]


def _style(path: str) -> Html:
    return Html(f'<link rel="stylesheet" href="/static/{path}">' if path else "")


def _link(address: str, text: str, *, is_here: bool) -> str:
    current = ' aria-current="page"' if is_here else ""
    return filled("link.html", {}, {"address": address, "text": text, "here": Html(current)})
