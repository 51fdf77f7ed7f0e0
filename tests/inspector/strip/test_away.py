"""A camera that is away while others see the coil: what they saw is missed under it, and nothing else is."""

import msgspec
import pytest

from inspector.config.camera import CameraSection
from inspector.records.events import CoilReport, Defect, Missed
from inspector.records.stages import Detection, Inspected
from inspector.strip.coils import PAUSE_NS, SILENT_NS
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, dropped, header, inspected
from tests.strips import SPOT, coils, gaps, say


def on(camera: str, number: int, *regions: Detection, coil: str = "C", boot: str = "b") -> Inspected:
    """A frame of an encoder line."""
    return inspected(header(number, camera, boot, coil=coil, start_mm=number * LENGTH_MM), *regions)


def silent(start_mm: float, end_mm: float, **reasons: int) -> Missed:
    """What the camera at the bottom missed of coil C."""
    return Missed(camera="bottom", coil="C", start_mm=start_mm, end_mm=end_mm, reasons=reasons or {"silent": 0})


@pytest.mark.parametrize("boot", ["b", "another"])
def test_a_camera_that_is_back_on_the_next_coil_missed_the_rest_of_the_last(boot: str) -> None:
    """However short it was away, and whether it was started again: the others saw that strip."""
    strip = Strip(CAMERAS)
    say(*[on("bottom", number) for number in range(2)], *[on("top", number) for number in range(9)], strip=strip)
    reported = say(on("top", 0, coil="D"), on("bottom", 0, coil="D", boot=boot), strip=strip)
    assert gaps(reported) == [silent(20.0, 90.0)]
    ended = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(event.coil, event.inspected_m, event.missed_m) for event in ended] == [("C", 0.11, 0.07)]


def test_a_camera_that_did_not_come_after_a_stop_missed_the_rest() -> None:
    """The inspector stopped while a camera was behind; after the start both are on the next coil."""
    strip = Strip(CAMERAS)
    say(*[on("bottom", number) for number in range(2)], *[on("top", number) for number in range(9)], strip=strip)
    stopped = strip(LAST).events
    assert gaps(stopped) == [] and coils(stopped) == [("C", "ended")]  # it may go on
    again = Strip(CAMERAS)
    again.restore(strip.state(), 0)
    reported = say(on("top", 0, coil="D"), on("bottom", 0, coil="D"), strip=again)
    assert gaps(reported) == [silent(20.0, 20.0, down=0), silent(20.0, 90.0)]
    assert coils(reported) == [("D", "started"), ("C", "started"), ("C", "ended")]
    ended = [event for event in reported if isinstance(event, CoilReport) and event.coil == "C"][-1]
    assert (ended.inspected_m, ended.missed_m) == (0.11, 0.07)


@pytest.mark.parametrize("step_mm", [10.0, 80.0])
def test_cameras_end_a_coil_a_frame_apart(step_mm: float) -> None:
    """A frame lies on one coil, though its end may lie on the next: others of few rows end before, and miss nothing."""
    strip = Strip(CAMERAS)
    rows = round(step_mm)
    begins_mm = [turn * step_mm for turn in range(240 // rows)]
    tops = [inspected(header(turn, coil="C", height=rows, start_mm=mm)) for turn, mm in enumerate(begins_mm)]
    bottoms = [on("bottom", number) for number in range(round((240 - step_mm) / 10) + 1)]
    reported = say(*bottoms, *tops, on("top", 0, coil="D"), on("bottom", 0, coil="D"), strip=strip)
    assert gaps(reported) == [] and coils(reported)[-1] == ("C", "ended")


def test_a_camera_that_is_back_sees_what_was_missed() -> None:
    """It was taken for dead, and what is reported as missed is inspected after all: its defects are reported."""
    strip = Strip(CAMERAS)
    say(*[on("bottom", number) for number in range(3)], *[on("top", number) for number in range(9)], strip=strip)
    left = say(on("bottom", 0, coil="D"), strip=strip)
    assert gaps(left) == [silent(30.0, 90.0)]
    reported = say(on("bottom", 5, SPOT), on("bottom", 6), on("bottom", 7), on("bottom", 12), strip=strip)
    assert [event.start_mm for event in reported if isinstance(event, Defect) and event.is_whole] == [54.0]


def stations(top_m: float, bottom_m: float) -> list[CameraSection]:
    """The two cameras, and where along the line each looks."""
    return [
        msgspec.structs.replace(camera, station_m=station_m)
        for camera, station_m in zip(CAMERAS, (top_m, bottom_m), strict=True)
    ]


@pytest.mark.parametrize(("first", "top_m"), [("top", 0.0), ("bottom", 5.0), ("bottom", 7.0)])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_camera_that_was_dead_does_not_merge_two_passages(first: str, top_m: float, is_restarted: bool) -> None:
    """It comes with the coil's second passage, last or, where it stands no farther down the line, first."""
    cameras, second = stations(top_m, 5.0), (first, "bottom" if first == "top" else "top")
    strip, frames = Strip(cameras), SILENT_NS // PAUSE_NS + 6
    reported = list(say(*[on("top", number) for number in range(9)], strip=strip))
    for number in range(frames):
        reported += say(on("top", number, coil="D"), strip=strip, now_ns=number * PAUSE_NS)
        if is_restarted and number == 4:
            state, strip = strip.state(), Strip(cameras)
            strip.restore(state, number * PAUSE_NS)
    for number in range(9):
        reported += say(*[on(name, number) for name in second], strip=strip, now_ns=(frames + number) * PAUSE_NS)
    reported += strip(LAST).events
    ended = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(event.coil, event.frames, event.missed_m) for event in ended] == [
        ("C", 9, 0.09),
        ("D", frames, frames / 100),
        ("C", 18, 0.0),
    ]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_line_that_stands_with_a_weld_between_two_cameras_misses_no_tail(is_stopped: bool) -> None:
    """The first camera to send behind the stop does so before the others, and the inspector may stop right then."""
    strip, lag = Strip(CAMERAS), 8
    reported = list(say(*[on("top", number) for number in range(20)], strip=strip))
    reported += say(*[on("bottom", number) for number in range(20 - lag)], strip=strip)
    for number in range(20):
        now_ns = (number > 3) * 6 * SILENT_NS + number
        reported += say(on("top", number, coil="D"), strip=strip, now_ns=now_ns)
        if is_stopped and number == 4:
            reported += strip(LAST).events
            strip.restore(strip.state(), now_ns)
        late = number + 20 - lag
        frame = on("bottom", late) if late < 20 else on("bottom", late - 20, coil="D")
        reported += say(frame, strip=strip, now_ns=now_ns)
    assert [gap for gap in gaps(reported) if gap.coil == "C"] == []
    sums = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"][-1]
    assert (sums.coil, sums.inspected_m, sums.missed_m) == ("C", 0.4, 0.0)


@pytest.mark.parametrize("is_ended", [False, True])
@pytest.mark.parametrize("seen", [1, 3])
def test_what_was_taken_for_missed_is_not_missed_again(seen: int, is_ended: bool) -> None:
    """A camera that was taken for dead sends what it held: it goes on where it was, and half of that comes too late."""
    strip = Strip(CAMERAS)
    say(*[on("bottom", number) for number in range(seen)], *[on("top", number) for number in range(31)], strip=strip)
    left = say(on("top", 0, coil="D"), strip=strip)
    ends = [on("bottom", 0, coil="D")] if is_ended else []
    for number in range(1, 1 + SILENT_NS // PAUSE_NS):
        frame = inspected(header(number, coil="D", start_mm=LENGTH_MM))
        left += say(frame, *ends * (number == SILENT_NS // PAUSE_NS), strip=strip, now_ns=number * PAUSE_NS)
    assert gaps(left) == [silent(seen * LENGTH_MM, 310.0)]
    late = [dropped(on("bottom", number).frame.header) for number in range(seen, 8)]
    reported = say(*late, on("bottom", 8, SPOT), on("bottom", 9), on("bottom", 12), strip=strip)
    assert gaps(reported) == []
    assert [event.start_mm for event in reported if isinstance(event, Defect) and event.is_whole] == [84.0]
    last = [event for event in (*left, *reported, *strip(LAST).events) if isinstance(event, CoilReport)]
    sums = next(event for event in reversed(last) if event.coil == "C")
    assert sums.inspected_m == pytest.approx(0.31 + seen * LENGTH_MM / 1000)
    assert sums.missed_m == pytest.approx(0.31 - seen * LENGTH_MM / 1000)
