"""How the sockets of events and commands are bound, and guarded from the first connection on.

The heartbeat in the stream replaces ZeroMQ's own (see `sockets.make`).
"""

from __future__ import annotations

import zmq

from inspector.guard import MOST_CONNECTIONS, Guard
from inspector.sockets import Curve, Socket, bind, make

REQUEST_BYTES = 4096
"""Of a request; a longer one is answered with words."""
PART_BYTES = 2**16
"""libzmq ends the connection of whoever sends more than this in a part, and nothing tells why: far above what is
refused here, which is counted. Some of a few hundred connections may wait in memory: 64 MB."""
LINGER_MS = 1000  # what is in the queues may still leave within this time after close()


def bound(
    context: zmq.Context[Socket],
    kind: int,
    address: str,
    key: str,
    *,
    unfinished: tuple[int, int],
    most: int = MOST_CONNECTIONS,
    queue: int,
    answers: int = 0,
    curve: Curve | None = None,
) -> tuple[Socket, Guard, str]:
    """Return a socket of `kind`, bound to the configuration's `key`, its guard, and its full address.

    One of its `most` connections, and all together, may send `unfinished` bytes without completing a message. `queue`
    messages wait for each peer, `answers` on their way out, where that differs.

    `curve` are its keys; None: it takes none.

    Raises: SocketError.
    """
    socket = make(context, kind, queue=queue, answers=answers, linger_ms=LINGER_MS, most_bytes=PART_BYTES, curve=curve)
    guard = Guard(socket, *unfinished, most)
    try:
        return socket, guard, bind(socket, address, key)
    except BaseException:
        guard.close()
        raise


def unreadable(request: list[bytes]) -> str:
    """What is wrong with the parts of a request before anything is read of it; empty where nothing is."""
    if len(request) != 1:
        return f"{len(request)} parts came; expected one. Send one part of JSON."
    if len(request[0]) > REQUEST_BYTES:
        return f"{len(request[0])} bytes came; expected at most {REQUEST_BYTES}. Send less."
    return ""
