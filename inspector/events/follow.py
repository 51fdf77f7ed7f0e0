"""What `inspector events` does: follow a line's events and print each, for people or as JSON.

Must not know: sockets (that is the client's), argparse, the environment (handed in).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TextIO

import msgspec

from inspector import __version__, output
from inspector.client import Events
from inspector.errors import EXIT_FAILURE
from inspector.events.text import line, wants_colour
from inspector.gaps import Gap
from inspector.records.envelope import Event, write_event
from inspector.records.events import ROOTS
from inspector.signals import Flag, interrupt_noted
from inspector.words import counted

LOOK_S = 0.5
"""How often to look whether the reader of a pipe is still there."""
REMARK_S = 5.0
"""An inspector that has not answered for so long is remarked on."""


class EventsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to print, from where, and for how long."""

    connect: str
    """Address of the inspector's `events.bind`."""
    replay: str | None = None
    """Address of its `events.replay_bind`; None: what is lost is not asked for again."""
    topics: Sequence[str] = ("",)
    """First letters of the topics."""
    key: Path | None = None
    """A subscriber's key."""
    since: int | datetime | None = None
    """The first `seq` wanted from the journal, or the time from which on; None: only new events."""
    cursor: Path | None = None
    """A file that keeps the place, which comes before `since`."""
    count: int | None = None
    """Ends after that number of events; None: goes on."""
    timeout_s: float | None = None
    """Ends when none came for that time: a failure when fewer than `count` came, or nobody answered at all."""
    as_json: bool = False


def print_events(wanted: EventsWanted, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Print events as they come, flushed one by one, and return the exit code.

    Ctrl-C, and a reader that closed the pipe, are ways to end.

    Raises: SocketError when an address is not one; AccessError when the key is none, or is refused; OSError when `out`
    takes no more.
    """
    write = _as_json if wanted.as_json else partial(line, colour=wants_colour(out, environ))
    silence = _Silence(wanted.connect, wanted.timeout_s, err)
    for words in _unknown(wanted.topics):
        print(words, file=err, flush=True)
    try:
        with (
            interrupt_noted() as interrupted,
            Events(
                wanted.connect,
                replay=wanted.replay,
                topics=wanted.topics,
                cursor=wanted.cursor,
                timeout_s=LOOK_S,
                on_gap=partial(_print_gap, err),
                key=wanted.key,
                since=wanted.since,
            ) as events,
        ):
            return _print(events, wanted.count, write, silence, interrupted=interrupted, out=out)
    except KeyboardInterrupt:
        return 0


def _print(
    events: Events,
    count: int | None,
    write: Callable[[Event], str],
    silence: _Silence,
    *,
    interrupted: Flag,
    out: TextIO,
) -> int:
    """Print until the end, and return the exit code."""
    shown = 0
    while shown != count and not interrupted.is_set():
        if output.is_gone(out):
            return 0
        if event := next(events, None):
            print(write(event), file=out, flush=True)
            events.dealt_with()
            shown += 1
            silence.ended()
        elif silence.is_too_long(events):
            return silence.code(shown, count, events)
    return 0


def _unknown(topics: Sequence[str]) -> Iterator[str]:
    """Say which topics no event of this version has; a later inspector may have more."""
    for topic in topics:
        if not any(topic.startswith(root) or root.startswith(topic) for root in ROOTS):
            roots = ", ".join(root.rstrip(".") for root in sorted(ROOTS))
            yield f"--topic {topic}: no event of {__version__} has such a topic; they begin with {roots}."


def _as_json(event: Event) -> str:
    return write_event(event).decode()


def _print_gap(err: TextIO, gap: Gap) -> None:
    many = counted(gap.count, "event") if gap.count else "events, nobody can know how many"
    upto = "on" if gap.last_seq is None else f"to {gap.last_seq}"
    print(f"LOST {many}, seq {gap.first_seq} {upto}: {gap.reason}", file=err, flush=True)


class _Silence:
    """How long nothing has come, and what is reported of it."""

    def __init__(self, connect: str, timeout_s: float | None, err: TextIO) -> None:
        self._connect, self._timeout_s, self._err = connect, timeout_s, err
        self._since_s = time.monotonic()
        self._is_remarked = False
        self._nobody = (
            f"nobody answers at {connect}; expected an inspector's events.bind. Check the address, and that it runs."
        )

    def ended(self) -> None:
        """Note that something came."""
        self._since_s = time.monotonic()

    def is_too_long(self, events: Events) -> bool:
        """Whether it is time to give up; an inspector that does not answer is remarked on meanwhile."""
        passed_s = time.monotonic() - self._since_s
        if self._timeout_s is not None and passed_s >= self._timeout_s:
            return True
        if not (self._is_remarked or events.is_reached) and passed_s >= REMARK_S:
            print(f"{events.hint or self._nobody} Waiting for it.", file=self._err, flush=True)
            self._is_remarked = True
        return False

    def code(self, shown: int, count: int | None, events: Events) -> int:
        """Say how it ended for want of events; return the exit code."""
        if not events.is_reached:
            print(events.hint or self._nobody, file=self._err)
            return EXIT_FAILURE
        if count is None:
            return 0
        words = f"{shown} of {counted(count, 'event')} came; none for the last {self._timeout_s:g} s"
        print(f"{words} from {self._connect}.", file=self._err)
        return EXIT_FAILURE
