"""The review in a real browser, over a real inspector: labels by key, undo, two people at once, a training set."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from inspector.commands import ask
from inspector.records.commands import Relabel
from tests.browser import needs_browser, watched
from tests.e2e.mill import Camera, Mill
from tests.patience import patience_s
from tests.recipes import DARK
from tests.stations import Station, station_of

pytestmark = [needs_browser, pytest.mark.slow]
BOX = (10, 30, 20, 40, DARK)
PATIENCE_MS = round(1000 * patience_s())
DEFECTS = 6
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    """A running line with an archive of six defects."""
    made = Mill(tmp_path_factory.mktemp("line"))
    made.write(extra='[archive]\npath = "archive"\n')
    with made, Camera(made) as camera:
        for _ in range(DEFECTS):
            camera.send(BOX, coil="C1")
            camera.send(coil="C1")
        camera.send(coil="C2")
        made.until_kept("C1", DEFECTS)
        yield made


@pytest.fixture(scope="module")
def station(mill: Mill) -> Iterator[Station]:
    """A station of that line, on loopback."""
    with station_of(mill.folder) as made:
        made.read_token()
        yield made


@pytest.fixture
def page(browser: Browser, station: Station) -> Iterator[Page]:
    """The review, with its crops, of an operator called Kim."""
    with watched(browser, f"{station.address}/review", PATIENCE_MS) as made:
        expect(made.locator(".tile").first).to_be_visible()
        made.locator("#operator").fill("Kim")
        yield made


def test_labels_by_key_and_back(mill: Mill, page: Page) -> None:
    """Two chosen by shift become sound, and `u` takes both back: what the page shows is what the archive has."""
    labelled = mill.folder / "archive" / "labelled"
    page.locator(".tile").first.click()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("[role=option][aria-selected=true]")).to_have_count(2)
    page.keyboard.press("0")
    expect(page.locator(".tile.labelled")).to_have_count(2)
    expect(page.locator(".tile.labelled").first).to_contain_text("Kim")
    assert len({path.stem.split("-")[1] for path in labelled.glob("*/*/*.json")}) == 2
    expect(page.locator("#progress")).to_contain_text("2 / 6")
    page.keyboard.press("u")
    expect(page.locator(".tile.labelled")).to_have_count(0)
    assert [*labelled.glob("*/*/*.json")] == []
    expect(page.locator("#tile-0.here")).to_be_focused()  # what was taken back is looked at again
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    expect(page.locator(".tile.otherwise")).to_contain_text("bright")
    page.keyboard.press("u")
    expect(page.locator(".tile.labelled")).to_have_count(0)


def test_who_comes_second_overwrites_nothing(mill: Mill, station: Station, page: Page) -> None:
    """Their tile shows both names; the order "operators disagree" finds the defect once both have labelled it."""
    place = page.locator(".tile").nth(3)
    place.click()
    found = station.ask("/api/gallery?order=newest").json()["tiles"][3]
    order = Relabel(coil="C1", defect=found["defect"], label="bright", operator="Lee", seen="")
    assert ask(mill.ports.address("commands"), order, 30).is_done
    page.keyboard.press("0")
    expect(page.locator(".tile.conflict")).to_contain_text("Lee was first: bright")
    expect(page.locator("#conflict")).to_contain_text("Kim wanted sound")
    page.keyboard.press("0")  # having seen it
    expect(page.locator(".tile.conflict")).to_have_count(0)
    expect(place).to_contain_text("Kim")
    page.locator("select[name=order]").select_option("disagree")
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator("#facts-of")).to_contain_text("Lee: bright")


def test_a_training_set_is_fetched(mill: Mill, station: Station) -> None:
    """The file holds pictures and masks, and what is labelled."""
    tile = station.ask("/api/gallery?order=newest").json()["tiles"][5]
    order = Relabel(coil="C1", defect=tile["defect"], label="dark", operator="Lee")
    assert ask(mill.ports.address("commands"), order, 30).is_done
    given = station.post("/api/export", {"labelled": True})
    assert given.status == 200 and given.json()["labelled"] == given.json()["crops"] > 0
    content = station.fetch(f"/api/exported?id={given.json()['id']}")
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert sum("/images/" in name and name.endswith(".png") for name in names) == given.json()["crops"]
    assert any(name.endswith("annotations.json") for name in names)
    assert station.ask("/api/exported?id=old").status == 410
    nothing = station.post("/api/export", {"coils": ["no such"]})
    assert nothing.status == 409 and "no training set" in nothing.json()["error"]


def test_odd_labels_are_refused(station: Station) -> None:
    """What is no defect, and too many at once, are refused in words."""
    item = {"coil": "C1", "defect": "C1/none", "seen": ""}
    answer = station.post("/api/relabel", {"label": "sound", "operator": "Kim", "items": [item]})
    assert answer.status == 409 and "no crop" in answer.json()[0]["message"]
    assert station.post("/api/relabel", {"label": "sound", "operator": "Kim", "items": [item] * 33}).status == 400
    assert station.post("/api/relabel", {"label": "sound", "operator": "", "items": [item]}).status == 400
    assert station.ask("/api/gallery?order=sideways").status == 400


def test_hands_that_know_no_mouse(page: Page) -> None:
    """Tab leads to the gallery, arrows and keys label there, and the focus is always seen."""
    page.evaluate("document.activeElement.blur()")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('tile')"):
            break
    here = page.locator(".tile:focus")
    expect(here).to_have_count(1)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    expect(page.locator("#toast")).to_contain_text("labelled dark")
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_contain_text("Taken back")
