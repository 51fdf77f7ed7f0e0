"""Which coil a frame without a name lies on."""

from collections import Counter

import pytest

from inspector.records.events import CoilReport, Data, Defect
from inspector.strip.account import UNNAMED
from inspector.strip.settings import DefectSection
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, header, inspected
from tests.strips import SPOT, gaps, say

APART = [DefectSection("dark", join_along_mm=0.0)]


@pytest.mark.parametrize("lag", [0, 3])
def test_coils_without_names_under_two_cameras(lag: int) -> None:
    """Each coil has an account of its own: while a camera is on the one before, the next has another name."""
    strip, reported = Strip(CAMERAS, APART), list[Data]()
    starts = [(number, number % 20 * LENGTH_MM) for number in range(60)]
    for step in range(60 + lag):
        for camera, late in (("top", 0), ("bottom", lag)):
            for number, start_mm in starts[max(0, step - late) : step - late + 1] if step >= late else []:
                reported += say(inspected(header(number, camera, start_mm=start_mm), SPOT), strip=strip)
        if step == 30:
            strip, before = Strip(CAMERAS, APART), strip
            strip.restore(before.state(), 0)
    reported += strip(LAST).events
    sums = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(coil.coil, coil.inspected_m, coil.length_m) for coil in sums] == [
        (UNNAMED, 0.4, 0.2),
        (f"{UNNAMED}-2", 0.4, 0.2),
        (UNNAMED, 0.4, 0.2),
    ]
    assert gaps(reported) == []
    spots = Counter(event.coil for event in reported if isinstance(event, Defect) and event.is_whole)
    assert spots == {UNNAMED: 40, f"{UNNAMED}-2": 20}
