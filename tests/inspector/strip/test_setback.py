"""A position that begins again within a coil: the encoder was set back to 0, or the coil comes by again."""

import pytest

from inspector.records.events import CoilReport, Data, Defect
from inspector.strip.settings import DefectSection
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, findings, header, inspected
from tests.strips import SPOT, coils, gaps, missed, positions, say, seen

APART = [DefectSection("dark", join_along_mm=0.0)]
PAUSE_NS = 600_000_000_000
"""So long nothing comes: strip can have run back anywhere."""


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


@pytest.mark.parametrize("boot", ["b", "another"])
@pytest.mark.parametrize(("first_mm", "lost"), [(0.0, 0), (-30.0, 0), (40.0, 4)])
def test_a_second_passage_of_the_same_name_is_another_coil(first_mm: float, lost: int, boot: str) -> None:
    """After a pause the coil's name comes again from its head: none of its defects is taken for known."""
    strip, first = Strip(CAMERAS[:1], APART), positions(0, (number * LENGTH_MM for number in range(50)), SPOT)
    again = [
        seen(50 + lost + number, SPOT, boot=boot if not lost else "b", start_mm=first_mm + number * LENGTH_MM)
        for number in range(50)
    ]
    reported = [*say(*first, strip=strip), *say(*again, strip=strip, now_ns=PAUSE_NS), *strip(LAST).events]
    assert coils(reported) == [("C", "started"), ("C", "ended")] * 2
    ended = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert [report.frames for report in ended] == [51, 49]  # two frames have to agree, and the first lies behind
    spots = [event for event in reported if isinstance(event, Defect) and event.is_whole]
    before_head = sum(frame.frame.header.start_mm + SPOT.start_mm < 0 for frame in again[1:])  # type: ignore[operator]
    assert len(spots) == 100 - before_head


def test_a_second_passage_is_one_under_every_camera() -> None:
    """The first camera whose frames agree ends the coil under all of them."""
    strip, reported = Strip(CAMERAS, APART), list[Data]()
    for turn in range(100):
        names = ("top", "bottom") if turn % 50 else ("bottom", "top")
        start_mm = turn % 50 * LENGTH_MM
        both = [inspected(header(turn, name, coil="C", start_mm=start_mm), SPOT) for name in names]
        reported += say(*both, strip=strip, now_ns=turn // 50 * PAUSE_NS + turn * 10_000_000)
    reported += strip(LAST).events
    ended = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(report.frames, report.defects) for report in ended] == [(102, {"dark": 51}), (98, {"dark": 49})]


@pytest.mark.parametrize("to_mm", [180.0, 320.0])
def test_a_line_that_jogs_back_without_a_frame_is_one_coil(to_mm: float) -> None:
    """Its strip counts once, and what was seen there is known."""
    strip = Strip(CAMERAS[:1], APART)
    first = positions(0, (number * LENGTH_MM for number in range(50)), SPOT)
    again = positions(50, (to_mm + number * LENGTH_MM for number in range(60)), SPOT)
    reported = [*say(*first, strip=strip), *say(*again, strip=strip, now_ns=PAUSE_NS), *strip(LAST).events]
    ended = reported[-1]
    assert isinstance(ended, CoilReport) and coils(reported) == [("C", "started"), ("C", "ended")]
    assert ended.inspected_m == pytest.approx((to_mm + 60 * LENGTH_MM) / 1000)
    assert ended.defects == {"dark": round(ended.inspected_m * 1000 / LENGTH_MM)}


def test_one_position_at_the_head_after_a_pause_begins_no_coil() -> None:
    """It is wrong, as the next frame shows: the coil goes on."""
    strip = Strip(CAMERAS[:1], APART)
    reported = list(say(*positions(0, (number * LENGTH_MM for number in range(50))), strip=strip))
    after = positions(50, [0.0, *(number * LENGTH_MM for number in range(51, 60))], SPOT)
    reported += [*say(*after, strip=strip, now_ns=PAUSE_NS), *strip(LAST).events]
    assert coils(reported) == [("C", "started"), ("C", "ended")] and gaps(reported) == []
    assert sum(isinstance(event, Defect) and event.is_whole for event in reported) == 10


@pytest.mark.parametrize("to_mm", [0.0, 200.0])
def test_a_camera_that_counts_from_0_while_another_sees_the_coil_run_on(to_mm: float) -> None:
    """No strip ran back: the camera's computer was restarted, and the coil is the one that it was."""
    strip, reported = Strip(CAMERAS, APART), list[Data]()
    for turn in range(3000):
        tops = [inspected(header(turn, "top", coil="C", start_mm=turn * LENGTH_MM))]
        if turn < 2500 or turn >= 2600:
            first, boot = (2600, "another") if turn >= 2600 else (0, "b")
            at_mm = (turn - first) * LENGTH_MM + (to_mm if first else 0.0)
            tops.append(inspected(header(turn - first, "bottom", boot, coil="C", start_mm=at_mm), SPOT))
        reported += say(*tops, strip=strip, now_ns=turn * PAUSE_NS // 100)
    reported += strip(LAST).events
    assert coils(reported) == [("C", "started"), ("C", "ended")]
    assert [gap.reasons for gap in gaps(reported)] == [{"restart": 0}, {"reset": 0}]
    assert sum(isinstance(event, Defect) and event.is_whole for event in reported) == 2900


def test_a_line_that_jogs_back_over_a_weld_under_its_second_camera_counts_no_strip_twice() -> None:
    """Where the first camera is on the coil still, the second one comes back to the same coil, at its head too."""
    places = [*range(23), *range(22, 16, -1), *range(17, 50)]  # under the second camera; the weld is at 20
    strip, reported = Strip(CAMERAS), list[Data]()
    for number, place in enumerate(places):
        for camera, at in (("top", min(place + 10, 49)), ("bottom", place)):
            start_mm = (at if at < 20 else at - 20) * LENGTH_MM
            frame = inspected(header(number, camera, coil="C" if at < 20 else "D", start_mm=start_mm))
            reported += strip(findings(frame, now_ns=number * 20_000_000)).events
    reported += strip(LAST).events
    ended = reported[-1]
    assert isinstance(ended, CoilReport) and ended.coil == "D"
    assert (ended.inspected_m, ended.missed_m) == (0.5, 0.1), "reported as missed when it left, and that stays"
