"""Which side of the strip a frame shows, and whose frames its defects wait for."""

import msgspec
import pytest

from inspector.records.events import Data, Defect
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, findings, header, inspected
from tests.strips import SPOT, THROUGH, say, seen


@pytest.mark.parametrize("is_header", [True, False])
def test_a_side_that_changes_counts_from_its_frame_on(is_header: bool) -> None:
    """A header names another side, or the section is corrected and the inspector restarted: what is open ends there."""
    strip = Strip(CAMERAS[:1])
    reported = list(say(*(seen(number, THROUGH, start_mm=number * LENGTH_MM) for number in range(3)), strip=strip))
    if not is_header:
        state, strip = strip.state(), Strip([msgspec.structs.replace(CAMERAS[0], side="bottom")])
        strip.restore(state, 0)
    facts = {"side": "bottom"} if is_header else {}
    later = [seen(number, THROUGH, start_mm=number * LENGTH_MM, **facts) for number in range(3, 6)]
    found = strip(findings(*later))
    assert {at.side for at in found.placed} == {"bottom"}
    assert found.settled_mm == {("C", "bottom"): 6 * LENGTH_MM}
    reported += [*found.events, *strip(LAST).events]
    ends = [event for event in reported if isinstance(event, Defect) and event.is_whole]
    assert [(event.side, event.start_mm, event.end_mm) for event in ends] == [
        ("top", 0.0, 30.0),
        ("bottom", 30.0, 60.0),
    ]


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("first", ["top", "bottom"])
def test_a_camera_whose_frames_name_another_side_is_not_awaited(first: str, is_restarted: bool) -> None:
    """Sections without sides, headers that name them: a defect ends once its own camera has passed, on each coil."""
    strip, ended = Strip(CAMERAS), list[tuple[int, Data]]()
    for turn in range(40):
        coil, at_mm = "CD"[turn // 20], turn % 20 * LENGTH_MM
        both = [
            inspected(header(turn, side, coil=coil, start_mm=at_mm, side=side), *[SPOT] * (turn % 20 == 5))
            for side in ("top", "bottom")
        ]
        found = strip(findings(*(both if first == "top" else both[::-1])))
        ended += [(turn, event) for event in found.events if isinstance(event, Defect) and event.is_whole]
        if is_restarted and turn == 6:
            state, strip = strip.state(), Strip(CAMERAS)
            strip.restore(state, 0)
    assert [turn for turn, _ in ended] == [8, 8, 28, 28]
