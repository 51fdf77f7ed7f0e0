"""Mutated messages at every socket of a running inspector: is each counted or answered, and does memory stay?"""

from __future__ import annotations

import json
import random
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import zmq

from inspector import wire
from inspector.harness.ports import HOST
from tests.e2e.mill import Camera, Mill, paint
from tests.e2e.reloads import STUB
from tests.patience import patience_s

AT_ONCE = 200
"""Messages between two looks at what was counted."""
WEIRD: Sequence[object] = (
    None, True, -1, 0, 2**63, 2**80, 1e308, "", "x", "\x00", "top", "x" * 2000, [], [[[]]] * 50, {}, {"a": {}}
)  # fmt: skip
"""Values that a field may have in a mutated message."""
ROUTER_ASKS: dict[str, dict[str, object]] = {
    "replay": {"epoch": None, "after": 0, "limit": 2, "prefix": "", "since": None},
    "commands": {"command": "acknowledge", "alarm": "three-dark", "operator": "Kim"},
}
HTTP_ASKS = (
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain;version=0.0.4\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /acknowledge/three-dark?operator=Kim HTTP/1.1\r\nAuthorization: Bearer x\r\nContent-Length: 0\r\n\r\n",
)


WAIT_MS = int(1000 * patience_s())
MOST_GROWN_MB = 50
"""More than this, of all sockets together, is a leak."""


class Attacked(NamedTuple):
    """What became of a socket's messages."""

    name: str
    sent: int
    accounted: int
    """Counted in metrics, or answered, or ended by the inspector."""
    grown_mb: float
    """Of the inspector's memory, after the first quarter."""

    def __str__(self) -> str:
        return f"{self.name}: {self.sent} sent, {self.accounted} accounted for, memory grew by {self.grown_mb:.1f} MB"


def attacked(folder: Path, count: int) -> list[Attacked]:
    """Send N mutated messages to each socket of a line of its own, which serves on."""
    mill = Mill(folder)
    mill.engine = STUB
    mill.write()
    with mill:
        return _attack_all(mill, count)


def is_as_promised(found: Sequence[Attacked]) -> bool:
    """Whether each message was accounted for, and memory stayed."""
    return all(part.accounted == part.sent for part in found) and sum(part.grown_mb for part in found) <= MOST_GROWN_MB


def _attack_all(mill: Mill, count: int, seed: int = 1) -> list[Attacked]:
    chance = random.Random(seed)
    context = zmq.Context[zmq.Socket[bytes]]()
    try:
        found = [
            _attack(mill, "frames", count, lambda sent: _push(mill, context, chance, sent)),
            _attack(mill, "subscriptions", count, lambda sent: _subscribe(mill, context, chance, sent)),
            *(
                _attack(mill, name, count, lambda sent, name=name: _ask(mill, context, chance, name, sent))  # type: ignore[misc]
                for name in ROUTER_ASKS
            ),
            _attack(mill, "HTTP", count, lambda sent: _get(mill, chance, sent)),
        ]
    finally:
        context.destroy(linger=0)
    mill.daemon.check()
    with Camera(mill, boot="after") as camera:  # the line serves as before
        before = mill.metric("inspector_frames_inspected_total")
        camera.send()
        mill.until(int(before) + 1)
    return found


def _attack(mill: Mill, name: str, count: int, send: Callable[[int], int]) -> Attacked:
    """Send in portions, and look at the memory after the first quarter and at the end."""
    sent = accounted = 0
    first_mb = 0.0
    while sent < count:
        portion = min(AT_ONCE, -(-count // 8), count - sent)
        accounted += send(portion)
        sent += portion
        if not first_mb and sent >= count / 4:
            first_mb = _memory_mb(mill)
    return Attacked(name, sent, accounted, _memory_mb(mill) - first_mb)


def _memory_mb(mill: Mill) -> float:
    resident = int(Path(f"/proc/{mill.daemon.child.pid}/statm").read_text().split()[1])
    return resident * 4096 / 1e6


def mutated(chance: random.Random, fields: dict[str, object]) -> bytes:
    """Write JSON of which a field has another value, is gone or is new; or of which some bytes have changed."""
    fields = dict(fields)
    match chance.randrange(4):
        case 0:
            fields[chance.choice([*fields])] = chance.choice(WEIRD)
        case 1:
            del fields[chance.choice([*fields])]
        case 2:
            fields[chance.choice(("x", "v", "kind"))] = chance.choice(WEIRD)
    text = json.dumps(fields).encode()
    return text if chance.random() < 0.6 else flipped(chance, text)


def flipped(chance: random.Random, content: bytes) -> bytes:
    """Change, cut or add some bytes."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0:
                del changed[at:]
            case 1:
                changed[at:at] = chance.randbytes(chance.randint(1, 30))
            case _ if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _push(mill: Mill, context: zmq.Context[zmq.Socket[bytes]], chance: random.Random, count: int) -> int:
    before = mill.metric("inspector_frames_received_total")
    header, payload = wire.frame_message(paint(), camera="top", boot="b", number=0, captured_ns=0)
    good = [bytes(part) for part in wire.encode(header, payload)]
    fields = json.loads(good[0])
    with context.socket(zmq.PUSH) as pushing:
        pushing.connect(mill.ports.address("frames"))
        for _ in range(count):
            parts = [mutated(chance, fields | {"number": chance.randrange(100)}), good[1]]
            if chance.random() < 0.2:
                parts = [chance.choice((*good, b"", chance.randbytes(40))) for _ in range(chance.randint(1, 6))]
            elif chance.random() < 0.2:
                parts[1] = flipped(chance, parts[1])
            pushing.send_multipart(parts)
        mill.until(int(before) + count, "inspector_frames_received_total")
    return int(mill.metric("inspector_frames_received_total") - before)


def _subscribe(mill: Mill, context: zmq.Context[zmq.Socket[bytes]], chance: random.Random, count: int) -> int:
    """Subscribe to what nobody publishes, and talk to a socket that only speaks; heartbeats go on."""
    with context.socket(zmq.XSUB) as subscriber:
        subscriber.connect(mill.ports.address("events"))
        for _ in range(count):
            content = flipped(chance, chance.choice((b"\x01", b"\x00", b"")) + b"defect.dark")
            subscriber.send_multipart([content] * chance.choice((1, 1, 1, 3)))
        subscriber.send(b"\x01health.heartbeat")
        is_served = subscriber.poll(WAIT_MS)
    return count if is_served else 0


def _ask(mill: Mill, context: zmq.Context[zmq.Socket[bytes]], chance: random.Random, name: str, count: int) -> int:
    answered = 0
    with context.socket(zmq.DEALER) as asking:
        asking.connect(mill.ports.address(name))
        for _ in range(count):
            asking.send_multipart([mutated(chance, ROUTER_ASKS[name])] * chance.choice((1, 1, 1, 1, 4)))
            if asking.poll(WAIT_MS):
                asking.recv_multipart()
                answered += 1
    return answered


def _get(mill: Mill, chance: random.Random, count: int) -> int:
    """Each request has an answer, or its connection ends."""
    ended = 0
    for _ in range(count):
        with socket.create_connection((HOST, mill.ports.http), timeout=patience_s()) as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                asking.sendall(flipped(chance, chance.choice(HTTP_ASKS)))
                asking.shutdown(socket.SHUT_WR)
                while asking.recv(1 << 16):
                    pass
            except TimeoutError:
                continue
            except OSError:
                pass  # ended by the inspector
            ended += 1
    return ended
