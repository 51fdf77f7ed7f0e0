"""A coil's report: complete in one file, true to the record, safe against names, and opened by a real browser."""

from __future__ import annotations

import base64
import re
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import msgspec
import numpy as np
import pytest

from inspector.coil import report
from inspector.coil.pictures import ReportPicture, ReportPictures
from inspector.coil.record import record
from inspector.coil.seen import CoilHistory, gather
from inspector.coil.settings import GradingSection, LimitSection
from inspector.events.history import History
from inspector.records.events import Doubtful, Missed
from tests.browser import needs_browser, opened, tones
from tests.coil_journals import new_journal, write_coil
from tests.coils_seen import seen
from tests.defects import any_defect, any_repeat
from tests.patience import patience_s

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RULES = (GradingSection(name="customer", version="7", limit=(LimitSection(name="any", grade="hold", max_count=0),)),)


def coil_with_all() -> CoilHistory:
    """A coil with a roll mark, a long scratch, a gap on each side and a weld."""
    defects = [
        any_defect(
            id=f"mark{turn}", start_mm=1000 + turn * 1885.0, end_mm=1009 + turn * 1885.0, left_mm=430, right_mm=438
        )
        for turn in range(12)
        if turn not in (3, 7, 8)
    ]
    defects += [
        any_defect(id="long", name="scratch", start_mm=9000, end_mm=15400, left_mm=700, right_mm=706, area_mm2=9000.0),
        any_defect(id="under", name="scratch", side="bottom", camera="bottom", start_mm=40_000, end_mm=40_050),
    ]
    gaps = [
        Missed(camera=camera, coil="C", start_mm=30_000.0, end_mm=31_000.0, reasons={"lost": 1})
        for camera in ("top", "bottom")
    ]
    repeat = any_repeat(
        id="mark0", state="update", across_mm=434.0, period_mm=1885.0, marks=9, newest="mark11", rolls=("S3",)
    )
    dark = Doubtful(camera="bottom", coil="C", start_mm=20_000.0, end_mm=21_000.0, faults=("dark", "flat"))
    return seen(*defects, length_m=60.0, missed=gaps, doubtful=[dark], repeats=[repeat], welds_mm=(50_000.0,))


def html(coil: CoilHistory, **facts: Any) -> str:
    """A coil's report as text."""
    return report.html(coil, record(coil, RULES), RULES, **facts).decode()


def part(page: str, name: str) -> str:
    """The text of a script element."""
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.S)
    assert found
    return found[1]


def test_the_file_needs_nothing_else() -> None:
    """No address stands in it, and its own policy forbids the browser to load anything."""
    page = html(coil_with_all())
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\s\"']+", page)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_columns_are_unpacked_as_they_were() -> None:
    """What the page's script reads are the positions, sizes, classes and ids of the defects, along the coil."""
    coil = coil_with_all()
    page = html(coil, classes=("pitted", "scratch", "dark"))
    meta = msgspec.json.decode(part(page, "meta"))
    packed, ids = (zlib.decompress(base64.b64decode(part(page, name)), -15) for name in ("columns", "ids"))
    columns: dict[str, Any] = {}
    at = 0
    for name, kind in meta["columns"]:
        planes = np.frombuffer(packed, np.uint8, meta["count"] * int(kind[1]), at).reshape(int(kind[1]), -1)
        columns[name] = np.ascontiguousarray(planes.T).view(f"<{kind}")[:, 0]
        at += columns[name].nbytes
    assert at == len(packed)
    along = sorted(coil.defects, key=lambda defect: defect.start_mm)
    assert ids.decode().split("\n") == [defect.id for defect in along]
    assert np.cumsum(columns["start"]).tolist() == [round(defect.start_mm * 10) for defect in along]
    assert columns["length"].tolist() == [round(defect.length_mm * 10) for defect in along]
    assert [meta["names"][kind] for kind in columns["kind"]] == [defect.name for defect in along]
    assert [meta["sides_by_number"][side] for side in columns["side"]] == [defect.side for defect in along]


def test_names_stay_text() -> None:
    """A coil, a class or an id that looks like markup or a place of the page is shown, and never run."""
    evil = "</script><script>alert(1)</script>{{meta}}"
    defects = [any_defect(coil=evil, name="<img>", id="a\nb")]
    coil = seen(*defects)
    coil.passage = msgspec.structs.replace(coil.passage, coil=evil)
    page = html(coil)
    assert page.count("<script") == 4 and page.count("</script") == 4
    assert "<img>" not in page and "alert(1)</script>" not in page


def test_it_reads_without_scripts() -> None:
    """Grade, reasons and sums stand in the page itself."""
    page = html(coil_with_all())
    assert "hold: 11 defects from 1.000 to 40.050 m, 0 are allowed (any)" in page
    assert "customer 7" in page and "<td>scratch</td>" in page


def crop(label: str = "") -> ReportPicture:
    """A grey picture of 8 x 6 pixels."""
    is_made, jpeg = cv2.imencode(".jpg", np.full((6, 8), 90, np.uint8))
    assert is_made
    return ReportPicture(
        jpeg=jpeg.tobytes(), width=8, height=6, outlines=(((1.0, 1.0), (5.0, 1.0), (5.0, 4.0)),), label=label
    )


def test_pictures_lie_in_the_file() -> None:
    """They are data of the page, by the place of their defect; what there is to report of them is shown."""
    page = html(
        coil_with_all(),
        pictures=ReportPictures({"long": crop("sound"), "gone": crop()}, "not_archive", {"name": "<a>"}),
    )
    crops = msgspec.json.decode(part(page, "meta"))["crops"]
    assert [(crop["label"], crop["outlines"]) for crop in crops.values()] == [("sound", [[[1, 1], [5, 1], [5, 4]]])]
    assert "data:image/jpeg;base64," in page and "no pictures: &lt;a&gt; holds no archive" in page


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("made", ["none", "heavy"])
def test_a_browser_draws_it(browser: Browser, tmp_path: Path, made: str) -> None:
    """The script runs to its end under its own policy, with nothing, and with 20 000 defects."""
    coil = seen() if made == "none" else _heavy(tmp_path)
    path = tmp_path / "coil.html"
    path.write_text(html(coil), encoding="utf-8")
    with opened(browser, path) as page:
        assert page.inner_text("#count") == f"{len(coil.defects):,} in all".replace(",", "\u202f")


NOTED = """new MutationObserver(() => {
  const page = document.documentElement;
  const hint = document.getElementById("density-hint");
  if (page?.dataset.mapped && !window.atMap) window.atMap = hint.textContent || "empty";
}).observe(document, { attributes: true, subtree: true })"""
"""Notes, before the browser shows the map, what stands at the density by then."""


@needs_browser
@pytest.mark.slow
def test_charts_come_with_the_map_which_prints_on_page_one(browser: Browser, tmp_path: Path) -> None:
    """A picture taken as the page opens has no empty charts, and page 1 of A4 no empty half."""
    path = tmp_path / "coil.html"
    path.write_text(html(coil_with_all()), encoding="utf-8")
    with opened(browser, path, lambda page: page.add_init_script(NOTED)) as page:
        assert "metre" in page.evaluate("window.atMap")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 1039, "height": 710})  # A4 landscape without its margins
        until(page, "document.querySelector('#map-panel').getBoundingClientRect().bottom + scrollY < 710")


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true; the page's policy lets Playwright's own way of waiting evaluate nothing."""
    deadline_s = time.monotonic() + patience_s()
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"not true in time: {expression}"
        page.wait_for_timeout(50)


def sorts_and_filters(page: Page, rows: str) -> None:
    """Sort the list: by severity and area first, by metre on a click, each way; filter it, map and worst alike."""
    assert page.inner_text(f"{rows}:first-child td:nth-child(4)") == "9.000"
    page.click("#list th:nth-child(4)")
    assert page.inner_text(f"{rows}:first-child td:nth-child(4)") == "40.000"
    page.click("#list th:nth-child(4)")
    assert page.inner_text(f"{rows}:first-child td:nth-child(4)") == "1.000"
    assert page.get_attribute("#list th:nth-child(4)", "aria-sort") == "ascending"
    # a class is hidden by its sign
    page.fill("#from", "9")
    page.fill("#to", "16")
    assert page.inner_text("#count") == "3 of 11"
    page.click("#legend button:has-text('dark')")
    assert page.inner_text("#count") == "1 of 11"
    assert page.locator("#worst figure").count() == 1
    assert page.locator("#worst polygon").count() == 2 and page.locator("#worst image").count() == 1
    page.click("#clear")
    assert page.inner_text("#count") == "11 in all"


@needs_browser
@pytest.mark.slow
def test_a_browser_shows_all_of_it(browser: Browser, tmp_path: Path) -> None:
    """Map, missed strip, repeat, weld, density, Pareto, pictures, list and print, in one page that people use."""
    coil = coil_with_all()
    coil.before, coil.after, coil.welds_mm = "B", "D", (0.0, 50_000.0, 60_000.0)
    path = tmp_path / "coil.html"
    path.write_text(html(coil, pictures=ReportPictures({"long": crop()}, "")), encoding="utf-8")
    rows = "#list tbody tr"
    with opened(browser, path) as page:
        sorts_and_filters(page, rows)
        # What is picked in the list is shown on the map.
        page.click(f"{rows}:has-text('bottom')")
        assert page.evaluate("strip.chosen") == page.evaluate("ids.indexOf('under')")
        # There it stays where the map becomes narrower, as when a panel opens next to it.
        page.set_viewport_size({"width": 900, "height": 800})
        until(page, "strip.width < 900")
        place = "strip.at('bottom', startMm(strip.chosen), leftMm(strip.chosen))[1]"
        until(page, f"strip.scale > strip.whole && {place} > 0 && {place} < strip.view")
        page.set_viewport_size({"width": 1280, "height": 800})
        until(page, "strip.width > 1100")
        # The map: missed strip is hatched on either side, welds at the ends are lines, marks of a repeat are linked.
        page.click("#fit")
        for side in ("top", "bottom"):
            assert tones(page, side, 30_500) == {"light", "dark", "middle"}
        assert tones(page, "top", 20_500) == {"middle"}
        assert "light" in tones(page, "bottom", 20_500)  # it was not surely seen there
        assert "dark" in tones(page, "bottom", 50_000) and "dark" in tones(page, "bottom", 10)
        assert page.evaluate("meta.repeats[0].marks.map((i) => startMm(i))") == [
            1000 + turn * 1885 for turn in (0, 1, 2, 4, 5, 6, 9, 10, 11)
        ]
        assert "dark" in tones(page, "top", 1000 + 1885 * 3, across_mm=434)  # a mark is missing here: the line is not
        for chart in ("density", "pareto"):
            assert page.evaluate(DRAWN, chart) > 100
        # In black and white, classes differ by shape; on paper there is nothing to click.
        assert page.evaluate(LEAST_APART) > 0.15
        page.emulate_media(media="print")
        assert not page.is_visible("#map-panel .tools") and page.is_visible("#list tbody tr")
        assert page.pdf().startswith(b"%PDF")


DRAWN = """(id) => {
  const canvas = document.getElementById(id), ctx = canvas.getContext("2d");
  const { data } = ctx.getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0; for (let n = 3; n < data.length; n += 4) drawn += data[n] > 0;
  return drawn;
}"""
"""How many pixels of a chart are drawn."""

LEAST_APART = """() => {
  const shapes = SHAPES.map((_, kind) => sign(kind).getContext("2d").getImageData(0, 0, 48, 48).data);
  let least = 1;
  shapes.forEach((a, n) => shapes.slice(n + 1).forEach((b) => {
    let either = 0, one = 0;
    for (let k = 3; k < a.length; k += 4) { either += a[k] > 99 || b[k] > 99; one += (a[k] > 99) !== (b[k] > 99); }
    least = Math.min(least, one / either);
  }));
  return least;
}"""
"""How much the signs of two classes differ, as the share of the pixels of both that only one of them has."""


PANNED = """() => {
  let painted = 0;
  const paint = strip.paint;
  strip.zoom(6); strip.pane.scrollTop = 0; strip.draw();
  strip.paint = function (...given) { painted++; return paint.apply(this, given); };
  for (let step = 0; step < 40; step++) { strip.pane.scrollTop += strip.rowPx / 8; strip.draw(); }
  const moved = painted;
  strip.draw(); strip.zones = { rules: "r", head: 1000, tail: 0, edge: 0, weld: 0 }; strip.draw();
  return [moved, painted - moved, strip.last - strip.first + 1];
}"""


@needs_browser
@pytest.mark.slow
def test_panning_draws_each_row_once(browser: Browser, tmp_path: Path) -> None:
    """Five rows further five or six were drawn, whatever the number of pictures; other zones have all drawn again."""
    path = tmp_path / "coil.html"
    path.write_bytes(html(_heavy(tmp_path)).encode())
    with opened(browser, path) as page:
        moved, again, rows = page.evaluate(PANNED)
    assert rows > 2 and 5 <= moved <= 6 and again == rows


def _heavy(folder: Path) -> CoilHistory:
    journal = new_journal(folder / "journal")
    write_coil(journal, "C", 20_000, 1000.0)
    journal.close()
    with History(folder / "journal") as history:
        return gather(history, history.coil("C"), keep="defects")
