"""What subscribers ask for, kept small: libzmq walks through all topics whenever one of its subscribers leaves.

A megabyte of topics from each of twenty subscribers took 40 MB each, and 96 s of the line's thread when they left.

Knows: the messages that subscribe. Must not know: sockets, which topics there are.
"""

from __future__ import annotations

from collections.abc import Iterable

SUBSCRIBE, CANCEL = 1, 0
"""First byte of a message that subscribes to a topic, or does so no longer (RFC 29)."""
PEER_BYTES = 4096
"""Topics of one subscriber: more than its whole vocabulary would take."""
ALL_BYTES = 2**15
"""Topics of all subscribers together, each counted for each of them."""


class Subscriptions:
    """Topics by connection, by its file descriptor."""

    def __init__(self) -> None:
        self._ending: set[int] = set()
        """Connections that are to end: nothing more is noted of them."""
        self._topics: dict[int, set[bytes]] = {}
        self._bytes: dict[int, int] = {}

    def take(self, number: int, message: bytes) -> None:
        """Note what a connection subscribes to, or no longer; anything else is nothing."""
        if number in self._ending:
            return
        kind, topic = message[:1], message[1:]
        known = self._topics.setdefault(number, set())
        if kind == bytes([SUBSCRIBE]) and topic not in known:
            known.add(topic)
            self._bytes[number] = self._bytes.get(number, 0) + len(topic) + 1
        elif kind == bytes([CANCEL]) and topic in known:
            known.remove(topic)
            self._bytes[number] -= len(topic) + 1

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget connections that ended."""
        for number in numbers:
            self._topics.pop(number, None)
            self._bytes.pop(number, None)
            self._ending.discard(number)

    def too_many(self) -> list[int]:
        """Return the connections that are to end, once: who has too much, and the largest where all together have."""
        over = [number for number, count in self._bytes.items() if count > PEER_BYTES]
        left = {number: count for number, count in self._bytes.items() if count <= PEER_BYTES}
        surplus = sum(left.values()) - ALL_BYTES
        for number in sorted(left, key=lambda number: -left[number]):
            if surplus <= 0:
                break
            over.append(number)
            surplus -= left[number]
        self.forget(over)
        self._ending.update(over)
        return over
