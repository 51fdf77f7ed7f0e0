"""`python -m deploy.gpu_check.swaps RECIPE --count 50 --json FILE`: hot swaps of a running daemon, its memory watched.

Each SIGHUP has the daemon load and warm the recipe's engine beside the running one and swap the two. Memory may not
creep: the last swaps must stand where the first ones stood.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

SETTLED = 5
"""Swaps before memory is expected to stand still: allocators keep what they expect to need again."""
HOST_MIB, DEVICE_MIB = 64.0, 32.0
"""How far the last swaps' median may lie above that of the first settled ones; a leaked engine is larger."""
START_S, SWAP_S = 180.0, 30.0
"""TensorRT-RTX compiles its kernels first: as long as the systemd unit waits for a start, and for one swap."""
MEMORY = "inspector_gpu_memory_bytes"


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Memory after each swap, 2^20 bytes; the first value is before any."""

    host_mib: tuple[float, ...]
    """Resident memory of the daemon."""
    device_mib: tuple[float, ...]
    """In use on the GPU as the daemon's own metric says, by it where the driver can tell, else by all programs; empty
    where there is no such metric."""
    seconds: tuple[float, ...]
    """From SIGHUP to the new engine being in force."""
    host_growth_mib: float
    device_growth_mib: float | None


def main(argv: Sequence[str] | None = None) -> int:
    """Swap, write the trace, and exit with 1 when memory grew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=600.0, help="begin no swap later than this")
    parser.add_argument("--engine", default="tensorrt")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args(argv)
    found = trace(args.recipe, args.engine, args.count, args.seconds)
    args.json.write_bytes(msgspec.json.encode(found))
    device = "-" if found.device_growth_mib is None else f"{found.device_growth_mib:+.1f} MiB"
    middle = statistics.median(found.seconds)
    done = len(found.seconds)
    within = "" if done == args.count else f" of {args.count} within {args.seconds:g} s"
    print(f"{done} swaps{within}, median {middle:.2f} s; host {found.host_growth_mib:+.1f} MiB, device {device}")
    return 1 if grew(found) or done < args.count else 0


def grew(found: Trace) -> bool:
    """Whether memory crept beyond what allocators may keep."""
    return found.host_growth_mib > HOST_MIB or (found.device_growth_mib or 0.0) > DEVICE_MIB


def trace(recipe: Path, engine: str, count: int, limit_s: float) -> Trace:
    """Run a daemon on the recipe and have it swap `count` times, at least once; fewer when the time is over."""
    until = time.monotonic() + limit_s
    with tempfile.TemporaryDirectory() as folder, _daemon(Path(folder), recipe, engine) as (process, port):
        host, device, seconds = [_resident_mib(process.pid)], _device_mib(port), list[float]()
        while len(seconds) < count and (not seconds or time.monotonic() < until):
            seconds.append(_swap(process, port))
            host.append(_resident_mib(process.pid))
            device += _device_mib(port)
    return Trace(
        host_mib=tuple(host),
        device_mib=tuple(device),
        seconds=tuple(seconds),
        host_growth_mib=growth(host),
        device_growth_mib=growth(device) if device else None,
    )


def growth(memory_mib: Sequence[float]) -> float:
    """Return how far the median of the last swaps lies above that of the first settled ones."""
    settled = memory_mib[min(SETTLED, len(memory_mib) // 2) :]
    part = max(1, len(settled) // 5)
    return round(statistics.median(settled[-part:]) - statistics.median(settled[:part]), 1)


@contextmanager
def _daemon(folder: Path, recipe: Path, engine: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    ports = _free_ports(4)
    addresses = [f"tcp://127.0.0.1:{port}" for port in ports]
    config = folder / "line.toml"
    config.write_text(
        f'line = "swaps"\n[recipe]\npath = {json.dumps(str(recipe.resolve()))}\n[engine]\nkind = "{engine}"\n'
        f'[intake]\nbind = "{addresses[0]}"\n[[camera]]\nname = "top"\nmm_per_px = 1.0\nmm_per_row = 1.0\n'
        f'[events]\nbind = "{addresses[1]}"\nreplay_bind = "{addresses[2]}"\n'
        f'[journal]\npath = "journal"\n[http]\nbind = "127.0.0.1:{ports[3]}"\n',
        encoding="utf-8",
    )
    process = subprocess.Popen([sys.executable, "-m", "inspector", "run", str(config)])
    try:
        _until(process, START_S, lambda: _metric(ports[3], "inspector_ready") == 1)
        yield process, ports[3]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _swap(process: subprocess.Popen[bytes], port: int) -> float:
    """Have the engine swapped; return how long that took."""
    name = "inspector_last_reload_timestamp_seconds"
    before, began = _metric(port, name), time.monotonic()
    process.send_signal(signal.SIGHUP)
    _until(process, SWAP_S, lambda: _metric(port, name) > before)
    if _metric(port, "inspector_last_reload_success") != 1:
        raise SystemExit("the reload failed: the daemon's log above says why")
    return round(time.monotonic() - began, 3)


def _until(process: subprocess.Popen[bytes], seconds: float, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if process.poll() is not None:
            raise SystemExit(f"the daemon ended with exit code {process.returncode}: its log above says why")
        if time.monotonic() > deadline:
            raise SystemExit(f"the daemon was not ready after {seconds:g} s")
        time.sleep(0.02)


def _metric(port: int, name: str) -> float:
    """Read one metric, its labels being part of the name; NaN, which equals nothing, while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            found = re.search(rf"^{re.escape(name)} (\S+)$", answer.read().decode(), re.M)
    except OSError:
        return math.nan
    return float(found[1]) if found else math.nan


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def _device_mib(port: int) -> list[float]:
    """One value; none where the engine is on no GPU, or nobody can tell."""
    for kind in ("process", "used"):
        if not math.isnan(taken := _metric(port, f'{MEMORY}{{kind="{kind}"}}')):
            return [round(taken / 2**20, 1)]
    return []


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
