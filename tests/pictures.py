"""The pictures of the documentation, made from what `make demo` left: `python -m tests.pictures demo`.

    README.md            inspector/demo/coil.jpg       what was planted and what was found
    Coil report          inspector/coil/report.png     the first coil's report as a browser shows it
    Repeats              inspector/strip/repeats.png   its map, where a roll's prints are linked
    Archive and relabel  inspector/archive/contact.jpg crops of both coils; of three a person says something else
    Station              inspector/station/live.jpg    the line's page, as the demo left it
                         inspector/station/coil.jpg    the first coil's page, with a defect that was picked
                         inspector/station/review.jpg  the review, where two defects were labelled and three are chosen
    Alarms               inspector/alarms/states.svg   by `make docs`, from the table of states

All of it is procedural steel. Needs playwright and a Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import cv2
from playwright.sync_api import Page

from inspector.archive import contact
from inspector.archive.review import ArchivedCrop, read
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import Store
from inspector.demo.plan import COILS
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from inspector.harness.station import StationProcess
from inspector.images.reader import decode
from inspector.records.commands import Relabel
from inspector.records.crop import SOUND
from inspector.records.frame import Bytes2D
from inspector.service import line as lines
from tests.browser import AS_PEOPLE_HAVE_IT, chromium, opened

INSPECTOR = Path(__file__).parents[1] / "inspector"
WIDE_PX = 1400
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 82]
CROPS, OF_CLASS = 16, 4
LABELS = (("crack", SOUND), ("pitted", "patch"), ("scratch", "crack"))
"""What a person says of the first of a class."""


def main(demo: Path) -> None:
    """Make them all."""
    coil_map(demo, INSPECTOR / "demo" / "coil.jpg")
    report(demo, INSPECTOR / "coil" / "report.png", INSPECTOR / "strip" / "repeats.png")
    contact_sheet(demo, INSPECTOR / "archive" / "contact.jpg")
    station(demo, INSPECTOR / "station")


def coil_map(demo: Path, path: Path) -> None:
    """The demo's map, as wide as a page of text."""
    drawn = cv2.imread(str(demo / "coil.png"))
    assert drawn is not None, f"{demo}: no coil.png. Run `make demo` first."
    height = round(drawn.shape[0] * WIDE_PX / drawn.shape[1])
    cv2.imwrite(str(path), cv2.resize(drawn, (WIDE_PX, height), interpolation=cv2.INTER_AREA), QUALITY)
    print(path)


def report(demo: Path, page_path: Path, repeats_path: Path) -> None:
    """The first coil's report, and its map alone."""
    with chromium(AS_PEOPLE_HAVE_IT) as browser, opened(browser, (demo / f"{COILS[0]}.html").resolve()) as page:
        page.set_viewport_size({"width": 1280, "height": 1010})
        page.wait_for_function("strip.width > 1000")
        page.screenshot(path=page_path)
        page.locator("#map-panel").screenshot(path=repeats_path)
    print(page_path, repeats_path, sep="\n")


def station(demo: Path, folder_path: Path, ports: Ports | None = None) -> None:
    """The station's pages of the demo's line, which runs again, without a camera; labels stay in its archive."""
    config = demo / "demo.toml"
    live_path, coil_path, review_path = (folder_path / name for name in ("live.jpg", "coil.jpg", "review.jpg"))
    with (
        tempfile.TemporaryDirectory() as folder,
        DaemonProcess(config, ports or _ports(config)),
        StationProcess(config, Path(folder), "127.0.0.1:0") as pages,
        chromium(AS_PEOPLE_HAVE_IT) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        page.goto(f"{pages.address}/live")
        page.locator("#engine", has_text="openvino").wait_for()
        page.locator("#classes tr").first.wait_for()
        page.locator("#operator").fill("Kim")
        page.wait_for_timeout(2000)  # the strip is shown so late
        page.screenshot(path=live_path, type="jpeg", quality=88)
        page.goto(f"{pages.address}/coil?coil={COILS[0]}")
        page.locator("#worst figure").first.click()
        page.locator("#crops image").first.wait_for(state="attached")
        page.locator("#fit").click()
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(500)
        page.screenshot(path=coil_path, type="jpeg", quality=88)
        review(page, f"{pages.address}/review", review_path)
    print(live_path, coil_path, review_path, sep="\n")


def _ports(config: Path) -> Ports:
    """The ports that a demo took: not the usual ones where somebody had those."""
    return Ports.counted_from(base) if (base := _bound(config)) != Ports().frames else Ports()


def _bound(config: Path) -> int:
    return int(lines.load(config).intake.bind.rpartition(":")[2])


def review(page: Page, address: str, path: Path) -> None:
    """Label two defects as a person does, choose three, and take the picture."""
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    for number, key in ((0, "3"), (5, "0")):
        page.locator(".tile").nth(number).click()
        page.keyboard.press(key)
        page.locator(f"#tile-{number + 1}.here").wait_for()  # it goes on once the label stands
    page.locator(".tile").nth(2).click()
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    page.locator("#toast").wait_for(state="hidden")
    page.locator("#big image").first.wait_for(state="attached")
    page.wait_for_timeout(500)
    page.screenshot(path=path, type="jpeg", quality=82)


def contact_sheet(demo: Path, path: Path) -> None:
    """Crops of each class, and what a person says of three of them, in a copy of the archive."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        shutil.copytree(demo / "archive", archive)
        store = Store(ArchiveSection(path=str(archive)), "demo", lambda: datetime.now(UTC))
        for name, label in LABELS:
            facts = next(crop.facts for crop in read(archive)[0] if crop.facts.name == name)
            order = Relabel(coil=facts.coil, defect=facts.defect, label=label, operator="Kim", reason="seen by eye")
            assert store.relabel(order)[0].is_done
        store.close()
        crops = [(_pixels(crop), crop.facts) for crop in chosen(read(archive)[0])]
    cv2.imwrite(str(path), contact.draw(crops), QUALITY)
    print(path)


def chosen(kept: list[ArchivedCrop]) -> list[ArchivedCrop]:
    """Sixteen crops: those with a label, then some of each class."""
    seen: Counter[str] = Counter()
    found: list[ArchivedCrop] = []
    for crop in sorted(kept, key=lambda crop: (crop.facts.label is None, crop.facts.name != "crack", crop.name)):
        if crop.path.stem.endswith("-0") and seen[crop.facts.name] < OF_CLASS and len(found) < CROPS:
            seen[crop.facts.name] += 1
            found.append(crop)
    return sorted(found, key=lambda crop: (crop.facts.name, crop.facts.label is None))


def _pixels(kept: ArchivedCrop) -> Bytes2D:
    _, _, width, height = kept.facts.box_px
    return decode(kept.path.read_bytes(), (width, height), kind="png").pixels


if __name__ == "__main__":
    main(Path(sys.argv[1]))
