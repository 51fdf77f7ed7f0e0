"""Frames that were refused: the strip under them is missed, with the reason."""

import pytest

from inspector.records.events import CoilReport, Data
from inspector.records.stages import Loss
from inspector.strip.coils import SILENT_NS
from inspector.strip.strip import REPORT_AFTER_NS, Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, header, inspected, rejected
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


@pytest.mark.parametrize("head", [0, 2, 3])
def test_bad_frames_before_a_coil_that_is_seen_behind_its_head_lay_there(head: int) -> None:
    """As many of them as the next coil lacks of its head."""
    places = enumerate([0.0, 10.0, *(head * LENGTH_MM + n * LENGTH_MM for n in range(3))])
    frames = [seen(n + 3 * (n > 1), coil="C" if n < 2 else "D", start_mm=at_mm) for n, at_mm in places]
    reported = [*say(*frames[:2], BAD, BAD, BAD, *frames[2:])]
    assert gaps(reported)[0] == missed(20.0, 20.0 + (3 - head) * LENGTH_MM, crc=3)
    assert [gap.end_mm for gap in gaps(reported)[1:]] == [head * LENGTH_MM] * (head > 0)


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("lag", [0, 30])
@pytest.mark.parametrize("bad", [0, 4])
def test_a_camera_of_which_all_frames_are_bad_from_a_coils_end_on(bad: int, lag: int, is_restarted: bool) -> None:
    """They lie on its coil up to where the other camera shows its end, and belong to the next from there on."""
    strip, reported, frames = Strip(CAMERAS), list[Data](), 10
    for turn in range(160):
        arrivals = [BAD if turn >= frames - bad else seen(turn, start_mm=turn * LENGTH_MM)]
        coil, place = ("B", 99 + turn) if turn < lag else ("C", turn - lag)
        coil, place = (coil, place) if turn < lag + frames else ("D", turn - lag - frames)
        arrivals.append(inspected(header(turn, "bottom", coil=coil, start_mm=place * LENGTH_MM)))
        reported += say(*arrivals, strip=strip, now_ns=turn * REPORT_AFTER_NS // 10)
        if is_restarted and turn == frames + lag + 2:
            state, strip = strip.state(), Strip(CAMERAS)
            strip.restore(state, turn * REPORT_AFTER_NS // 10)
    reported += strip(LAST).events
    on_c = [gap for gap in gaps(reported) if gap.coil == "C"]
    assert sum(gap.end_mm - gap.start_mm for gap in on_c) == bad * LENGTH_MM
    assert sum(gap.reasons["crc"] for gap in on_c) == bad
    (on_d,) = [gap for gap in gaps(reported) if gap.coil == "D"]
    assert on_d.reasons == {"crc": 150} and (on_d.start_mm, on_d.end_mm) == (0.0, (150 - lag) * LENGTH_MM)
    ended = {event.coil: event for event in reported if isinstance(event, CoilReport) and event.state == "ended"}
    assert (ended["C"].length_m, ended["C"].inspected_m, ended["C"].frames) == (0.1, 0.2 - bad / 100, 20 - bad)


def test_a_camera_is_good_again_on_the_next_coil_over_a_restart() -> None:
    """Its bad frames of there are no strip of the coil before, nor did any pass unseen."""
    strip, after = Strip(CAMERAS), Strip(CAMERAS)
    bottom = [inspected(header(n, "bottom", coil="CD"[n // 3], start_mm=n % 3 * LENGTH_MM)) for n in range(6)]
    say(*(seen(number, start_mm=number * LENGTH_MM) for number in range(3)), BAD, *bottom, BAD, BAD, strip=strip)
    after.restore(strip.state(), 0)
    reported = say(seen(6, coil="D", start_mm=3 * LENGTH_MM), seen(7, coil="D", start_mm=4 * LENGTH_MM), strip=after)
    assert gaps(reported) == [missed(0.0, 3 * LENGTH_MM, coil="D")]
    ended = reported[0]
    assert isinstance(ended, CoilReport) and (ended.coil, ended.length_m, ended.missed_m) == ("C", 0.03, 0.0)
