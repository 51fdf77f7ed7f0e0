"""Where one coil follows another without a gap, and where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from inspector.records.events import CoilReport, Data, Defect, Missed, Weld
from inspector.records.stages import Inspected, Loss
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, dropped, header, inspected, missing, rejected
from tests.strips import THROUGH, gaps, missed, say, seen


def frames(
    first: int, last: int, coil: str, camera: str = "top", *, encoder: bool = True, **facts: Any
) -> list[Inspected]:
    """Frames of a coil, one after the other, from its head."""
    places = range(first, last)
    return [
        inspected(
            header(number, camera, coil=coil, start_mm=(number - first) * LENGTH_MM if encoder else None, **facts)
        )
        for number in places
    ]


def kinds(reported: tuple[Data, ...]) -> list[tuple[str, str, str]]:
    """Topic, coil, and what it is welded to."""
    return [
        (event.topic, event.coil, getattr(event, "other", ""))
        for event in reported
        if isinstance(event, Weld | CoilReport)
    ]


def welds(reported: tuple[Data, ...]) -> list[tuple[str, str, float, bool]]:
    """Coil, the other one, where, and whether it is at the head."""
    return [(event.coil, event.other, event.at_mm, event.is_head) for event in reported if isinstance(event, Weld)]


@pytest.mark.parametrize("encoder", [True, False])
def test_both_coils_have_the_weld(encoder: bool) -> None:
    """The one that ends before its end, the one that begins after its begin, each with its own metre."""
    reported = say(*frames(0, 5, "C", encoder=encoder), *frames(5, 8, "D", encoder=encoder))
    assert kinds(reported) == [
        ("coil.started", "C", ""),
        ("weld.tail", "C", "D"),
        ("coil.ended", "C", ""),
        ("coil.started", "D", ""),
        ("weld.head", "D", "C"),
    ]
    assert welds(reported) == [("C", "D", 5 * LENGTH_MM, False), ("D", "C", 0.0, True)]
    assert {event.subject for event in reported if isinstance(event, Weld)} == {"C", "D"}


@pytest.mark.parametrize("head_mm", [0.0, 410.0])
def test_a_weld_lies_where_the_coil_ends_though_its_last_position_is_wrong(head_mm: float) -> None:
    """The last frame names a place ahead that no other confirms; the next coil begins at 0, or positions go on."""
    last = seen(40, start_mm=480.0)
    behind = [seen(41 + number, coil="D", start_mm=head_mm + number * LENGTH_MM) for number in range(3)]
    reported = say(*frames(0, 40, "C"), last, *behind)
    assert welds(reported) == [("C", "D", 410.0, False), ("D", "C", head_mm, True)]
    (ended,) = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert ended.length_m == 0.41


def test_a_weld_lies_behind_frames_that_were_bad() -> None:
    """They belong to the coil that ends, and so does their strip."""
    reported = say(*frames(0, 5, "C"), rejected("crc"), rejected("crc"), *frames(7, 9, "D"))
    assert welds(reported)[0] == ("C", "D", 70.0, False)
    assert gaps(reported) == [missed(50.0, 70.0, crc=2)]


def test_cameras_that_change_coils_seconds_apart_see_one_weld() -> None:
    """The first camera that changes reports it; the others follow."""
    strip = Strip(CAMERAS)
    first = say(*frames(0, 5, "C"), *frames(0, 5, "C", "bottom"), *frames(5, 9, "D"), strip=strip)
    assert welds(first) == [("C", "D", 5 * LENGTH_MM, False), ("D", "C", 0.0, True)]
    assert welds(say(*frames(5, 9, "D", "bottom"), strip=strip)) == []


@pytest.mark.parametrize(("lost", "is_weld"), [(0, True), (3, True), (4, False)])
def test_frames_that_are_lost_between(lost: int, is_weld: bool) -> None:
    """A few lost frames are no gap, more are one: nobody knows what passed."""
    assert bool(welds(say(*frames(0, 5, "C"), *frames(5 + lost, 9 + lost, "D")))) is is_weld


@pytest.mark.parametrize(("lost", "head", "at_most_mm"), [(2, 0, 20.0), (9, 0, 90.0), (9, 4, 50.0), (4, 4, 0.0)])
def test_frames_that_are_lost_as_a_coil_ends(lost: int, head: int, at_most_mm: float) -> None:
    """The event says how much strip they can have shown, less what the next coil lacks of its head."""
    begun = [seen(5 + lost + number, coil="D", start_mm=(head + number) * LENGTH_MM) for number in range(4)]
    reported = say(*frames(0, 5, "C"), missing(lost), *begun)
    (tail,) = [gap for gap in gaps(reported) if gap.coil == "C"]
    assert (tail.start_mm, tail.end_mm, tail.at_most_mm) == (50.0, 50.0, at_most_mm)


@pytest.mark.parametrize("lost", [(rejected("crc"), missing(1)), (missing(1), rejected("crc"))])
@pytest.mark.parametrize("head", [0, 1, 2])
def test_frames_that_are_refused_and_missing_as_a_coil_ends(lost: tuple[Loss, Loss], head: int) -> None:
    """What the next coil lacks of its head is taken from both together, once: the rest lay on the tail."""
    begun = [seen(7 + number, coil="D", start_mm=(head + number) * LENGTH_MM) for number in range(4)]
    tails = [gap for gap in gaps(say(*frames(0, 5, "C"), *lost, *begun)) if gap.coil == "C"]
    assert sum(gap.end_mm - gap.start_mm + gap.at_most_mm for gap in tails) == (2 - head) * LENGTH_MM


def test_lost_frames_that_have_their_place_are_no_tail() -> None:
    """Those that came and were shed as the line ran back, or came twice, lay where they say, not behind the end."""
    shed = [dropped(header(5 + number, coil="C", start_mm=(3 - number) * LENGTH_MM)) for number in range(3)]
    (tail,) = gaps(say(*frames(0, 5, "C"), *shed, rejected("order"), seen(8, coil="D", start_mm=0.0)))
    assert (tail.start_mm, tail.end_mm, tail.at_most_mm) == (50.0, 50.0, 0.0)


def test_a_restarted_camera_sees_no_weld() -> None:
    """Its numbers do not follow, so nobody knows whether the strip does."""
    assert welds(say(*frames(0, 5, "C"), *frames(5, 8, "D", boot="b2"))) == []


def test_coils_without_names_are_welded_too() -> None:
    """The position begins again with the next frame: another coil, without a gap."""
    unnamed = [inspected(header(number, start_mm=number % 5 * LENGTH_MM)) for number in range(8)]
    assert welds(say(*unnamed)) == [("unnamed", "unnamed", 5 * LENGTH_MM, False), ("unnamed", "unnamed", 0.0, True)]


def test_it_is_reported_once_over_a_restart() -> None:
    """The inspector restarts between the first camera's change and the second's: no second weld."""
    strip, after = Strip(CAMERAS), Strip(CAMERAS)
    assert len(welds(say(*frames(0, 5, "C"), *frames(0, 5, "C", "bottom"), *frames(5, 9, "D"), strip=strip))) == 2
    after.restore(strip.state(), 0)
    assert welds(say(*frames(5, 9, "D", "bottom"), strip=after)) == []


def test_every_position_says_that_it_is_estimated() -> None:
    """Without an encoder all events with a metre say so; with one none does."""
    for encoder in (True, False):
        head = frames(0, 3, "C", encoder=encoder)
        scratch = [seen(3, THROUGH, start_mm=3 * LENGTH_MM if encoder else None)]
        behind = frames(6, 8, "D", encoder=encoder)
        strip = Strip(CAMERAS)
        reported = [*say(*head, *scratch, *behind, strip=strip), *strip(LAST).events]
        flags = {
            (type(event).__name__, event.is_estimated)
            for event in reported
            if isinstance(event, Defect | Missed | Weld) or (isinstance(event, CoilReport) and event.state == "ended")
        }
        assert flags == {(name, not encoder) for name in ("Defect", "Missed", "Weld", "CoilReport")}
