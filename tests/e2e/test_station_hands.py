"""Every page in a real browser for everybody: axe-core, fingers on a touch panel, inches, a browser without a mill."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from inspector.station import users
from tests.browser import needs_browser, watched
from tests.e2e.mill import Camera, Mill
from tests.patience import patience_s
from tests.recipes import DARK
from tests.stations import Station

pytestmark = [needs_browser, pytest.mark.slow]
PATIENCE_MS = round(1000 * patience_s())
AXE = Path(__file__).parents[2] / "build" / "axe" / "package" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = ("/live", "/coils", "/coil?coil=C1", "/review", "/history")
READY = {
    "/live": "#classes tr",
    "/coils": "#coils tbody tr",
    "/coil": "#worst figure",
    "/review": ".tile",
    "/history": ".plot",
}
SMALL = """() => [...document.querySelectorAll("a, button, select, input, summary, [role=option], [tabindex='0']")]
  .filter((node) => node.checkVisibility() && !node.closest(".out, .skip, .hidden, td, dd, p"))
  .map((node) => [node, (node.closest("label") ?? node).getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24))
  .map(([node, box]) => `${node.outerHTML.slice(0, 90)} ${box.width.toFixed(0)} x ${box.height.toFixed(0)}`)"""
"""Targets below 24 px; links within a sentence or a table's row are exempt (WCAG 2.2, 2.5.8)."""
UNREAD = "document.querySelectorAll('.list td:last-child').forEach((cell) => { cell.textContent = '\u2026'; })"
"""A coil's list as it is until the defects' identifiers are read."""
METRIC = r"""() => document.body.innerText.match(
  /.{0,30}(\b|\d)(mm|km|metres?|m\/s|mm²)(?![\w]).{0,10}|.{0,30}(\d| [a-z]+) m(?=\s|$)/gm) ?? []"""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    """A line whose coil has passed, with an archive; an alarm stands."""
    made = Mill(tmp_path_factory.mktemp("line"))
    made.write(extra='[archive]\npath = "archive"\n')
    with made, Camera(made) as camera:
        for _ in range(4):
            camera.send((10, 30, 20, 40, DARK), coil="C1")
        camera.skip()
        camera.send(coil="C1")
        camera.send(coil="C2")
        made.until_kept("C1")
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that shows nothing yet."""
    with watched(browser, "about:blank", PATIENCE_MS) as made:
        yield made


def shown(page: Page, station: Station, path: str, asked: str = "") -> None:
    """Open a page, and wait until it shows what it has."""
    page.goto(station.address + path + (("&" if "?" in path else "?") + asked if asked else ""))
    expect(page.locator(READY[path.partition("?")[0]]).first).to_be_visible()


def is_open_to_all(page: Page) -> None:
    """axe-core finds nothing against WCAG 2.2 AA."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run(document, {{ runOnly: {RULES} }})")
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
    assert len(found["passes"]) > 10


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core (make axe)")
@pytest.mark.parametrize("asked", ["", "language=de&units=in"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_keeps_anybody_out(page: Page, station: Station, path: str, asked: str) -> None:
    """On each page, in each language."""
    shown(page, station, path, asked)
    is_open_to_all(page)


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core (make axe)")
def test_nothing_keeps_anybody_out_at_the_door(browser: Browser, mill: Mill, tmp_path: Path) -> None:
    """The login page, as it opens and after a wrong password."""
    users.add(mill.folder / "users.json", "kim", "viewer", "sees and sees")
    path = mill.folder / "door.toml"
    path.write_text('bind = "0.0.0.0:0"\nusers = "users.json"\n[[line]]\nconfig = "line.toml"\n')
    with Station(path, tmp_path) as station:
        address = f"http://127.0.0.1:{station.port}/live"
        with watched(browser, address, PATIENCE_MS) as page:
            is_open_to_all(page)
            assert page.evaluate(SMALL) == []
            page.locator("input[name=name]").fill("kim")
            page.locator("input[name=password]").fill("nothing")
            page.keyboard.press("Enter")
            expect(page.locator(".fault")).to_be_visible()
            is_open_to_all(page)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", PAGES)
def test_a_finger_hits_what_it_means(page: Page, station: Station, path: str, width: int) -> None:
    """On a touch panel and a phone no target is below 24 px, nothing lies outside the screen, and words have room."""
    page.set_viewport_size({"width": width, "height": 800})
    shown(page, station, path)
    page.evaluate(UNREAD)
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.querySelectorAll('.alarm .what')].every((node) => node.offsetWidth >= 150)")


def test_a_coil_is_looked_through_without_a_mouse(page: Page, station: Station) -> None:
    """A picture of the worst, a row of the list and a column's head are reached by Tab, and answer to keys."""
    shown(page, station, "/coil?coil=C1")
    reached: set[str] = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('#worst, #list thead, #list, #map')?.id ?? ''"))
    assert {"worst", "list", "map"} <= reached
    page.locator("#worst svg").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#defect")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#defect")).to_be_hidden()
    page.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#list tr.chosen")).to_have_count(1)
    expect(page.locator("#defect")).to_be_visible()
    page.locator("#list th").nth(3).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#list th").nth(3)).to_have_attribute("aria-sort", "descending")


@pytest.mark.parametrize("path", PAGES)
def test_who_asks_for_inches_sees_no_millimetre(page: Page, station: Station, path: str) -> None:
    """All words of a page, what is drawn on it aside; the tables that it offers name their units."""
    shown(page, station, path, "units=mm")
    if path != "/review":
        assert page.evaluate(METRIC) != []
    shown(page, station, path, "units=in")
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while path.startswith("/coil?") and not page.evaluate("document.documentElement.dataset.ready"):
        assert time.monotonic() < deadline_s
        page.wait_for_timeout(50)
    if path.startswith("/coil?"):
        page.locator("#worst figure").first.click()
        expect(page.locator("#numbers")).to_contain_text("ft")
    assert page.evaluate(METRIC) == []
    for link in page.evaluate(
        "[...document.querySelectorAll('[data-table]')].map((node) => node.getAttribute('href'))"
    ):
        head = station.ask(link).text.partition("\n")[0].split(",")
        assert not [name for name in head if name.endswith(("_mm", "_m", "_km"))], head
