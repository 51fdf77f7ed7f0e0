"""Which coil a frame without a name lies on, and what is kept of coils that cameras have left."""

from collections import Counter

import msgspec
import pytest

from inspector.records.coil import MOST_PIECES
from inspector.records.events import CoilReport, Data, Defect
from inspector.records.stages import Inspected
from inspector.strip.account import totals
from inspector.strip.coils import PAUSE_NS, REMEMBERED, SILENT_NS, UNNAMED
from inspector.strip.settings import DefectSection
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, header, inspected, recipe
from tests.strips import SPOT, gaps, say, seen

APART = [DefectSection("dark", join_along_mm=0.0)]


@pytest.mark.parametrize("lag", [0, 3])
def test_coils_without_names_under_two_cameras(lag: int) -> None:
    """Each coil has an account of its own: while a camera is on the one before, the next has another name."""
    strip, reported = Strip(CAMERAS, APART), list[Data]()
    starts = [(number, number % 20 * LENGTH_MM) for number in range(60)]
    for step in range(60 + lag):
        for camera, late in (("top", 0), ("bottom", lag)):
            for number, start_mm in starts[max(0, step - late) : step - late + 1] if step >= late else []:
                reported += say(inspected(header(number, camera, start_mm=start_mm), SPOT), strip=strip)
        if step == 30:
            strip, before = Strip(CAMERAS, APART), strip
            strip.restore(before.state(), 0)
    reported += strip(LAST).events
    sums = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(coil.coil, coil.inspected_m, coil.length_m) for coil in sums] == [
        (UNNAMED, 0.4, 0.2),
        (f"{UNNAMED}-2", 0.4, 0.2),
        (UNNAMED, 0.4, 0.2),
    ]
    assert gaps(reported) == []
    spots = Counter(event.coil for event in reported if isinstance(event, Defect) and event.is_whole)
    assert spots == {UNNAMED: 40, f"{UNNAMED}-2": 20}


def piece(number: int, camera: str, count: int = 0) -> Inspected:
    """The frame of a short piece, the camera's `count`th."""
    return inspected(header(count, camera, coil=f"P{number}", start_mm=0.0), SPOT)


@pytest.mark.parametrize("pause_ns", [0, SILENT_NS // 4])
@pytest.mark.parametrize("between", [3, MOST_PIECES // 2])
def test_pieces_between_two_cameras(between: int, pause_ns: int) -> None:
    """Each goes on under its second camera with the sums of the first, however long it takes to come there."""
    strip, reported = Strip(CAMERAS, APART), list[Data]()
    for step in range(3 * between):
        both = piece(step + between, "top", step), piece(step, "bottom", step)
        reported += say(*both, strip=strip, now_ns=step * pause_ns)
        if step == between:
            strip, before = Strip(CAMERAS, APART), strip
            strip.restore(before.state(), step * pause_ns)
    begun = Counter(event.coil for event in reported if isinstance(event, CoilReport) and event.begins)
    assert begun == {f"P{number}": 1 for number in range(4 * between)}
    ended = {event.coil: event for event in reported if isinstance(event, CoilReport) and event.state == "ended"}
    through = [ended[f"P{number}"] for number in range(between, 3 * between - 1)]
    assert {(coil.frames, coil.length_m, coil.defects["dark"]) for coil in through} == {(2, 0.01, 2)}


@pytest.mark.parametrize(("stations_m", "pause_ns"), [((0, 0), PAUSE_NS), ((2, 32), PAUSE_NS), ((5, 5), SILENT_NS)])
def test_a_piece_begins_once_however_long_it_takes_to_its_second_camera(
    stations_m: tuple[float, float], pause_ns: int
) -> None:
    """That saw nothing meanwhile: the line ran on with nothing under it, or stood again and again."""
    places = zip(CAMERAS, stations_m, strict=True)
    strip, reported = Strip([msgspec.structs.replace(at, station_m=metres) for at, metres in places]), list[Data]()
    turns = 48 if pause_ns == PAUSE_NS else 16
    for turn in range(turns):
        reported += say(piece(turn // 8, "top", turn), strip=strip, now_ns=turn * pause_ns)
    for number in range(turns // 8):
        reported += say(piece(number, "bottom", number), strip=strip, now_ns=turns * pause_ns)
    begun = Counter(event.coil for event in reported if isinstance(event, CoilReport) and event.begins)
    assert begun == {f"P{number}": 1 for number in range(turns // 8)}


def test_what_is_kept_of_pieces_is_bounded() -> None:
    """A dead camera awaits no more than may lie between two; coils that all have seen take no place of these."""
    strip = Strip(CAMERAS)
    say(*[piece(number, "top", number) for number in range(3 * MOST_PIECES)], strip=strip)
    assert list(totals(strip.state())) == [f"P{number}" for number in range(2 * MOST_PIECES - 1, 3 * MOST_PIECES)]
    for number in range(2 * MOST_PIECES, 4 * MOST_PIECES):
        behind = number + MOST_PIECES
        reported = say(piece(number, "bottom", number), piece(behind, "top", behind), strip=strip)
        assert [event.coil for event in reported if isinstance(event, CoilReport) and event.begins] == [f"P{behind}"]
        assert len(totals(strip.state())) <= MOST_PIECES + REMEMBERED + 2


def test_a_camera_that_ran_past_a_coil_does_not_await_it() -> None:
    """It was on the next one meanwhile: a coil of that name, under it at first, is another."""
    strip = Strip(CAMERAS)
    say(piece(1, "top"), piece(2, "top", 1), piece(2, "bottom"), strip=strip)
    turns = SILENT_NS // PAUSE_NS
    for turn in range(1, turns + 1):
        say(piece(2, "top", 1 + turn), piece(2, "bottom", turn), strip=strip, now_ns=turn * PAUSE_NS)
    reported = say(piece(1, "bottom", turns + 1), strip=strip, now_ns=SILENT_NS)
    assert [event.coil for event in reported if isinstance(event, CoilReport) and event.begins] == ["P1"]


def test_a_coil_names_what_inspected_it_without_a_defect_too() -> None:
    """Each recipe of its frames, over a swap and a restart; the next coil's are its own."""
    other = recipe("dark", "bright", version="2")
    strip = Strip(CAMERAS[:1])
    say(seen(0), seen(1), strip=strip)
    state, strip = strip.state(), Strip(CAMERAS[:1])
    strip.restore(state, 0)
    swapped = [msgspec.structs.replace(arrival, recipe=other) for arrival in (seen(2), seen(3, coil="D"))]
    reported = [*say(*swapped, strip=strip), *strip(LAST).events]
    ended = {item.coil: item.recipes for item in reported if isinstance(item, CoilReport) and item.state == "ended"}
    assert ended == {"C": ("test@1", "test@2"), "D": ("test@2",)}
