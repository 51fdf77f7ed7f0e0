"""Subscribers that are busy for 9 to 27 s behind a full queue: `python -m tests.soak.late`.

libzmq's heartbeats aborted 19 of 24 such programs (`Assertion failed: _input_stopped`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lines import COIL, Line

BUSY_S = [9 + 0.75 * number for number in range(24)]
EVENTS = 14_400
CLIENT = """
import sys, time
from inspector.client import Events
events, replay, busy_s, last = sys.argv[1:]
with Events(events, replay=replay, after=("e1", 0), timeout_s=60) as events:
    for event in events:
        if event.seq == 1000:
            time.sleep(float(busy_s))
        if event.seq == int(last):
            break
    print(events.lost)
"""


def late(busy_s: Sequence[float], folder: Path) -> list[tuple[int, str]]:
    """Exit code and losses of clients that are busy for so long each, in the middle of a burst."""
    with Line(folder / "journal") as line:
        words = [line.publisher.address, line.replays.address]
        clients = [
            subprocess.Popen(
                [sys.executable, "-c", CLIENT, *words, str(seconds), str(EVENTS)], stdout=subprocess.PIPE, text=True
            )
            for seconds in busy_s
        ]
        time.sleep(5)
        for _ in range(EVENTS // 100):
            line.say(*[COIL] * 100)
        outcomes = [(client.communicate()[0].strip(), client.returncode) for client in clients]
    return [(code, lost) for lost, code in outcomes]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        outcomes = late(BUSY_S, Path(made))
    bad = [outcome for outcome in outcomes if outcome != (0, "0")]
    print(f"{len(outcomes)} late subscribers of {EVENTS} events: {len(bad)} aborted or lost some {bad}")
    sys.exit(bool(bad))
