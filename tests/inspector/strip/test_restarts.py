"""The strip over a restart of the inspector: what was inspected stays so, what passed meanwhile is missed."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inspector.config.camera import CameraSection
from inspector.records.events import CoilReport, Data, Defect
from inspector.records.stages import Loss
from inspector.strip.coils import SILENT_NS
from inspector.strip.ledger import CoilLane
from inspector.strip.strip import REPORT_AFTER_NS, Strip
from tests.coils import CAMERAS, LENGTH_MM, STEPS, Camera, Ledger
from tests.frames import LAST, findings, header, inspected
from tests.strips import THROUGH, coils, gaps, missed, say, seen


def restarted(strip: Strip, cameras: Sequence[CameraSection] = CAMERAS[:1], now_ns: int = 0) -> Strip:
    """Another process that goes on from what this one kept."""
    other = Strip(cameras)
    other.restore(strip.state(), now_ns)
    return other


DOWN = st.tuples(st.sampled_from(["kill", "stop"]), st.integers(0, 4))


@pytest.mark.parametrize("encoder", [True, False])
@settings(max_examples=100)
@given(st.lists(st.one_of(STEPS.map(lambda steps: ("run", steps)), DOWN.map(lambda down: ("down", down))), max_size=5))
@example([("run", [("seen", 1), ("back", 6), ("seen", 1)]), ("down", ("kill", 0))])  # before its head
@example([("run", [("coil", 2), ("back", 6), ("seen", 1), ("coil", 0), ("coil", 2)])])
def test_law_over_restarts(encoder: bool, parts: list[tuple[str, Any]]) -> None:
    """Killed or stopped anywhere, and started again while strip went on passing: no hole, no overlap."""
    camera, strip, ledger = Camera(encoder=encoder), Strip(CAMERAS[:1]), Ledger()
    for kind, part in [*parts, ("run", [("seen", 1)])]:
        for step in part if kind == "run" else ():
            found = strip(findings(*camera.do(step)))
            ledger.receive(found.events)
            for frame in found.inspected:
                ledger.see(frame, camera.at_mm - LENGTH_MM)
        if kind == "down":
            if part[0] == "stop":
                ledger.receive(strip(LAST).events, is_stop=True)
            strip = restarted(strip)
            camera.pass_unseen(part[1])
    ledger.receive(strip(LAST).events)
    assert not ledger.edge_mm


@pytest.mark.parametrize("is_stopped", [False, True])
def test_what_passed_meanwhile_is_missed_and_nothing_else(is_stopped: bool) -> None:
    """Killed or stopped within a coil: the frames that went by are missed, with their number, and the sums go on."""
    strip = Strip(CAMERAS[:1])
    reported = list(say(*(seen(number) for number in range(5)), strip=strip))
    if is_stopped:
        reported += strip(LAST).events
    strip = restarted(strip)
    later = list(say(seen(8), seen(9), strip=strip))
    later += strip(LAST).events
    assert gaps(reported) == [] and gaps(later) == [missed(50.0, 80.0, down=3)]
    ended = later[-1]
    assert isinstance(ended, CoilReport)
    assert (ended.inspected_m, ended.missed_m, ended.frames) == (0.07, 0.03, 7)
    assert coils([*reported, *later])[-1] == ("C", "ended") and later.count(ended) == 1


def test_a_count_that_wraps_goes_on_over_a_restart() -> None:
    """Another process gives out the numbers of the first round: without positions too, the strip only goes on."""
    cameras = [msgspec.structs.replace(CAMERAS[0], last_number=255)]
    strip = Strip(cameras)
    say(*(seen(number) for number in range(252, 262)), strip=strip)  # as intake counts on: 261 was sent as 5
    assert gaps(say(seen(8), strip=restarted(strip, cameras))) == [missed(100.0, 120.0, down=2)]


def test_a_defect_goes_on_over_a_restart() -> None:
    """What was open when the inspector was killed goes on where no more was lost than the gap, and is reported else."""
    for number, lengths_mm in ((1, [20.0]), (3, [40.0]), (4, [10.0, 10.0])):
        strip = Strip(CAMERAS[:1])
        say(seen(0, THROUGH), strip=strip)
        strip = restarted(strip)
        reported = [*say(seen(number, THROUGH), strip=strip), *strip(LAST).events]
        assert [
            event.length_mm for event in reported if isinstance(event, Defect) and event.phase == "end"
        ] == lengths_mm


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_defect_on_the_seam_right_behind_a_restart_is_one(is_stopped: bool) -> None:
    """Cameras that had come to the coil are awaited from its first frame after the start on."""
    cameras = [CAMERAS[0], msgspec.structs.replace(CAMERAS[1], offset_mm=20.0)]
    left = msgspec.structs.replace(THROUGH, left_mm=15.0, right_mm=20.0)
    halves = {"top": left, "bottom": msgspec.structs.replace(left, left_mm=20.0, right_mm=25.0)}
    strip, lag, reported = Strip(cameras), 6, list[Data]()
    for turn in range(30):
        if turn == 10:
            found = strip(LAST) if is_stopped else strip(findings())
            strip, reported = restarted(strip, cameras), [*reported, *found.events]
        for name, number in (("top", turn), ("bottom", turn - lag if turn >= 10 + lag or turn < 10 else -1)):
            if number >= 0:
                frame = header(number, name, coil="C", start_mm=number * LENGTH_MM)
                reported += say(inspected(frame, *[halves[name]] * (number == 10)), strip=strip)
    reported += strip(LAST).events
    ends = [event for event in reported if isinstance(event, Defect) and event.is_whole and not event.part_of]
    assert [(event.left_mm, event.right_mm) for event in ends] == [(15.0, 25.0)]


def test_another_coil_came_meanwhile() -> None:
    """After a kill the old coil still ends, and nobody knows how much of it passed; after a stop it has ended."""
    for is_stopped, expected in ((False, [missed(10.0, 10.0, down=0)]), (True, [])):
        strip = Strip(CAMERAS[:1])
        say(seen(0), strip=strip)
        if is_stopped:
            strip(LAST)
        reported = say(seen(70, coil="D"), strip=restarted(strip))
        assert gaps(reported) == expected
        assert coils(reported) == [("C", "ended")] * (not is_stopped) + [("D", "started")]


@pytest.mark.parametrize("last", [5, 255])
def test_the_next_coil_came_meanwhile(last: int) -> None:
    """Where numbers go on without a gap, wrapped too, the old coil had ended with its last frame: nothing is missed."""
    cameras = [msgspec.structs.replace(CAMERAS[0], last_number=255)]
    strip = Strip(cameras)
    say(*(seen(number) for number in range(last + 1)), strip=strip)
    reported = say(seen((last + 1) % 256, coil="D"), strip=restarted(strip, cameras))
    assert gaps(reported) == [] and coils(reported) == [("C", "ended"), ("D", "started")]


def test_both_restarted() -> None:
    """A camera that was started again too, without an encoder: nobody knows what passed."""
    strip = Strip(CAMERAS[:1])
    say(seen(0), strip=strip)
    assert gaps(say(seen(0, boot="new"), strip=restarted(strip))) == [missed(10.0, 10.0, down=0, restart=0)]


@pytest.mark.parametrize(
    ("last", "first", "captured_ns"),
    [(4, 0, 5), (200, 0, 201), (200, 0, 0), (65_535, 24, 65_600)],
    ids=["a moment later", "later", "without a clock", "a counter that wraps, and is not declared"],
)
def test_a_count_that_begins_again_under_the_same_boot_while_the_inspector_was_down(
    last: int, first: int, captured_ns: int
) -> None:
    """Numbers that passed are no strip that comes by again: what passed is unknown, as with another boot."""
    strip = Strip(CAMERAS[:1])
    say(seen(last), strip=strip)
    strip = restarted(strip)
    reported = list(say(*(seen(first + n, captured_ns=captured_ns + n) for n in range(3)), strip=strip))
    assert gaps(reported) == [missed(10.0, 10.0, down=0, restart=0)]
    ended = strip(LAST).events[-1]
    assert isinstance(ended, CoilReport) and (ended.inspected_m, ended.missed_m, ended.frames) == (0.04, 0.0, 4)


NO_FRAME = Loss("rejected", "json", "top", 1)
"""A message that is refused before a number can be read: a frame, or none."""


@pytest.mark.parametrize("end", ["kill", "stop", "lasting"])
@pytest.mark.parametrize(("refused", "first"), [(1, 2), (1, 3), (3, 2), (3, 4)])
def test_a_refused_message_right_before_a_restart_had_a_number_or_none(refused: int, first: int, end: str) -> None:
    """Without an encoder too the camera counts on, by which the next frame lies where it does without a restart."""
    strip = Strip(CAMERAS[:1])
    say(seen(0), seen(1), *[NO_FRAME] * refused, strip=strip)
    if end == "stop":
        strip(LAST)
    if end == "lasting":
        say(strip=strip, now_ns=REPORT_AFTER_NS)
    strip = restarted(strip)
    reported = say(seen(first), seen(first + 1), strip=strip)
    assert all(gap.reasons.keys() == {"json"} for gap in gaps(reported))
    ended = strip(LAST).events[-1]
    assert isinstance(ended, CoilReport) and ended.length_m == max(2 + refused, first + 2) / 100


@pytest.mark.parametrize("refused", [1, 3])
def test_a_refused_message_before_a_restart_was_no_frame_of_the_next_coil(refused: int) -> None:
    """A camera that counts on behind it with another coil passed nothing unseen."""
    strip = Strip(CAMERAS[:1])
    say(seen(0), seen(1), *[NO_FRAME] * refused, strip=strip)
    reported = say(seen(2, coil="D"), strip=restarted(strip))
    assert [gap.reasons for gap in gaps(reported)] == [{"json": refused}]


def test_a_frame_that_comes_late_over_a_restart() -> None:
    """Captured before the last one, its number passed: it lies where it was, and the next one follows the last."""
    strip = Strip(CAMERAS[:1])
    say(*(seen(number) for number in range(5)), strip=strip)
    strip = restarted(strip)
    assert gaps(say(seen(3), seen(5), strip=strip)) == []
    ended = strip(LAST).events[-1]
    assert isinstance(ended, CoilReport) and (ended.inspected_m, ended.length_m) == (0.06, 0.06)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_the_same_name_from_its_head_is_another_coil(is_stopped: bool) -> None:
    """A coil that runs through a second time after a restart is another: its sums begin again, for every camera."""
    strip = Strip(CAMERAS)
    first = [
        inspected(header(n, camera, coil="C", start_mm=10.0 * n)) for n in range(4) for camera in ("top", "bottom")
    ]
    say(*first, strip=strip)
    if is_stopped:
        strip(LAST)
    strip = restarted(strip, CAMERAS)
    again = [
        inspected(header(n, camera, "new", coil="C", start_mm=10.0 * n))
        for n in range(2)
        for camera in ("top", "bottom")
    ]
    reported = [*say(*again, strip=strip), *strip(LAST).events]
    assert coils(reported) == [("C", "ended")] * (not is_stopped) + [("C", "started"), ("C", "ended")]
    ended = reported[-1]
    assert isinstance(ended, CoilReport)
    assert (ended.inspected_m, ended.missed_m, ended.frames) == (0.04, 0.0, 4)


def test_a_line_that_runs_backwards_over_a_restart_is_on_the_same_coil() -> None:
    """Frames showed it run back to the first half: strip counts once."""
    strip, places = Strip(CAMERAS[:1]), [*range(12), *range(10, 2, -1)]
    say(*(seen(number, start_mm=place * LENGTH_MM) for number, place in enumerate(places)), strip=strip)
    strip = restarted(strip)
    after = enumerate([2, 1, *range(2, 15)], len(places))
    reported = [
        *say(*(seen(number, start_mm=at * LENGTH_MM) for number, at in after), strip=strip),
        *strip(LAST).events,
    ]
    assert coils(reported) == [("C", "ended")] and gaps(reported) == []
    ended = reported[-1]
    assert isinstance(ended, CoilReport) and (ended.inspected_m, ended.frames) == (0.15, 35)


def test_a_coil_that_goes_on_says_so() -> None:
    """It is started again with the sums that it had."""
    strip = Strip(CAMERAS[:1])
    say(seen(0), strip=strip)
    strip(LAST)
    (started,) = say(seen(1), strip=restarted(strip))
    assert isinstance(started, CoilReport)
    assert (started.state, started.inspected_m, started.frames) == ("started", 0.01, 1)


def test_a_camera_that_never_came_is_reported_once() -> None:
    """What an absent camera missed up to a stop is not reported again after it."""
    strip = Strip(CAMERAS)
    first = [*say(seen(0), strip=strip), *strip(LAST).events]
    strip = restarted(strip, CAMERAS)
    second = [*say(seen(1), strip=strip), *strip(LAST).events]
    assert [(gap.start_mm, gap.end_mm) for gap in gaps([*first, *second])] == [(0.0, 10.0), (10.0, 20.0)]


def test_a_camera_that_is_no_longer_configured() -> None:
    """Its lane ends like that of a dead camera, and the coil with the others."""
    strip = Strip(CAMERAS)
    say(seen(0), inspected(header(0, "bottom", coil="C")), strip=strip)
    strip = restarted(strip)
    reported = say(seen(1), seen(2, coil="D"), strip=strip, now_ns=SILENT_NS)
    assert coils(reported) == [("D", "started"), ("C", "ended")]


def test_a_state_of_another_version_is_refused() -> None:
    """What cannot be read is an error, and the strip is as new."""
    strip = Strip(CAMERAS)
    for state in (b"", b"[]", b'{"lanes":{"top":{}}}'):
        with pytest.raises(ValueError):
            strip.restore(state, 0)
    assert coils(say(seen(0), strip=strip)) == [("C", "started")]


def test_a_state_of_before_is_read() -> None:
    """Under the names that its fields had: a position that one frame named is kept."""
    kept = {"coil": "C", "track": {"boot": "b", "number": 7}, "doubted_mm": 20.0}
    assert msgspec.convert(kept, CoilLane).recount_mm == 20.0


def test_bad_frames_before_a_restart_of_the_inspector_are_missed_once() -> None:
    """Frames that were bad before it was killed are not counted again among those that passed meanwhile."""
    strip = Strip(CAMERAS[:1])
    say(seen(0), Loss("rejected", "crc", "top", 1), strip=strip)
    assert gaps(say(seen(4), strip=restarted(strip))) == [missed(10.0, 40.0, crc=1, down=2)]


@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("coil", ["C", "D"])
def test_cameras_that_are_renamed_leave_their_coil(coil: str, is_stopped: bool) -> None:
    """All cameras have other names after a start: with the first frame of these the old ones have left."""
    strip, new = Strip(CAMERAS[:1]), msgspec.structs.replace(CAMERAS[0], name="above")
    say(*(seen(number) for number in range(5)), strip=strip)
    if is_stopped:
        strip(LAST)
    strip = restarted(strip, [new])
    assert strip(findings()).reached_mm == {("C", "top"): 5 * LENGTH_MM}  # nobody knows more yet
    found = strip(findings(inspected(header(0, "above", coil=coil))))
    assert found.reached_mm.keys() == {(coil, "above")}
    assert found.left_mm == {("C", "top"): 5 * LENGTH_MM}
    ended = [event.coil for event in found.events if isinstance(event, CoilReport) and event.state == "ended"]
    assert ended == (["C"] if coil == "D" and not is_stopped else [])


def test_a_camera_that_is_taken_away_leaves_the_coil_to_the_others() -> None:
    """The coil goes on under those that are left, and what it had come to under the one that is gone stays."""
    strip = Strip(CAMERAS[:2])
    names = [camera.name for camera in CAMERAS[:2]]
    say(*(inspected(header(number, name, coil="C")) for number in range(5) for name in names), strip=strip)
    strip = restarted(strip, CAMERAS[:1])
    found = strip(findings(seen(5)))
    assert found.reached_mm.keys() == {("C", names[0])}
    assert coils(found.events) == []
