"""`inspector station CONFIG`, and `inspector station user`: serve the pages, and say who may see them.

Knows: the command line, uvicorn. Must not know: what is served.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import importlib.util
import logging
import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.errors import ConfigError, InspectorError, SocketError

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from inspector.station.settings import StationSection

log = logging.getLogger("inspector")

NEEDED = ("starlette", "uvicorn", "argon2", "itsdangerous")
MOST_REQUESTS = 300
"""Connections at once, streams of browsers included; where all of them wait for answers, more are answered 503."""
GRACE_S = 3
NICE = 10
"""Whatever browsers ask for, the lines of this machine come first."""
USERS = Path("users.json")
ROLES = ("viewer", "operator", "engineer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `inspector station`'s options."""
    parser.add_argument(
        "config",
        metavar="CONFIG",
        help="the station's TOML file, or a line's; `user` to add or remove a user",
    )
    parser.add_argument("words", nargs="*", metavar="add|remove NAME", help="after `user`")
    parser.add_argument("--bind", metavar="HOST:PORT", help="instead of the file's bind")
    parser.add_argument(
        "--role", choices=ROLES, default="viewer", help="of a user that is added (default: %(default)s)"
    )
    parser.add_argument(
        "--file", type=Path, default=USERS, metavar="FILE", help="the users' file (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C, or change the users.

    Raises: ConfigError, RecipeError, InspectorError, SocketError.
    """
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise InspectorError(
            f"the station needs {', '.join(lacking)}. Install them: pip install 'inline-steel-inspector[station]'."
        )
    if args.config == "user":
        return _user(args)
    if args.words:
        raise InspectorError(f"{' '.join(args.words)}: expected nothing behind the file. Remove it.")
    return _serve(Path(args.config), args.bind)


def _serve(path: Path, bind: str | None) -> int:
    from inspector.station import lines, settings
    from inspector.station.app import build
    from inspector.station.server import Server

    if os.getpriority(os.PRIO_PROCESS, 0) < NICE:  # the unit has it so, and forbids the call
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
    station = settings.load(path, bind)
    if station.needs_login and not (station.certificate or station.proxies):
        log.warning("passwords cross the network in the clear: give a certificate, or a proxy that has one.")
    app = build(station, lines.read_all(station.line))
    listener = _bound(station.host, station.port, station.bind)
    scheme = "https" if station.certificate else "http"
    address = f"{scheme}://{station.host or '0.0.0.0'}:{listener.getsockname()[1]}/"
    begun = partial(print, f"station: {address}", flush=True)
    Server(configured(station, app), begun=begun, end_streams=app.state.end_streams).run(sockets=[listener])
    return 0


def configured(station: StationSection, app: Starlette) -> uvicorn.Config:
    """How the station's pages are served."""
    import uvicorn

    from inspector.station.connection import Connection

    return uvicorn.Config(
        app,
        host=station.host,
        port=station.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(station.proxies),
        forwarded_allow_ips=list(station.proxies),
        ssl_certfile=station.certificate or None,
        ssl_keyfile=station.certificate_key or None,
        limit_concurrency=MOST_REQUESTS,
        timeout_graceful_shutdown=GRACE_S,
        http=Connection,
        ws="none",
        log_config=None,
        loop="inspector.station.server:Loop",
    )


def _bound(host: str, port: int, bind: str) -> socket.socket:
    """Take the address.

    Raises: SocketError.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer's body waits 40 ms
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SocketError(
            f"bind is {bind}, which cannot be bound: {error.strerror}. Stop the program that holds it, or choose "
            "another: --bind."
        ) from error
    return listener


def _user(args: argparse.Namespace) -> int:
    from inspector.station import users

    match args.words:
        case ["add", name]:
            is_new = users.add(args.file, name, args.role, _password())
            print(f"{args.file}: {name} {'is' if is_new else 'is now'} {args.role}")
        case ["remove", name]:
            if not users.remove(args.file, name):
                raise InspectorError(f"{args.file}: has no user {name}; expected one. See the file.")
            print(f"{args.file}: {name} is removed")
        case _:
            raise ConfigError(["expected `inspector station user add NAME --role ROLE` or `... user remove NAME`."])
    return 0


def _password() -> str:
    """Ask for a password, twice; from a pipe, read a line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != first:
        raise InspectorError("the two are not the same. Try again.")
    return first
