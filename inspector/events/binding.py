"""How both event sockets are bound. The heartbeat in the stream replaces ZeroMQ's own (see `sockets.make`)."""

from __future__ import annotations

import zmq

from inspector.sockets import Curve, Socket, bind, make

REQUEST_BYTES = 4096
LINGER_MS = 1000  # what is in the queues may still leave within this time after close()


def bound(
    context: zmq.Context[Socket],
    kind: int,
    address: str,
    key: str,
    *,
    queue: int,
    answers: int = 0,
    curve: Curve | None = None,
) -> tuple[Socket, str]:
    """Return a socket of `kind`, bound to the configuration's `key`, and its full address.

    `queue` messages wait for each peer, `answers` on their way out, where that differs.

    `REQUEST_BYTES` limit what comes in: subscriptions and requests. `curve` are its keys; None: it takes none.

    Raises: SocketError.
    """
    socket = make(
        context, kind, queue=queue, answers=answers, linger_ms=LINGER_MS, most_bytes=REQUEST_BYTES, curve=curve
    )
    return socket, bind(socket, address, key)
