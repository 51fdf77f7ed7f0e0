"""`inspector bridge NAME`: pass a line's events on to a broker, as a process of its own.

Knows: the options that all bridges share, and which bridges there are. Must not know: any broker.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from inspector import arguments
from inspector.bridges import mqtt
from inspector.bridges.forward import WAIT_S, Forward
from inspector.client import Events
from inspector.cursor import Cursor, KeptPlace
from inspector.gaps import Gap
from inspector.records.names import NAME
from inspector.signals import Flag

BRIDGES = {"mqtt": mqtt}
"""Each a module with `WORDS`, `add_arguments(parser)` and `open_broker(args)`: a new bridge is one file, named here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `inspector bridge`'s bridges and their options."""
    bridges = parser.add_subparsers(required=True, metavar="BRIDGE")
    for name, bridge in BRIDGES.items():
        command = bridges.add_parser(name, help=bridge.WORDS, description=bridge.WORDS)
        command.set_defaults(open_broker=bridge.open_broker)
        add = command.add_argument
        add(
            "--line",
            type=_line,
            required=True,
            metavar="NAME",
            help="the line, as `line` in the inspector's configuration",
        )
        add("--connect", default="tcp://127.0.0.1:5556", metavar="ADDRESS", help="events.bind (default: %(default)s)")
        add(
            "--replay",
            default="tcp://127.0.0.1:5557",
            metavar="ADDRESS",
            help="events.replay_bind (default: %(default)s)",
        )
        add(
            "--inspector-key",
            type=Path,
            metavar="FILE",
            help="a subscriber's key, where the inspector asks for one",
        )
        add(
            "--cursor",
            type=Path,
            default=Path(f"bridge-{name}.json"),
            metavar="FILE",
            help="where the last acknowledged event is kept (default: %(default)s)",
        )
        add(
            "--since",
            type=arguments.at_least_0,
            metavar="SEQ",
            help="without a cursor: first the journal's events from here on",
        )
        bridge.add_arguments(command)


def run(args: argparse.Namespace, stop: Flag) -> int:
    """Forward until `stop` is set.

    Raises: InspectorError for options that cannot be, and a broker that refuses this name.
    """
    place = KeptPlace(args.cursor)
    try:
        Forward(
            args.line,
            args.open_broker(args),
            place,
            partial(_follow, args.connect, args.replay, args.inspector_key),
            stop,
            since=args.since,
        ).run()
    finally:
        place.release()  # written down by then, or warned of
    return 0


def _follow(
    connect: str,
    replay: str,
    key: Path | None,
    after: tuple[str | None, int] | Cursor | None,
    on_gap: Callable[[Gap], None],
) -> Events:
    return Events(connect, replay=replay, after=after, timeout_s=WAIT_S, heartbeats=True, on_gap=on_gap, key=key)


def _line(text: str) -> str:
    if not re.match(NAME, text) or len(text) > 64:
        raise argparse.ArgumentTypeError(f"{text!r}: expected up to 64 letters, digits and _ . : / -")
    return text
