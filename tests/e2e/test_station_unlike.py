"""The review's order "unlike anything seen", from pixels to tiles: a real recipe with distance, a real line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import cv2
import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from inspector import recipe, wire
from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.feed import Feed
from inspector.harness.ports import Ports
from inspector.simulator.sheet import Sheet
from tests.browser import needs_browser, watched
from tests.patience import patience_s
from tests.stations import Station, station_of

pytestmark = [needs_browser, pytest.mark.slow]
PATIENCE_MS = round(1000 * patience_s())
MM, SEED, FRAMES = 0.625, 7, 6
STRANGE = (1, 3, 5)
"""Frames whose grey levels are turned round, and blurred by two pixels: strip that the recipe was never taught."""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the line lies."""
    return tmp_path_factory.mktemp("line")


@pytest.fixture(scope="module")
def station(folder: Path) -> Iterator[Station]:
    """A station of a line with `steel-fast` and an archive, past which a coil has gone, every other frame strange."""
    ports = Ports.free()
    config = configuration.write(
        folder / "line.toml",
        ports,
        recipe.SHIPPED / "steel-fast",
        line="test",
        mm_per_px=MM,
        sections={"archive": {"path": "archive", "sound_per_km": 0}},
    )
    sheet, patience = Sheet(SEED, defects_per_m=12), patience_s()
    with DaemonProcess(config, ports) as line:
        with Feed(ports.address("frames"), mm_per_row=MM, boot="b", alive=line.check) as feed:
            for number in range(FRAMES + 1):
                pixels = sheet.frame(number + 1).pixels if number < FRAMES else np.full((256, 1600), 120, np.uint8)
                shown = (
                    np.asarray(cv2.GaussianBlur(255 - pixels, (0, 0), 2.0), np.uint8) if number in STRANGE else pixels
                )
                coil = "C1" if number < FRAMES else "C2"
                header, payload = wire.frame_message(shown, camera="top", boot="b", number=0, captured_ns=0)
                feed.send(header, payload, coil)
        line.wait_until(
            lambda: len(set(numbers(folder / "archive").values())) == FRAMES, "keep crops of each frame", patience
        )
        with station_of(folder) as made:
            yield made


def numbers(archive: Path) -> dict[str, int]:
    """Numbers of the frames that the archive's pictures are of."""
    found = archive.glob("seen/*/C1/*.json")
    return {
        str(path.relative_to(archive).with_suffix(".png")): msgspec.json.decode(path.read_bytes())["number"]
        for path in found
    }


def test_the_strangest_come_first(folder: Path, station: Station, browser: Browser) -> None:
    """By the frame's distance: those that the recipe's figures do not cover, above 1, before all others."""
    tiles = station.ask("/api/gallery?order=unlike").json()["tiles"]
    distances = [tile["distance"] for tile in tiles]
    assert distances == sorted(distances, reverse=True)
    number_of = numbers(folder / "archive")
    is_strange = [number_of[tile["image"]] in STRANGE for tile in tiles]
    assert True in is_strange and False in is_strange
    assert is_strange == sorted(is_strange, reverse=True), "no familiar frame before a strange one"
    assert all((distance > 1) == strange for distance, strange in zip(distances, is_strange, strict=True)), distances
    with watched(browser, f"{station.address}/review", PATIENCE_MS) as page:
        expect(page.locator(".tile").first).to_be_visible()
        page.locator("select[name=order]").select_option("unlike")
        first = page.locator(".tile").first
        expect(first.locator("img")).to_have_attribute("src", re.compile(re.escape(quote_plus(tiles[0]["image"]))))
        expect(page.locator("#no-distance")).to_be_hidden()
        first.click()
        expect(page.locator("#facts-of")).to_contain_text(f"{distances[0]:.2f}")
