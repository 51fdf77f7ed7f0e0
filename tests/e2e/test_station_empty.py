"""What the station shows where there is nothing to show: no coil, no alarm, no archive, in each language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from inspector.languages.catalogue import languages
from tests.browser import needs_browser, watched
from tests.patience import patience_s
from tests.recipes import write_recipe
from tests.stations import Station, station_of

pytestmark = [needs_browser, pytest.mark.slow]
PATIENCE_MS = round(1000 * patience_s())
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station of a line that runs, past which nothing has gone; it keeps no archive."""
    folder, ports = tmp_path_factory.mktemp("line"), Ports.free()
    write_recipe(folder / "recipe")
    config = configuration.write(folder / "line.toml", ports, Path("recipe"), line="test", mm_per_px=0.5)
    with DaemonProcess(config, ports), station_of(folder) as made:
        yield made


@pytest.mark.parametrize("code", sorted(languages()))
def test_each_page_says_why_it_is_empty(station: Station, browser: Browser, code: str) -> None:
    """In the reader's words, calmly; nothing looks like a fault."""
    words = languages()[code]
    with watched(browser, f"{station.address}/live?language={code}", PATIENCE_MS) as page:
        expect(page.locator("#alarms")).to_contain_text(words["alarms.none"])
        expect(page.locator("#strip")).to_have_attribute("aria-label", words["strip.none"])
        expect(page.locator("#backdrop-label")).to_be_hidden()
        page.goto(f"{station.address}/coils")
        expect(page.locator("#empty")).to_contain_text(words["coils.none"])
        expect(page.locator("#list")).to_be_hidden()
        page.goto(f"{station.address}/coil?coil=NONE")
        expect(page.locator("section.empty")).to_contain_text(words["coil.unknown"])
        page.get_by_role("link", name=words["coil.all"]).click()
        expect(page.locator("#empty")).to_be_visible()
        page.goto(f"{station.address}/review")
        expect(page.locator("#no-archive")).to_contain_text(words["review.no_archive"])
        expect(page.locator(".review")).to_be_hidden()
        assert page.locator(".fault:visible").count() == 0


def test_a_browser_whose_language_is_none_shows_the_page(station: Station, browser: Browser) -> None:
    """Under LC_ALL=C a browser names "en-US@posix", which Intl refuses: the page is written as in Britain."""
    with watched(browser, f"{station.address}/coils", PATIENCE_MS) as page:
        page.add_init_script("Object.defineProperty(navigator, 'languages', { get: () => ['en-US@posix', 'en-US'] })")
        page.goto(f"{station.address}/live?language=en")
        expect(page.locator("#alarms")).to_contain_text(languages()["en"]["alarms.none"])
