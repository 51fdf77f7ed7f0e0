"""The socket on which every event goes out: PUB.

Laws: only what the journal returned is published. A slow or dead subscriber never slows the line: what its
queue cannot hold is dropped for it alone, the numbers tell it so, and it asks for a replay.

Knows: the socket. Must not know: what an event says, who listens. Belongs to one thread, which must not wait for
disks: the heartbeat goes out on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import zmq

from inspector.access.door import Door
from inspector.events.binding import LINGER_MS, bound
from inspector.guard import Guard
from inspector.sockets import release, send_to_all

if TYPE_CHECKING:  # the client keeps its sockets as these are kept, and has no use for SQLite
    from inspector.events.journal import Journal
    from inspector.events.message import Message
    from inspector.events.resume import JournalPosition

SUBSCRIPTION_BYTES = 2**20
"""Far more than a subscriber ever has to send."""


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
        curve = self._door.curve
        self._events, self.address = bound(context, zmq.PUB, bind, "events.bind", queue=hwm, curve=curve)
        self._guard = Guard(self._events, SUBSCRIPTION_BYTES)
        self._on_full = on_full

    def publish(self, recorded: Iterable[Message]) -> None:
        """Send what `Journal.record` returned; never waits."""
        for topic, payload in recorded:
            if not send_to_all(self._events, (topic.encode(), payload)):
                self._on_full()

    def heartbeat(self, position: JournalPosition | None = None, fault: str = "") -> None:
        """Report how far the numbers go, so that no subscriber misses the end; once a second.

        `position` is what was published last: what is recorded and on its way is no loss yet. `fault` says
        why nothing is recorded at present.
        """
        self.publish((self._journal.heartbeat(position, fault),))

    def look(self) -> None:
        """End subscribers that send without end; to be called often, for what they send meanwhile is kept.

        When a key was revoked, all are ended: a PUB socket cannot be asked whose is whose. Those whose keys hold are
        back within a moment, and have what they missed repaired from the journal.
        """
        self._door.follow(self._guard.look(set()))
        if self._lost != self._door.lost:
            self._lost = self._door.lost
            self._guard.shut()

    def close(self) -> None:
        """Unbind; what is queued may leave for a second while the context is terminated."""
        self._guard.close()
        self._events.close(linger=LINGER_MS)
        release(self.address)
