"""Coil report: the file of a coil of 200 000 defects, its size, and how soon a real browser shows it.

The page is opened where playwright and a Chromium are installed (`pip install playwright`, `apt install chromium`).
"""

from __future__ import annotations

import importlib
import resource
import statistics
import tempfile
import time
from pathlib import Path

from inspector.coil import report
from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.events.history import History
from tests.browser import FOUND
from tests.coil_journals import new_journal, write_coil

DEFECTS, LENGTH_M = 200_000, 5000.0
OPENED = 5


def main() -> None:
    """Print seconds, megabytes, and milliseconds until the page is drawn and takes input."""
    with tempfile.TemporaryDirectory() as folder:
        journal = new_journal(Path(folder) / "journal")
        write_coil(journal, "HEAVY", DEFECTS, LENGTH_M)
        journal.close()
        began_s = time.process_time()
        with History(Path(folder) / "journal") as history:
            seen = gather(history, history.coil("HEAVY"), keep=True)
        page = Path(folder) / "coil.html"
        page.write_bytes(report.html(seen, record(seen)))
        took_s = time.process_time() - began_s
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size_mb = page.stat().st_size / 1e6
        print(f"{DEFECTS} defects: read, graded and written in {took_s:.1f} s of processor time, peak {peak_mb:.0f} MB")
        print(f"file: {size_mb:.1f} MB (wanted: below 15)")
        print(f"opened in Chromium until all is drawn: {_opened(page)} (wanted: 2000 ms)")


def _opened(page: Path) -> str:
    """Milliseconds of each opening, as the page itself counts them from the navigation."""
    try:
        playwright = importlib.import_module("playwright.sync_api")
    except ImportError:
        return "not measured, playwright is not installed"
    if FOUND is None:
        return "not measured, no Chromium here"
    took_ms = []
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])
        for _ in range(OPENED):
            tab = browser.new_page()
            tab.goto(page.as_uri())
            tab.wait_for_function("document.documentElement.dataset.ready || document.documentElement.dataset.fault")
            took_ms.append(int(tab.evaluate("document.documentElement.dataset.ready")))
            tab.close()
        browser.close()
    return f"median {statistics.median(took_ms):.0f} ms, most {max(took_ms)} ms of {OPENED}"


if __name__ == "__main__":
    main()
