"""Frames that were refused: the strip under them is missed, with the reason."""

from inspector.records.events import CoilReport
from inspector.records.stages import Loss
from inspector.strip.strip import REPORT_AFTER_NS, SILENT_NS, Strip
from tests.coils import CAMERAS
from tests.frames import rejected
from tests.strips import gaps, missed, say, seen

BAD = Loss("rejected", "crc", "top", 1)
"""A bad frame, of whose header nothing is believed."""


def test_bad_frames_at_the_end_of_a_coil_are_missed() -> None:
    """Where no good frame follows bad ones on their coil, they lay behind the last that did."""
    reported = say(seen(0, coil="A"), BAD, BAD, seen(3, coil="B"))
    assert gaps(reported) == [missed(10.0, 30.0, coil="A", crc=2)]
    (ended,) = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert (ended.inspected_m, ended.missed_m) == (0.01, 0.02)


def test_bad_frames_before_a_restart_of_the_camera_are_missed() -> None:
    """Without positions a count that begins again is put behind the frames that came and were bad."""
    assert gaps(say(seen(5), BAD, BAD, seen(2, boot="new"))) == [missed(10.0, 30.0, crc=2, restart=0)]


def test_only_bad_frames_are_reported_after_a_second() -> None:
    """A camera of which no frame is good any more is missing strip, and this is reported while it lasts."""
    strip = Strip(CAMERAS)
    say(seen(0), strip=strip)
    assert gaps(say(BAD, strip=strip)) == []
    assert gaps(say(BAD, strip=strip, now_ns=REPORT_AFTER_NS)) == [missed(10.0, 30.0, crc=2)]
    assert gaps(say(seen(3), strip=strip, now_ns=REPORT_AFTER_NS)) == []


def test_a_camera_of_which_all_frames_are_bad_was_not_silent() -> None:
    """What it never saw was missed for the reasons of its frames, over a restart too; it is silent once none comes."""
    strip, again = Strip(CAMERAS), Strip(CAMERAS)
    say(seen(0), rejected("size", "bottom"), seen(1), rejected("crc", "bottom"), rejected("json", ""), strip=strip)
    again.restore(strip.state(), 0)
    ends = rejected("size", "bottom"), seen(0, coil="E"), seen(0, coil="F")
    reported = say(seen(0, coil="D"), strip=again)
    for end in ends:
        reported += say(end, strip=again, now_ns=SILENT_NS * (end is not ends[0]))
    assert [item.reasons for item in gaps(reported) if item.camera == "bottom"] == [
        {"size": 1, "crc": 1},
        {"size": 1, "silent": 0},
        {"silent": 0},
    ]
