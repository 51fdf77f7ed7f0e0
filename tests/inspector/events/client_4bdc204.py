"""The client of commit 4bdc204 (contract 1.0), word for word but for the imports; its records are in records_4bdc204.

Frozen: what a subscriber that was installed then, and never again, makes of today's events. Never mended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import msgspec
import zmq

from tests.inspector.events.records_4bdc204 import (
    HEARTBEAT_TOPIC,
    LIMIT_EVENTS,
    Event,
    Heartbeat,
    ReplayHead,
    ReplayRequest,
)

HEARTBEAT_MS = 2000
DEAD_AFTER_MS = 10_000
HANDSHAKE_MS = 5000


class SocketError(Exception):
    """An address cannot be bound."""


QUEUE_EVENTS = 10_000
MAX_PART_BYTES = 16 * 2**20
REPLAY_TRIES = 3


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Events that were recorded and that this subscriber will not get."""

    epoch: str
    first_seq: int
    last_seq: int | None
    """They lie between these numbers, both included; None where nobody can know the end."""
    count: int
    """How many; at most, where several topics are followed, or one whose last number is not known; 0 where
    nobody can know.
    """
    reason: str


class Events:
    """All events whose topic begins with one of `topics`, from now on or from `after`.

    Iteration ends when no event came for `timeout_s` (None waits for ever) and may then be taken up again.
    `after` is the last `(epoch, seq)` already dealt with (epoch None: whichever journal it is); what followed
    comes first, from the inspector's next heartbeat on. `replay` None: count what is lost, mend nothing.

    Raises: SocketError when an address is not one.
    """

    def __init__(
        self,
        address: str = "tcp://127.0.0.1:5556",
        *,
        replay: str | None = "tcp://127.0.0.1:5557",
        topics: Sequence[str] = ("",),
        after: tuple[str | None, int] | None = None,
        timeout_s: float | None = None,
        heartbeats: bool = False,
        on_gap: Callable[[Gap], None] | None = None,
        patience_s: float = 6.0,
    ) -> None:
        self.lost = 0
        """Events that were recorded and never came, so far."""
        self._topics = (topics,) if isinstance(topics, str) else tuple(topics) or ("",)
        self._root = _common_root(self._topics)
        self._timeout_s = timeout_s
        self._heartbeats = heartbeats
        self._on_gap = on_gap
        self._patience_s = patience_s
        # Where we are: all of the root up to `_seq` was yielded or counted as lost; `_number` was the last.
        self._epoch: str | None = after[0] if after else None
        self._seq: int | None = after[1] if after else None
        self._number = self._seq if not self._root or self._seq == 0 else None
        self._decode = msgspec.json.Decoder(Event).decode
        self._decode_head = msgspec.json.Decoder(ReplayHead).decode
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._live = self._connected(zmq.SUB, address)
        for topic in {self._root, HEARTBEAT_TOPIC}:
            self._live.subscribe(topic)
        self._replay_address = replay
        self._replay = self._connected(zmq.REQ, replay) if replay is not None else None
        self._stream = self._follow()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        try:
            return next(self._stream)
        except StopIteration:
            self._stream = self._follow()
            raise

    def close(self) -> None:
        """Leave; nothing is kept."""
        self._context.destroy(linger=0)

    # --- the live stream ----------------------------------------------------------------------------------

    def _follow(self) -> Iterator[Event]:
        silent_since = time.monotonic()
        while (event := self._receive(silent_since)) is not None:
            for told in self._in_order(event):
                if self._heartbeats if told.seq == 0 else told.type.startswith(self._topics):
                    yield told
                    silent_since = time.monotonic()

    def _receive(self, silent_since: float) -> Event | None:
        """Take the next message off the socket; None when it stayed silent for too long."""
        while True:
            wait_ms = None
            if self._timeout_s is not None:
                wait_ms = max(0, int(1000 * (silent_since + self._timeout_s - time.monotonic())))
            if not self._live.poll(wait_ms):
                return None
            event = self._decoded(self._live.recv_multipart())
            if event is not None:
                return event

    def _in_order(self, event: Event) -> Iterator[Event]:
        """Yield what should have come before `event` and did not, then `event`, unless known already."""
        beat = event.data if isinstance(event.data, Heartbeat) else None
        if beat is not None:
            seq = beat.last_seq
            number = beat.last_topicseq.get(self._root, 0) if self._root else seq
        else:
            seq, number = event.seq - 1, self._number_of(event) - 1
        self._enter(event.epoch)
        if self._seq is None:
            self._seq, self._number = seq, number  # begin here
        if seq < self._seq:
            if beat is None:
                return  # known already
            self._report(self._seq + 1, None, 0, f"the journal went back to {seq}: an old copy was put in place")
            self._seq, self._number = seq, number
        if self._number != number:
            yield from self._catch_up(self._seq, seq, number)
        self._seq = seq
        if beat is None:
            self._seq, self._number = event.seq, number + 1
        yield event

    def _enter(self, epoch: str) -> None:
        if self._epoch not in (None, epoch) and self._seq is not None:
            self._report(self._seq + 1, None, 0, "the journal was replaced: the end of the old one is unknown")
            self._seq = self._number = 0
        self._epoch = epoch

    # --- mending ------------------------------------------------------------------------------------------

    def _catch_up(self, after: int, seq: int, number: int) -> Iterator[Event]:
        """Yield what was recorded after `after` up to `seq`, from the journal; report what cannot be had."""
        reason = "no replay address was given"
        while self._replay is not None and after < seq:
            answer = self._ask(after)
            if answer is None:
                reason = f"{self._replay_address} did not answer within {self._patience_s:g} s"
                break
            head, events = answer
            if head.error or head.through <= after:
                reason = head.error or f"the journal ends at {head.last}"
                break
            reason = "the journal no longer holds them, or in words unknown here"
            if self._number is None and head.first > after + 1:
                self._report(after + 1, head.first - 1, head.first - 1 - after, reason)
            for event in events:
                if event.seq > seq:
                    break
                if self._number is not None:
                    self._skip_to(event.seq - 1, self._number_of(event) - 1, reason)
                self._seq, self._number = event.seq, self._number_of(event)
                yield event
            after = head.through
        if self._number is None:
            self._number = number - max(0, seq - after)  # at most so many are missing
        self._skip_to(seq, number, reason)

    def _skip_to(self, seq: int, number: int, reason: str) -> None:
        """Go on to `seq`; what the numbers jump over is lost."""
        assert self._seq is not None and self._number is not None
        if number > self._number:
            self._report(self._seq + 1, seq, number - self._number, reason)
        self._seq, self._number = seq, number

    def _report(self, first_seq: int, last_seq: int | None, count: int, reason: str) -> None:
        self.lost += count
        if self._on_gap is not None:
            assert self._epoch is not None
            gap = Gap(epoch=self._epoch, first_seq=first_seq, last_seq=last_seq, count=count, reason=reason)
            self._on_gap(gap)

    def _ask(self, after: int) -> tuple[ReplayHead, list[Event]] | None:
        """Ask the journal for what follows `after`; None when no sensible answer came in time."""
        assert self._replay is not None
        request = ReplayRequest(epoch=self._epoch, after=after, limit=LIMIT_EVENTS, prefix=self._root)
        for _ in range(REPLAY_TRIES):
            self._replay.send(msgspec.json.encode(request))
            if self._replay.poll(int(1000 * self._patience_s / REPLAY_TRIES)):
                head, *parts = self._replay.recv_multipart()
                pairs = zip(parts[::2], parts[1::2], strict=False)
                try:
                    return self._decode_head(head), [event for pair in pairs if (event := self._decoded(pair))]
                except ValueError:
                    return None  # some other program answers there
        return None

    # --- messages -----------------------------------------------------------------------------------------

    def _connected(self, kind: int, address: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.rcvhwm = QUEUE_EVENTS
        socket.linger = 0
        socket.maxmsgsize = MAX_PART_BYTES
        socket.heartbeat_ivl, socket.heartbeat_timeout = HEARTBEAT_MS, DEAD_AFTER_MS
        socket.handshake_ivl = HANDSHAKE_MS
        socket.ipv6 = "[" in address
        if kind == zmq.REQ:  # may ask again when no answer came; the late one is thrown away
            socket.req_relaxed = socket.req_correlate = 1
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            words = zmq.strerror(error.errno or 0)
            raise SocketError(f"{address}: {words}. Write tcp://HOST:PORT or ipc://PATH.") from error
        return socket

    def _decoded(self, parts: Sequence[bytes]) -> Event | None:
        """Read an event; one in words unknown here is None: a hole in the numbers, and told as one."""
        try:
            return self._decode(parts[1]) if len(parts) == 2 else None
        except (ValueError, RecursionError):
            return None

    def _number_of(self, event: Event) -> int:
        return event.topicseq if self._root else event.seq


def _common_root(topics: Sequence[str]) -> str:
    """The one topic root to subscribe to, or "" for everything.

    Numbers are without holes for one root or for all: a narrower filter, or several roots, are sorted out
    here, because otherwise nobody could tell a filtered event from a lost one.
    """
    roots = {root + dot if dot else "" for root, dot, _ in (topic.partition(".") for topic in topics)}
    return roots.pop() if len(roots) == 1 else ""
