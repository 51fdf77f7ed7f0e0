"""Ten minutes of a busy line: do its memory, descriptors and threads stay? `python -m tests.bench.soak [SECONDS]`.

Good and bad frames come, coils change, a subscriber comes and goes, the recipe is reloaded, Prometheus scrapes. A
slope is that of a least-squares line through what was read after the first fifth.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

SECONDS = 600.0
RATE_FPS, COIL_FRAMES, BAD, READ_S, RELOAD_S, SUBSCRIBE_S = 60.0, 300, 97, 0.5, 20.0, 5.0
"""Every BAD-th message is no frame."""
HOUR_S = 3600.0


class Usage(NamedTuple):
    """What the inspector's process has."""

    at_s: float
    memory_mb: float
    descriptors: int
    threads: int


class Soaked(NamedTuple):
    """What became of it."""

    frames: int
    reads: Sequence[Usage]
    """After the first fifth."""
    unaccounted: int
    """Frames that were received and have no end."""

    def slope(self, name: str) -> float:
        """Growth of a value in an hour."""
        times_s, values = [read.at_s for read in self.reads], [getattr(read, name) for read in self.reads]
        return float(np.polyfit(times_s, values, 1)[0]) * HOUR_S

    def grown(self, name: str) -> float:
        """How much higher the last quarter's median is than the first's."""
        values = [getattr(read, name) for read in self.reads]
        quarter = max(1, len(values) // 4)
        return float(np.median(values[-quarter:]) - np.median(values[:quarter]))

    def __str__(self) -> str:
        words = (f"{name} {self.slope(name):+.2f}/h, {self.grown(name):+.1f} in all" for name in Usage._fields[1:])
        return f"{self.frames} frames, {self.unaccounted} unaccounted for; {'; '.join(words)}"


def main(seconds: float = SECONDS) -> None:
    """Print the slopes."""
    with tempfile.TemporaryDirectory() as folder, Mill(Path(folder)) as mill:
        print(f"{seconds:.0f} s: {soak(mill, seconds)}", flush=True)


def soak(mill: Mill, seconds: float) -> Soaked:
    """Keep a line busy for so long, and read what it has."""
    reads = list[Usage]()
    began_s = next_s = read_s = reload_s = subscribe_s = time.monotonic()
    with Camera(mill) as camera:
        while (now_s := time.monotonic()) < began_s + seconds:
            coil = f"C{camera.number // COIL_FRAMES}"
            camera.send((10, 30, 20, 40, DARK), (40, 50, 100, 120 + camera.number % 7, DARK), coil=coil)
            if camera.number % BAD == 0:
                camera.send_parts(b"{}", b"no frame")
            if now_s >= read_s:
                read_s += READ_S
                reads.append(_usage(mill, now_s - began_s))
            if now_s >= reload_s:
                reload_s += RELOAD_S
                mill.daemon.reload()
            if now_s >= subscribe_s:
                subscribe_s += SUBSCRIBE_S
                with mill.listen() as events:
                    next(iter(events))
            next_s = max(next_s + 1 / RATE_FPS, now_s)
            time.sleep(max(0.0, next_s - time.monotonic()))
        frames = camera.number
        mill.until(frames)
        mill.wait_until(lambda: mill.metric("inspector_frames_in_flight") == 0, "finish its frames")
    ended = sum(mill.metric(f"inspector_frames_{end}_total") for end in ("inspected", "dropped", "rejected"))
    settled = [read for read in reads if read.at_s >= seconds / 5]
    return Soaked(frames, settled, int(mill.metric("inspector_frames_received_total") - ended))


def _usage(mill: Mill, at_s: float) -> Usage:
    """Scrape the line, as Prometheus does, and look at its process."""
    assert mill.get("/metrics")[0] == 200
    place = Path(f"/proc/{mill.daemon.child.pid}")
    pages = int((place / "statm").read_text().split()[1])
    return Usage(at_s, pages * 4096 / 1e6, len(list((place / "fd").iterdir())), len(list((place / "task").iterdir())))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
