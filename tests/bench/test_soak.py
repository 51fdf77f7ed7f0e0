"""The soak, in short: nothing grows."""

from pathlib import Path

from tests.bench.soak import soak
from tests.e2e.mill import Mill

SECONDS = 5.0
GROWN_MB, GROWN_DESCRIPTORS, GROWN_THREADS = 30, 8, 4
"""An interpreter that has just started still takes memory; a leak of a frame in each frame would be 8 MB more."""


def test_a_busy_line_takes_no_more_and_more(tmp_path: Path) -> None:
    """Over some hundred frames, reloads, subscribers and scrapes neither descriptors nor threads add up."""
    with Mill(tmp_path) as mill:
        found = soak(mill, SECONDS)
    print(found)
    assert found.unaccounted == 0
    assert found.grown("descriptors") <= GROWN_DESCRIPTORS and found.grown("threads") <= GROWN_THREADS, found
    assert found.grown("memory_mb") <= GROWN_MB, found
