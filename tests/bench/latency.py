"""Frames' latency next to other work: phases that alternate, each round compared with the round of another phase.

The phases alternate, so that what else the machine does falls on all of them. Each round gives one ratio of a phase's
quantile to that of the phase it is compared with; the interval is of the rounds, resampled.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inspector.records.events import Defect
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

RATE_FPS, SETTLE_S = 100.0, 1.5
RESAMPLINGS = 10_000
COIL = "BENCH"

Way = Callable[[], AbstractContextManager[int | None]]
"""Begins the other work of a phase, and ends it; gives the number of its process, where it has one."""


@dataclass
class Phase:
    """What one kind of other work did to the frames, round by round."""

    times_ms: list[list[float]] = field(default_factory=list)
    """From capture to event."""
    daemon_share: list[float] = field(default_factory=list)
    """Of a core, that the daemon took."""
    other_share: list[float] = field(default_factory=list)
    """Of a core, that the other process took."""

    def quantiles_ms(self, percent: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The same quantile of each round."""
        return np.array([np.percentile(times_ms, percent) for times_ms in self.times_ms])


def measured(
    mill: Mill, camera: Camera, ways: Mapping[str, Way], *, rounds: int, phase_s: float, settle_s: float = SETTLE_S
) -> dict[str, Phase]:
    """Return what each phase's rounds gave; every second round goes through the phases backwards."""
    found = {name: Phase() for name in ways}
    with mill.daemon.listener() as listener:
        for number in range(rounds):
            for name in list(ways)[:: 1 if number % 2 else -1]:
                with ways[name]() as pid:
                    send(camera, settle_s)
                    listener.take(0.0)
                    before = _processor_s(mill.daemon.child.pid), _processor_s(pid)
                    send(camera, phase_s)
                    after = _processor_s(mill.daemon.child.pid), _processor_s(pid)
                    received = listener.take(0.5)
                found[name].daemon_share.append((after[0] - before[0]) / phase_s)
                found[name].other_share.append((after[1] - before[1]) / phase_s)
                found[name].times_ms.append(
                    [
                        (received_ns - event.data.captured_ns) / 1e6
                        for received_ns, event in received
                        if isinstance(event.data, Defect) and event.data.coil == COIL
                    ]
                )
    return found


def show(found: Mapping[str, Phase], pairs: Sequence[tuple[str, str]]) -> None:
    """Print each phase, and the ratios of each pair: a phase's name and that of the one it is compared with."""
    for name, phase in found.items():
        print(
            f"{name}: {sum(map(len, phase.times_ms))} frames; median {np.median(phase.quantiles_ms(50)):.2f} ms, "
            f"p99 {np.median(phase.quantiles_ms(99)):.2f} ms; the daemon took {_mean(phase.daemon_share)} of a core, "
            f"the other {_mean(phase.other_share)}"
        )
    for name, reference in pairs:
        ratios = [found[name].quantiles_ms(percent) / found[reference].quantiles_ms(percent) for percent in (50, 99)]
        print(f"{name} / {reference}: median {_interval(ratios[0])}, p99 {_interval(ratios[1])}")


def send(camera: Camera, seconds: float) -> None:
    """Send frames with one defect each at the bench's rate."""
    next_s = time.monotonic()
    end_s = next_s + seconds
    while time.monotonic() < end_s:
        camera.send((10, 30, 20, 40, DARK), coil=COIL)
        next_s += 1 / RATE_FPS
        time.sleep(max(0.0, next_s - time.monotonic()))


@contextmanager
def nobody() -> Iterator[None]:
    """No other work."""
    yield None


def _interval(ratios: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """Say the median of the rounds' ratios, and between what 95 % of its resamplings lie."""
    drawn = np.random.default_rng(0).choice(ratios, (RESAMPLINGS, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
    return f"{np.median(ratios):.3f} ({low:.3f} to {high:.3f})"


def _mean(shares: Sequence[float]) -> str:
    return f"{statistics.mean(shares):.0%}"


def _processor_s(pid: int | None) -> float:
    """Return the processor time that a process has taken so far; none for no process, or one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0.0
    facts = text.rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")
