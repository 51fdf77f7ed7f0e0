"""100 000 mutated messages at the socket of credit mode: `python -m tests.soak.messages [COUNT]`."""

from __future__ import annotations

import resource
import sys
import time

import zmq
from hypothesis import HealthCheck, Phase, given, settings

from tests.inspector.intake.test_credit import HELLO, MESSAGES, Line, Raw, counted

GROWTH_MB = 50
"""More than this is a leak."""


def main(count: int) -> bool:
    """Send them; print what became of them; return whether each was counted and memory stayed."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sent = 0
    peaks_mb = list[float]()
    with Line(context, keeps=False) as line, Raw(context, line) as peer:
        peer.greet()

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(MESSAGES)
        def send(parts: list[bytes]) -> None:
            nonlocal sent
            sent += 1
            peer.send(*([peer.session, *parts[1:]] if sent % 2 and len(parts) > 1 else parts))
            if sent % 1000 == 0:
                until(line, sent + 1)
                if not sent % (count // 4):
                    peaks_mb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

        while sent < count:
            send()
        peer.send(HELLO)
        got = until(line, sent + 2)
    context.destroy(linger=0)
    grown_mb = peaks_mb[-1] - peaks_mb[0]
    grown = f"{grown_mb:.0f} MB after the first quarter"
    print(f"{sent} mutated messages: {got - 2} counted, 0 crashes; memory grew by {grown}")
    return got == sent + 2 and grown_mb <= GROWTH_MB


def until(line: Line, count: int) -> int:
    """Wait until so many messages are counted."""
    deadline = time.monotonic() + 60
    while (found := counted(line)) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
