"""The whole daemon as a process of its own, with a camera and a subscriber.

Throughput: the camera pushes as fast as the daemon takes frames (`intake.overload = "wait"`). Latency: each frame is a
coil of its own, so that each gives rise to an event, that its coil has begun, whatever the steel looks like; it goes
the whole way (inferred, analysed, placed, on disk, published), and its arrival here is what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from inspector.bench.frames import CAMERA, MM_PER_ROW, Shots
from inspector.errors import InspectorError
from inspector.harness import configuration
from inspector.harness.daemon import STALL_S, DaemonProcess
from inspector.harness.ports import Ports
from inspector.records.events import CoilReport, Missed
from inspector.words import counted

SETTLE_S = 0.3
"""A subscription takes a moment to reach the publisher."""


class Load(msgspec.Struct, frozen=True):
    """Frames under a steady load."""

    rate_fps: float
    """Rate at which they were sent."""
    latencies_ms: tuple[float, ...]
    """Time from when it was due to the event's arrival, of each frame: one that had to wait for room is late."""
    batch_frames: float
    """Mean size of the batches they went in."""


def pace(
    send: Callable[[], str],
    frames: int,
    rate_fps: float,
    *,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], object] = time.sleep,
) -> dict[str, int]:
    """Send frames evenly, each at its time or as soon after it as `send` has room.

    Return when each was due, nanoseconds of this clock, by the coil that `send` returns.
    """
    began_ns = clock_ns()
    due_ns: dict[str, int] = {}
    for index in range(frames):
        at_ns = began_ns + round(1e9 * index / rate_fps)
        sleep(max(0, at_ns - clock_ns()) / 1e9)
        due_ns[send()] = at_ns
    return due_ns


class BenchLine:
    """A running daemon for one recipe, one engine and one batch size; ready when the `with` block begins."""

    def __init__(
        self, folder: Path, recipe: Path, kind: str, shots: Shots, *, batch: int, wait_ms: int, threads: int = 0
    ) -> None:
        self._shots = shots
        ports = Ports.free()
        config = settings(folder / "line.toml", ports, recipe, kind=kind, batch=batch, wait_ms=wait_ms, threads=threads)
        self._daemon = DaemonProcess(config, ports)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._daemon)
            self._feed = stack.enter_context(self._daemon.feed(mm_per_row=MM_PER_ROW))
            self._listener = stack.enter_context(self._daemon.listener(time.monotonic_ns))
            time.sleep(SETTLE_S)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def rate_fps(self, frames: int) -> float:
        """Frames a second, from the first one's capture to the event of the last one, which begins another coil.

        Raises: InspectorError when the daemon fails, stalls, or loses a frame.
        """
        coil = self._next_coil()
        began_ns = time.monotonic_ns()
        self._send(coil)
        for _ in range(frames - 2):
            self._send(coil)
        end = self._next_coil()
        self._send(end)
        ended_ns = self._arrivals_ns({end})[end]
        return 1e9 * frames / (ended_ns - began_ns)

    def under_load(self, rate_fps: float, seconds: float) -> Load:
        """Send frames evenly at this rate, and return when their events came.

        Raises: InspectorError when the daemon fails, stalls, or loses a frame or an event.
        """
        frames, before = max(2, round(rate_fps * seconds)), self._batches()
        began = time.perf_counter()
        due_ns = pace(self._send_next, frames, rate_fps)
        seconds_taken = time.perf_counter() - began
        arrived_ns = self._arrivals_ns(due_ns.keys())
        latencies_ms = tuple((arrived_ns[coil] - due_ns[coil]) / 1e6 for coil in due_ns)
        after = self._batches()
        return Load((frames - 1) / seconds_taken, latencies_ms, (after[0] - before[0]) / (after[1] - before[1]))

    # --- the parts of it ------------------------------------------------------------------------------------

    def _next_coil(self) -> str:
        return f"{self._feed.boot}-{self._feed.number}"

    def _send_next(self) -> str:
        """Send the next frame as a coil of its own as soon as there is room; return its coil."""
        coil = self._next_coil()
        self._send(coil)
        return coil

    def _send(self, coil: str) -> None:
        """Send the next frame as soon as there is room."""
        self._feed.send(*self._shots.frame(self._feed.number), coil)

    def _arrivals_ns(self, coils: Collection[str]) -> dict[str, int]:
        """Wait until all these coils were reported to have begun; return when, by the clock of `pace`."""
        arrived: dict[str, int] = {}
        last_s = time.monotonic()
        while len(arrived) < len(coils):
            for received_ns, event in self._listener.take(0.5):
                if isinstance(event.data, Missed):
                    raise InspectorError(f"the daemon missed frames of a camera that lost none: {event.data.reasons}")
                if isinstance(event.data, CoilReport) and event.data.state == "started" and event.data.coil in coils:
                    arrived[event.data.coil] = received_ns
                    last_s = time.monotonic()
            self._daemon.check()
            if time.monotonic() - last_s > STALL_S:
                raise InspectorError(
                    f"{len(arrived)} of {counted(len(coils), 'event')} came, and none for {STALL_S:g} s; expected all"
                )
        return arrived

    def _batches(self) -> tuple[float, float]:
        """Frames in all batches so far, and batches."""
        return self._daemon.value("inspector_batch_frames_sum"), self._daemon.value("inspector_batch_frames_count")


def settings(
    path: Path, ports: Ports, recipe: Path, *, kind: str, batch: int, wait_ms: int = 10, threads: int = 0
) -> Path:
    """Write the configuration: one camera, no alarms, everything else as by default."""
    sections: dict[str, configuration.Section] = {
        "engine": {"kind": kind, "threads": threads},
        "intake": {"overload": "wait"},
        "batch": {"max_frames": batch, "wait_ms": wait_ms},
    }
    return configuration.write(
        path, ports, recipe.resolve(), line="bench", cameras=[CAMERA], mm_per_px=MM_PER_ROW, sections=sections
    )
