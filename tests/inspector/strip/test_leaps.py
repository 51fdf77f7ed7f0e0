"""One wrong position misses nothing and inspects nothing: a stretch is missed once two frames lie beyond it."""

from collections import defaultdict

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inspector.intake.numbering import Numbering
from inspector.intake.positions import BEFORE_HEAD_MM
from inspector.records.events import CoilReport, Data, Defect
from inspector.records.frame import Header
from inspector.records.stages import Loss
from inspector.strip.settings import DefectSection
from inspector.strip.strip import Strip
from tests import frames
from tests.coils import CAMERAS, LENGTH_MM
from tests.frames import LAST, dropped, findings, header, inspected, missing, rejected
from tests.strips import SPOT, coils, gaps, missed, say, seen

DT_NS = 10_000_000
"""From frame to frame: 10 mm in 10 ms."""
Stretch = tuple[str, int, float]
"""What happens before some frames, how many these are, and how far the strip ran unseen."""


def line(stretches: list[Stretch]) -> list[tuple[Header, int]]:
    """What a camera truly sends of a line, and when."""
    sent, coil, boot, number, at_mm, now_ns = list[tuple[Header, int]](), 0, 0, 0, 0.0, 0
    for kind, count, gap_mm in stretches:
        now_ns += int(gap_mm * DT_NS / LENGTH_MM)
        if kind == "coil":  # whose name would not be believed where the position of the one before goes on
            coil, at_mm = coil + 1, gap_mm if abs(gap_mm - at_mm) > 300 else 0.0
        else:
            at_mm += gap_mm
        if kind == "boot":
            boot, number = boot + 1, 0
        for _ in range(count):
            sent.append((header(number, boot=f"b{boot}", coil=f"C{coil}", start_mm=at_mm), now_ns))
            number, at_mm, now_ns = number + 1, at_mm + LENGTH_MM, now_ns + DT_NS
    return sent


def account(sent: list[tuple[Header, int]]) -> dict[str, tuple[float, float]]:
    """Millimetres of each coil that were inspected and that were missed, as its last event says."""
    numbering, strip = Numbering([frames.camera()]), Strip(CAMERAS[:1])
    events, sums = list[Data](), dict[str, tuple[float, float]]()
    metres: dict[str, float] = defaultdict(float)
    for frame, now_ns in sent:
        believed = numbering.believe(frame, now_ns)
        lost = [missing(believed.missing)] if believed.missing else []
        found = strip(findings(*lost, inspected(believed.header), now_ns=now_ns))
        events += found.events
    events += strip(LAST).events
    for gap in gaps(events):
        metres[gap.coil] += gap.end_mm - gap.start_mm
    for event in events:
        if isinstance(event, CoilReport) and event.state == "ended":
            sums[event.coil] = event.inspected_m * 1000, event.missed_m * 1000
            assert metres[event.coil] == pytest.approx(event.missed_m * 1000, abs=2)
    return sums


STRETCHES = st.lists(
    st.tuples(
        st.sampled_from(["gap", "coil", "boot"]), st.integers(4, 8), st.sampled_from([0.0, 0.0, 25.0, 500.0, 60_000.0])
    ),
    min_size=1,
    max_size=4,
)
WRONG = st.one_of(st.none(), st.floats(-1e9, 1e9), st.floats(-1e5, 1e5), st.floats(-200, 1000))


@settings(max_examples=150)
@given(STRETCHES, st.integers(0, 40), WRONG)
@example([("gap", 8, 0.0)], 0, 3_893_000.0)
@example([("gap", 8, 60_000.0)], 0, 0.0)
@example([("gap", 5, 0.0), ("boot", 5, 500.0)], 5, 0.0)
@example([("gap", 5, 60_000.0), ("coil", 5, 0.0)], 5, 20_000.0)
@example([("gap", 8, 500.0), ("gap", 8, 60_000.0)], 8, 0.0)
@example([("gap", 4, 500.0)], 0, -13.0)
@example([("gap", 4, 500.0)], 0, -9_000.0)
def test_one_wrong_position_changes_no_account(stretches: list[Stretch], at: int, wrong_mm: float | None) -> None:
    """Whichever frame it is, and whatever it says: the coils' metres are the true ones, but for that frame's own.

    One before the coil's head may be true as well: the next frame follows it there, until a third agrees with that one.
    """
    sent = line(stretches)
    at %= len(sent)
    of, now_ns = sent[at]
    spoilt = [*sent[:at], (msgspec.structs.replace(of, start_mm=wrong_mm), now_ns), *sent[at + 1 :]]
    true, found = account(sent), account(spoilt)
    assert found.keys() == true.keys()
    frames = 2 if wrong_mm is not None and -BEFORE_HEAD_MM <= wrong_mm < -LENGTH_MM else 1
    for coil, (inspected_mm, missed_mm) in true.items():
        assert found[coil] == pytest.approx((inspected_mm, missed_mm), abs=frames * LENGTH_MM + 2)


def test_the_truth_is_not_held_back() -> None:
    """Without a wrong frame all that passed unseen is missed: heads, gaps, and what passed while a camera started."""
    true = account(line([("gap", 4, 60_000.0), ("gap", 4, 500.0), ("boot", 4, 1000.0), ("coil", 2, 700.0)]))
    assert true["C0"] == pytest.approx((120.0, 61_500.0))
    assert true["C1"] == pytest.approx((20.0, 700.0))


def test_a_head_that_one_frame_names_is_held_back() -> None:
    """The first frame alone misses nothing; the second confirms it, and what was missed meanwhile follows in order."""
    strip = Strip(CAMERAS[:1])
    assert gaps(say(seen(0, start_mm=500.0), strip=strip)) == []
    assert gaps(say(dropped(header(1, coil="C")), seen(2, coil="C"), strip=strip)) == []
    assert gaps(say(seen(3, start_mm=530.0), strip=strip)) == [missed(0.0, 500.0), missed(510.0, 520.0, overload=1)]


def test_a_head_that_falls_back_is_dropped() -> None:
    """What the first frame named is nowhere, what it showed lies before the frame that overrules it."""
    strip = Strip(CAMERAS[:1])
    found = strip(findings(seen(0, start_mm=1e6), seen(1), seen(2, start_mm=20.0)))
    assert gaps(found.events) == [] and found.reached_mm == {("C", "top"): 30.0}
    (ended,) = [event for event in strip(LAST).events if isinstance(event, CoilReport)]
    assert (ended.inspected_m, ended.missed_m, ended.length_m) == (0.03, 0.0, 0.03)


@pytest.mark.parametrize("after", [0, 60])
def test_a_coil_that_begins_reversed_shows_each_defect_where_it_lies(after: int) -> None:
    """Its head came by unseen before it: that stays missed, and what is seen of it then is new, each place once."""
    strip = Strip(CAMERAS[:1], [DefectSection("dark", join_along_mm=0.0)])
    places = [500.0 - LENGTH_MM * number for number in range(51)] + [LENGTH_MM * number for number in range(1, after)]
    found = [*say(*(seen(n, SPOT, start_mm=at_mm) for n, at_mm in enumerate(places)), strip=strip), *strip(LAST).events]
    assert gaps(found) == [missed(0.0, 500.0, reversed=0)]
    spots = sorted(event.start_mm for event in found if isinstance(event, Defect) and event.is_whole)
    assert spots == sorted({at_mm + 4 for at_mm in places})
    ended = found[-1]
    assert isinstance(ended, CoilReport)
    assert (ended.missed_m, ended.inspected_m + 0.5) == (0.5, ended.length_m)
    assert ended.length_m == pytest.approx((max(places) + LENGTH_MM) / 1000)


def test_nothing_else_goes_as_far_as_a_doubtful_position() -> None:
    """While it rests on one frame, the coil is as long as it was, and marks on it lie where they did."""
    strip = Strip(CAMERAS[:1])
    found = strip(findings(seen(0, start_mm=0.0), seen(1, start_mm=5000.0)))
    assert found.reached_mm == {("C", "top"): 20.0}
    assert strip(findings(seen(2, start_mm=5010.0))).reached_mm == {("C", "top"): 5020.0}


@pytest.mark.parametrize("is_stop", [True, False])
def test_a_coil_of_one_frame_missed_nobody_knows_how_much(is_stop: bool) -> None:
    """One position alone states no metres: the stretch is reported without a length, with the reason `unconfirmed`."""
    strip = Strip(CAMERAS[:1])
    reported = list(say(seen(0, start_mm=500.0), strip=strip))
    reported += strip(LAST).events if is_stop else say(seen(1, coil="D", start_mm=0.0), strip=strip)
    assert gaps(reported) == [missed(0.0, 0.0, unconfirmed=0)]
    (ended,) = [event for event in reported if isinstance(event, CoilReport) and event.state == "ended"]
    assert (ended.inspected_m, ended.missed_m, ended.length_m) == (0.01, 0.0, 0.01)


def test_a_coil_of_two_frames_states_its_head() -> None:
    """Two positions that follow one another are enough."""
    reported = [*say(seen(0, start_mm=500.0), seen(1, start_mm=510.0), strip=(strip := Strip(CAMERAS[:1])))]
    assert gaps([*reported, *strip(LAST).events]) == [missed(0.0, 500.0)]
    assert coils(reported) == [("C", "started")]


@pytest.mark.parametrize("lost", [missing(4), rejected("crc"), Loss("rejected", "crc", "top", 4)])
def test_lost_frames_explain_a_position(lost: Loss) -> None:
    """What the numbers explain is missed at once, and at a coil's end, whatever else is in doubt."""
    number = 1 + lost.count
    strip = Strip(CAMERAS[:1])
    reported = say(seen(0, start_mm=0.0), lost, seen(number, start_mm=10.0 * number), strip=strip)
    assert gaps(reported) == [missed(10.0, 10.0 * number, "C", **{str(lost.reason): lost.count})]
    strip = Strip(CAMERAS[:1])
    reported = say(seen(0, start_mm=0.0), lost, seen(number, start_mm=5000.0), strip=strip)
    assert gaps(reported) == []
    reasons = {str(lost.reason): lost.count, "unconfirmed": 0}
    assert gaps(strip(LAST).events) == [missed(10.0, 10.0 * number, "C", **reasons)]


def test_a_doubtful_position_outlives_a_restart() -> None:
    """Killed before the second frame came, it is confirmed by the next one after the start."""
    strip, other = Strip(CAMERAS[:1]), Strip(CAMERAS[:1])
    say(seen(0, start_mm=500.0), strip=strip)
    other.restore(strip.state(), 0)
    assert gaps(say(seen(1, start_mm=510.0), strip=other)) == [missed(0.0, 500.0)]
