"""The strip: for any mix of frames, losses, jumps and restarts, every millimetre is inspected or reported as missed."""

from collections import Counter
from itertools import dropwhile
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from inspector.records.events import CoilReport, Defect, Missed
from inspector.records.stages import Inspected, Loss
from inspector.strip.coils import PAUSE_NS, SILENT_NS, UNNAMED
from inspector.strip.settings import DefectSection
from inspector.strip.strip import REPORT_AFTER_NS, Strip
from tests.coils import CAMERAS, LENGTH_MM, NEAR_MM, STEPS, Arrival, Camera, Ledger, Step
from tests.frames import LAST, dropped, findings, header, inspected, missing, rejected
from tests.strips import (
    SPOT,
    THROUGH,
    arrival_camera,
    coils,
    comes_again,
    gaps,
    missed,
    missed_by,
    run,
    say,
    seen,
    totals,
)

APART = [DefectSection("dark", join_along_mm=0.0)]


@pytest.mark.parametrize("encoder", [True, False])
@given(steps=STEPS)
@example(steps=[("seen", 1), ("overload", 1), ("restart", 0), ("seen", 1)])
@example(steps=[("seen", 1)] * 9 + [("back", 9), ("crc", 1), ("seen", 1)])
@example(steps=[("seen", 1), ("crc", 1), ("back", 2), ("seen", 1), ("seen", 1)])
def test_law(encoder: bool, steps: list[Step]) -> None:
    """From the head of each coil to its farthest frame, what was inspected and what was reported as missed tile it."""
    camera, strip, ledger = Camera(encoder=encoder), Strip(CAMERAS[:1]), Ledger()
    visits: list[tuple[str, float]] = []
    now_ns = 0
    for step in [*steps, ("coil", 3)]:
        if step[0] == "wait":
            now_ns += step[1] * REPORT_AFTER_NS // 5
        visit = camera.coil, camera.farthest_mm
        found = strip(findings(*camera.do(step), now_ns=now_ns))
        if camera.coil != visit[0] and ledger.edge_mm:
            visits.append(visit)
        ledger.receive(found.events)
        for frame in found.inspected:
            ledger.see(frame, camera.at_mm - LENGTH_MM)
    visits.append((camera.coil, LENGTH_MM))
    ledger.receive(strip(findings(now_ns=now_ns, is_last=True)).events)
    assert not ledger.edge_mm
    assert [coil for coil, _ in ledger.ended] == [coil for coil, _ in visits]
    assert [at_mm for _, at_mm in ledger.ended] == pytest.approx([at_mm for _, at_mm in visits], abs=NEAR_MM)


@settings(max_examples=50)
@given(STEPS)
def test_every_lost_frame_is_reported_once(steps: list[Step]) -> None:
    """Without an encoder each lost frame took up strip: the reasons in the events add up to all losses."""
    camera, strip, ledger = Camera(encoder=False), Strip(CAMERAS[:1]), Ledger()
    lost: Counter[str] = Counter()
    for step in [("seen", 1), *steps]:
        for arrival in camera.do(step):
            if isinstance(arrival, Loss) and arrival.camera and arrival.reason != "order":
                lost[arrival.reason] += arrival.count
            found = strip(findings(arrival))
            ledger.receive(found.events)
            for frame in found.inspected:
                ledger.see(frame, camera.at_mm - LENGTH_MM)
    ledger.receive(strip(LAST).events)
    del ledger.reasons["restart"], ledger.reasons["order"]
    assert ledger.reasons == lost


@settings(max_examples=50)
@given(STEPS, st.lists(st.integers(0, 9)))
def test_batches_do_not_matter(steps: list[Step], sizes: list[int]) -> None:
    """How arrivals were gathered into batches changes nothing of what is reported."""
    camera = Camera()
    arrivals = [arrival for step in steps for arrival in camera.do(step)]
    assert run(arrivals, sizes) == run(arrivals)


@settings(max_examples=50)
@given(STEPS)
def test_overload_is_reported_like_any_loss(steps: list[Step]) -> None:
    """What was shed before the engine is missed: the coils' lengths are those that they have without overload."""
    camera = Camera()
    arrivals = [arrival for step in steps for arrival in camera.do(step)]
    as_shed = list[Arrival]()
    for arrival in arrivals:
        as_shed.append(dropped(arrival.frame.header) if isinstance(arrival, Inspected) else arrival)
    lengths = [
        [(item.coil, item.inspected_m + item.missed_m) for item in run(frames) if isinstance(item, CoilReport)]
        for frames in (arrivals, as_shed)
    ]
    assert [coil for coil, _ in lengths[0]] == [coil for coil, _ in lengths[1]]
    assert [m for _, m in lengths[0]] == pytest.approx([m for _, m in lengths[1]], abs=0.002)


@settings(max_examples=50)
@given(STEPS, STEPS, st.randoms(use_true_random=False))
@example([("overload", 1), ("overload", 1), ("coil", 1)], [("seen", 1)], Random(15))  # the other camera comes last
@example([("overload", 1)], [("seen", 1), ("coil", 1)], Random(0))  # and the coil had ended without it
@example([("seen", 1), ("seen", 1), ("seen", 1), ("coil", 1)], [("crc", 1)], Random(22))  # refused before that
def test_cameras_do_not_disturb_each_other(first: list[Step], second: list[Step], random: Random) -> None:
    """What two cameras miss and see on shared coils is what each would alone; a coil's totals are their sums.

    Frames that are refused before a camera's first good one are on no coil. No coil comes again: with the first passage
    still under the other camera it is the same one.
    """
    sent = [
        [arrival for step in steps for arrival in camera.do(step) if arrival_camera(arrival)]
        for camera, steps in ((Camera("top"), first), (Camera("bottom", encoder=False), second))
    ]
    assume(not any(map(comes_again, sent)))
    alone = [[*dropwhile(lambda arrival: isinstance(arrival, Loss) and not arrival.header, of)] for of in sent]
    both, left = list[Arrival](), [list(reversed(arrivals)) for arrivals in alone]
    while any(left):
        both.append(random.choice([arrivals for arrivals in left if arrivals]).pop())
    together = run(both)
    sums = [0.0, 0.0]
    for name, arrivals in zip(("top", "bottom"), alone, strict=True):
        reported = run(arrivals)
        assert missed_by(name, together, together) == missed_by(name, reported, together)
        sums = [a + b for a, b in zip(sums, totals(reported), strict=True)]
    silent_mm = sum(item.end_mm - item.start_mm for item in gaps(together) if "silent" in item.reasons)
    assert totals(together) == pytest.approx([sums[0], sums[1] + silent_mm / 1000], abs=0.05)


# --- what each law means, by example ----------------------------------------------------------------------


def scratches(*arrivals: Arrival) -> list[tuple[float, float]]:
    """Where the defects begin and end that are reported of these arrivals; the coil's total is their number."""
    reported = run(arrivals)
    defects = [(item.start_mm, item.end_mm) for item in reported if isinstance(item, Defect) and item.phase == "end"]
    assert isinstance(reported[-1], CoilReport) and reported[-1].defects == {"dark": len(defects)}
    return defects


def test_position_alone() -> None:
    """What an encoder's position leaves out is missed, without a reason: the head of a coil, and any gap."""
    places = enumerate([500.0, 535.0, 545.0], 7)
    found = gaps(say(*(seen(number, start_mm=at_mm) for number, at_mm in places)))
    assert found == [missed(0.0, 500.0), missed(510.0, 535.0)]


def test_restart() -> None:
    """A camera that restarts and has no encoder missed an unknown length: that is reported, and what is open ends."""
    arrivals = seen(0, THROUGH), seen(0, THROUGH, boot="new")
    assert gaps(say(*arrivals)) == [missed(10.0, 10.0, restart=0)]
    assert scratches(*arrivals) == [(0.0, 10.0), (10.0, 20.0)]


def test_loss_before_a_restart() -> None:
    """What was lost before a restart is reported with its length."""
    lost = dropped(header(1, coil="C"))
    assert gaps(say(seen(0), lost, seen(0, boot="new"))) == [missed(10.0, 20.0, overload=1, restart=0)]


def test_lasting_loss() -> None:
    """Strip that goes on being missed is reported while it lasts, after a second at the latest, then the rest."""
    strip = Strip(CAMERAS)
    say(seen(0), strip=strip)
    for number in range(1, 5):
        reported = say(dropped(header(number, coil="C")), strip=strip, now_ns=number * REPORT_AFTER_NS // 3)
        assert gaps(reported) == ([missed(10.0, 50.0, overload=4)] if number == 4 else [])
    assert gaps(say(dropped(header(5, coil="C")), seen(6), strip=strip)) == [missed(50.0, 60.0, overload=1)]


def test_repeated_frame_of_another_coil() -> None:
    """A frame that comes a second time, after its coil has gone, neither ends the coil that runs nor begins another."""
    arrivals = seen(0, coil="A"), seen(1, coil="B"), rejected("order"), seen(2, coil="B")
    assert coils(say(*arrivals)) == [("A", "started"), ("A", "ended"), ("B", "started")]
    assert gaps(say(*arrivals)) == []


def test_strip_that_comes_by_again_counts_once() -> None:
    """A strip that stands still, or is run back, under a camera that goes on adds no metres that are not there."""
    positions = [0.0, 10.0, 10.0, 10.0, 3.0, 13.0, 23.0]
    reported = run([seen(number, start_mm=at_mm) for number, at_mm in enumerate(positions)])
    ended = reported[-1]
    assert isinstance(ended, CoilReport)
    assert (ended.inspected_m, ended.missed_m, ended.frames) == (0.033, 0.0, 7)


def test_coils_without_names() -> None:
    """Where coils have no names, a position that begins again is the next coil, and its lost head is reported."""
    first = [seen(number, coil=None, start_mm=number * 10.0) for number in range(5)]
    lost = dropped(header(5, start_mm=0.0))
    reported = run([*first, lost, seen(6, coil=None, start_mm=10.0)])
    assert coils(reported) == [(UNNAMED, "started"), (UNNAMED, "ended")] * 2
    assert gaps(reported) == [missed(0.0, 10.0, UNNAMED, overload=1)]


def test_travel_per_row_may_change() -> None:
    """Where positions are counted, a frame moves the strip by its own travel, and no frame before it."""
    arrivals = [seen(number, mm_per_row=1.0 + number / 10) for number in range(5)]
    reported = run(arrivals)
    assert gaps(reported) == []
    assert isinstance(reported[-1], CoilReport) and reported[-1].inspected_m == pytest.approx(0.06)


def test_scratch_over_frames() -> None:
    """A defect goes on from frame to frame where the encoder is half a percent off, and keeps to its positions."""
    frames = [seen(number, THROUGH, start_mm=number * 10.05) for number in range(41)]
    assert scratches(*frames) == [(0.0, 412.0)]


@pytest.mark.parametrize("lost", [dropped(header(1, coil="C", start_mm=10.0)), missing(1)])
@pytest.mark.parametrize(("start_mm", "is_one"), [(15.0, True), (35.0, True), (40.0, False)])
def test_over_a_loss_the_gap_decides(lost: Loss, start_mm: float, is_one: bool) -> None:
    """What was seen before and after lost strip is one defect where no more than the gap lies between."""
    found = scratches(seen(0, THROUGH, start_mm=0.0), lost, seen(2, THROUGH, start_mm=start_mm))
    end_mm = start_mm + LENGTH_MM
    assert found == ([(0.0, end_mm)] if is_one else [(0.0, LENGTH_MM), (start_mm, end_mm)])


@pytest.mark.parametrize("stray_mm", [1000.0 + 3 * LENGTH_MM, 50_000.0, 0.0])
def test_a_wrong_name_does_not_cost_the_coil_its_account(stray_mm: float) -> None:
    """One frame names another coil, wherever on it: of the coil that goes on only that frame's strip is missed."""
    places = {number: 1000.0 + number * LENGTH_MM for number in range(6)}
    frames = [seen(n, coil="C", start_mm=at_mm) for n, at_mm in places.items()]
    frames[3] = seen(3, coil="X", start_mm=stray_mm)
    events = [
        *say(*frames[:3], strip=(strip := Strip(CAMERAS[:1]))),
        *say(*frames[3:], strip=strip),
        *strip(LAST).events,
    ]
    assert coils(events) == [
        ("C", "started"),
        ("C", "ended"),
        ("X", "started"),
        ("X", "ended"),
        ("C", "started"),
        ("C", "ended"),
    ]
    assert [gap for gap in gaps(events) if gap.coil == "C"] == [missed(0, places[0]), missed(places[3], places[4])]
    last = events[-1]
    assert isinstance(last, CoilReport) and last.inspected_m == pytest.approx(5 * LENGTH_MM / 1000)


@pytest.mark.parametrize("strays", [1, 2])
def test_a_wrong_name_does_not_cost_the_account_where_nobody_knows_the_position(strays: int) -> None:
    """Without an encoder the coil goes on by its frames' numbers, with the strip of the stray ones missed."""
    strip = Strip(CAMERAS[:1])
    frames = [seen(n, coil="X" if 3 <= n < 3 + strays else "C") for n in range(8)]
    events = [*say(*frames, strip=strip), *strip(LAST).events]
    assert gaps(events) == [missed(3 * LENGTH_MM, (3 + strays) * LENGTH_MM)]
    last = events[-1]
    assert isinstance(last, CoilReport) and (last.coil, last.frames) == ("C", 8 - strays)
    assert last.inspected_m == pytest.approx((8 - strays) * LENGTH_MM / 1000)


def test_a_coil_without_positions_that_comes_by_again_is_inspected_again() -> None:
    """After more frames of another coil than can be strays it begins again."""
    strip = Strip(CAMERAS[:1])
    events = [*say(*(seen(n, coil="D" if 3 <= n < 6 else "C") for n in range(9)), strip=strip), *strip(LAST).events]
    ended = [event for event in events if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(report.coil, report.frames) for report in ended] == [("C", 3), ("D", 3), ("C", 3)]
    assert gaps(events) == []


def test_a_coil_that_comes_by_again_from_its_head_is_inspected_again() -> None:
    """A second pass after another coil is a coil of its own; nothing of it counts as known."""
    strip = Strip(CAMERAS[:1])
    first = [seen(n, start_mm=n * LENGTH_MM) for n in range(4)]
    other = [seen(n, coil="D", start_mm=(n - 4) * LENGTH_MM) for n in range(4, 8)]
    again = [seen(n, start_mm=(n - 8) * LENGTH_MM) for n in range(8, 12)]
    events = [*say(*first, *other, *again, strip=strip), *strip(LAST).events]
    ended = [event for event in events if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(report.coil, report.frames) for report in ended] == [("C", 4), ("D", 4), ("C", 4)]
    assert gaps(events) == []


@pytest.mark.parametrize("back_to", [-2, 0])
def test_a_coil_that_ran_back_off_its_head_and_comes_by_again_is_inspected_again(back_to: int) -> None:
    """Drawn back through the line, and run again behind another coil: its defects are reported, as a coil's own."""
    strip = Strip(CAMERAS[:1], APART)
    places = [*range(20), *range(18, back_to - 2, -1)]
    first = [seen(n, start_mm=at * LENGTH_MM) for n, at in enumerate(places)]
    begun = len(first)
    other = [seen(begun + n, coil="D", start_mm=n * LENGTH_MM) for n in range(30)]
    again = [seen(begun + 30 + n, SPOT, start_mm=n * LENGTH_MM) for n in range(20)]
    events = [*say(*first, *other, *again, strip=strip), *strip(LAST).events]
    ended = [event for event in events if isinstance(event, CoilReport) and event.state == "ended"]
    assert [(report.coil, report.inspected_m, report.defects) for report in ended] == [
        ("C", 0.2, {}),
        ("D", 0.3, {}),
        ("C", 0.2, {"dark": 20}),
    ]


def test_two_cameras_that_disagree_about_the_coil() -> None:
    """One says C, the other D, to the end: both coils have an account of their own, and each lacks the other camera."""
    strip = Strip(CAMERAS)
    top = [seen(number, coil="C", start_mm=number * LENGTH_MM) for number in range(6)]
    bottom = [inspected(header(n, "bottom", coil="D", start_mm=n * LENGTH_MM)) for n in range(6)]
    reported = [*say(*top, *bottom, strip=strip), *strip(LAST).events]
    assert sorted(coils(reported)) == [("C", "ended"), ("C", "started"), ("D", "ended"), ("D", "started")]
    assert {(gap.coil, gap.camera, gap.end_mm) for gap in gaps(reported)} == {("C", "bottom", 60.0), ("D", "top", 60.0)}
    assert totals(reported) == [0.12, 0.12]


def test_coil_ends_with_its_last_camera() -> None:
    """A coil starts with the first camera that sees it, ends with the last that leaves it, and sums up both."""
    strip = Strip(CAMERAS)
    reported = list(say(seen(0), inspected(header(0, "bottom", coil="C")), seen(1, coil="D"), strip=strip))
    assert coils(reported) == [("C", "started"), ("D", "started")]
    reported = list(say(inspected(header(1, "bottom", coil="D")), strip=strip))
    facts: dict[str, Any] = {"defects": {}, "length_m": 0.01, "is_estimated": True, "recipes": ("test@1",)}
    assert reported == [CoilReport(state="ended", coil="C", inspected_m=0.02, missed_m=0.0, frames=2, **facts)]
    assert coils(strip(LAST).events) == [("D", "ended")]


def test_a_dead_camera_misses_the_rest_of_its_coil() -> None:
    """What a silent camera did not see is reported once it is taken for dead, and the coil ends without it."""
    strip = Strip(CAMERAS)
    bottom = [inspected(header(number, "bottom", coil="C")) for number in range(4)]
    say(seen(0), *bottom, inspected(header(4, "bottom", coil="D")), strip=strip)
    for number in range(5, 24):
        assert say(inspected(header(number, "bottom", coil="D")), strip=strip, now_ns=(number - 4) * PAUSE_NS) == ()
    assert say(inspected(header(24, "bottom", coil="D")), strip=strip, now_ns=SILENT_NS) == (
        msgspec.structs.replace(missed(10.0, 40.0, silent=0), is_estimated=True),
        CoilReport(
            state="ended",
            coil="C",
            inspected_m=0.05,
            missed_m=0.03,
            frames=5,
            defects={},
            length_m=0.04,
            is_estimated=True,
            recipes=("test@1",),
        ),
    )


def test_a_camera_that_waits_is_not_dead() -> None:
    """While the line stands, silence of every camera ends no coil, even where one is on the next coil already."""
    strip = Strip(CAMERAS)
    say(seen(0), inspected(header(0, "bottom", coil="C")), inspected(header(1, "bottom", coil="D")), strip=strip)
    assert say(strip=strip, now_ns=100 * SILENT_NS) == ()
    reported = say(seen(1), seen(2, coil="D"), strip=strip, now_ns=100 * SILENT_NS)
    assert gaps(reported) == [] and coils(reported) == [("C", "ended")]


def test_a_camera_that_never_came_missed_the_coil() -> None:
    """A configured camera that sent no frame of a coil missed all of it."""
    reported = run([seen(0), seen(1), seen(0, coil="D")], cameras=CAMERAS)
    assert gaps(reported) == [
        Missed(camera="bottom", coil="C", start_mm=0.0, end_mm=20.0, reasons={"silent": 0}),
        Missed(camera="bottom", coil="D", start_mm=0.0, end_mm=10.0, reasons={"silent": 0}),
    ]


def test_a_camera_that_comes_after_the_coil_ended_goes_on_with_it() -> None:
    """Started again with its sums, and what is seen where all was missed is new: nothing is counted twice."""
    strip = Strip(CAMERAS)
    say(seen(0, SPOT), seen(1), seen(0, coil="D"), strip=strip)
    late = [inspected(header(n, "bottom", coil="C"), *[SPOT][n:]) for n in range(3)]
    reported = say(*late, inspected(header(3, "bottom", coil="D")), strip=strip)
    assert [event.camera for event in reported if isinstance(event, Defect) and event.is_whole] == ["bottom"]
    assert gaps(reported) == [] and coils(reported) == [("C", "started"), ("C", "ended")]
    last = [event for event in reported if isinstance(event, CoilReport)][-1]
    assert (last.inspected_m, last.missed_m, last.frames, last.length_m) == (0.03, 0.02, 5, 0.03)


def test_reached() -> None:
    """Findings say how far each camera has come on its coil, be it inspected or missed."""
    found = Strip(CAMERAS)(
        findings(seen(0), dropped(header(1, coil="C")), inspected(header(0, "bottom", coil="D")), now_ns=9)
    )
    assert found.reached_mm == {("C", "top"): 20.0, ("D", "bottom"): 10.0}
    assert found.closed_ns == 9


def test_what_comes_by_again_is_not_inspected_again() -> None:
    """The metres that a batch adds are those seen for the first time."""
    strip = Strip(CAMERAS[:1])
    found = [strip(findings(seen(number, start_mm=at_mm))) for number, at_mm in enumerate([0.0, 10.0, 10.0, 5.0, 15.0])]
    assert [batch.inspected_mm["top"] for batch in found] == [10.0, 10.0, 0.0, 0.0, 5.0]
