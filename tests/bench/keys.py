"""What keys cost: raw8 frames over TCP on loopback, no engine, with CURVE and without, in one run.

python -m tests.bench.keys
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from inspector import recipe
from inspector.access import folder as keys
from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from tests.bench.ingest import HEIGHT, SETTLE_S, WIDTH, Rate, _cpu_s

CAMERA = """
import sys
import numpy as np
from inspector.camera import Camera
address, name, transport, key = sys.argv[1:]
pixels = np.random.default_rng(1).integers(0, 255, ({height}, {width}), np.uint8)
with Camera(address, name, transport=transport, key=key or None) as camera:
    while True:
        camera.send(pixels)
"""


def main(seconds: float = 6.0, cameras: int = 2) -> None:
    """Print the table."""
    print(f"{cameras} cameras over TCP, all on {len(os.sched_getaffinity(0))} cores; {seconds:g} s each")
    print("transport  keys  frames/s  us CPU a frame of the inspector")
    with tempfile.TemporaryDirectory() as temporary:
        for transport in ("push", "credit"):
            for has_keys in (False, True):
                place = Path(temporary, f"{transport}-{has_keys}")
                place.mkdir()
                rate = measure(place, seconds, cameras, transport=transport, has_keys=has_keys)
                print(
                    f"{transport:9}  {'yes' if has_keys else 'no':4}  {rate.fps:8.0f}  {rate.cpu_us:6.0f}", flush=True
                )


def measure(place: Path, seconds: float, cameras: int, *, transport: str, has_keys: bool) -> Rate:
    """Measure the daemon; no frame may be lost."""
    ports, names = Ports.free(), [f"c{number}" for number in range(cameras)]
    sections: dict[str, dict[str, object]] = {
        "engine": {"kind": "stub", "inspects_nothing": True},
        "intake": {"overload": "wait", "transport": transport},
        "batch": {"max_frames": 8},
    }
    key = ""
    if has_keys:
        sections["keys"] = {"path": "keys"}
        sections["intake"]["bind"] = f"tcp://0.0.0.0:{ports.frames}"
        key = str(keys.issue(place / "keys", "gate", roles=["camera"], cameras=names, made=""))
    path, shipped = place / "line.toml", recipe.SHIPPED / "steel-r34"
    configuration.write(path, ports, shipped, line="keys", mm_per_px=0.625, cameras=names, sections=sections)
    script = CAMERA.format(height=HEIGHT, width=WIDTH)
    with ExitStack() as stack:
        line = stack.enter_context(DaemonProcess(path, ports))
        for name in names:
            words = [sys.executable, "-c", script, ports.address("frames"), name, transport, key]
            child = stack.enter_context(subprocess.Popen(words))
            stack.callback(child.kill)
        while not line.counts().inspected:
            time.sleep(SETTLE_S)
        before, cpu_s, began_s = line.counts(), _cpu_s(line.child.pid), time.perf_counter()
        time.sleep(seconds)
        counts, took_s = line.counts().since(before), time.perf_counter() - began_s
        cpu_s = _cpu_s(line.child.pid) - cpu_s
        assert not (counts.dropped or counts.rejected or counts.missing), counts
    return Rate(counts.inspected / took_s, 1e6 * cpu_s / counts.inspected)


if __name__ == "__main__":
    main()
