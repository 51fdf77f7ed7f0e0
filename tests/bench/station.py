"""Station: what a page weighs and takes, a coil of 200 000 defects, what 50 browsers cost the line.

The station runs as its unit runs it, at a lower priority than the line; the browsers at a lower one still, for theirs
are other machines.

Needs playwright and a Chromium (`pip install playwright`, `apt install chromium`).
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from inspector.harness import configuration
from inspector.harness.ports import HOST, Ports
from inspector.harness.station import StationProcess
from tests.bench import latency
from tests.browser import AS_PEOPLE_HAVE_IT
from tests.coil_journals import new_journal, write_coil
from tests.e2e.mill import Camera, Mill
from tests.recipes import write_recipe

DEFECTS, LENGTH_M = 200_000, 5000.0
BROWSERS = 50
PHASE_S, SETTLE_S, ROUNDS = 10.0, 3.0, 8
ALONE = "no station"
DYING = "one that is killed, again and again"
ANY = "127.0.0.1:0"
LIFE_S = 2.0
"""After so long it is killed; it comes back after its unit's RestartSec."""
UNIT = Path(__file__).parents[2] / "systemd/inspector-station.service"


def main(rounds: int = ROUNDS, phase_s: float = PHASE_S) -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=AS_PEOPLE_HAVE_IT, args=["--no-sandbox"])
        _coil(Path(folder), browser)
        browser.close()
    with tempfile.TemporaryDirectory() as folder, Mill(Path(folder)) as mill:
        _burden(mill, Path(folder), rounds, phase_s)


def _coil(folder: Path, browser: Browser) -> None:
    write_recipe(folder / "recipe")
    config = configuration.write(folder / "line.toml", Ports.free(), Path("recipe"), line="bench", mm_per_px=0.5)
    journal = new_journal(folder / "journal")
    write_coil(journal, "HEAVY", DEFECTS, LENGTH_M)
    journal.close()
    with StationProcess(config, folder, ANY) as station:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{station.address}/live")
        entries = "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        sizes = page.evaluate(f"{entries}.filter((one) => !one.name.includes('stream')).map((one) => one.transferSize)")
        load_ms = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        print(f"first view: {sum(sizes) / 1000:.0f} kB, loaded in {load_ms:.0f} ms")
        for word in ("cold", "again"):
            page.goto(f"{station.address}/coil?coil=HEAVY")
            while not page.evaluate("document.documentElement.dataset.ready"):
                page.wait_for_timeout(20)
            mapped, ready = (page.evaluate(f"document.documentElement.dataset.{name}") for name in ("mapped", "ready"))
            print(f"{DEFECTS} defects, {word}: map after {mapped} ms (wanted: 2000), all after {ready} ms")


def _burden(mill: Mill, folder: Path, rounds: int, phase_s: float) -> None:
    ways: dict[str, latency.Way] = {
        ALONE: latency.nobody,
        "a station, 50 browsers": lambda: _watched(mill, folder),
        "a station that hangs": lambda: _hanging(mill, folder),
        DYING: lambda: _dying(mill, folder),
    }
    with Camera(mill) as camera:
        found = latency.measured(mill, camera, ways, rounds=rounds, phase_s=phase_s, settle_s=SETTLE_S)
    latency.show(found, [(name, ALONE) for name in ways if name != ALONE])
    print(f"load {os.getloadavg()[0]:.0f}; wanted: a p99 of 1.10 at most")


@contextmanager
def _watched(mill: Mill, folder: Path) -> Iterator[int]:
    with StationProcess(mill.config, folder, ANY) as station:
        port = station.address.rpartition(":")[2]
        with subprocess.Popen(["nice", "-n", "19", sys.executable, "-m", "tests.bench.station", port]) as readers:
            yield station.child.pid
            readers.kill()


def _read(port: int) -> None:
    """Be the browsers, until somebody ends it."""
    waiting = selectors.DefaultSelector()
    for _ in range(BROWSERS):
        reader = socket.create_connection((HOST, port))
        reader.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        waiting.register(reader, selectors.EVENT_READ)
    while True:
        for ready, _ in waiting.select():
            ready.fileobj.recv(2**16)  # type: ignore[union-attr]


@contextmanager
def _hanging(mill: Mill, folder: Path) -> Iterator[int]:
    with StationProcess(mill.config, folder, ANY) as station:
        time.sleep(2)
        station.child.send(signal.SIGSTOP)
        yield station.child.pid
        station.child.send(signal.SIGCONT)


@contextmanager
def _dying(mill: Mill, folder: Path) -> Iterator[None]:
    stop = threading.Event()
    restart_s = float(re.findall(r"^RestartSec=(\d+)$", UNIT.read_text(), re.MULTILINE)[0])

    def work() -> None:
        while not stop.is_set():
            with StationProcess(mill.config, folder, ANY) as station:
                stop.wait(LIFE_S)
                os.kill(station.child.pid, signal.SIGKILL)
                station.child.wait()
            stop.wait(restart_s)

    thread = threading.Thread(target=work)
    thread.start()
    yield None
    stop.set()
    thread.join()


if __name__ == "__main__":
    _read(int(sys.argv[1])) if sys.argv[1:] else main()
