"""An encoder that is set back to 0 within a coil."""

import pytest

from inspector.records.events import CoilReport, Data, Defect
from inspector.strip.settings import DefectSection
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, findings
from tests.strips import SPOT, gaps, missed, positions, say, seen

APART = [DefectSection("dark", join_along_mm=0.0)]


def test_an_encoder_that_is_set_back_within_a_coil_loses_no_metre() -> None:
    """It counts from 0 again, believed with the third frame: metres go on, what is seen is new, and it is reported."""
    before = positions(0, (number * LENGTH_MM for number in range(50)))
    after = positions(50, [None, None, *(number * LENGTH_MM for number in range(2, 40))], SPOT)
    strip = Strip(CAMERAS[:1], APART)
    reported = [*say(*before, strip=strip), *say(*after, strip=strip), *strip(LAST).events]
    assert gaps(reported) == [missed(530.0, 530.0, reset=0)]
    spots = [event for event in reported if isinstance(event, Defect) and event.is_whole]
    assert [event.start_mm for event in spots] == [number * LENGTH_MM + 4 for number in range(50, 90)]
    ended = reported[-1]
    assert isinstance(ended, CoilReport) and (ended.inspected_m, ended.missed_m) == (0.9, 0.0)


@pytest.mark.parametrize("believed", [0, 2])  # intake waits for three where it sees the jump, too
@pytest.mark.parametrize("frames", [23, 93])
@pytest.mark.parametrize("pace_ms", [20, 64, 100])
def test_an_encoder_that_is_set_back_on_a_slow_line(pace_ms: int, frames: int, believed: int) -> None:
    """Strip that ran forward a moment ago cannot have run back a metre: no defect behind the reset is lost."""
    strip, reported = Strip(CAMERAS[:1], APART), list[Data]()
    starts = [number * LENGTH_MM for number in range(frames)] + [number * LENGTH_MM for number in range(20)]
    for number, start_mm in enumerate(starts):
        named_mm = None if 0 <= number - frames < believed else start_mm
        found = strip(findings(seen(number, SPOT, coil="C", start_mm=named_mm), now_ns=number * pace_ms * 1_000_000))
        reported += found.events
    reported += strip(LAST).events
    spots = [event.start_mm for event in reported if isinstance(event, Defect) and event.is_whole]
    assert spots == [number * LENGTH_MM + 4 for number in range(frames + 20)]
    assert [gap.reasons for gap in gaps(reported)] == [{"reset": 0}]


def test_a_line_that_runs_back_over_lost_frames_is_no_encoder_that_was_set_back() -> None:
    """Frames that are lost while it runs back to the head lie as far back as they were counted."""
    strip, turned = Strip(CAMERAS[:1], APART), 60
    there = [(number, number * LENGTH_MM) for number in range(turned)]
    back = [(turned + step, (turned - 1 - step) * LENGTH_MM) for step in range(turned) if not 10 <= step < 55]
    reported = [*say(*(seen(number, coil="C", start_mm=at_mm) for number, at_mm in (*there, *back)), strip=strip)]
    ended = [*reported, *strip(LAST).events][-1]
    assert isinstance(ended, CoilReport) and (ended.inspected_m, ended.missed_m) == (0.6, 0.0)


def test_an_encoder_that_is_set_back_over_a_restart_of_the_inspector() -> None:
    """What it has lost is kept: frames after a kill lie where they would have without one."""
    strip, after = Strip(CAMERAS[:1], APART), Strip(CAMERAS[:1], APART)
    say(*positions(0, (number * LENGTH_MM for number in range(50))), strip=strip)
    say(*positions(50, (number * LENGTH_MM for number in range(2, 30))), strip=strip)
    after.restore(strip.state(), 0)
    reported = [*say(*positions(78, [300.0, 310.0], SPOT), strip=after), *after(LAST).events]
    assert [event.start_mm for event in reported if isinstance(event, Defect)] == [784.0, 794.0]


def test_strip_before_the_head_is_on_no_coil() -> None:
    """Positions below 0 add nothing to the account, and what is seen there is not reported; from 0 on all is."""
    strip = Strip(CAMERAS[:1], APART)
    frames = [seen(number, SPOT, coil="C", start_mm=(number - 10) * LENGTH_MM) for number in range(20)]
    reported = [*say(*frames, strip=strip), *strip(LAST).events]
    spots = [event.start_mm for event in reported if isinstance(event, Defect) and event.is_whole]
    assert spots == [number * LENGTH_MM + 4 for number in range(10)]
    ended = reported[-1]
    assert isinstance(ended, CoilReport) and (ended.inspected_m, ended.missed_m, ended.length_m) == (0.1, 0.0, 0.1)
