"""What a stopped subscriber, and one that catches up on 50 000 events, cost a frame: p99 from capture to event.

The phases alternate, so that other work on the machine falls on all of them; each round gives one ratio of p99 to that
of the phases it is compared with, and the interval is of the rounds, resampled. Readers run at nice 19, for theirs are
other machines; and since here they take the daemon's cores all the same, a stranger that decodes the same events at
the same pace, and asks the daemon for nothing, shows how much of a ratio is theirs. Who catches up begins again as soon
as it has all; wanted is once, and a p99 within 10 % meanwhile.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inspector.records.events import Defect
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

EVENTS = 50_000
RATE_FPS, PHASE_S, SETTLE_S, ROUNDS = 100.0, 10.0, 1.5, 10
RESAMPLINGS = 10_000
ALONE, STRANGER, STOPPED, CATCHES_UP = "alone", "a stranger works", "one stopped", "one catches up"
BOXES = [(row, row + 4, column, column + 4, DARK) for row in range(2, 58, 8) for column in range(2, 250, 8)]
"""Defects of a frame that fills the journal."""
READER = """
import itertools, os, sys, time
from inspector.client import Events
from inspector.records.envelope import read_event
os.nice(19)
events, replay, count, way, pass_s = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5])

def catch_up():
    with Events(events, replay=replay, after=(None, 0), timeout_s=60) as stream:
        payloads = [stream.payload for _ in itertools.islice(stream, count)]
        assert stream.lost == 0
    return payloads

if way == "stop":
    count = 10**9
    print("reads", flush=True)
    catch_up()
payloads = catch_up() if way == "decode" else []
print("reads", flush=True)
while True:
    began_s = time.monotonic()
    if way == "decode":
        for number in range(0, len(payloads), 200):
            for payload in payloads[number : number + 200]:
                read_event(payload), read_event(payload)  # once more for the sockets that a reader has
            time.sleep(max(0.0, began_s + pass_s * number / len(payloads) - time.monotonic()))
    else:
        catch_up()
    print(time.monotonic() - began_s, flush=True)
"""


@dataclass
class Phase:
    """What one way of reading did to the frames, round by round."""

    times_ms: list[list[float]] = field(default_factory=list)
    """From capture to event."""
    daemon_share: list[float] = field(default_factory=list)
    """Of a core, that the daemon took."""
    reader_share: list[float] = field(default_factory=list)

    def quantiles_ms(self, percent: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The same quantile of each round."""
        return np.array([np.percentile(times_ms, percent) for times_ms in self.times_ms])


def main(rounds: int = ROUNDS, phase_s: float = PHASE_S, events: int = EVENTS) -> None:
    """Print latencies by phase, and what they are of those without a reader."""
    with tempfile.TemporaryDirectory() as folder, Mill(Path(folder)) as mill:
        found, passes_s = measure(mill, rounds, phase_s, events)
    for name, phase in found.items():
        print(
            f"{name}: {sum(map(len, phase.times_ms))} frames; median {np.median(phase.quantiles_ms(50)):.2f} ms, "
            f"p99 {np.median(phase.quantiles_ms(99)):.2f} ms; the daemon took {_mean(phase.daemon_share)} of a core, "
            f"the reader {_mean(phase.reader_share)}"
        )
    for name, reference in ((STRANGER, ALONE), (STOPPED, ALONE), (CATCHES_UP, ALONE), (CATCHES_UP, STRANGER)):
        ratios = [found[name].quantiles_ms(percent) / found[reference].quantiles_ms(percent) for percent in (50, 99)]
        print(f"{name} / {reference}: median {_interval(ratios[0])}, p99 {_interval(ratios[1])}")
    print(
        f"{len(passes_s)} times all {events} events, in {statistics.median(passes_s):.2f} s; "
        f"load {os.getloadavg()[0]:.0f}; wanted: once, in 2 s, and a p99 of 1.10 at most"
    )


def measure(mill: Mill, rounds: int, phase_s: float, events: int) -> tuple[Mapping[str, Phase], Sequence[float]]:
    """Return what each phase's rounds gave, and how long each catching up took, seconds."""
    found: dict[str, Phase] = {name: Phase() for name in (ALONE, STRANGER, STOPPED, CATCHES_UP)}
    with Camera(mill) as camera, mill.daemon.listener() as listener:
        while mill.metric("inspector_events_total") < events:
            camera.send(*BOXES, coil="BEFORE")
        passes_s: list[float] = []
        with _reader(mill, events, "catch up", passes_s=passes_s):
            _pass(camera, phase_s)
        ways: dict[str, Callable[[], AbstractContextManager[int | None]]] = {
            ALONE: _nobody,
            STRANGER: lambda: _reader(mill, events, "decode", statistics.median(passes_s)),
            STOPPED: lambda: _stopped(mill, events),
            CATCHES_UP: lambda: _reader(mill, events, "catch up", passes_s=passes_s),
        }
        for number in range(rounds):
            for name in list(ways)[:: 1 if number % 2 else -1]:
                with ways[name]() as pid:
                    _pass(camera, SETTLE_S)
                    listener.take(0.0)
                    before = _processor_s(mill.daemon.child.pid), _processor_s(pid)
                    _pass(camera, phase_s)
                    after = _processor_s(mill.daemon.child.pid), _processor_s(pid)
                    received = listener.take(0.5)
                found[name].daemon_share.append((after[0] - before[0]) / phase_s)
                found[name].reader_share.append((after[1] - before[1]) / phase_s)
                found[name].times_ms.append(
                    [
                        (received_ns - event.data.captured_ns) / 1e6
                        for received_ns, event in received
                        if isinstance(event.data, Defect) and event.data.coil == "BENCH"
                    ]
                )
    return found, passes_s


def _interval(ratios: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """Say the median of the rounds' ratios, and between what 95 % of its resamplings lie."""
    drawn = np.random.default_rng(0).choice(ratios, (RESAMPLINGS, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
    return f"{np.median(ratios):.3f} ({low:.3f} to {high:.3f})"


def _mean(shares: Sequence[float]) -> str:
    return f"{statistics.mean(shares):.0%}"


def _processor_s(pid: int | None) -> float:
    """Return the processor time that a process has taken so far; none for no process."""
    if pid is None:
        return 0.0
    facts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


def _pass(camera: Camera, seconds: float) -> None:
    next_s = time.monotonic()
    end_s = next_s + seconds
    while time.monotonic() < end_s:
        camera.send((10, 30, 20, 40, DARK), coil="BENCH")
        next_s += 1 / RATE_FPS
        time.sleep(max(0.0, next_s - time.monotonic()))


@contextmanager
def _nobody() -> Iterator[None]:
    yield None


@contextmanager
def _reader(
    mill: Mill, count: int, way: str, pass_s: float = 0.0, passes_s: list[float] | None = None
) -> Iterator[int]:
    """Have a process that reads, from the time on at which it does; `passes_s` receives how long each pass took."""
    words = [mill.ports.address("events"), mill.ports.address("replay"), str(count), way, str(pass_s)]
    with subprocess.Popen([sys.executable, "-c", READER, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()
            took_s = [float(line) for line in process.stdout if line.endswith("\n")]
        if passes_s is not None:
            passes_s += took_s


@contextmanager
def _stopped(mill: Mill, count: int) -> Iterator[int]:
    """Have one that has all that there was, and then stops."""
    with _reader(mill, count, "stop") as pid:
        time.sleep(SETTLE_S)
        os.kill(pid, signal.SIGSTOP)
        yield pid


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=PHASE_S, help="of one phase")
    given = parser.parse_args()
    main(given.rounds, given.seconds)
