"""The whole daemon, as a process of its own, and the camera and the subscriber beside it.

Throughput: the camera pushes as fast as the daemon takes frames (`intake.when_full = "wait"`). Latency: each frame is a
coil of its own, so that each gives rise to an event, that its coil has begun, whatever the steel looks like; it goes
the whole way (judged, analysed, placed, on disk, published), and its arrival here is what is measured.
"""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import zmq

from inspector.bench.frames import CAMERA, MM_PER_ROW, Shots
from inspector.errors import InspectorError
from inspector.harness import scrape
from inspector.harness.child import Child
from inspector.harness.listener import Listener
from inspector.records.events import CoilReport, Missed
from inspector.simulator.camera import connected

HOST = "127.0.0.1"
START_S, STALL_S = 300.0, 60.0
"""How long it may take to warm up (GPU engines: minutes), and how long no frame may end."""
SETTLE_S = 0.3
"""A subscription takes a moment to reach the publisher."""


class Loaded(msgspec.Struct, frozen=True):
    """Frames under a steady load."""

    rate_fps: float
    """As they were sent."""
    latencies_ms: tuple[float, ...]
    """From capture to the event's arrival, of each frame."""
    batch_frames: float
    """Mean size of the batches they went in."""


class Line:
    """A running daemon for one recipe, one engine and one batch size; ready when the `with` block begins."""

    def __init__(
        self, folder: Path, recipe: Path, kind: str, shots: Shots, *, batch: int, wait_ms: int, threads: int = 0
    ) -> None:
        self._folder, self._shots = folder, shots
        self._ports = _free_ports(4)
        self._config = folder / "line.toml"
        self._config.write_text(
            settings(recipe.resolve(), kind, batch, wait_ms, self._ports, threads=threads), encoding="utf-8"
        )
        self._number, self._boot, self._coil, self._position_mm = 0, uuid.uuid4().hex[:12], "", 0.0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            log = self._folder / "run.log"
            self._child = stack.enter_context(Child(["run", str(self._config)], self._folder / "run.out", log))
            self._wait_until_ready()
            frames, events, replay, _ = (f"tcp://{HOST}:{port}" for port in self._ports)
            context: zmq.Context[zmq.Socket[bytes]] = stack.enter_context(zmq.Context())
            self._camera = connected(context, frames)
            stack.callback(self._camera.close, linger=0)
            self._listener = stack.enter_context(Listener(events, replay))
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
        coil = f"{self._boot}-{self._number}"
        began_ns = self._send(coil)
        for _ in range(frames - 2):
            self._send(coil)
        end = f"{self._boot}-{self._number}"
        self._send(end)
        ended_ns = self._arrivals_ns({end})[end]
        return 1e9 * frames / (ended_ns - began_ns)

    def under_load(self, rate_fps: float, seconds: float) -> Loaded:
        """Send frames evenly at this rate for so long, and say when their events came.

        Raises: InspectorError when the daemon fails, stalls, or loses a frame or an event.
        """
        frames, before = max(2, round(rate_fps * seconds)), self._batches()
        captured_ns: dict[str, int] = {}
        began = time.perf_counter()
        for index in range(frames):
            time.sleep(max(0.0, began + index / rate_fps - time.perf_counter()))
            coil = f"{self._boot}-{self._number}"
            captured_ns[coil] = self._send(coil)
        seconds_taken = time.perf_counter() - began
        arrived_ns = self._arrivals_ns(captured_ns.keys())
        latencies_ms = tuple((arrived_ns[coil] - captured_ns[coil]) / 1e6 for coil in captured_ns)
        after = self._batches()
        return Loaded((frames - 1) / seconds_taken, latencies_ms, (after[0] - before[0]) / (after[1] - before[1]))

    # --- the parts of it ------------------------------------------------------------------------------------

    def _send(self, coil: str) -> int:
        """Send the next frame as soon as there is room; return its time of capture."""
        if not self._camera.poll(int(1000 * STALL_S), zmq.POLLOUT):
            self._child.runs()
            raise InspectorError(f"the daemon took no frame for {STALL_S:g} s; see {self._folder / 'run.log'}")
        if coil != self._coil:
            self._coil, self._position_mm = coil, 0.0
        now_ns = time.time_ns()
        self._camera.send_multipart(self._shots.message(self._number, now_ns, coil, self._boot, self._position_mm))
        self._number += 1
        self._position_mm += self._shots.pixels.shape[1] * MM_PER_ROW
        return now_ns

    def _arrivals_ns(self, coils: Collection[str]) -> dict[str, int]:
        """Wait until all these coils were told to have begun; return when, UNIX nanoseconds."""
        arrived: dict[str, int] = {}
        heard_at = time.monotonic()
        while len(arrived) < len(coils):
            for received_ns, event in self._listener.take(0.5):
                if isinstance(event.data, Missed):
                    raise InspectorError(f"the daemon missed frames of a camera that lost none: {event.data.reasons}")
                if isinstance(event.data, CoilReport) and event.data.state == "started" and event.data.coil in coils:
                    arrived[event.data.coil] = received_ns
                    heard_at = time.monotonic()
            self._child.runs()
            if time.monotonic() - heard_at > STALL_S:
                raise InspectorError(
                    f"{len(arrived)} of {len(coils)} events came, and none for {STALL_S:g} s; expected all"
                )
        return arrived

    def _batches(self) -> tuple[float, float]:
        """Frames in all batches so far, and batches."""
        try:
            sums = scrape.sums(HOST, self._ports[3])
        except OSError as error:
            self._child.runs()
            raise InspectorError(f"the daemon does not answer on port {self._ports[3]}: {error}") from error
        return sums["inspector_batch_frames_sum"], sums["inspector_batch_frames_count"]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while why := scrape.not_ready(HOST, self._ports[3]):
            self._child.runs()
            if time.monotonic() > deadline:
                raise InspectorError(f"the daemon was not ready after {START_S:g} s: {why}")
            time.sleep(0.05)


def settings(recipe: Path, kind: str, batch: int, wait_ms: int, ports: list[int], *, threads: int) -> str:
    """Write the configuration: one camera, no alarms, everything else as by default."""
    frames, events, replay, http = ports
    path = msgspec.json.encode(str(recipe)).decode()
    return (
        f'line = "bench"\n[recipe]\npath = {path}\n[engine]\nkind = "{kind}"\nthreads = {threads}\n'
        f'[intake]\nbind = "tcp://{HOST}:{frames}"\nwhen_full = "wait"\n'
        f"[batch]\nmax_frames = {batch}\nwait_ms = {wait_ms}\n"
        f'[[camera]]\nname = "{CAMERA}"\nmm_per_px = {MM_PER_ROW}\nmm_per_row = {MM_PER_ROW}\n'
        f'[events]\nbind = "tcp://{HOST}:{events}"\nreplay_bind = "tcp://{HOST}:{replay}"\n'
        f'[journal]\npath = "journal"\n[http]\nbind = "{HOST}:{http}"\n'
    )


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind((HOST, 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
