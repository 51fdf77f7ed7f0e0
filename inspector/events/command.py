"""`inspector events`: its options, and what they mean for what is printed.

Must not know: sockets, how an event reads.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from pathlib import Path

from inspector.arguments import at_least_0, seconds, since
from inspector.errors import InspectorError
from inspector.events.follow import EventsWanted, print_events


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector events`."""
    command.add_argument(
        "--connect", default="tcp://127.0.0.1:5556", metavar="ADDRESS", help="events.bind (default: %(default)s)"
    )
    command.add_argument(
        "--replay", default="tcp://127.0.0.1:5557", metavar="ADDRESS", help="events.replay_bind (default: %(default)s)"
    )
    command.add_argument(
        "--topic", action="append", metavar="PREFIX", help="only topics that begin with PREFIX; may be repeated"
    )
    command.add_argument(
        "--key", type=Path, metavar="FILE", help="a subscriber's key, where the inspector asks for one"
    )
    command.add_argument("--json", action="store_true", help="one CloudEvents JSON a line")
    command.add_argument(
        "--since",
        type=since,
        metavar="SEQ|TIME",
        help="first the journal's events from here on: a number, or a time as 2026-03-01T14:00, by this machine's zone",
    )
    command.add_argument(
        "--cursor",
        type=Path,
        metavar="FILE",
        help="file that keeps the number of the last event printed; the next run goes on behind it",
    )
    command.add_argument("--count", type=at_least_0, metavar="N", help="end after N events")
    command.add_argument("--timeout", type=seconds, metavar="S", help="end when no event came for S seconds")


def run(args: argparse.Namespace) -> int:
    """Print events as they happen; SIGTERM is a way to end, as Ctrl-C is."""
    if sys.stdout is None:
        raise InspectorError("standard output is closed; expected somewhere to print events to.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wanted = EventsWanted(
        connect=args.connect,
        replay=args.replay,
        topics=args.topic or [""],
        key=args.key,
        since=args.since,
        cursor=args.cursor,
        count=args.count,
        timeout_s=args.timeout,
        as_json=args.json,
    )
    return print_events(wanted, environ=os.environ, out=sys.stdout, err=sys.stderr or io.StringIO())
