"""Query: a coil's defects asked for while the daemon writes.

`python -m tests.bench.query` writes one coil of 200 000 defects among others, and a process that goes on writing.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.events.history import Filter, History
from tests.coil_journals import CLASSES, new_journal, strewn, write, write_coil

DEFECTS, LENGTH_M = 200_000, 5000.0
QUERIES = 200
RATE = 2_000
"""Events a second that are written meanwhile."""


def main() -> None:
    """Print percentiles of the time of a query, with and without a writer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        began_s = time.perf_counter()
        journal = new_journal(path)
        write_coil(journal, "EARLIER", 5_000, LENGTH_M)
        write_coil(journal, "HEAVY", DEFECTS, LENGTH_M)
        journal.close()
        size_mb = sum(file.stat().st_size for file in path.iterdir()) / 1e6
        print(f"{DEFECTS} defects journalled in {time.perf_counter() - began_s:.1f} s, {size_mb:.0f} MB with the index")
        print("| query | writer | found | p50 ms | p99 ms (wanted: 100) | processor p50 | p99 |", end="")
        print(" waiting for a processor p50 | p99 | for disk and locks p50 | p99 |")
        print("|" + 11 * "---|")
        _measure(path, "none")
        with subprocess.Popen([sys.executable, "-m", "tests.bench.query", str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            _measure(path, f"{RATE} events/s")
            writer.terminate()
        _measure_record(path)


def _measure(path: Path, writer: str) -> None:
    draw = random.Random(1)
    kinds: dict[str, Callable[[], Filter]] = {
        "class and length": lambda: Filter(name=draw.choice(CLASSES), min_length_mm=draw.choice((50, 100, 200))),
        "length and area": lambda: Filter(min_length_mm=draw.choice((100, 200)), min_area_mm2=2000),
        "ten metres": lambda: _stretch(draw.uniform(0, 4.9e6)),
    }
    for name, ask in kinds.items():
        took_ms, used_ms, waited_ms, found = list[float](), list[float](), list[float](), 0
        for _ in range(QUERIES):
            began_s, used_s, before_ms = time.perf_counter(), time.thread_time(), _queued_ms()
            with History(path) as history:
                found += sum(1 for _ in history.payloads(history.coil("HEAVY"), ask()))
            took_ms.append(1000 * (time.perf_counter() - began_s))
            used_ms.append(1000 * (time.thread_time() - used_s))
            waited_ms.append(_queued_ms() - before_ms)
        rest_ms = np.maximum(np.array(took_ms) - used_ms - waited_ms, 0.0)
        parts = (took_ms, used_ms, waited_ms, rest_ms)
        shown = " | ".join(f"{figure:.1f}" for part in parts for figure in np.percentile(part, (50, 99)))
        print(f"| {name} | {writer} | {found // QUERIES} | {shown} |", flush=True)


def _queued_ms() -> float:
    """How long this thread has waited for a processor while it had work to do, as the kernel counts it."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e6


def _stretch(at_mm: float) -> Filter:
    return Filter(from_mm=at_mm, to_mm=at_mm + 10_000)


def _measure_record(path: Path) -> None:
    with History(path) as history:
        began_s = time.perf_counter()
        seen = gather(history, history.coil("HEAVY"))
        gathered_s = time.perf_counter() - began_s
        record(seen)
        summed_s = time.perf_counter() - began_s - gathered_s
    print(f"\nrecord of HEAVY: read in {gathered_s:.2f} s, summed up in {summed_s:.2f} s")


def _write_on(path: Path) -> None:
    """Go on writing another coil, as the daemon does: small commits, one after the other."""
    journal = new_journal(path)
    print("writing", flush=True)
    batch = max(1, RATE // 50)
    for number in range(10**6):
        write(journal, list(strewn(f"NEXT{number // 1000}", batch, 8.0, seed=number)))
        time.sleep(batch / RATE)


if __name__ == "__main__":
    if sys.argv[1:]:
        _write_on(Path(sys.argv[1]))
    else:
        main()
