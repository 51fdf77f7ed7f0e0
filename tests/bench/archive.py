"""What the archive costs: frames/s of a daemon without it, with crops of every frame, with the strip's picture alone.

The engine does nothing, so that the rest of the daemon is what is measured; crops are of sound strip, 256 x 256 px.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.harness import configuration, scrape
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from tests.bench.ingest import HEIGHT, SETTLE_S, sending

CAMERAS, FRAME_MM = 2, 0.625 * HEIGHT
CROPS, PICTURES = "inspector_archive_crops_total", "inspector_archive_strip_frames_total"
KINDS: dict[str, dict[str, object]] = {
    "no archive": {},
    "crops": {"path": "kept", "sound_per_km": 1e6 / FRAME_MM, "strip_mm_per_px": 0},
    "picture": {"path": "kept", "sound_per_km": 0},
}


class ArchiveCost(msgspec.Struct, frozen=True):
    """A daemon that took all that came."""

    fps: float
    us: float
    """Processor time of the daemon for a frame."""
    kept: float
    """Of its frames: with a crop or in the picture; the others were given up."""


def main(seconds: float = 6.0, rounds: int = 3) -> None:
    """Print a line for each round; the archive may cost the line nothing but what it keeps."""
    kinds = list(KINDS)
    for number in range(rounds):
        found = {}
        for kind in kinds[number % 3 :] + kinds[: number % 3]:
            with tempfile.TemporaryDirectory() as folder:
                found[kind] = measure(Path(folder), seconds, kind)
        words = (f"{kind} {cost.fps:.0f} fps, {cost.us:.0f} us, {cost.kept:.0%} kept" for kind, cost in found.items())
        print(f"{number}: {'; '.join(words)}; load {os.getloadavg()[0]:.0f}", flush=True)


def measure(folder: Path, seconds: float, kind: str) -> ArchiveCost:
    """Have cameras send as fast as the line takes it."""
    ports, names = Ports.free(), [f"c{number}" for number in range(CAMERAS)]
    address = f"ipc://{folder}/frames"
    sections: dict[str, dict[str, object]] = {
        "engine": {"kind": "stub", "inspects_nothing": True},
        "intake": {"bind": address, "overload": "wait"},
        "batch": {"max_frames": 8},
    }
    if KINDS[kind]:
        sections["archive"] = KINDS[kind]
    path, shipped = folder / "line.toml", recipe.SHIPPED / "steel-r34"
    configuration.write(path, ports, shipped, line="archive", mm_per_px=0.625, cameras=names, sections=sections)
    with DaemonProcess(path, ports) as line, sending(address, CAMERAS, os.sched_getaffinity(0)):
        time.sleep(SETTLE_S)
        before, kept, used_s, began_s = line.counts(), _kept(ports), _used_s(line), time.perf_counter()
        time.sleep(seconds)
        counts, now, now_s, took_s = line.counts(), _kept(ports), _used_s(line), time.perf_counter() - began_s
        assert not (counts.dropped or counts.rejected or counts.missing), counts
    frames = counts.since(before).inspected
    return ArchiveCost(frames / took_s, 1e6 * (now_s - used_s) / frames, (now - kept) / frames)


def _kept(ports: Ports) -> float:
    """Crops written and frames drawn so far."""
    return sum(
        sum(scrape.values(ports.http, name, outcome=word)) for name, word in ((CROPS, "written"), (PICTURES, "drawn"))
    )


def _used_s(line: DaemonProcess) -> float:
    """Processor time of the daemon so far."""
    words = Path(f"/proc/{line.child.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
