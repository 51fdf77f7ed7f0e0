"""The archive's picture of the strip, behind what the station draws: where it was seen, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import needs_browser, watched
from tests.e2e.mill import FRAME_MM, Camera, Mill
from tests.patience import patience_s
from tests.stations import Station

pytestmark = [needs_browser, pytest.mark.slow]
PATIENCE_MS = round(1000 * patience_s())
PX_MM = 4.0
LIGHT = (20, 44, 40, 120, 200)
"""Brighter steel, of which the network says nothing: rows 10 to 22 mm of its frame, 20 to 60 mm across."""
FRAME = 3
EDGES_MM = FRAME * FRAME_MM + 10, FRAME * FRAME_MM + 22, 20.0, 60.0
LIVE = """() => {
  const { strips } = station, [coil] = strips.view.fold.coils, [lane] = strips.lanes;
  const across = (mm) => lane.y + (mm - lane.left) * strips.scale;
  return [(mm) => strips.x(coil.base + mm), across, strips.canvas, strips.sharp];
}"""
COIL = """() => {
  const { strip } = station, at = (mm, across) => strip.at("top", mm, across);
  return [(mm) => at(mm, 0)[0], (mm) => at(0, mm)[1], strip.canvas, strip.canvas.width / strip.width];
}"""
GREY = """(points) => {
  const [x, y, canvas, sharp] = (PLACES)(), ctx = canvas.getContext("2d");
  const grey = (px, py) => ctx.getImageData(Math.round(px * sharp), Math.round(py * sharp), 1, 1).data[0];
  return points.map(([along, across]) => grey(x(along), y(across)));
}"""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    """A line with a strip picture; on its coil one frame has a bright place that is no defect, and one is lost."""
    made = Mill(tmp_path_factory.mktemp("line"))
    made.write(extra=f'[archive]\npath = "archive"\nsound_per_km = 0\nstrip_mm_per_px = {PX_MM}\n')
    with made, Camera(made) as camera:
        for number in range(8):
            camera.send(*[LIGHT] * (number == FRAME), coil="C1")
        camera.skip()
        for _ in range(2):
            camera.send(coil="C1")
        made.until(10)
        yield made


def greys(page: Page, places: str, points: list[tuple[float, float]]) -> list[int]:
    """How bright the page shows places of the strip, by millimetres along and across."""
    found = page.evaluate(GREY.replace("PLACES", places), points)
    assert isinstance(found, list)
    return found


def is_drawn_right(page: Page, places: str) -> None:
    """The bright place lies where it was painted, to within a pixel of the picture, and its edges are sharp to two."""
    from_mm, to_mm, left_mm, right_mm = EDGES_MM
    along, across = (from_mm + to_mm) / 2, (left_mm + right_mm) / 2
    near = [
        (from_mm - 2 * PX_MM, across),
        (to_mm + 2 * PX_MM, across),
        (along, left_mm - 2 * PX_MM),
        (along, right_mm + 2 * PX_MM),
    ]
    inside = [(along, across), (along, left_mm + PX_MM + 1), (along, right_mm - PX_MM - 1)]
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while True:
        bright, dim = greys(page, places, inside), greys(page, places, near)
        if min(bright) > max(dim) + 20:
            return
        assert time.monotonic() < deadline_s, f"the bright place is {bright}, around it {dim}"
        page.wait_for_timeout(100)


def test_the_live_strip_shows_the_picture_where_it_was_seen(browser: Browser, station: Station) -> None:
    """Behind the strip that passes, true to scale; it can be turned off, and the browser remembers that."""
    with watched(browser, f"{station.address}/live", PATIENCE_MS) as page:
        expect(page.locator("#coil")).to_contain_text("C1")
        page.evaluate("station.strips.windowM = .5")
        is_drawn_right(page, LIVE)
        box = page.locator("#backdrop")
        assert box.is_checked()
        box.uncheck()
        middle = [(sum(EDGES_MM[:2]) / 2, 40.0), (2 * FRAME_MM, 40.0)]
        page.wait_for_timeout(50)
        while len(set(greys(page, LIVE, middle))) > 1:
            page.wait_for_timeout(50)
        page.reload()
        expect(page.locator("#coil")).to_contain_text("C1")
        assert not page.locator("#backdrop").is_checked()


def test_a_coil_s_map_shows_the_picture_where_it_was_seen(browser: Browser, station: Station) -> None:
    """Behind the map, and nothing behind what was not inspected."""
    with watched(browser, f"{station.address}/coil?coil=C1", PATIENCE_MS) as page:
        expect(page.locator("#backdrop")).to_be_checked()
        expect(page.locator("#count")).to_contain_text("in all")  # the map is there
        is_drawn_right(page, COIL)
        page.locator("#backdrop").uncheck()
        middle = [(sum(EDGES_MM[:2]) / 2, 40.0), (2 * FRAME_MM, 40.0)]
        while len(set(greys(page, COIL, middle))) > 1:
            page.wait_for_timeout(50)


def test_tiles_come_from_the_archive_alone(mill: Mill, station: Station) -> None:
    """A question that is none is refused, and no other file than a tile is given out."""
    asked = "/api/strip?coil=C1&from_mm=0&to_mm=1000&screen_mm=1"
    [tile] = station.ask(asked).json()
    assert tile[8] == [[0.0, 8 * FRAME_MM], [9 * FRAME_MM, 11 * FRAME_MM]]
    assert station.fetch(f"/api/strip_tile?image={tile[0]}")[:2] == b"\xff\xd8"
    assert station.ask(f"{asked}&since=2099-01-01T00:00:00Z").json() == [], "another passage of that name"
    assert station.ask("/api/strip?coil=C1&from_mm=x&to_mm=1000&screen_mm=1").status == 400
    assert station.ask("/api/strip?coil=*&from_mm=0&to_mm=1000&screen_mm=1").json() == []
    for image in ("../line.toml", "strip/../../line.toml", "archive.lock", "%00", tile[0].replace(".jpg", ".png")):
        assert station.ask(f"/api/strip_tile?image={image}").status == 404
