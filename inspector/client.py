"""Subscribe to an inspector: an iterator over its events, in order, each once, and no loss in silence.

    from inspector.client import Events

    with Events("tcp://127.0.0.1:5556", topics=("defect.", "alarm.")) as events:
        for event in events:
            print(event.data)

Loss is found from the numbers that events and heartbeats carry, and mended from the inspector's journal; what
cannot be mended is counted in `lost` and reported to `on_gap`. To go on after a restart of one's own program,
keep `(event.epoch, event.seq)` of the last event dealt with and hand it over as `after`. A kind of event that a
later inspector has and this client does not know comes as `Unknown`, in its place and with its data as sent.

Knows: the event socket and the replay protocol. Must not know: how the inspector came to say any of this.
An Events object belongs to one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import zmq

from inspector import sockets
from inspector.access.handshake import Handshakes
from inspector.access.keys import Key, client_key
from inspector.cursor import Cursor, KeptPlace, place
from inspector.errors import SocketError
from inspector.gaps import Gap
from inspector.records.envelope import LIMIT_EVENTS, SKIPPED, Event, ReplayHead, ReplayRequest, common_root, read_event
from inspector.records.events import HEARTBEAT_TOPIC, Heartbeat

__all__ = ["Events", "Gap"]  # where programs written against 0.3 find them

QUEUE_EVENTS = 10_000
MAX_PART_BYTES = 16 * 2**20
REPLAY_TRIES = 3
LOOK_MS = 500
"""How often a silent line is looked at for a refusal."""
EVICTED = "the journal no longer holds them"
JUMPED = "the numbers jump: an old copy of the journal was put in place, or a file of it is damaged"


class Events:
    """All events whose topic begins with one of `topics`, from now on or from `after`.

    Iteration ends when no event came for `timeout_s` (None waits for ever) and may then be taken up again.
    `after` is the last `(epoch, seq)` already dealt with (epoch None: whichever journal it is); what followed
    comes first, from the inspector's next heartbeat on. `since` is the first `seq` wanted, or a time: what was recorded
    then or later; a time without a zone is of this machine's.
    `replay` None: count what is lost, mend nothing. `key`, or its file, is a subscriber's, where the inspector asks for
    keys; it is used on TCP, not on ipc.

    `cursor` names a file that keeps the place, which comes before `after`: a process that begins again goes on behind
    the last event after which it asked for another, or called `dealt_with`. Each comes at least once, after a kill
    those of the last 0.2 s twice. Where the journal did not answer the place stays before what is missing.

    Raises: SocketError when an address is not one; Busy, CursorError for the file; AccessError for a key that is none,
    and from the iteration once the inspector has refused it; InspectorError from iteration and end when the disk does
    not take the cursor.
    """

    def __init__(
        self,
        address: str = "tcp://127.0.0.1:5556",
        *,
        replay: str | None = "tcp://127.0.0.1:5557",
        topics: Sequence[str] = ("",),
        after: tuple[str | None, int] | Cursor | None = None,
        timeout_s: float | None = None,
        heartbeats: bool = False,
        on_gap: Callable[[Gap], None] | None = None,
        patience_s: float = 6.0,
        since: int | datetime | None = None,
        cursor: str | Path | None = None,
        key: Key | Path | str | None = None,
    ) -> None:
        self._key = client_key(key)
        self.lost = 0
        """Events that were recorded and never came, so far."""
        self.payload = b""
        """The event that was yielded last, byte for byte as it was published."""
        self._payloads: dict[str, bytes] = {}
        """The same of events that are on their way, by their id."""
        self._topics = (topics,) if isinstance(topics, str) else tuple(topics) or ("",)
        self._root = common_root(self._topics)
        self._timeout_s, self._heartbeats, self._on_gap = timeout_s, heartbeats, on_gap
        self._patience_s = patience_s
        self._place = KeptPlace(None if cursor is None else Path(cursor))
        after = self._place.cursor or after
        self._passed = after if isinstance(after, Cursor) else None
        """The last event that was yielded or left out, at first the one handed over; a heartbeat may lead past it."""
        after = place(after, since)
        self._since = since.astimezone() if after is None and isinstance(since, datetime) else None
        self._is_seen = False
        self._is_holed = False
        """Whether something is missing that the journal may still have: the cursor goes no farther."""
        # Where we are: all of the root up to `_seq` was yielded or counted as lost; `_number` was the last.
        self._epoch: str | None = after[0] if after else None
        self._seq: int | None = after[1] if after else None
        self._number = self._seq if not self._root or self._seq == 0 else None
        self._shakes: list[Handshakes] = []
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
        self.dealt_with()  # a caller that asks for another has dealt with those before
        self._place.keep_at_times()
        try:
            return next(self._stream)
        except StopIteration:
            self._stream = self._follow()
            self.dealt_with()
            self._place.keep()
            raise

    def dealt_with(self) -> None:
        """Note that the event that came last was dealt with, before another is asked for: the cursor passes it.

        Nothing is noted where something before is missing.
        """
        if self._epoch is not None and self._seq is not None and not self._is_holed:
            here, passed = Cursor(self._epoch, self._seq), self._passed
            self._place.note(passed if passed and passed.is_at(here) else here)

    def close(self) -> None:
        """Leave; nothing is kept but the cursor, which passes the event that came last only where that is noted."""
        self._context.destroy(linger=0)
        self._place.close()

    @property
    def is_reached(self) -> bool:
        """Whether an event socket has answered at the address, so far."""
        return self._shakes[0].is_met

    @property
    def hint(self) -> str:
        """What is most likely wrong with the key when no answer comes; empty where nothing points to the key."""
        return next((shake.hint for shake in self._shakes if shake.hint), "")

    # --- the live stream ----------------------------------------------------------------------------------

    def _follow(self) -> Iterator[Event]:
        silent_since = time.monotonic()
        while (event := self._receive(silent_since)) is not None:
            for whole in self._in_order(event):
                self.payload = self._payloads.pop(whole.id, b"")
                if whole.seq:
                    self._passed = Cursor(whole.epoch, whole.seq, whole.time)
                if self._heartbeats if whole.seq == 0 else whole.type.startswith(self._topics):
                    yield whole
                    silent_since = time.monotonic()
            self._payloads.clear()

    def _receive(self, silent_since: float) -> Event | None:
        """Take the next message off the socket; None when it stayed silent for too long."""
        while True:
            wait_ms = None
            if self._timeout_s is not None:
                wait_ms = max(0, int(1000 * (silent_since + self._timeout_s - time.monotonic())))
            if not self._live.poll(LOOK_MS if wait_ms is None else min(wait_ms, LOOK_MS)):
                for shake in self._shakes:
                    shake.check()
                if wait_ms is not None and wait_ms <= LOOK_MS:
                    return None
                continue
            event = self._decoded(self._live.recv_multipart())
            if event is not None:
                return event

    def _in_order(self, event: Event) -> Iterator[Event]:
        """Yield what should have come before `event` and did not, then `event`, unless known already."""
        if event.seq == 0 and not isinstance(event.data, Heartbeat):
            yield event  # of a later version: not numbered, so it says nothing of what came before
            return
        beat = event.data if isinstance(event.data, Heartbeat) else None
        if beat is not None:
            seq = beat.last_seq
            number = beat.last_topicseq.get(self._root, 0) if self._root else seq
        else:
            seq, number = event.seq - 1, self._number_of(event) - 1
        is_first = self._epoch is None
        self._enter(event.epoch)
        self._see_kept(self._seq or 0)
        if self._seq is None:
            if (begun := self._begin(seq, number)) is None:
                return
            self._seq, self._number = begun
        if seq < self._seq:
            if beat is None:
                return  # known already
            went_back = f"the journal went back to {seq}: an old copy was put in place"
            ends = f"the journal ends at {seq}; what comes from here on is passed on"
            self._report(self._seq + 1, None, 0, ends if is_first else went_back)
            self._seq, self._number, self._passed = seq, number, None
        if self._number != number:
            yield from self._catch_up(self._seq, seq, number)
        self._seq = seq
        if beat is None:
            self._seq, self._number = event.seq, number + 1
        yield event

    def _begin(self, seq: int, number: int) -> tuple[int, int | None] | None:
        """Return where to begin, if what is before `seq` was not asked for; None for what lies before the time."""
        if self._since is None:
            return seq, number
        since, self._since = self._since, None
        head, found = self._first(0, since=since)
        if head is None or head.error:
            reason = head.error if head is not None else self._unanswered()
            self._report(1, seq, 0, reason, is_final=False)
            return seq, number
        if found is None:
            return seq, number
        first = found.seq - 1
        if first > seq:  # it was on its way for longer than the answer
            self._since = since
            return None
        return first, first if not self._root or first == 0 else None

    def _see_kept(self, seq: int) -> None:
        """See that the event at the place handed over is the one dealt with; else begin where the journal went on."""
        passed, is_first, self._is_seen = self._passed, not self._is_seen, True
        answer = self._ask(seq - 1, limit=1, prefix="") if is_first and seq else None
        if answer is None or answer[0].error or not answer[0].first <= seq <= answer[0].last:
            return
        if (event := next(iter(answer[1]), None)) is None or event.seq != seq:
            self._pass_over(seq, *answer)
        elif passed and passed.time and event.time > passed.time:
            words = f"event {seq} is another than the one that was dealt with: an old copy was put in place"
            self._report(1, None, 0, words)
            self._seq, self._since = None, datetime.fromisoformat(passed.time)
        elif self._number is None and event.type.startswith(self._root):
            self._number = event.topicseq

    def _pass_over(self, seq: int, head: ReplayHead, events: Sequence[Event]) -> None:
        """Go on behind a hole in the numbers: an old copy of the journal was put in place, or a file is damaged."""
        self._report(seq + 1, None, 0, f"event {seq}, which was dealt with, is not in the journal: it is an old copy")
        if (found := events[0] if events else self._first(head.through, prefix="")[1]) is not None:
            self._seq = found.seq - 1
            self._number = None if self._root else self._seq

    def _enter(self, epoch: str) -> None:
        if self._epoch not in (None, epoch) and self._seq is not None:
            self._report(self._seq + 1, None, 0, "the journal was replaced: the end of the old one is unknown")
            self._seq = self._number = 0
        self._epoch = epoch

    # --- mending ------------------------------------------------------------------------------------------

    def _catch_up(self, after: int, seq: int, number: int) -> Iterator[Event]:
        """Yield what was recorded after `after` up to `seq`, from the journal; report what cannot be had."""
        reason = self._unanswered()
        while self._replay is not None and after < seq:
            if (answer := self._ask(after)) is None:
                reason = self._unanswered()
                break
            head, events = answer
            if head.error or head.through <= after:
                reason = head.error or f"the journal ends at {head.last}"
                break
            reason = EVICTED
            if self._number is None and head.first > after + 1:
                self._report(after + 1, head.first - 1, head.first - 1 - after, reason)
            if head.is_jump(after):
                self._go_on(min(head.through, seq), JUMPED)
            for event in events:
                if event.seq > seq:
                    break
                if self._number is not None:
                    self._skip_to(event.seq - 1, self._number_of(event) - 1, reason)
                self._seq, self._number = event.seq, self._number_of(event)
                yield event
            after = head.through
        if self._number is None:
            self._number = number - max(0, seq - after)  # at most this number is missing
        self._skip_to(seq, number, reason)

    def _go_on(self, seq: int, reason: str) -> None:
        """Go on at `seq`; what lies before is unknown, and reported."""
        assert self._seq is not None
        self._report(self._seq + 1, seq, 0, reason)
        self._seq, self._number = seq, None if self._root else seq

    def _unanswered(self) -> str:
        """Why the journal says nothing."""
        if self._replay_address is None:
            return "no replay address was given"
        return f"{self._replay_address} did not answer within {self._patience_s:g} s"

    def _skip_to(self, seq: int, number: int, reason: str) -> None:
        """Go on to `seq`; what the numbers jump over is lost."""
        assert self._seq is not None and self._number is not None
        if number > self._number:
            self._report(self._seq + 1, seq, number - self._number, reason, is_final=reason == EVICTED)
        self._seq, self._number = seq, number

    def _report(self, first: int, last: int | None, count: int, reason: str, *, is_final: bool = True) -> None:
        count = count if count < SKIPPED else 0  # no line loses that number: nobody can know how many there were
        self.lost += count
        self._is_holed |= not is_final
        if self._on_gap is not None:
            assert self._epoch is not None
            gap = Gap(epoch=self._epoch, first_seq=first, last_seq=last, count=count, reason=reason, is_final=is_final)
            self._on_gap(gap)

    def _first(
        self, after: int, *, since: datetime | None = None, prefix: str | None = None
    ) -> tuple[ReplayHead | None, Event | None]:
        """Ask the journal for the first event behind `after`, however far; no head: it did not answer in time."""
        while (answer := self._ask(after, limit=1, since=since, prefix=prefix)) is not None:
            head, events = answer
            if events or head.error or not head.more or head.through <= after:
                return head, next(iter(events), None)
            after, since = head.through, None
        return None, None

    def _ask(
        self, after: int, limit: int = LIMIT_EVENTS, *, since: datetime | None = None, prefix: str | None = None
    ) -> tuple[ReplayHead, list[Event]] | None:
        """Ask the journal for what follows `after`, and again after an `error`; None when none came in time."""
        if self._replay is None:
            return None
        request = ReplayRequest(self._epoch, after, limit, self._root if prefix is None else prefix, since)
        wait_ms, answer = int(1000 * self._patience_s / REPLAY_TRIES), None
        for _ in range(REPLAY_TRIES):
            time.sleep(wait_ms / 1000 if answer else 0)  # an error says nothing of what is gone: once more, later
            if not self._replay.poll(wait_ms, zmq.POLLOUT):
                self._shakes[-1].check()
                continue  # no inspector is there, or no journal: a send would wait for ever
            self._replay.send(msgspec.json.encode(request), zmq.DONTWAIT)
            if self._replay.poll(wait_ms):
                head, *parts = self._replay.recv_multipart()
                pairs = zip(parts[::2], parts[1::2], strict=False)
                try:
                    answer = self._decode_head(head), [event for pair in pairs if (event := self._decoded(pair))]
                except ValueError:
                    return None  # some other program answers there
                if not answer[0].error or self._epoch not in (None, answer[0].epoch):
                    return answer
        return answer

    # --- messages -----------------------------------------------------------------------------------------

    def _connected(self, kind: int, address: str) -> zmq.Socket[bytes]:
        curve = self._key.curve(address) if self._key else None
        socket = sockets.make(self._context, kind, queue=QUEUE_EVENTS, most_bytes=MAX_PART_BYTES, curve=curve)
        self._shakes.append(Handshakes(socket, address, has_key=curve is not None))
        try:
            sockets.connect(socket, address)
        except SocketError:
            self.close()
            raise
        return socket

    def _decoded(self, parts: Sequence[bytes]) -> Event | None:
        """Read an event; what is no event of ours is None: a hole in the numbers, and reported as one."""
        try:
            event = read_event(parts[1]) if len(parts) == 2 else None
        except (ValueError, RecursionError):
            return None
        if event is not None:
            self._payloads[event.id] = parts[1]
        return event

    def _number_of(self, event: Event) -> int:
        return event.topicseq if self._root else event.seq
