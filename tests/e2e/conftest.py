"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import watched
from tests.e2e.mill import Mill
from tests.patience import patience_s
from tests.stations import Station, station_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def station(mill: Mill) -> Iterator[Station]:
    """A station of the file's line, on loopback."""
    with station_of(mill.folder) as made:
        yield made


@pytest.fixture
def page(browser: Browser, station: Station) -> Iterator[Page]:
    """The live page."""
    with watched(browser, f"{station.address}/live", round(1000 * patience_s())) as made:
        yield made
