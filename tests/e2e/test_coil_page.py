"""Coils' reports in a real browser, of a real inspector: what was painted stands where it was painted, to one row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from inspector import wire
from inspector.__main__ import main
from inspector.records.frame import Bytes2D
from tests.browser import needs_browser, opened, tones
from tests.e2e.mill import Camera, Mill
from tests.recipes import BRIGHT, DARK, HEIGHT, SOUND

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [needs_browser, pytest.mark.slow]

WIDTH = 448
"""Two tiles of the recipe's 256 pixels that overlap by 64."""
MM = 0.5
ROWS = {"A": 40 * HEIGHT, "B": 20 * HEIGHT}
LOST = 18, 20
"""Frames of coil A that never come."""
PRINT_ROWS, FIRST_PRINT = 700, 100
SCRATCH = 1300, 2100, 30, 36
SEAM = 400, 440, 215, 235
TAIL = 2500, 2560, 100, 110
"""Boxes on coil A: over 13 frames, on the seam of two tiles, up to the weld. Rows and columns."""
RULES = """[camera_health]
flat_grey = 0
frozen_frames = 0

[[roll]]
name = "bridle"
circumference_mm = 350

[[grading]]
name = "customer"
version = "1"
max_missed_m = 0.01
"""
"""Painted steel has no noise, and each frame is as the last: of a camera that sends it nothing would be surely seen."""

Box = tuple[int, int, int, int]


def prints(coil: str) -> list[Box]:
    """The prints of a roll that goes on over the weld, on one coil."""
    head = 0 if coil == "A" else ROWS["A"]
    tops = [row - head for row in range(FIRST_PRINT, ROWS["A"] + ROWS["B"], PRINT_ROWS)]
    return [(top, top + 8, 300, 308) for top in tops if 0 <= top < ROWS[coil]]


def strip(coil: str) -> Bytes2D:
    """All rows of a coil."""
    pixels = np.full((ROWS[coil], WIDTH), SOUND, np.uint8)
    for top, bottom, left, right in prints(coil):
        pixels[top:bottom, left:right] = DARK
    for top, bottom, left, right in (SCRATCH, SEAM, TAIL) if coil == "A" else ():
        pixels[top:bottom, left:right] = BRIGHT
    return pixels


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Mill:
    """A mill that both coils have passed, with a page for each."""
    mill = Mill(tmp_path_factory.mktemp("mill"))
    mill.write(extra=RULES)
    text = mill.config.read_text().replace('name = "top"\n', f'name = "top"\nwidth = {WIDTH}\n', 1)
    mill.config.write_text(text)
    with mill:
        with Camera(mill) as camera:
            for coil, rows in ROWS.items():
                whole = strip(coil)
                for number, top in enumerate(range(0, rows, HEIGHT)):
                    if coil == "A" and LOST[0] <= number < LOST[1]:
                        camera.skip()
                        continue
                    header, payload = wire.frame_message(
                        whole[top : top + HEIGHT], camera="top", boot="b", number=0, captured_ns=0
                    )
                    camera.feed.send(header, payload, coil)
            mill.until(60 - (LOST[1] - LOST[0]))
        mill.stop()
    for coil in ROWS:
        assert main(["report", coil, "--config", str(mill.config), "--html", str(page(mill, coil))]) == 0
    return mill


def page(mill: Mill, coil: str) -> Path:
    """Where a coil's page lies."""
    return mill.folder / f"{coil}.html"


def listed(browser: Browser, path: Path) -> list[tuple[str, ...]]:
    """Class, metre, place across, length and width of each defect, as the page lists them, along the coil."""
    with opened(browser, path) as shown:
        for _ in range(2):
            shown.click("#list th:nth-child(4)")
        rows = shown.locator("#list tbody tr")
        cells = [rows.nth(number).locator("td").all_inner_texts() for number in range(rows.count())]
    return [(cell[0].strip(), *(cell[place] for place in (3, 5, 6, 7))) for cell in cells]


def painted(name: str, box: Box) -> tuple[str, ...]:
    """The same of what was painted."""
    top, bottom, left, right = box
    place = f"{top * MM / 1000:.3f}", f"{left * MM:.1f}"
    return (name, *place, f"{(bottom - top) * MM:.1f}", f"{(right - left) * MM:.1f}")


def test_every_defect_is_listed_where_it_was_painted(browser: Browser, mill: Mill) -> None:
    """To one row and one pixel: over frames, over the seam of two tiles, at the weld, and on the coil behind it."""
    boxes = [("bright", box) for box in (SCRATCH, SEAM, TAIL)] + [("dark", box) for box in prints("A")]
    assert listed(browser, page(mill, "A")) == [painted(*box) for box in sorted(boxes, key=lambda box: box[1])]
    assert listed(browser, page(mill, "B")) == [painted("dark", box) for box in prints("B")]


def test_the_map_shows_gap_weld_and_repeat_to_one_row(browser: Browser, mill: Mill) -> None:
    """Hatching begins and ends with the lost frames' rows; coils' ends are welds; a roll's prints are linked."""
    first_mm, last_mm = (frame * HEIGHT * MM for frame in LOST)
    with opened(browser, page(mill, "A")) as shown:
        for mm in (first_mm, last_mm):
            shown.evaluate("(mm) => strip.go(mm, 12)", mm)  # a row is six pixels
            outside, inside = (mm - MM, mm + MM) if mm == first_mm else (mm + MM, mm - MM)
            assert tones(shown, "top", inside, 20.0, half_px=3) > {"light"}
            assert tones(shown, "top", outside, 20.0, half_px=3) == {"middle"}
        assert shown.evaluate("[meta.before, meta.after, meta.length_mm]") == ["", "B", ROWS["A"] * MM]
        marks = shown.evaluate("meta.repeats.map((repeat) => repeat.marks.map((i) => startMm(i)))")
        assert marks == [[box[0] * MM for box in prints("A")]]
        assert "350.0" in shown.inner_text(".tables") and "bridle" in shown.inner_text(".tables")
        assert shown.inner_text(".verdict b") == "hold"
    with opened(browser, page(mill, "B")) as shown:
        assert shown.evaluate("[meta.before, meta.gaps.length]") == ["A", 0]
        assert shown.evaluate("meta.repeats.map((repeat) => repeat.marks.length)") == [len(prints("B"))]
        assert shown.inner_text(".verdict b") == "release"
