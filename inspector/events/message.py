"""An event as it goes to disk and to its readers; knows the envelope's text, neither files nor sockets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from inspector.records.envelope import Event, write_event
from inspector.records.events import CONTRACT, Data


class Message(NamedTuple):
    """An event as it is journalled, replayed and published."""

    topic: str
    payload: bytes
    """The Event, as JSON."""


class Replay(NamedTuple):
    """Events read back, in order of `seq`."""

    messages: tuple[Message, ...]
    through_seq: int
    """Nothing asked for and still held is missing up to here; ask on from here."""


def topic_root(topic: str) -> str:
    """First word of a topic with its dot, by which `topicseq` counts: `defect.` of `defect.patches`."""
    return topic[: topic.index(".") + 1]


def envelope(source: str, epoch: str, data: Data, *, time: str, seq: int, topicseq: int) -> Message:
    """Return an event of this source and epoch as a message; `seq` 0: one that is not journalled."""
    event = Event(
        id=f"{epoch}-{seq or f'0-{time}'}",
        source=source,
        type=data.topic,
        time=time,
        subject=data.subject,
        contract=CONTRACT,
        epoch=epoch,
        seq=seq,
        topicseq=topicseq,
        data=data,
    )
    return Message(event.type, write_event(event))


def envelope_time(time: datetime) -> str:
    """Write a time as envelopes do, so that text compares as time does."""
    try:
        time = time.astimezone(UTC)
    except OverflowError:  # in the year 1 or 9999, and beyond it by its zone
        time = (datetime.min if time.year == 1 else datetime.max).replace(tzinfo=UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
