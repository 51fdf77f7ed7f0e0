"""How far a defect lies from the strip's own edges."""

import msgspec

from inspector.records.events import Defect
from inspector.strip.edges import UNKNOWN, EdgeDistance, from_left, from_right
from inspector.strip.strip import Strip
from tests.coils import CAMERAS
from tests.frames import LAST, findings
from tests.strips import SPOT, THROUGH, seen


def test_what_is_joined_lies_as_near_and_reaches_as_far_as_any_of_it() -> None:
    """A piece whose edge nobody saw may reach farther: then that is not known of all."""
    both = from_left(100.0, 110.0, 115.0).joined(from_left(80.0, 105.0, 112.0))
    assert both == EdgeDistance(10.0, 32.0)
    assert from_right(500.0, 480.0, 490.0) == EdgeDistance(10.0, 20.0)
    assert both.joined(UNKNOWN) == UNKNOWN.joined(both) == EdgeDistance(10.0, None)


def test_a_defect_along_an_edge_that_wanders() -> None:
    """Its event says how near it comes to either edge, and how far it reaches in, over all frames; a restart too."""
    strip = Strip(CAMERAS[:1])
    edges = [(-20.0, 60.0), (-22.0, 61.0), (-21.0, 59.0)]
    for number, (edge_mm, far_edge_mm) in enumerate(edges):
        piece = SPOT if number == len(edges) - 1 else THROUGH
        frame = msgspec.structs.replace(seen(number, piece, coil="C"), edge_mm=edge_mm, far_edge_mm=far_edge_mm)
        strip(findings(frame))
        strip, before = Strip(CAMERAS[:1]), strip
        strip.restore(before.state(), 0)
    (defect,) = [event for event in strip(LAST).events if isinstance(event, Defect)]
    assert (defect.edge_mm, defect.reach_mm) == (20.0, 26.0)
    assert (defect.far_edge_mm, defect.far_reach_mm) == (54.0, 61.0)
