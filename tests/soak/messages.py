"""100 000 mutated messages at the socket of credit mode, and at all others: `python -m tests.soak.messages [COUNT]`."""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import zmq

from tests.e2e.mutations import attacked, is_as_promised
from tests.inspector.intake.test_credit import GOOD, HELLO, Line, Raw, counted, flipped
from tests.patience import patience_s

OTHERS = 5
"""Frames by PUSH, subscriptions, replays, commands, HTTP."""
GROWTH_MB = 50
"""More than this is a leak."""


def credit(count: int) -> bool:
    """Send them; print what became of them; return whether each was counted and memory stayed."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sent, chance = 0, random.Random(1)
    peaks_mb = list[float]()
    with Line(context, keeps=False) as line, Raw(context, line) as peer:
        peer.greet()

        while sent < count:
            sent += 1
            parts = mutated(chance)
            peer.send(*([peer.session, *parts[1:]] if sent % 2 and len(parts) > 1 else parts))
            if sent % 500 == 0:
                until(line, sent + 1)
            if sent % (count // 4) == 0:
                peaks_mb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        peer.send(HELLO)
        got = until(line, sent + 2)
    context.destroy(linger=0)
    grown_mb = peaks_mb[-1] - peaks_mb[0]
    grown = f"{grown_mb:.0f} MB after the first quarter"
    print(f"{sent} mutated messages: {got - 2} counted, 0 crashes; memory grew by {grown}")
    return got == sent + 2 and grown_mb <= GROWTH_MB


def others(count: int) -> bool:
    """Divide them among the other sockets of a running inspector; return whether all is as promised."""
    with tempfile.TemporaryDirectory() as folder:
        found = attacked(Path(folder), count // OTHERS)
    print(*found, "0 crashes", sep="\n", flush=True)
    return is_as_promised(found)


def mutated(chance: random.Random) -> list[bytes]:
    """Make a good message with one byte changed, or one of parts that belong elsewhere, or of noise."""
    kind = chance.randrange(3)
    if kind == 0:
        return [chance.choice([*GOOD, HELLO, b"", chance.randbytes(40)]) for _ in range(chance.randint(1, 6))]
    return flipped(GOOD if kind == 1 else [HELLO], chance.randrange(10_000), chance.randint(1, 255))


def until(line: Line, count: int) -> int:
    """Wait until N messages are counted."""
    deadline = time.monotonic() + patience_s()
    while (found := counted(line)) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    good = [credit(asked), others(asked)]
    sys.exit(not all(good))
