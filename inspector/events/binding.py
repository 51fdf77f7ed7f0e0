"""How both event sockets are bound. The heartbeat in the stream reports what ZeroMQ's own would (see `keep_alive`)."""

from __future__ import annotations

import zmq

from inspector.sockets import HANDSHAKE_MS, Socket, bind, keep_alive

REQUEST_BYTES = 4096
LINGER_MS = 1000  # what is in the queues may still leave within this time after close()


def bound(context: zmq.Context[Socket], kind: int, address: str, key: str, queue: int) -> tuple[Socket, str]:
    """Return a socket of `kind` for `queue` messages a peer, bound to the configuration's `key`; and its full address.

    Raises: SocketError.
    """
    socket = context.socket(kind)
    socket.sndhwm = socket.rcvhwm = queue
    socket.maxmsgsize = REQUEST_BYTES  # of what comes in: subscriptions and requests
    keep_alive(socket)
    socket.handshake_ivl = HANDSHAKE_MS
    socket.linger = LINGER_MS
    return socket, bind(socket, address, key)
