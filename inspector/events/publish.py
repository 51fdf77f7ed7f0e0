"""The event sockets: PUB, on which every event goes out, and ROUTER, which answers replay from the journal.

Laws: only what the journal returned is published. A slow or dead subscriber never slows the line: what its
queue cannot hold is dropped for it alone, the numbers tell it so, and it asks for a replay. A bad request is
answered with words and never raises. Each call does a bounded amount of work.

Knows: the two sockets and the replay protocol. Must not know: what an event says, who listens.
Everything here belongs to the journal's thread.

Replay, as JSON so that any language can ask: request `ReplayRequest` in one part; answer `ReplayHead`, then a
topic part and a payload part for each event, exactly as published.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
import zmq

from inspector import sockets
from inspector.errors import JournalError, SocketError
from inspector.records.events import LIMIT_EVENTS, ReplayHead, ReplayRequest
from inspector.sockets import DEAD_AFTER_MS, HANDSHAKE_MS, HEARTBEAT_MS

if TYPE_CHECKING:  # the client keeps its sockets as these are kept, and has no use for SQLite
    from inspector.events.journal import Journal, Message

REQUESTS_A_CALL = 4
ENVELOPE_PARTS = 3  # identity; and from a REQ its request's id, where it numbers them, and an empty part
REQUEST_BYTES = 4096
WAITING_ANSWERS = 4  # for one asker; a fifth is dropped and must be asked for again
LINGER_MS = 1000  # what is in the queues may still leave within this time after close()


class Publisher:
    """Both event sockets, bound on construction.

    Raises: SocketError when an address cannot be bound.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], bind: str, replay_bind: str, journal: Journal, hwm: int
    ) -> None:
        self._journal = journal
        self._decode = msgspec.json.Decoder(ReplayRequest).decode
        self._encode = msgspec.json.Encoder().encode
        self._events = _bound(context, zmq.PUB, bind, "events.bind", hwm)
        try:
            self._replay = _bound(context, zmq.ROUTER, replay_bind, "events.replay_bind", WAITING_ANSWERS)
        except SocketError:
            self._events.close(linger=0)
            raise
        self.address = self._events.getsockopt_string(zmq.LAST_ENDPOINT)
        self.replay_address = self._replay.getsockopt_string(zmq.LAST_ENDPOINT)

    def publish(self, recorded: Iterable[Message]) -> None:
        """Send what `Journal.record` returned; never waits."""
        for topic, payload in recorded:
            self._events.send_multipart((topic.encode(), payload))

    def heartbeat(self) -> None:
        """Say how far the numbers go, so that nobody misses the end; once a second."""
        self.publish((self._journal.heartbeat(),))

    def serve_replay(self) -> None:
        """Answer the replay requests that wait, a few at most; never waits."""
        for _ in range(REQUESTS_A_CALL):
            try:
                parts = self._replay.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            delimiter = parts.index(b"", 1) if b"" in parts[1:ENVELOPE_PARTS] else 0
            envelope, request = parts[: delimiter + 1], parts[delimiter + 1 :]
            self._replay.send_multipart((*envelope, *self._answer(request)))

    def close(self) -> None:
        """Unbind; what is queued may leave for a second while the context is terminated."""
        self._replay.close(linger=0)
        self._events.close(linger=LINGER_MS)
        for address in (self.address, self.replay_address):
            sockets.release(address)

    def _answer(self, request: list[bytes]) -> list[bytes]:
        if len(request) != 1:
            return self._refusal(f"{len(request)} parts came; expected one. Send one part of JSON.")
        try:
            asked = self._decode(request[0])
        except (ValueError, RecursionError) as error:
            return self._refusal(f'{error}. Send {{"epoch": null, "after": 0, "limit": 1000, "prefix": ""}}.')
        if asked.epoch not in (None, self._journal.epoch):
            return self._refusal(
                f"epoch {asked.epoch} is not this journal's, {self._journal.epoch}. Ask that one, after 0."
            )
        try:
            found = self._journal.replay(asked.after, min(asked.limit, LIMIT_EVENTS), asked.prefix)
        except JournalError as error:
            return self._refusal(str(error))
        head = self._head(through=found.through_seq, count=len(found.messages))
        return [head, *(part for topic, payload in found.messages for part in (topic.encode(), payload))]

    def _refusal(self, error: str) -> list[bytes]:
        return [self._head(through=0, count=0, error=error)]

    def _head(self, through: int, count: int, error: str = "") -> bytes:
        journal = self._journal
        return self._encode(
            ReplayHead(
                epoch=journal.epoch,
                first=journal.first_seq,
                last=journal.last_seq,
                through=through,
                count=count,
                more=not error and through < journal.last_seq,
                error=error,
            )
        )


def _bound(context: zmq.Context[zmq.Socket[bytes]], kind: int, address: str, key: str, queue: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.sndhwm = socket.rcvhwm = queue
    socket.maxmsgsize = REQUEST_BYTES  # of what comes in: subscriptions and requests
    socket.heartbeat_ivl, socket.heartbeat_timeout = HEARTBEAT_MS, DEAD_AFTER_MS
    socket.handshake_ivl = HANDSHAKE_MS
    socket.linger = LINGER_MS
    sockets.bind(socket, address, key)
    return socket
