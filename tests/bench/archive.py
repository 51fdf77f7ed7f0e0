"""What the archive costs: frames/s of a daemon without and with it, where every frame gives a crop; crops/s written.

The engine does nothing, so that the rest of the daemon is what is measured; crops are of sound strip, 256 x 256 px.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from inspector import recipe
from inspector.harness import configuration, scrape
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from tests.bench.ingest import HEIGHT, SETTLE_S, sending

CAMERAS, FRAME_MM = 2, 0.625 * HEIGHT
METRIC = "inspector_archive_crops_total"


def main(seconds: float = 6.0, rounds: int = 3) -> None:
    """Print a line for each round; the archive may cost the line nothing but crops."""
    print("round  off fps  on fps  ratio  crops written/s  dropped/s")
    for number in range(rounds):
        found = {}
        for is_on in (False, True) if number % 2 == 0 else (True, False):
            with tempfile.TemporaryDirectory() as folder:
                found[is_on] = measure(Path(folder), seconds, is_on=is_on)
        (off, _, _), (on, written, dropped) = found[False], found[True]
        print(f"{number:5}  {off:7.0f}  {on:6.0f}  {on / off:5.2f}  {written:15.0f}  {dropped:9.0f}", flush=True)


def measure(folder: Path, seconds: float, *, is_on: bool) -> tuple[float, float, float]:
    """Frames inspected, crops written and crops dropped, each a second."""
    ports, names = Ports.free(), [f"c{number}" for number in range(CAMERAS)]
    address = f"ipc://{folder}/frames"
    sections: dict[str, dict[str, object]] = {
        "engine": {"kind": "stub", "inspects_nothing": True},
        "intake": {"bind": address, "overload": "wait"},
        "batch": {"max_frames": 8},
    }
    if is_on:
        sections["archive"] = {"path": "kept", "sound_per_km": 1e6 / FRAME_MM}
    path, shipped = folder / "line.toml", recipe.SHIPPED / "steel-r34"
    configuration.write(path, ports, shipped, line="archive", mm_per_px=0.625, cameras=names, sections=sections)
    with DaemonProcess(path, ports) as line, sending(address, CAMERAS, os.sched_getaffinity(0)):
        time.sleep(SETTLE_S)
        before, kept, began_s = line.counts(), crops(ports), time.perf_counter()
        time.sleep(seconds)
        counts, now, took_s = line.counts(), crops(ports), time.perf_counter() - began_s
        assert not (counts.dropped or counts.rejected or counts.missing), counts
    inspected = counts.since(before).inspected
    return inspected / took_s, (now[0] - kept[0]) / took_s, (now[1] - kept[1]) / took_s


def crops(ports: Ports) -> tuple[float, float]:
    """Crops written, and dropped because too many waited."""
    written, dropped = (scrape.values(ports.http, METRIC, outcome=word) for word in ("written", "dropped_full"))
    return sum(written), sum(dropped)


if __name__ == "__main__":
    main()
