"""Who asks, and whether they may: sessions, roles, and what keeps other pages' scripts out.

Laws: on loopback there is no login, and everything is allowed; elsewhere a session names a user, whose role is looked
up each time: who is removed is out. A session ends with the password that began it, and when its user logs out, copies
of its cookie too. What changes something carries the session's token in a header, which no other page can know or send
(CSRF). On loopback it carries the station's own, which stays the same over restarts, as sessions do: pages stay open
over one. A request under a name that is not this station's is refused: a page elsewhere that has its own name point
here (DNS rebinding) reads nothing.

Knows: requests, the users' file. Must not know: what is asked for.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from inspector.station import state_file
from inspector.station.departed import Departed
from inspector.station.own_token import own_token
from inspector.station.settings import StationSection
from inspector.station.users import ROLES, Role, User, Users, read

TOKEN = "x-station-token"
TOKEN_FILE = "station-token"
"""Keeps what pages carry on loopback. Next to a line's file LINE.token is the line's own: the secret of HTTP's POST."""
ENDED_FILE = "departed.json"
"""Remembers the sessions that were ended before their time."""
SESSION_S = 12 * 3600
"""A shift and a half."""
TRIES, TRY_S = 5, 300.0
"""Wrong passwords from one address, or for one name, within so long; then it waits."""
MOST_WATCHED = 10_000

Handler = Callable[[Request], Awaitable[Response]]


class Who(msgspec.Struct, frozen=True):
    """Who asks."""

    name: str
    """Empty where there is no login: then each command names its operator."""
    role: Role
    token: str
    """What their commands carry."""

    def may(self, role: Role) -> bool:
        """Whether they may what this role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Access:
    """Knows who asks."""

    def __init__(self, settings: StationSection) -> None:
        self._settings = settings
        kept = state_file.place(TOKEN_FILE, Path(settings.line[0].config))
        self._token = "" if settings.needs_login else own_token(kept)
        self.secret = self.users().secret if settings.needs_login else self._token
        ended = state_file.place(ENDED_FILE, Path(settings.users)) if settings.needs_login else None
        self._departed = Departed(ended, SESSION_S)

    @property
    def needs_login(self) -> bool:
        """Whether people log in."""
        return self._settings.needs_login

    @property
    def zone(self) -> str:
        """The mill's time zone; empty: each browser's own."""
        return self._settings.zone

    def users(self) -> Users:
        """The users of now.

        Raises: ConfigError.
        """
        return read(Path(self._settings.users))

    def who(self, request: Request) -> Who | None:
        """Who asks; None without a login."""
        if not self.needs_login:
            return Who("", "engineer", self._token)
        name, token = request.session.get("user"), request.session.get("token")
        user = self.users().find(name) if name and token else None
        if user is None or request.session.get("mark") != _mark(user) or self._departed.has(str(token)):
            return None
        return Who(user.name, user.role, str(token))

    def admit(self, request: Request, user: User) -> None:
        """Begin a session."""
        request.session.clear()
        request.session.update({"user": user.name, "token": secrets.token_urlsafe(24), "mark": _mark(user)})

    def dismiss(self, request: Request) -> None:
        """End a session: a copy of its cookie is of no use any more."""
        if token := request.session.get("token"):
            self._departed.add(str(token))
        request.session.clear()

    def guarded(self, role: Role, handler: Handler, *, is_page: bool = False) -> Handler:
        """A handler that only answers who may."""

        async def answer(request: Request) -> Response:
            who = self.who(request)
            if who is None:
                if is_page:
                    return RedirectResponse("/login", 303)
                raise HTTPException(401, "log in first.")
            given = request.headers.get(TOKEN, "")
            if request.method == "POST" and not secrets.compare_digest(given.encode(), who.token.encode()):
                raise HTTPException(
                    403, f"the header {TOKEN} is missing or stale; expected this session's token. Reload."
                )
            if not who.may(role):
                raise HTTPException(403, f"the role {who.role} may not do this; it takes the role {role}.")
            request.state.who = who
            request.state.is_welcome = lambda: self.who(request) is not None
            return await handler(request)

        return answer


def _mark(user: User) -> str:
    """What tells a password from the next; says nothing of it, as the hash has a salt of its own."""
    return hashlib.sha256(user.password.encode()).hexdigest()[:16]


class Limits:
    """Counts wrong passwords."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._failures: dict[str, deque[float]] = {}

    def wait_s(self, *keys: str) -> float:
        """How long the next try has to wait."""
        now_s = self._clock_s()
        waits = [0.0]
        for key in keys:
            failures = self._failures.get(key, deque())
            while failures and now_s - failures[0] > TRY_S:
                failures.popleft()
            if len(failures) >= TRIES:
                waits.append(failures[0] + TRY_S - now_s)
        return max(waits)

    def failed(self, *keys: str) -> None:
        """Note a wrong password."""
        if len(self._failures) > MOST_WATCHED:
            self._failures.clear()
        for key in keys:
            self._failures.setdefault(key, deque(maxlen=TRIES)).append(self._clock_s())

    def passed(self, *keys: str) -> None:
        """Forget what was wrong before."""
        for key in keys:
            self._failures.pop(key, None)
