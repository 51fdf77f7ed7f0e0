"""Strip that was inspected and not surely seen: from which metre to which, on each coil, over anything that happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from inspector.records.events import CoilReport, Data, Doubtful
from inspector.records.stages import Inspected
from inspector.strip.doubt import PIECE_MM
from inspector.strip.strip import Strip
from tests.coils import CAMERAS
from tests.frames import LAST, findings, rejected
from tests.strips import say, seen

SHOWS, STANDS = {"dark": False}, {"dark": True}


def frame(number: int, doubts: dict[str, bool], at_mm: float | None = None, **facts: Any) -> Inspected:
    """A frame of 10 mm with these doubts."""
    start_mm = 10.0 * number if at_mm is None else at_mm
    return msgspec.structs.replace(seen(number, start_mm=start_mm, **facts), doubts=doubts)


def doubtful(reported: Iterable[Data]) -> list[tuple[str, float, float, tuple[str, ...]]]:
    """What was reported: coil, begin, end and faults."""
    return [(item.coil, item.start_mm, item.end_mm, item.faults) for item in reported if isinstance(item, Doubtful)]


def test_from_the_first_frame_that_shows_it_to_the_last_over_which_it_stands() -> None:
    """What shows a fault that is not raised after all is none."""
    doubts = [{}, SHOWS, {}, SHOWS, SHOWS, STANDS, STANDS, {}, {}]
    reported = say(*(frame(number, of) for number, of in enumerate(doubts)))
    assert doubtful(reported) == [("C", 30.0, 70.0, ("dark",))]


def test_a_fault_that_stands_counts_on_each_coil_and_before_its_end() -> None:
    """From the head of the next one on, whatever stood when it began; what only shows as strip ends does not."""
    strip = Strip(CAMERAS[:1])
    reported = say(*(frame(number, STANDS, coil="A") for number in range(3)), strip=strip)
    reported += say(*(frame(number, STANDS, 10.0 * (number - 3), coil="B") for number in range(3, 6)), strip=strip)
    reported += say(frame(6, {}, 30.0, coil="B"), frame(7, SHOWS, 40.0, coil="B"), strip=strip)
    reported += strip(LAST).events
    assert doubtful(reported) == [("A", 0.0, 30.0, ("dark",)), ("B", 0.0, 30.0, ("dark",))]
    places = [place for place, item in enumerate(reported) if isinstance(item, CoilReport) and item.state == "ended"]
    kinds = [type(item) for item in reported]
    assert kinds.index(Doubtful) < places[0]


@pytest.mark.parametrize(("shows_from", "expected"), [(0, [0.0]), (1, [10.0]), (2, [20.0]), (3, [])])
def test_a_plate_that_is_over_before_a_fault_is_raised(shows_from: int, expected: list[float]) -> None:
    """It counts where it shows over half of the plate or more; what only shows at a plate's end does not."""
    strip = Strip(CAMERAS[:1])
    plate = (frame(number, SHOWS if number >= shows_from else {}, coil="A") for number in range(4))
    reported = say(*plate, strip=strip)
    reported += say(frame(4, {}, 0.0, coil="B"), strip=strip)
    assert doubtful(reported) == [("A", start_mm, 40.0, ("dark",)) for start_mm in expected]


def test_a_plate_that_falls_back_with_a_wrong_position() -> None:
    """Its middle is that of the strip that was seen: one frame named a position 5 m ahead."""
    strip = Strip(CAMERAS[:1])
    reported = say(frame(0, {}, 5000.0), frame(1, {}), frame(2, {}), frame(3, SHOWS), frame(4, SHOWS), strip=strip)
    assert doubtful(reported + strip(LAST).events) == []


def test_what_a_screen_looked_at_is_sure_until_it_is_found_blind() -> None:
    """Though it looked at a plate from head to tail."""
    strip = Strip(CAMERAS[:1])
    asked = [frame(number, {"screen_blind": False}) for number in range(4)]
    assert doubtful(say(*asked, strip=strip) + strip(LAST).events) == []


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_wrong_name_while_a_fault_shows(*, is_killed: bool) -> None:
    """One frame names another coil: what showed before it counts once the fault is raised, over a restart too."""
    strip = Strip(CAMERAS[:1])
    say(*(frame(number, SHOWS if number >= 5 else {}) for number in range(8)), frame(8, SHOWS, coil="X"), strip=strip)
    if is_killed:
        state, strip = strip.state(), Strip(CAMERAS[:1])
        strip.restore(state, 0)
    reported = say(frame(9, SHOWS), frame(10, STANDS), frame(11, {}), strip=strip)
    assert [stretch for stretch in doubtful(reported) if stretch[0] == "C"] == [("C", 50.0, 110.0, ("dark",))]


def test_a_screen_that_is_found_blind_between_two_coils() -> None:
    """It looked at all of the coil that one camera has left, and at the next one's head, and at nothing of it there."""
    strip, reported = Strip(CAMERAS), list[Data]()
    asked, found = {"screen_blind": False}, {"screen_blind": True}
    for number in range(4):
        reported += say(frame(number, asked, coil="A"), frame(number, asked, coil="A", camera="bottom"), strip=strip)
    reported += say(frame(4, asked, 0.0, coil="B"), strip=strip)
    blind = findings(frame(5, found, 10.0, coil="B"))
    reported += strip(msgspec.structs.replace(blind, is_screen_blind=True)).events
    reported += say(frame(6, {}, 20.0, coil="B"), frame(4, {}, 0.0, coil="B", camera="bottom"), strip=strip)
    reported += strip(LAST).events
    faults = ("screen_blind",)
    assert doubtful(reported) == [("A", 0.0, 40.0, faults), ("B", 0.0, 20.0, faults), ("A", 0.0, 40.0, faults)]
    assert [item.camera for item in reported if isinstance(item, Doubtful)] == ["top", "top", "bottom"]
    of_coil = [item for item in reported if isinstance(item, Doubtful | CoilReport) and item.coil == "A"]
    assert isinstance(of_coil[-1], CoilReport) and of_coil[-1].state == "ended"


def test_nothing_of_it_is_lost_over_a_restart() -> None:
    """Killed while a fault shows or stands: the same as without."""
    doubts = [SHOWS, SHOWS, STANDS, STANDS, STANDS, {}]
    strip, reported = Strip(CAMERAS[:1]), list[Data]()
    for number, of in enumerate(doubts):
        reported += say(frame(number, of), strip=strip)
        state, strip = strip.state(), Strip(CAMERAS[:1])
        strip.restore(state, 0)
    assert doubtful(reported) == [("C", 0.0, 50.0, ("dark",))]


def test_long_doubts_are_reported_in_pieces() -> None:
    """Every 10 m, one behind the other; a stop reports the rest."""
    strip, reported = Strip(CAMERAS[:1]), list[Data]()
    for number in range(1500):
        reported += say(frame(number, {"constant": True, "screen_blind": False}), strip=strip)
    assert doubtful(reported) == [("C", 0.0, PIECE_MM, ("constant",))]
    assert doubtful(strip(LAST).events) == [("C", PIECE_MM, 15_000.0, ("constant",))]


def test_what_was_missed_meanwhile_and_what_comes_again() -> None:
    """Lost strip lies in the stretch; strip that was seen well before is not doubted by another look."""
    strip = Strip(CAMERAS[:1])
    reported = say(frame(0, {}), frame(1, STANDS), rejected("crc"), frame(3, STANDS), frame(4, {}), strip=strip)
    assert doubtful(reported) == [("C", 10.0, 40.0, ("dark",))]
    again = say(frame(5, STANDS, 20.0), frame(6, STANDS, 30.0), frame(7, {}, 40.0), strip=strip)
    assert doubtful(again) == []


def test_a_doubt_falls_back_with_a_wrong_position() -> None:
    """A frame names a position 5 m ahead, and the next goes on where it was: what was doubtful lies there too."""
    strip = Strip(CAMERAS[:1])
    reported = say(frame(0, {}), frame(1, STANDS), frame(2, STANDS, 5000.0), strip=strip)
    reported += say(frame(3, STANDS), frame(4, STANDS), frame(5, {}), frame(6, {}), strip=strip)
    assert doubtful(reported) == [("C", 10.0, 50.0, ("dark",))]
