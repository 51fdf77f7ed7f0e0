"""A large coil and many browsers: a station without a line behind it answers all of them."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from inspector.harness.ports import HOST
from tests.coil_journals import new_journal, write_coil
from tests.patience import patience_s
from tests.stations import Station, line_file, station_of

pytestmark = pytest.mark.slow
DEFECTS = int(os.environ.get("STATION_DEFECTS", "20000"))
"""200 000 take half a minute to write on a busy machine."""
BROWSERS = 50


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station whose journal holds a large coil."""
    folder = tmp_path_factory.mktemp("crowd")
    line_file(folder)
    journal = new_journal(folder / "journal")
    write_coil(journal, "LARGE", DEFECTS, 2000.0)
    journal.close()
    with station_of(folder) as made:
        yield made


def test_a_large_coil_is_opened(station: Station) -> None:
    """All of its defects come; how long the first answer took is printed."""
    begun_s = time.perf_counter()
    page = station.ask("/api/coil?coil=LARGE").json()
    first_s = time.perf_counter() - begun_s
    columns = station.fetch(f"/api/coil?coil=LARGE&stamp={page['stamp']}&part=columns")
    print(f"{DEFECTS} defects: {first_s:.2f} s to the first answer, {len(columns) / 1e6:.1f} MB of columns")
    assert page["record"]["defects"] == DEFECTS


def test_fifty_browsers_are_served_at_once(station: Station) -> None:
    """Each has its stream and goes on receiving while the others do; pages come meanwhile."""
    together = threading.Barrier(BROWSERS + 1, timeout=patience_s())
    with ThreadPoolExecutor(BROWSERS) as pool:
        readers = [pool.submit(_watch, station, together) for _ in range(BROWSERS)]
        together.wait()
        assert station.ask("/live").status == station.ask("/history").status == 200
        assert [reader.result() for reader in readers] == [200] * BROWSERS


def _watch(station: Station, together: threading.Barrier) -> int:
    """Be a browser: the first sign of life, then all the others', then two more."""
    stream = http.client.HTTPConnection(HOST, station.port, timeout=patience_s())
    try:
        stream.request("GET", "/api/stream")
        answer = stream.getresponse()
        for number in range(3):
            while not (line := answer.readline()).startswith(b"event: now"):
                assert line, "the stream ended"
            if number == 0:
                together.wait()
        return answer.status
    finally:
        stream.close()
