"""How fast raw frames come in over ipc: the daemon in both transports with an engine that does nothing, and bare pyzmq.

The bare receiver does what must be done of every frame: take it off a PULL socket, its checksum, one copy. Where there
are four cores or more, receiver and cameras have two each of their own; else they share what there is.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports

HEIGHT, WIDTH = 256, 1600
CAMERA = """
import os, sys, time, zlib, zmq
address, name = sys.argv[1:]
os.sched_setaffinity(0, {cores})
socket = zmq.Context().socket(zmq.PUSH)
socket.sndhwm, socket.linger = 20, 0
socket.connect(address)
pixels, number = bytes([120]) * ({height} * {width}), 0
head = '{{"v":1,"camera":"%s","boot":"b","number":%d,"captured_ns":%d,"width":{width},"height":{height},' \\
    '"encoding":"raw8","crc32":%d,"coil":"C","start_mm":%d}}'
crc32 = zlib.crc32(pixels)
while True:
    made = head % (name, number, time.time_ns(), crc32, number * 160)
    socket.send_multipart((made.encode(), pixels), copy=False)
    number += 1
"""
CREDIT_CAMERA = """
import os, sys, time, zlib
from inspector.camera import Camera
address, name = sys.argv[1:]
os.sched_setaffinity(0, {cores})
camera = Camera(address, name, transport="credit", keep_frames=64)
pixels, number = bytes([120]) * ({height} * {width}), 0
head = '{{"v":1,"camera":"%s","boot":"b","number":%d,"captured_ns":%d,"width":{width},"height":{height},' \\
    '"encoding":"raw8","crc32":%d,"coil":"C","start_mm":%d}}'
crc32 = zlib.crc32(pixels)
while camera.room(60):
    made = head % (name, number, time.time_ns(), crc32, number * 160)
    camera.post((made.encode(), pixels), "b", number)
    number += 1
"""
BARE = """
import sys, time, numpy as np, zmq
from inspector.wire import crc32
address, seconds = sys.argv[1], float(sys.argv[2])
socket = zmq.Context().socket(zmq.PULL)
socket.rcvhwm = 16
socket.bind(address)
batch, frames = np.empty((8, {height}, {width}), np.uint8), 0
socket.recv_multipart()
began, cpu_s = time.perf_counter(), time.process_time()
while time.perf_counter() - began < seconds:
    payload = socket.recv_multipart(copy=False)[1].buffer
    crc32(payload)
    batch[frames % 8] = np.frombuffer(payload, np.uint8).reshape({height}, {width})
    frames += 1
print(frames / (time.perf_counter() - began), 1e6 * (time.process_time() - cpu_s) / frames)
"""
SETTLE_S = 1.5


class Rate(msgspec.Struct, frozen=True):
    """What one receiver did."""

    fps: float
    cpu_us: float
    """Of the receiving process, for each frame."""


def main(seconds: float = 6.0, rounds: int = 3, cameras: int = 2) -> None:
    """Print the table; wanted are 2 500 frames/s on two cores with the cameras elsewhere, and 0.85 of bare pyzmq."""
    cores = sorted(os.sched_getaffinity(0))
    receiving = set(cores[:2]) if len(cores) >= 4 else set(cores)
    sending = set(cores[2:]) or set(cores)
    where = "of their own" if len(cores) >= 4 else "that the receiver has, too"
    print(f"{cameras} cameras on {len(sending)} cores {where}; receiver on {len(receiving)}; {seconds:g} s each")
    print("round  bare fps  us CPU  push fps  us CPU  ratio  credit fps  us CPU  ratio")
    found: dict[str, list[Rate]] = {"bare": [], "push": [], "credit": []}
    for number in range(rounds):
        with pinned(receiving), tempfile.TemporaryDirectory() as folder:
            for kind in list(found)[:: 1 if number % 2 == 0 else -1]:
                place = Path(folder, kind)
                place.mkdir()
                measured = (place, seconds, cameras, sending)
                found[kind].append(bare(*measured) if kind == "bare" else daemon(*measured, transport=kind))
        row = f"{number:5}"
        for kind, width in (("bare", 8), ("push", 8), ("credit", 10)):
            rate = found[kind][-1]
            row += f"  {rate.fps:{width}.0f}  {rate.cpu_us:6.0f}"
            row += "" if kind == "bare" else f"  {rate.fps / found['bare'][-1].fps:5.2f}"
        print(row, flush=True)
    for kind in ("push", "credit"):
        fps = statistics.median(rate.fps for rate in found[kind])
        ratio = statistics.median(rate.fps / least.fps for rate, least in zip(found[kind], found["bare"], strict=True))
        print(f"{kind}, median: {fps:.0f} frames/s, {ratio:.2f} of bare pyzmq")


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Keep this process, and what it starts, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def sending(address: str, cameras: int, cores: set[int], camera: str = CAMERA) -> Iterator[None]:
    """Let cameras send as fast as they can, on these cores."""
    script = camera.format(height=HEIGHT, width=WIDTH, cores=cores)
    with ExitStack() as stack:
        for number in range(cameras):
            child = stack.enter_context(subprocess.Popen([sys.executable, "-c", script, address, f"c{number}"]))
            stack.callback(child.kill)
        yield


def bare(folder: Path, seconds: float, cameras: int, cores: set[int]) -> Rate:
    """Measure what takes each frame, its checksum and one copy, and does nothing else."""
    address = f"ipc://{folder}/bare"
    script = BARE.format(height=HEIGHT, width=WIDTH)
    receiver = subprocess.Popen(
        [sys.executable, "-c", script, address, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    with receiver, sending(address, cameras, cores):
        out, _ = receiver.communicate(timeout=seconds + 60)
    fps, cpu_us = map(float, out.split())
    return Rate(fps, cpu_us)


def daemon(folder: Path, seconds: float, cameras: int, cores: set[int], *, transport: str) -> Rate:
    """Measure the daemon; no frame may be lost."""
    ports, names = Ports.free(), [f"c{number}" for number in range(cameras)]
    address = f"ipc://{folder}/frames"
    sections: dict[str, dict[str, object]] = {
        "engine": {"kind": "stub", "inspects_nothing": True},
        "intake": {"bind": address, "overload": "wait", "transport": transport},
        "batch": {"max_frames": 8},
    }
    path, shipped = folder / "line.toml", recipe.SHIPPED / "steel-r34"
    configuration.write(path, ports, shipped, line="ingest", mm_per_px=0.625, cameras=names, sections=sections)
    script = CREDIT_CAMERA if transport == "credit" else CAMERA
    with DaemonProcess(path, ports) as line, sending(address, cameras, cores, script):
        time.sleep(SETTLE_S)
        before, cpu_s, began_s = line.counts(), _cpu_s(line.child.pid), time.perf_counter()
        time.sleep(seconds)
        counts, took_s = line.counts(), time.perf_counter() - began_s
        cpu_s = _cpu_s(line.child.pid) - cpu_s
        assert not (counts.dropped or counts.rejected or counts.missing), counts
    inspected = counts.since(before).inspected
    return Rate(inspected / took_s, 1e6 * cpu_s / inspected)


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
