"""Journals for tests: what is recorded in them, and all that they hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from inspector.events.journal import Journal
from inspector.events.message import Message
from inspector.records.envelope import Event, read_event
from inspector.records.events import Alarm, CoilReport, Health, Missed
from tests.defects import any_defect

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


DEFECT = any_defect(
    id="a-1",
    name="scratches",
    camera="cam1",
    coil="C1042",
    start_mm=1500.0,
    end_mm=1750.5,
    left_mm=12.0,
    right_mm=13.5,
    area_mm2=88.25,
    confidence=0.97,
    frames=2,
    recipe="steel@1",
    captured_ns=1_700_000_000_000_000_000,
)


ALARM = Alarm(
    name="long-scratch",
    state="unacknowledged",
    priority="high",
    coil="C1042",
    camera="cam1",
    message="3 within 10 m",
    count=3,
    defect_id="a-1",
)


COIL = CoilReport(state="started", coil="C1042", inspected_m=0, missed_m=0, frames=0, defects={})


MISSED = Missed(camera="cam1", coil="", start_mm=0, end_mm=500, reasons={"crc": 1})


LONG_HEALTH = Health(state="started", message="x" * 3000, recipe="steel@1", version="1")


def opened(path: Path, max_mb: int = 8, epoch: str = "e1", clock_s: Callable[[], float] = time.monotonic) -> Journal:
    """A journal at `path`, which is of `epoch` when it is new."""
    return Journal(path, max_mb, "/inspector/line3", clock_utc=lambda: NOON, new_epoch=lambda: epoch, clock_s=clock_s)


def held(journal: Journal) -> Iterator[Message]:
    """Everything in the journal, in pages."""
    through = 0
    while through < journal.last_seq:
        page = journal.replay(through, limit=7)
        yield from page.messages
        through = page.through_seq


def events(messages: Iterable[Message]) -> list[Event]:
    """The messages, read."""
    return [read_event(message.payload) for message in messages]


def newest(path: Path) -> Path:
    """The segment that is written."""
    return max(path.glob("events-*.sqlite"))
