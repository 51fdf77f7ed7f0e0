"""A real browser, where the machine has one: opens a page and returns what became of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PATIENCE_S = 120
FOUND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_browser = pytest.mark.skipif(FOUND is None, reason="no Chromium on this machine (apt install chromium)")


def opened(page: Path, folder: Path, *words: str) -> str:
    """Open a page with the browser's own clock run on until nothing happens; return its DOM."""
    return _run(page, folder, "--virtual-time-budget=30000", "--dump-dom", *words)


def printed(page: Path, folder: Path) -> bytes:
    """Print a page; return the PDF."""
    path = folder / "page.pdf"
    _run(page, folder, "--virtual-time-budget=30000", f"--print-to-pdf={path}")
    return path.read_bytes()


def _run(page: Path, folder: Path, *words: str) -> str:
    assert FOUND is not None
    done = subprocess.run(
        [
            FOUND,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={folder / 'profile'}",
            *words,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return done.stdout
