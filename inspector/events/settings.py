"""The sections that say where events go out and where they are kept."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import SOCKET, SOCKET_HINT, Section, key


class EventsSection(Section, frozen=True):
    """Where events go out."""

    bind: Annotated[str, key("PUB socket with all events.", SOCKET_HINT, pattern=SOCKET)]
    replay_bind: Annotated[str, key("ROUTER socket that answers replay requests.", SOCKET_HINT, pattern=SOCKET)]
    send_events: Annotated[
        int,
        key("Events kept for each slow subscriber (ZMQ_SNDHWM); it can replay the rest.", ge=1, le=1_000_000),
    ] = 10_000


class JournalSection(Section, frozen=True):
    """Where events are kept."""

    path: Annotated[
        str, key("Folder of the journal (relative to this file); one inspector, one journal.", min_length=1)
    ]
    mount_point: Annotated[
        str,
        key("Where the journal's disk is mounted, at or above `path`: no start without it. Empty: any disk will do."),
    ] = ""
    max_mb: Annotated[
        int,
        key(
            "The oldest events are deleted beyond this size.",
            "1024 holds about two million events.",
            ge=8,
            le=1_000_000,
        ),
    ] = 1024
    max_days: Annotated[
        int,
        key(
            "Events older than this number of days are deleted too; 0: of any age.",
            "Days that the inspector ran: a clock that is wrong deletes nothing. Whole files go: some are held a "
            "sixteenth of that time longer.",
            ge=0,
            le=36_500,
        ),
    ] = 0
