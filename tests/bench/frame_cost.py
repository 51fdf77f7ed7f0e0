"""What a frame of the station's pages costs a browser: script, raster and compositing, each by its thread.

A coil of 200 000 defects is panned, and the live page scrolls under a line of two sides with the strip's picture.
Printed are the pictures that came of those wanted, and the processor time of each thread of the browser a picture: a
loaded machine changes the former, hardly the latter. Without a GPU the compositor draws in software, which is part of
it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.harness.station import StationProcess
from tests.bench.station import ANY, DEFECTS, LENGTH_M
from tests.browser import AS_PEOPLE_HAVE_IT
from tests.coil_journals import new_journal, write_coil
from tests.e2e.mill import Camera, Mill
from tests.recipes import BRIGHT, DARK, write_recipe

WATCH_MS, ROUNDS = 4000, 3
WANTED_MS = 1000 / 60
LINE_FPS = 60.0
LAYERS = {
    "script, canvas": ("chromium", "CrRendererMain"),
    "raster": ("CompositorTileW", "ThreadPoolForeg"),
    "compositing": ("Compositor", "VizCompositorTh", "CrGpuMain"),
}
"""Threads of a browser by what they do; the rest is its own business."""
PAN = """async () => {
  const map = document.getElementById("map");
  for (let n = 0; n < 3; n++) document.getElementById("in").click();
  map.scrollTop = 0;
  const began = performance.now();
  let by = 14;
  const step = (now) => {
    if (map.scrollTop + map.clientHeight > map.scrollHeight - 20) by = -14; else if (map.scrollTop < 20) by = 14;
    map.scrollTop += by;
    if (now - began < 60000) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}"""
COUNT = """async (ms) => {
  const gaps = [], channel = new MessageChannel(), works = []; let at = 0;
  channel.port1.onmessage = () => works.push(performance.now() - at);   // comes behind the frame's paint
  await new Promise((done) => {
    const began = performance.now(); let last = began;
    const step = (now) => {
      at = performance.now(); gaps.push(now - last); last = now; channel.port2.postMessage(0);
      if (now - began > ms) done(); else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  const sorted = (some) => some.slice(1).sort((a, b) => a - b);
  const part = (some, share) => some[Math.floor(share * some.length)] ?? 0;
  const work = sorted(works);
  return [gaps.length - 1, part(work, .5), part(work, .95), Math.max(...gaps.slice(1))];
}"""
"""Pictures in N milliseconds, the work of the page's own thread for one, median and 95 %, and the longest gap."""


def main() -> None:
    """Print both pages, a line a round."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=AS_PEOPLE_HAVE_IT, args=["--no-sandbox"])
        with _heavy(Path(folder)) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            while not page.evaluate("document.documentElement.dataset.ready"):
                page.wait_for_timeout(50)
            page.evaluate(PAN)
            _watch(page, f"panning {DEFECTS} defects")
            page.close()
        with tempfile.TemporaryDirectory() as other:
            _scroll(browser, Path(other))
        browser.close()


@contextmanager
def _heavy(folder: Path) -> Iterator[str]:
    write_recipe(folder / "recipe")
    config = configuration.write(folder / "line.toml", Ports.free(), Path("recipe"), line="bench", mm_per_px=0.5)
    journal = new_journal(folder / "journal")
    write_coil(journal, "HEAVY", DEFECTS, LENGTH_M)
    journal.close()
    with StationProcess(config, folder, ANY) as station:
        yield f"{station.address}/coil?coil=HEAVY"


def _scroll(browser: Browser, folder: Path) -> None:
    mill = Mill(folder, cameras=("top", "under"))
    mill.write(extra='[archive]\npath = "archive"\n')
    with mill, StationProcess(mill.config, folder, ANY) as station, _running(mill):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{station.address}/live")
        page.wait_for_timeout(6000)  # the window has filled
        _watch(page, "the live page")
        shown = page.evaluate("[station.strips.hits.length, station.strips.head]")
        print(f"  {shown[0]} defects on the screen, head at {shown[1] / 1000:.1f} m")
        if len(sys.argv) > 1:
            page.screenshot(path=sys.argv[1])
        page.close()


@contextmanager
def _running(mill: Mill) -> Iterator[None]:
    """A line of 60 frames a second a camera, a defect in each second frame."""
    stop = threading.Event()

    def work() -> None:
        with Camera(mill) as top, Camera(mill, "under") as under:
            next_s, number = time.monotonic(), 0
            while not stop.is_set():
                box = (10, 30, 20 + number % 180, 40 + number % 180, (DARK, BRIGHT)[number % 4 // 2])
                for camera in (top, under):
                    camera.send(*([box] if number % 2 else []), coil="BENCH")
                number, next_s = number + 1, next_s + 1 / LINE_FPS
                time.sleep(max(0.0, next_s - time.monotonic()))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def _watch(page: Page, what: str) -> None:
    for _ in range(ROUNDS):
        before = _spent()
        frames, work_ms, most_ms, gap_ms = page.evaluate(COUNT, WATCH_MS)
        each = Counter(_spent())
        each.subtract(before)
        by_ms = {layer: sum(each[name] for name in names) / frames for layer, names in LAYERS.items()}
        all_ms = sum(each.values()) / frames
        parts = ", ".join(f"{layer} {value:.2f}" for layer, value in by_ms.items())
        print(
            f"{what}: {frames} pictures of {WATCH_MS / WANTED_MS:.0f}, longest gap {gap_ms:.0f} ms; page's thread "
            f"{work_ms:.1f} ms, {most_ms:.1f} of 95 %; processor ms a picture: {parts}, all {all_ms:.2f}; "
            f"load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def _spent() -> Counter[str]:
    """Processor milliseconds of this program's browsers so far, by names of threads."""
    spent: Counter[str] = Counter()
    children = _children()
    for pid in children:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            try:
                name, used = (task / "comm").read_text().strip(), (task / "schedstat").read_text().split()[0]
            except OSError:  # it ended meanwhile
                continue
            spent[name] += float(used) / 1e6  # type: ignore[assignment]
    return spent


def _children() -> list[int]:
    """Processes of the browser that this one has started."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(") ")
        except OSError:
            continue
        parents[int(folder.name)] = int(rest.split()[1]), name.partition(" (")[2]

    def is_mine(pid: int) -> bool:
        while pid in parents:
            if pid == os.getpid():
                return True
            pid = parents[pid][0]
        return False

    return [pid for pid, (_, name) in parents.items() if "chrom" in name and is_mine(pid)]


if __name__ == "__main__":
    main()
