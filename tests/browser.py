"""A real browser, where the machine has one: opens a page for a test to look at and to use."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE_MS = 120_000
SHELL, WHOLE = "chromium-headless-shell", ("chromium", "chromium-browser", "google-chrome")
FOUND = next(filter(None, map(shutil.which, (SHELL, *WHOLE))), None)
"""The shell has no windows, and all that they have is not made for each page: less than half the processor's time."""
AS_PEOPLE_HAVE_IT = next(filter(None, map(shutil.which, (*WHOLE, SHELL))), None)
"""For pictures, and for what is measured."""
MISSING = (
    "no Chromium on this machine (apt install chromium-headless-shell, or chromium)"
    if FOUND is None
    else "playwright is not installed (pip install playwright)"
    if importlib.util.find_spec("playwright") is None
    else ""
)

needs_browser = pytest.mark.skipif(bool(MISSING), reason=MISSING or "there is one")


@contextmanager
def chromium(program: str | None = FOUND) -> Iterator[Browser]:
    """Run a Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            env={**os.environ, "LC_ALL": "en_US.UTF-8"},  # C would be "en-US@posix", which Intl refuses
            timeout=PATIENCE_MS,
        )
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, address: str, patience_ms: float) -> Iterator[Page]:
    """Open a page of the station, as somebody in Britain does.

    Raises: AssertionError in the end, for a fault in any script, and for what the page's policy forbids.
    """
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(patience_ms)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
    page.goto(address)
    yield page
    context.close()
    assert faults == []


@contextmanager
def opened(browser: Browser, path: Path, prepare: Callable[[Page], object] = lambda page: None) -> Iterator[Page]:
    """Open a coil's report until all of it is drawn; `prepare` is called with the page while it is empty.

    Raises: AssertionError when its script fails, or anything is loaded from elsewhere.
    """
    faults: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    try:
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda asked: faults.append(asked.url) if asked.url.startswith("http") else None)
        prepare(page)
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready || document.documentElement.dataset.fault")
        yield page
    finally:
        page.close()
    assert not faults, faults


TONES = """([side, mm, across, half]) => {
  const [x, y] = strip.at(side, mm, across), r = sharpness(), found = new Set();
  const { data } = strip.ctx.getImageData((x - half) * r, (y - 2) * r, 2 * half * r, 4 * r);
  for (let n = 1; n < data.length; n += 4) found.add(data[n] > 245 ? "light" : data[n] < 110 ? "dark" : "middle");
  return [...found];
}"""
"""Whether what lies around a place of the map is light, dark, or neither."""


def tones(page: Page, side: str, mm: float, across_mm: float = 560.0, half_px: float = 7.0) -> set[str]:
    """What is to be seen around a place of the map: `light`, `dark`, or `middle` as the strip is."""
    return set(page.evaluate(TONES, [side, mm, across_mm, half_px]))
