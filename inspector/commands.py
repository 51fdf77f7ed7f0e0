"""Command a running inspector: one question, one answer.

    from inspector.commands import ask
    from inspector.records.commands import Acknowledge

    answer = ask("tcp://127.0.0.1:5558", Acknowledge(alarm="long-scratch", operator="Kim"))
    print(answer.is_done, answer.message)

Knows: the command socket. Must not know: what a command does.
"""

from __future__ import annotations

import time

import msgspec
import zmq
from zmq.utils.monitor import recv_monitor_message

from inspector.errors import NoAnswer
from inspector.records.commands import Answer, Command
from inspector.sockets import Socket, connect, make

ADDRESS = "tcp://127.0.0.1:5558"
TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 16 * 2**20


def ask(address: str, command: Command, timeout_s: float = TIMEOUT_S) -> Answer:
    """Send a command once, and wait for what became of it.

    Raises: SocketError when the address is not one; NoAnswer when none came in time, or the connection ended first:
    nobody listens there, and nothing was done, or it is not known whether it was.
    """
    context: zmq.Context[Socket] = zmq.Context()
    try:
        socket = make(context, zmq.REQ, queue=1, most_bytes=MAX_ANSWER_BYTES, keeps_last=True)
        link = socket.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED)
        connect(socket, address)
        return _exchange(socket, link, address, command, int(timeout_s * 1000))
    finally:
        context.destroy(linger=0)


def _exchange(socket: Socket, link: Socket, address: str, command: Command, wait_ms: int) -> Answer:
    if not _is_met(link, wait_ms):
        raise NoAnswer(
            f"{address}: nobody listens there ({wait_ms / 1000:g} s); nothing was done. Is the inspector running, and "
            "is this its commands.bind?"
        )
    socket.send(msgspec.json.encode(command))
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(link, zmq.POLLIN)
    happened = poller.poll(wait_ms)
    if not socket.poll(0):  # an inspector's last answer comes before the end of its connection is known
        why = "the connection ended without an answer" if happened else f"no answer within {wait_ms / 1000:g} s"
        raise NoAnswer(
            f"{address}: {why}; it is not known whether it was done. See "
            "`inspector alarms list`, and the inspector's log."
        )
    try:
        return msgspec.json.decode(socket.recv(), type=Answer)
    except ValueError as error:
        raise NoAnswer(f"{address}: what answers there is no inspector: {error}. Give its commands.bind.") from error


def _is_met(link: Socket, wait_ms: int) -> bool:
    """Wait until an inspector has answered at the address."""
    until_s = time.monotonic() + wait_ms / 1000
    while link.poll(max(0, round(1000 * (until_s - time.monotonic())))):
        if recv_monitor_message(link)["event"] == zmq.Event.HANDSHAKE_SUCCEEDED:
            return True
    return False
