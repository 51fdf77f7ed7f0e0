"""The socket that answers replay from the journal, on a thread of its own: ROUTER.

Laws: a bad request is answered with words and never raises. Each answer is bounded. Askers have their turns one after
the other, and together at most a quarter of a processor core: the line goes on meanwhile.

Replay, as JSON so that any language can ask: request `ReplayRequest` in one part; answer `ReplayHead`, then a
topic part and a payload part for each event, exactly as published.

Knows: the socket and the replay protocol. Must not know: what an event says, who asks.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import msgspec
import zmq

from inspector.access.door import Door
from inspector.errors import JournalError
from inspector.events.binding import bound, unreadable
from inspector.records.envelope import ReplayHead, ReplayRequest
from inspector.signals import Flag
from inspector.sockets import release

if TYPE_CHECKING:
    from inspector.events.journal import Journal

log = logging.getLogger("inspector")

ENVELOPE_PARTS = 3  # identity; and from a REQ its request's id, where it numbers them, and an empty part
WAITING_ANSWERS = 4  # for one asker; a fifth is dropped and must be asked for again
UNFINISHED_BYTES = 2**16, 2**20
"""The most that an asker, and all of them together, may send without completing a request: an empty part of two bytes
takes 64 of memory."""
PAUSE = 3.0
"""After each answer the line has the interpreter to itself for this many times as long as the answer took."""
ANSWER_EVENTS = 100
"""In one answer at most, 0.4 ms of work: with more, frames wait for the interpreter longer, and more of them."""
LOOK_MS = 50
"""The longest wait on the socket, so that a close is noticed."""


class Replays:
    """Answers from construction to `close`.

    Raises: SocketError when the address cannot be bound.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], bind: str, journal: Journal, door: Door | None = None
    ) -> None:
        """`door` says who may ask; None: every peer that reaches the socket."""
        self._journal, self._door = journal, door or Door("replay")
        self._decode = msgspec.json.Decoder(ReplayRequest).decode
        self._encode = msgspec.json.Encoder().encode
        self._socket, self._guard, self.address = bound(
            context,
            zmq.ROUTER,
            bind,
            "events.replay_bind",
            unfinished=UNFINISHED_BYTES,
            queue=WAITING_ANSWERS,
            curve=self._door.curve,
        )
        self._closing = Flag()
        self._thread = threading.Thread(target=self._serve, name="replay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer what is being answered, and unbind."""
        self._closing.set()
        self._thread.join()

    def _serve(self) -> None:
        try:
            while not self._closing.is_set():
                completed = {self._take()} if self._socket.poll(LOOK_MS) else set()
                self._door.follow(self._guard.look(completed))
        finally:  # left open it would keep the process from ending
            self._guard.close()
            self._socket.close()
            release(self.address)

    def _take(self) -> int:
        """Answer the next request; return the file descriptor that it came from."""
        began_s = time.thread_time()
        frames = self._socket.recv_multipart(copy=False)
        number = int(frames[-1].get(zmq.SRCFD))
        if self._door.is_keyed and self._door.caller(frames[-1]) is None:
            self._guard.end(number)
        else:
            self._reply([frame.bytes for frame in frames])
        time.sleep(PAUSE * (time.thread_time() - began_s))
        return number

    def _reply(self, parts: list[bytes]) -> None:
        delimiter = parts.index(b"", 1) if b"" in parts[1:ENVELOPE_PARTS] else 0
        envelope, request = parts[: delimiter + 1], parts[delimiter + 1 :]
        try:
            answer = self._answer(request)
        except Exception as error:  # whatever it is: the next is answered
            log.error("replay: unexpected %r. Report this as a bug.", error)
            answer = self._refusal("the inspector failed to answer this; its log says why.")
        self._socket.send_multipart((*envelope, *answer))

    def _answer(self, request: list[bytes]) -> list[bytes]:
        if words := unreadable(request):
            return self._refusal(words)
        try:
            asked = self._decode(request[0])
        except (ValueError, RecursionError) as error:
            return self._refusal(f'{error}. Send {{"epoch": null, "after": 0, "limit": 1000, "prefix": ""}}.')
        if asked.epoch not in (None, self._journal.epoch):
            return self._refusal(
                f"epoch {asked.epoch} is not this journal's, {self._journal.epoch}. Ask that one, after 0."
            )
        try:
            after = asked.after if asked.since is None else max(asked.after, self._journal.before(asked.since))
            found = self._journal.replay(after, min(asked.limit, ANSWER_EVENTS), asked.prefix)
        except JournalError as error:
            return self._refusal(str(error))
        head = self._head(through=found.through_seq, count=len(found.messages))
        return [head, *(part for topic, payload in found.messages for part in (topic.encode(), payload))]

    def _refusal(self, error: str) -> list[bytes]:
        return [self._head(through=0, count=0, error=error)]

    def _head(self, through: int, count: int, error: str = "") -> bytes:
        position = self._journal.position
        return self._encode(
            ReplayHead(
                epoch=self._journal.epoch,
                first=position.first_seq,
                last=position.last_seq,
                through=through,
                count=count,
                more=not error and through < position.last_seq,
                error=error,
            )
        )
