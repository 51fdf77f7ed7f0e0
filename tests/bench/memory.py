"""Memory of a training run: its whole process tree at its highest, pages that processes share counted once (PSS)."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.steel_folder import write_steel
from trainer.data.cache import default_bound_bytes
from trainer.learn.loading import MOST_GB

FRAMES, STEPS, EVERY_S = 12, 3, 0.2
WANTED_GB = 6


def main() -> None:
    """Train a ResNet34 U-Net for a few steps at batch 4 of 256 x 512 px, with its validation; print the peak."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_steel(Path(temporary) / "steel", FRAMES)
        options = ["--encoder", "resnet34", "--batch", "4", "--crop", "256x512", "--epochs", "1", "--workers", "1"]
        command = [sys.executable, "-m", "trainer", "fit", str(folder), "--out", str(Path(temporary) / "run"), *options]
        with subprocess.Popen([*command, "--epoch-crops", str(4 * STEPS)], stdout=subprocess.DEVNULL) as run:
            peak_bytes = processes = 0
            while run.poll() is None:
                sizes = [pss_bytes(pid) for pid in tree(run.pid)]
                peak_bytes, processes = max((peak_bytes, processes), (sum(sizes), len(sizes)))
                time.sleep(EVERY_S)
        if run.returncode:
            raise RuntimeError(f"the run ended with {run.returncode}; what it printed stands above")
    bound_bytes = default_bound_bytes(MOST_GB["cpu"] * 10**9)
    full_bytes = peak_bytes + bound_bytes - FRAMES * 256 * 1600
    print(
        f"peak {peak_bytes / 1e9:.2f} GB in {processes} processes; with the cache full to its default here, "
        f"{bound_bytes / 1e9:.1f} GB, {full_bytes / 1e9:.2f} GB (wanted: at most {WANTED_GB})"
    )


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a process may end while it is looked at
            children += [int(child) for child in tasks.read_text().split()]
    return [pid, *(descendant for child in children for descendant in tree(child))]


def pss_bytes(pid: int) -> int:
    """Return a process's memory, of pages that it shares its part; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
