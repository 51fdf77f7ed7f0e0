"""What the strip reports of what was seen: crowds, defects that come by again, their severity."""

from collections import Counter

import msgspec
import pytest

from inspector.config.severity import SeveritySection
from inspector.records.events import CoilReport, Crowded, Defect
from inspector.records.stages import Crowd, Detection, Inspected, Loss
from inspector.strip.ledger import UNSEEN
from inspector.strip.settings import DefectSection
from inspector.strip.strip import Strip
from tests.coils import CAMERAS
from tests.frames import LAST, dropped, findings, header
from tests.strips import THROUGH, run, seen

CROWD = Crowd(
    start_mm=1.0, end_mm=9.0, left_mm=0.0, right_mm=20.0, area_mm2=90.0, regions={"dark": 900, "bright": 17_000},
    confidence=0.9,
)  # fmt: skip


def test_a_crowd_is_one_event() -> None:
    """A frame of noise is one event at its place; it was inspected, and its regions are no defects of the coil."""
    noise = msgspec.structs.replace(seen(1), crowd=CROWD)
    reported = run([seen(0, THROUGH), noise, seen(2), seen(3), seen(4, THROUGH)])
    (crowded,) = [event for event in reported if isinstance(event, Crowded)]
    assert (crowded.start_mm, crowded.end_mm, crowded.regions) == (11.0, 19.0, {"bright": 17_000, "dark": 900})
    assert [event.frames for event in reported if isinstance(event, Defect) and event.phase == "end"] == [1, 1]
    ended = reported[-1]
    assert isinstance(ended, CoilReport)
    assert (ended.frames, ended.crowded, ended.inspected_m, ended.defects) == (5, 1, 0.05, {"dark": 2})


SPOT = Detection(class_id=1, start_mm=2.0, end_mm=4.0, left_mm=0.0, right_mm=2.0, area_mm2=4.0, confidence=0.9)


@pytest.mark.parametrize(
    ("starts_mm", "expected"),
    [
        ([0.0, 0.0, 0.0, 10.0], 2),  # the encoder stands
        ([0.0, 10.0, 20.0, 10.0, 0.0, 10.0, 20.0, 30.0], 4),  # the line runs backwards, and on again
        ([0.0, 10.0, 14.0, 24.0], 3),  # a frame that overlaps: only its new part is new
    ],
)
def test_strip_that_comes_by_again_shows_nothing_new(starts_mm: list[float], expected: int) -> None:
    """A defect in strip that was inspected before is not reported again, whatever the line did."""
    arrivals = [seen(number, SPOT, start_mm=at_mm) for number, at_mm in enumerate(starts_mm)]
    strip = Strip(CAMERAS[:1], [DefectSection("dark", 0.0, 0.0)])
    reported = [*strip(findings(*arrivals)).events, *strip(LAST).events]
    assert len([item for item in reported if isinstance(item, Defect) and item.is_whole]) == expected


@pytest.mark.parametrize(
    ("starts_mm", "expected_mm"),
    [
        ([-20.0, -10.0, 0.0, 10.0], [1.0, 11.0]),  # the coil is named before its head has come
        ([0.0, 0.0, 0.0, 10.0], [1.0, 11.0]),  # the encoder stands
        ([0.0, 10.0, 20.0, 12.0, 3.0, 12.0, 20.0, 30.0], [1.0, 11.0, 21.0, 31.0]),  # backwards, and on again
        ([0.0, 10.0, 14.0, 24.0], [1.0, 11.0, 15.0, 25.0]),  # frames that overlap: a part of each is new
    ],
)
def test_a_crowd_on_strip_that_comes_by_again_is_no_second_one(
    starts_mm: list[float], expected_mm: list[float]
) -> None:
    """A crowd before the coil's head, or where the line stood or ran back, is neither reported nor in the sums."""
    noise = [
        msgspec.structs.replace(seen(number, start_mm=at_mm), crowd=CROWD) for number, at_mm in enumerate(starts_mm)
    ]
    reported = run(noise)
    assert [event.start_mm for event in reported if isinstance(event, Crowded)] == expected_mm
    ended = reported[-1]
    assert isinstance(ended, CoilReport) and (ended.frames, ended.crowded) == (len(noise), len(expected_mm))


def test_a_crowd_on_strip_that_was_missed_is_reported_once_it_comes_by_again() -> None:
    """Missed strip that passes backwards is looked at for the first time: what is too much in it is new."""
    lost = dropped(header(1, coil="C", start_mm=10.0))
    noise = [msgspec.structs.replace(seen(n, start_mm=10.0), crowd=CROWD) for n in (3, 4)]
    reported = run([seen(0, start_mm=0.0), lost, seen(2, start_mm=20.0), *noise])
    assert [event.start_mm for event in reported if isinstance(event, Crowded)] == [11.0]


def test_what_was_missed_is_new_when_it_comes_by_again() -> None:
    """Strip that was reported as missed and then passes backwards is looked at for the first time."""
    frames: list[Inspected | Loss] = [
        seen(0, SPOT, start_mm=0.0),
        dropped(header(1, coil="C", start_mm=10.0)),
        seen(2, SPOT, start_mm=20.0),
    ]
    frames += [seen(3, SPOT, start_mm=10.0), seen(4, SPOT, start_mm=10.0), seen(5, SPOT, start_mm=20.0)]
    strip = Strip(CAMERAS[:1], [DefectSection("dark", 0.0, 0.0)])
    reported = [*strip(findings(*frames)).events, *strip(LAST).events]
    assert sorted(item.start_mm for item in reported if isinstance(item, Defect) and item.is_whole) == [2.0, 12.0, 22.0]


def test_what_was_missed_in_many_places_is_new_when_it_comes_by_again() -> None:
    """However many there are: what lies between the oldest is taken for missed too, and the newest stay apart."""
    places, strip = range(4 * UNSEEN), Strip(CAMERAS[:1], [DefectSection("dark", 0.0, 0.0)])
    there: list[Inspected | Loss] = [
        seen(n, SPOT, start_mm=n * 10.0) if n % 2 == 0 else dropped(header(n, coil="C", start_mm=n * 10.0))
        for n in places
    ]
    back = [seen(len(places) + n, SPOT, start_mm=at * 10.0) for n, at in enumerate(reversed(places[:-1]))]
    reported = [*strip(findings(*there, *back)).events, *strip(LAST).events]
    spots = Counter(item.start_mm for item in reported if isinstance(item, Defect) and item.is_whole)
    assert spots.keys() == {2.0 + n * 10.0 for n in places[:-1]}
    assert {times for at_mm, times in spots.items() if at_mm % 20 > 10 or at_mm > 11.0 * 2 * UNSEEN} == {1}


def test_severity_and_estimates() -> None:
    """Each defect says how severe the rules make it, and whether its position is no more than a configured speed's."""
    rules = [SeveritySection(level="critical", classes=("dark",), min_length_mm=15.0)]
    for start_mm, is_estimated in ((0.0, False), (None, True)):
        strip = Strip(CAMERAS[:1], severities=rules)
        reported = [*strip(findings(seen(0, THROUGH, start_mm=start_mm), seen(1, THROUGH))).events, *strip(LAST).events]
        defects = [item for item in reported if isinstance(item, Defect)]
        assert [item.severity for item in defects] == ["minor", "critical", "critical"]
        assert defects[0].is_estimated == is_estimated and defects[-1].is_estimated
