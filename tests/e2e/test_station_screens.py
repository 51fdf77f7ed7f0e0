"""How the station's pages lie on a screen, at twice the size, and on paper; and what keys find there."""

from __future__ import annotations

from collections.abc import Iterator

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
BOX = (10, 30, 20, 40, DARK)
CUT = """() => [...document.querySelectorAll(".figures b, .figures span")]
  .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1 && node.id !== "coil")
  .map((node) => node.textContent)"""
"""Figures of which a part is not to be seen; a coil's name may be as long as it likes."""
SOON = "const real = AbortSignal.timeout; AbortSignal.timeout = (ms) => real.call(AbortSignal, ms / 20);"
"""Patience of a second instead of 20."""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    """A line of two sides with an archive, on which a coil runs; an alarm stands."""
    made = Mill(tmp_path_factory.mktemp("line"), cameras=("top", "under"))
    made.write(extra='[archive]\npath = "archive"\n[[alarm]]\nname = "one-dark"\nclasses = ["dark"]\nwithin_m = 5\n')
    with made, Camera(made) as top, Camera(made, "under") as under:
        for _ in range(4):
            top.send(BOX, coil="C1")
            under.send(coil="C1")
        made.until_kept("C1")
        yield made


@pytest.fixture
def page(browser: Browser, station: Station) -> Iterator[Page]:
    """The live page, of an operator called Kim."""
    with watched(browser, f"{station.address}/live", PATIENCE_MS) as made:
        expect(made.locator("#alarms li.alarm")).to_have_count(2)
        expect(made.locator("#classes tr").first).to_be_visible()
        made.locator("#operator").fill("Kim")
        yield made


def test_the_live_page_fits_its_screen_and_tells_figures_whole(page: Page) -> None:
    """At 1280 x 800 nothing lies below the edge; at twice the size, where it is scrolled, no figure is cut."""
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert page.evaluate(CUT) == []
    page.set_viewport_size({"width": 640, "height": 400})
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_newest_defects_are_links_where_there_is_room(page: Page) -> None:
    """On a high screen each leads to its coil's page, by keys; on a low one alarms have the room."""
    links = page.locator("#newest-rows a")
    page.set_viewport_size({"width": 1280, "height": 1100})
    expect(links).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    links.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#defect-title")).to_contain_text("dark")
    expect(page.locator("#report .title")).to_contain_text("as of")  # it runs
    page.go_back()
    expect(links).to_have_count(4)
    page.set_viewport_size({"width": 1280, "height": 690})
    expect(page.locator("#newest-rows")).to_be_hidden()


def test_a_command_that_waits_in_the_browser_is_given_up(station: Station, browser: Browser) -> None:
    """As behind six live pages, which hold all its connections: the page says so, and nothing leaves later."""
    with watched(browser, f"{station.address}/live", PATIENCE_MS) as page:
        page.add_init_script(SOON)
        page.reload()
        page.locator("#operator").fill("Kim")
        pages = [page.context.new_page() for _ in range(5)]
        for viewer in pages:
            viewer.goto(f"{station.address}/live")
            expect(viewer.locator("#alarms li.alarm")).to_have_count(2)
        page.locator("#alarms li.open").first.get_by_role("button", name="acknowledge").click()
        expect(page.locator("#toast")).to_contain_text("No answer: it was given up.")
        for viewer in pages:
            viewer.close()
        page.reload()
        expect(page.locator("#alarms li.open")).to_have_count(2)


def test_who_acknowledges_by_key_stays_in_the_list(mill: Mill, page: Page) -> None:
    """The row has the focus and not the next button, so that a key that is held down answers nothing else."""
    row = page.locator("#alarms li.open").first
    name = row.locator("b").inner_text()
    row.get_by_role("button", name="acknowledge").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text(f"{name}: acknowledged by Kim")
    expect(page.locator("#alarms li.open")).to_have_count(1)
    assert page.evaluate("document.activeElement.matches('#alarms > li')")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#alarms') !== null")


def test_tiles_lie_as_the_map_does(page: Page, station: Station) -> None:
    """Rows of a picture run across the page, as in the large picture and on the map."""
    page.goto(f"{station.address}/review")
    expect(page.locator(".tile img").first).to_be_visible()
    turned = page.evaluate("getComputedStyle(document.querySelector('.tile img')).transform").split(", ")[:4]
    assert [part.removeprefix("matrix(") for part in turned] == ["0", "1", "1", "0"]
    expect(page.locator("#big image")).to_have_count(1)


def test_a_viewers_key_is_answered(browser: Browser, mill: Mill) -> None:
    """It labels nothing, and says so."""
    users.add(mill.folder / "users.json", "Vera", "viewer", "sees and sees")
    path = mill.folder / "users.toml"
    path.write_text('bind = "0.0.0.0:0"\nusers = "users.json"\n[[line]]\nconfig = "line.toml"\n')
    with Station(path, mill.folder) as asked, watched(browser, f"http://127.0.0.1:{asked.port}/", PATIENCE_MS) as page:
        page.locator("input[name=name]").fill("Vera")
        page.locator("input[name=password]").fill("sees and sees")
        page.keyboard.press("Enter")
        expect(page.locator("#clock")).to_be_visible()
        page.goto(f"http://127.0.0.1:{asked.port}/review")
        page.locator(".tile").first.press("1")
        expect(page.locator("#toast")).to_contain_text("only looks")
        expect(page.locator("#keys button").first).to_be_disabled()


@pytest.mark.parametrize("path", ["/live", "/coils", "/review", "/history"])
def test_a_sheet_has_the_day_and_begins_at_once(browser: Browser, station: Station, path: str) -> None:
    """The day stands on it, and what is longer than a sheet is not kept for the next one."""
    with watched(browser, station.address + path, PATIENCE_MS) as page:
        page.emulate_media(media="print")
        assert page.evaluate("/\\d{4}/.test(getComputedStyle(document.getElementById('clock'), '::before').content)")
        kept = (
            "[...document.querySelectorAll('.list-page, .review .panel')].map((n) => getComputedStyle(n).breakInside)"
        )
        assert set(page.evaluate(kept)) <= {"auto"}
