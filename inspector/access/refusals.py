"""Refusals: all are counted, and each peer's reported once a minute, however many there are.

Knows: the event. Must not know: sockets, keys. Any thread may add; one takes the reports.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import msgspec

from inspector.records.events import REFUSALS, Entrance, RefusalReason, Refused

QUIET_NS = 60_000_000_000
"""From one report of a peer to the next."""
PEERS = 64
"""Peers that are reported by their address; the others together, under none. Also the most reports in a minute."""


class _Peer(msgspec.Struct):
    """What one address has to answer for."""

    reported_ns: int | None = None
    count: int = 0
    """Since the last report."""
    entrance: Entrance = "intake"
    reason: RefusalReason = "unknown"
    key: str = ""


class Refusals:
    """The account of one process."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._counts: Counter[tuple[Entrance, RefusalReason]] = Counter()
        self._peers: dict[str, _Peer] = {}

    def count(self, entrance: Entrance, reason: RefusalReason) -> None:
        """Count one that is not worth a report, like a scanner's at a socket without keys."""
        with self._lock:
            self._counts[entrance, reason] += 1

    def add(self, entrance: Entrance, reason: RefusalReason, peer: str = "", key: str = "") -> None:
        """Count one, to be reported: `peer` is an address without its port, `key` a key's name, where known."""
        self.count(entrance, reason)
        with self._lock:
            if peer not in self._peers and len(self._peers) >= PEERS:
                peer = ""
            known = self._peers.setdefault(peer, _Peer())
            known.count += 1
            known.entrance, known.reason, known.key = entrance, reason, key or known.key

    def counts(self) -> dict[tuple[Entrance, RefusalReason], int]:
        """All refusals so far."""
        with self._lock:
            return dict(self._counts)

    def reports(self) -> list[Refused]:
        """Return what is to be reported now."""
        now_ns, found = self._clock_ns(), []
        with self._lock:
            for address, peer in list(self._peers.items()):
                if peer.reported_ns is not None and now_ns - peer.reported_ns < QUIET_NS:
                    continue
                if not peer.count:
                    del self._peers[address]
                    continue
                found.append(_report(address, peer))
                peer.reported_ns, peer.count = now_ns, 0
        return found


def _report(address: str, peer: _Peer) -> Refused:
    who = " ".join(filter(None, (peer.key and f"key {peer.key}", address and f"from {address}"))) or "somebody"
    more = f" ({peer.count} times)" if peer.count > 1 else ""
    message = f"{peer.entrance}: refused {who}: {REFUSALS[peer.reason]}{more}"
    return Refused(
        entrance=peer.entrance, reason=peer.reason, peer=address, key=peer.key, count=peer.count, message=message
    )
