"""Events to any number of browsers as server-sent events: encoded once, in order, nothing skipped.

Laws: a browser's queue is bounded. One that does not read is cut off, and comes back with the number of the last event
that it dealt with (`Last-Event-ID`): it goes on from there while that is remembered, and begins again where not.

Knows: the form of server-sent events, queues. Must not know: what the events say, HTTP. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import msgspec

from inspector.station.kept import Dropped, KeptEvents, PublishedEvent

QUEUE_CHUNKS = 100
"""What a browser may leave unread: ten seconds."""
REMEMBERED = 10_000
"""Events that one that was cut off is given again."""
LONGEST = 20
"""Digits of a number in the journal."""
RETRY_MS = 1000
"""How soon a browser comes back."""


def message(kind: str, data: bytes, number: str = "") -> bytes:
    """One server-sent event; `data` is on one line."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: ".encode() + data + b"\n\n"


def encoded(sent: PublishedEvent) -> bytes:
    """An event of the journal, under its number."""
    return message("event", sent.payload, f"{sent.epoch}:{sent.seq}")


class Subscriber:
    """One browser's queue."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_CHUNKS + 1)
        self.is_cut = False

    def put(self, chunk: bytes) -> None:
        """Queue a chunk, or cut the browser off where it has left too much unread."""
        if self.is_cut:
            return
        if self._chunks.qsize() >= QUEUE_CHUNKS:
            self.cut()
        else:
            self._chunks.put_nowait(chunk)

    def cut(self) -> None:
        """End the stream, without what waits."""
        self.is_cut = True
        while not self._chunks.empty():
            self._chunks.get_nowait()
        self._chunks.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield chunks until it is cut off."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk


class LineStream:
    """What one line's browsers receive.

    `facts` makes what each browser that comes is given before the events, who goes on too: messages of what stands now,
    ready to send. `counted` is what came of coils before the events.
    """

    def __init__(self, facts: Callable[[], bytes], counted: Mapping[str, Dropped]) -> None:
        self._facts = facts
        self._kept = KeptEvents(counted)
        self._ring: deque[PublishedEvent] = deque(maxlen=REMEMBERED)
        self._epoch = ""
        self._before = 0
        """Number of the last event before those that are remembered."""
        self._has_begun = False
        """An epoch has, which browsers were not sent yet."""
        self._subscribers: set[Subscriber] = set()

    def __len__(self) -> int:
        return len(self._subscribers)

    def take(self, events: Iterable[tuple[object, PublishedEvent]], also: bytes = b"") -> None:
        """Pass events on to all, and `also`, messages that are ready to send.

        Where an epoch begins among them, all are given what one that comes late is given: what was before them counts.
        """
        chunks: list[bytes] = []
        for event, sent in events:
            if sent.epoch != self._epoch:
                self._begin(sent)
            if len(self._ring) == REMEMBERED:
                self._before = self._ring[0].seq
            self._ring.append(sent)
            self._kept.take(event, sent)  # type: ignore[arg-type]
            if self._subscribers:
                chunks.append(encoded(sent))
        if self._has_begun:
            chunks, self._has_begun = [self._since("")], False
        if self._subscribers and (chunk := b"".join([*chunks, also])):
            for subscriber in list(self._subscribers):
                subscriber.put(chunk)

    def _begin(self, sent: PublishedEvent) -> None:
        self._kept.clear()
        self._ring.clear()
        self._epoch, self._before, self._has_begun = sent.epoch, sent.seq - 1, True

    def subscribe(self, last: str) -> Subscriber:
        """Admit a browser; `last` is the number of the last event that it dealt with, empty for none."""
        subscriber = Subscriber()
        subscriber.put(f"retry: {RETRY_MS}\n\n".encode() + self._since(last))
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """A browser has gone."""
        self._subscribers.discard(subscriber)

    def close(self) -> None:
        """End all streams."""
        for subscriber in self._subscribers:
            subscriber.cut()

    def _since(self, last: str) -> bytes:
        epoch, _, number = last.rpartition(":")
        if epoch == self._epoch and number.isdecimal() and len(number) < LONGEST and int(number) >= self._before:
            return self._facts() + b"".join(encoded(sent) for sent in self._ring if sent.seq > int(number))
        kept = self._kept
        begin = message("begin", json({"put_away": list(kept.put_away)}))  # a page forgets what it was given before
        return begin + self._facts() + message("dropped", json(kept.dropped)) + b"".join(map(encoded, kept))


def json(value: object) -> bytes:
    """JSON on one line."""
    return msgspec.json.encode(value)
