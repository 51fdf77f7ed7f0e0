"""Readers that were away, lost the tail, or stopped: `python -m tests.soak.readers`. Prints times, asserts none.

The line here is a journal and its publisher, one event each 10 ms; a reader is a process of its own.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from tests.lines import COIL, Line
from tests.patience import patience_s

EVENTS = 50_000
PERIOD_S, PACES = 0.01, 400
TAILS = 20
QUEUE = 100
"""Events at once for a reader that stopped: 40 000 in all, four times its queue."""
AWAY = """
import sys, time
from inspector.client import Events
events, replay, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
began_s = time.monotonic()
with Events(events, replay=replay, after=("e1", 0), timeout_s=60) as stream:
    seqs = [event.seq for event, _ in zip(stream, range(count))]
    print(time.monotonic() - began_s, seqs == list(range(1, count + 1)), stream.lost)
"""
STOPPED = """
import sys
from inspector.client import Events
with Events(sys.argv[1], replay=sys.argv[2], after=("e1", 0), timeout_s=60) as stream:
    for number, event in enumerate(stream):
        if number == 0:
            print("reads", flush=True)
"""


def main(events: int = EVENTS, tails: int = TAILS, paces: int = PACES) -> bool:
    """Print the figures; return whether no event was lost, doubled or out of order."""
    with tempfile.TemporaryDirectory() as folder, Line(Path(folder, "journal"), max_mb=256) as line:
        for _ in range(events // 100):
            line.say(*[COIL] * 100)
        good = _away(line, events, paces, _pace(line, paces))
        good &= _tail(line, tails)
        return good & _stopped(line, paces)


def _away(line: Line, count: int, paces: int, alone_ms: float) -> bool:
    """Let a reader fetch all that it missed, while events go on."""
    words = [line.publisher.address, line.replays.address, str(count)]
    with subprocess.Popen([sys.executable, "-c", AWAY, *words], stdout=subprocess.PIPE, text=True) as reader:
        meanwhile_ms = _pace(line, paces)
        out, _ = reader.communicate()
    took_s, is_right, lost = out.split()
    print(
        f"away for {count} events: all in order, once: {is_right}, lost {lost}, in {float(took_s):.2f} s; "
        f"p99 of recording and publishing {alone_ms:.2f} ms alone, {meanwhile_ms:.2f} ms meanwhile",
        flush=True,
    )
    return (is_right, lost) == ("True", "0")


def _tail(line: Line, tails: int) -> bool:
    """Lose the last event on its way, again and again; nothing comes after it but heartbeats."""
    took_s, right = list[float](), True
    with line.listen(timeout_s=patience_s()) as events:
        for _ in range(tails):
            line.say(COIL)
            next(iter(events))
            line.say(COIL, lost=True)
            began_s = time.monotonic()
            right &= next(iter(events)).seq == line.journal.last_seq
            took_s.append(time.monotonic() - began_s)
        right &= events.lost == 0
    print(f"tail lost {tails} times: repaired {right}, after {max(took_s):.2f} s at most", flush=True)
    return right


def _stopped(line: Line, paces: int) -> bool:
    """Stop one reader for good (SIGSTOP), and let another read on."""
    words = [line.publisher.address, line.replays.address]
    before_ms = _pace(line, paces, QUEUE)
    with subprocess.Popen([sys.executable, "-c", STOPPED, *words], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        reader.send_signal(signal.SIGSTOP)
        seqs = list[int]()
        with line.listen(timeout_s=patience_s()) as other:
            first = line.journal.last_seq + 1
            thread = threading.Thread(target=lambda: seqs.extend(other.__next__().seq for _ in range(QUEUE * paces)))
            thread.start()
            meanwhile_ms = _pace(line, paces, QUEUE)
            thread.join()
        reader.kill()
    right = seqs == list(range(first, first + QUEUE * paces))
    print(
        f"one reader stopped, {len(seqs)} events: the other has all {right}; p99 of {QUEUE} events "
        f"{before_ms:.2f} ms before, {meanwhile_ms:.2f} ms with it and the other reading in this process",
        flush=True,
    )
    return right


def _pace(line: Line, paces: int, at_once: int = 1) -> float:
    """Report events at the line's pace; return the p99 of what it takes, milliseconds."""
    took_ms = list[float]()
    for _ in range(paces):
        began_s = time.perf_counter()
        line.say(*[COIL] * at_once)
        took_ms.append(1000 * (time.perf_counter() - began_s))
        time.sleep(PERIOD_S)
    return float(np.quantile(took_ms, 0.99))


if __name__ == "__main__":
    sys.exit(not main())
