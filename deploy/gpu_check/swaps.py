"""`python -m deploy.gpu_check.swaps RECIPE --count 50 --json FILE`: hot swaps of a running daemon, its memory watched.

Each SIGHUP has the daemon load and warm the recipe's engine while the old one runs and swap the two. Memory may not
creep: the last swaps must stand where the first ones stood.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from inspector.errors import InspectorError
from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports

SETTLED = 5
"""Swaps before memory is expected to stand still: allocators keep what they expect to need again."""
HOST_MIB, DEVICE_MIB = 64.0, 32.0
"""How far the last swaps' median may lie above that of the first settled ones; a leaked engine is larger."""
PASSED = "inspector_stage_seconds_count"
"""How many batches have passed a stage, ticks of an idle line included."""
SWAP_S = 60.0
"""The longest that one swap may take: TensorRT-RTX compiles its kernels first."""
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
    parser.add_argument("--seconds", type=float, default=600.0, metavar="S", help="begin no swap later than this")
    parser.add_argument("--engine", default="tensorrt")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        found = trace(args.recipe, args.engine, args.count, args.seconds)
    except InspectorError as error:
        raise SystemExit(str(error)) from None
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
    with tempfile.TemporaryDirectory() as folder, _daemon(Path(folder), recipe, engine) as daemon:
        host, device, seconds = [_resident_mib(daemon.child.pid)], _device_mib(daemon), list[float]()
        while len(seconds) < count and (not seconds or time.monotonic() < until):
            seconds.append(_swap(daemon))
            host.append(_resident_mib(daemon.child.pid))
            device += _device_mib(daemon)
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


def _daemon(folder: Path, recipe: Path, engine: str) -> DaemonProcess:
    ports = Ports.free()
    sections = {"engine": {"kind": engine}}
    path = folder / "line.toml"
    configuration.write(path, ports, recipe.resolve(), line="swaps", mm_per_px=1.0, sections=sections)
    return DaemonProcess(path, ports)


def _swap(daemon: DaemonProcess) -> float:
    """Have the engine swapped; return how long that took."""
    name = "inspector_last_reload_timestamp_seconds"
    before, began = daemon.value(name), time.monotonic()
    daemon.reload()
    daemon.wait_until(lambda: daemon.value(name) > before, "swap the engine", SWAP_S)
    if daemon.value("inspector_last_reload_success") != 1:
        raise InspectorError(daemon.child.described("refused the reload"))
    took_s = round(time.monotonic() - began, 3)
    # The engine before is closed when the next batch, or tick, is inferred: memory is looked at after that.
    passed = daemon.value(PASSED, stage="analyse")
    daemon.wait_until(lambda: daemon.value(PASSED, stage="analyse") >= passed + 2, "close the engine before", SWAP_S)
    return took_s


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def _device_mib(daemon: DaemonProcess) -> list[float]:
    """One value; none where the engine is on no GPU, or the driver does not say."""
    for kind in ("process", "used"):
        if taken := daemon.value(MEMORY, kind=kind):
            return [round(taken / 2**20, 1)]
    return []


if __name__ == "__main__":
    sys.exit(main())
