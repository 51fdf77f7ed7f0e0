"""Coil report: the file of a coil of 200 000 defects, its size, and how soon a real browser shows it.

The page is opened where playwright and a Chromium are installed (`pip install playwright`, `apt install chromium`).
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.coil import report
from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.events.history import History
from tests.browser import AS_PEOPLE_HAVE_IT, MISSING, chromium, opened
from tests.coil_journals import new_journal, write_coil

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

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
            seen = gather(history, history.coil("HEAVY"), keep="defects")
        page = Path(folder) / "coil.html"
        page.write_bytes(report.html(seen, record(seen)))
        took_s = time.process_time() - began_s
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size_mb = page.stat().st_size / 1e6
        print(f"{DEFECTS} defects: read, graded and written in {took_s:.1f} s of processor time, peak {peak_mb:.0f} MB")
        print(f"file: {size_mb:.1f} MB (wanted: below 15)")
        print(
            f"opened in Chromium until all is drawn: {_opened(page)} (wanted: 2000 ms; load {os.getloadavg()[0]:.0f})"
        )


def _opened(path: Path) -> str:
    """Milliseconds of each opening, as the page counts them from the navigation; and processor time of its thread.

    The thread does all that the page does: script, layout, drawing. Its processor time is what an idle machine takes.
    """
    if MISSING:
        return f"not measured: {MISSING}"
    took_ms, busy_ms = [], []
    sessions: list[CDPSession] = []
    for _ in range(OPENED):
        with (
            chromium(AS_PEOPLE_HAVE_IT) as browser,
            opened(browser, path, lambda page: sessions.append(_watched(page))) as page,
        ):
            took_ms.append(int(page.evaluate("document.documentElement.dataset.ready")))
            facts = sessions[-1].send("Performance.getMetrics")["metrics"]
            busy_ms.append(sum(1000 * fact["value"] for fact in facts if fact["name"] == "ThreadTime"))
    clock = f"median {statistics.median(took_ms):.0f} ms, most {max(took_ms)} ms of {OPENED}"
    return f"{clock}; processor time of the page's thread: median {statistics.median(busy_ms):.0f} ms"


def _watched(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


if __name__ == "__main__":
    main()
