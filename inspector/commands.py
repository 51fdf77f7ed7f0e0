"""Command a running inspector: one question, one answer.

    from inspector.commands import ask
    from inspector.records.commands import Acknowledge

    answer = ask("tcp://127.0.0.1:5558", Acknowledge(alarm="long-scratch", operator="Kim"))
    print(answer.is_done, answer.message)

Knows: the command socket. Must not know: what a command does.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import zmq

from inspector.access.handshake import Handshakes
from inspector.access.keys import Key, client_key
from inspector.errors import NoAnswer
from inspector.records.commands import Answer, Command
from inspector.sockets import Socket, connect, make

ADDRESS = "tcp://127.0.0.1:5558"
TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 16 * 2**20
SETTLE_S = 0.5
"""After the end of a connection, how long to look whether it was a refusal of its key."""


def ask(address: str, command: Command, timeout_s: float = TIMEOUT_S, *, key: Key | Path | str | None = None) -> Answer:
    """Send a command once, and wait for what became of it.

    `key`, or its file, is an operator's, where the inspector asks for keys.

    Raises: SocketError when the address is not one; AccessError when the key is none, or is refused; NoAnswer when none
    came in time, or the connection ended first: nobody listens there, and nothing was done, or it is not known whether
    it was.
    """
    mine = client_key(key)
    curve = mine.curve(address) if mine else None
    context: zmq.Context[Socket] = zmq.Context()
    try:
        socket = make(context, zmq.REQ, queue=1, most_bytes=MAX_ANSWER_BYTES, keeps_last=True, curve=curve)
        link = Handshakes(socket, address, has_key=curve is not None)
        connect(socket, address)
        return _exchange(socket, link, address, command, timeout_s)
    finally:
        context.destroy(linger=0)


def _exchange(socket: Socket, link: Handshakes, address: str, command: Command, wait_s: float) -> Answer:
    message = msgspec.json.encode(command)
    if not link.wait(wait_s):
        words = (
            f"{address}: nobody listens there ({wait_s:g} s); nothing was done. Is the inspector running, and "
            "is this its commands.bind?"
        )
        raise NoAnswer(link.hint or words)
    socket.send(message)
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(link.monitor, zmq.POLLIN)
    happened = poller.poll(int(wait_s * 1000))
    if not socket.poll(0):  # an inspector's last answer comes before the end of its connection is known
        if happened and link.has_key:
            link.wait(SETTLE_S)
        why = "the connection ended without an answer" if happened else f"no answer within {wait_s:g} s"
        raise NoAnswer(
            f"{address}: {why}; it is not known whether it was done. See "
            "`inspector alarms list`, and the inspector's log."
        )
    try:
        return msgspec.json.decode(socket.recv(), type=Answer)
    except ValueError as error:
        raise NoAnswer(f"{address}: what answers there is no inspector: {error}. Give its commands.bind.") from error
