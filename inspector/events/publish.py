"""The socket on which every event goes out: PUB, as an XPUB, which says who subscribes to what.

Laws: only what the journal returned is published. A slow or dead subscriber never slows the line: what its
queue cannot hold is dropped for it alone, the numbers tell it so, and it asks for a replay.

Knows: the socket. Must not know: what an event says, who listens. Sends on a thread of its own: libzmq takes up
subscriptions, and looks through all topics whenever a subscriber leaves, on the thread that sends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import zmq

from inspector.access.door import Door
from inspector.events.binding import LINGER_MS, bound
from inspector.events.subscriptions import Subscriptions
from inspector.guard import Ended
from inspector.signals import Flag
from inspector.sockets import release, send_to_all

if TYPE_CHECKING:  # the client keeps its sockets as these are kept, and has no use for SQLite
    from inspector.events.journal import Journal
    from inspector.events.message import Message
    from inspector.events.resume import JournalPosition

SUBSCRIPTION_BYTES = 2**18, 2**19
"""Far more than a subscriber, and all of them together, ever have to send; the pings of foreign ones are in it."""
MOST_SUBSCRIBERS = 64
"""When one of them leaves, libzmq looks through all topics of all."""
WATCH_MS = 20
"""From one look at the connections to the next: libzmq takes up 0.2 MB of topics meanwhile."""
WAITING_CHANGES = 16
"""Subscriptions of one peer that may wait to be taken up."""
LOOK_S = 0.02
"""From one look at what is subscribed to, to the next."""
OUTBOX = 20_000
"""Events that may wait to be sent, 12 MB or so."""
CHANGES_AT_ONCE = 10_000
"""Subscriptions that are counted at one look, 10 ms or so."""


class Publisher:
    """The event socket, bound on construction.

    Raises: SocketError when the address cannot be bound.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        bind: str,
        journal: Journal,
        hwm: int,
        door: Door | None = None,
        *,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        """`hwm` events wait for each subscriber; `door` says who may subscribe, None: all that reach the socket.

        `on_full` is called when a subscriber's queue has run full: it loses what follows until it reads again.
        """
        self._journal, self._door = journal, door or Door("events")
        self._lost = self._door.lost
        self._events, self._guard, self.address = bound(
            context,
            zmq.XPUB,
            bind,
            "events.bind",
            unfinished=SUBSCRIPTION_BYTES,
            most=MOST_SUBSCRIBERS,
            queue=WAITING_CHANGES,
            answers=hwm,
            curve=self._door.curve,
        )
        self._subscriptions = Subscriptions()
        self._on_full = on_full
        self._outbox: SimpleQueue[Message | None] = SimpleQueue()
        """What is to be sent; None at the end."""
        self._ended: SimpleQueue[Ended] = SimpleQueue()
        self._to_end: SimpleQueue[int | None] = SimpleQueue()
        """Connections that the guard is to end; None: all."""
        self._closing = Flag()
        self._threads = [
            threading.Thread(target=self._serve, name="publish", daemon=True),
            threading.Thread(target=self._watch, name="subscribers", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def publish(self, recorded: Iterable[Message]) -> None:
        """Have sent what `Journal.record` returned; never waits."""
        for message in recorded:
            if self._outbox.qsize() < OUTBOX:
                self._outbox.put(message)
            else:  # who listens knows it by the numbers, and asks the journal
                self._on_full()

    def heartbeat(self, position: JournalPosition | None = None, fault: str = "") -> None:
        """Report how far the numbers go, so that no subscriber misses the end; once a second.

        `position` is what was published last: what is recorded and on its way is no loss yet. `fault` says
        why nothing is recorded at present.
        """
        self.publish((self._journal.heartbeat(position, fault),))

    def close(self) -> None:
        """Unbind; what is queued may leave for a second while the context is terminated."""
        self._closing.set()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join()
        self._guard.close()
        self._events.close(linger=LINGER_MS)
        release(self.address)

    # --- threads of its own ---------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Send what is to be sent, and see to who subscribes to what."""
        looked_s = time.monotonic()
        while True:
            try:
                message = self._outbox.get(timeout=LOOK_S)
                if message is None:
                    return
                if not send_to_all(self._events, (message.topic.encode(), message.payload)):
                    self._on_full()
            except Empty:
                pass
            if time.monotonic() - looked_s >= LOOK_S:
                self._look()
                looked_s = time.monotonic()

    def _look(self) -> None:
        """End subscribers that ask for too much.

        When a key was revoked, all are ended: a PUB socket cannot be asked whose is whose. Those whose keys hold are
        back within a moment, and have what they missed repaired from the journal.
        """
        ended = [self._ended.get() for _ in range(self._ended.qsize())]
        self._door.follow(ended)
        self._subscriptions.forget(connection.number for connection in ended)
        with suppress(zmq.Again):
            for _ in range(CHANGES_AT_ONCE):
                self._take(self._events.recv(zmq.NOBLOCK, copy=False))
        for number in self._subscriptions.too_many():
            self._to_end.put(number)
            self._door.refuse("topics")
        if self._lost != self._door.lost:
            self._lost = self._door.lost
            self._to_end.put(None)

    def _take(self, change: zmq.Frame) -> None:
        with suppress(zmq.ZMQError):  # of a connection that has ended, and has no number any more
            self._subscriptions.take(int(change.get(zmq.SRCFD)), change.bytes)

    def _watch(self) -> None:
        """See that no subscriber sends without end.

        libzmq takes up whatever comes, as long as it comes, on the thread that sends: that one cannot look meanwhile.
        """
        while not self._closing.is_set():
            self._guard.wait(WATCH_MS)
            for ended in self._guard.look(set()):
                self._ended.put(ended)
            while not self._to_end.empty():
                number = self._to_end.get()
                if number is None:
                    self._guard.shut()
                else:
                    self._guard.end(number)
