"""How the strip runs: whether it stands, how fast it is, and where a coil's head is under a camera."""

from __future__ import annotations

import pytest

from inspector.alarms.motion import STANDS_NS, StripMotion
from inspector.records.stages import Findings


def follow(line: StripMotion, now_s: float, **reached_m: float) -> StripMotion:
    """Let a line come so far."""
    reached_mm = {(coil, "top"): metres * 1000 for coil, metres in reached_m.items()}
    line.follow(Findings(closed_ns=round(now_s * 1e9), reached_mm=reached_mm))
    return line


def follow_both(line: StripMotion, second: int, top_mm: float, bottom_mm: float) -> None:
    """Let a coil come so far under two cameras."""
    line.follow(Findings(closed_ns=second * 10**9, reached_mm={("C", "top"): top_mm, ("C", "bottom"): bottom_mm}))


def test_the_line_stands() -> None:
    """It stands once nothing has moved for two seconds, whatever came before; just after a start nobody knows."""
    line = StripMotion()
    for now_s in (0.0, 1.0, 1.9):
        assert not follow(line, now_s, C=5.0).is_known and not line.stands
    assert follow(line, 2.0, C=5.0).is_known
    assert follow(line, 2.25, C=5.0).stands
    assert not follow(line, 2.5, C=5.1).stands
    assert not follow(line, 4.4, C=5.1).stands
    assert follow(line, 4.75, C=5.1).stands
    assert not follow(line, 5.0, C=5.1, D=0.2).stands


def test_speed() -> None:
    """Metres a minute over the last two seconds, of the camera whose strip comes on fastest."""
    line = StripMotion()
    for tick in range(13):
        follow(line, tick / 4, C=tick / 4 * 2.0)
    assert line.speed_m_per_min == pytest.approx(120.0)
    assert line.is_at_head(6.0) and not line.is_at_head(5.9)


def test_cameras_that_take_turns_make_no_faster_line() -> None:
    """The frames of each come in batches of their own: the strip runs under all of them at once."""
    line, reached_mm = StripMotion(), dict[tuple[str, str], float]()
    for tick in range(40):
        reached_mm["C", ("top", "bottom", "edge")[tick % 3]] = tick * 500.0
        line.follow(Findings(closed_ns=tick * STANDS_NS // 12, reached_mm=dict(reached_mm)))
    assert line.speed_m_per_min == pytest.approx(180.0)


def test_a_camera_that_comes_is_no_leap_of_the_line() -> None:
    """To a coil that runs, or back to one, or to one that a frame had named wrongly: what it sees counts."""
    line = StripMotion()
    bottom_mm = None
    for tick in range(160):
        top_mm, coil = tick * 500.0, "D" if tick == 60 else "C"
        is_back, is_sure = tick in (40, 120), tick in (41, 42, 121, 122)  # a position, and frames that confirm it
        if is_back:
            bottom_mm = (bottom_mm or 0.0) + 500.0
        elif is_sure:
            bottom_mm = top_mm
        reached_mm = {(coil, "top"): top_mm} | ({} if bottom_mm is None else {("C", "bottom"): bottom_mm})
        inspected_mm = {"top": 500.0} | ({"bottom": 500.0} if is_back or is_sure else {})
        line.follow(Findings(closed_ns=tick * STANDS_NS // 8, reached_mm=reached_mm, inspected_mm=inspected_mm))
        assert tick < 8 or line.speed_m_per_min == pytest.approx(120.0)
        assert tick < 8 or not line.is_at_head(3.0)


def test_a_coil_is_at_its_head_under_a_camera_that_saw_none_before() -> None:
    """As where coils come far apart: from the batch on that goes on from its head, not where it leaps."""
    for leaps in (False, True):
        line = StripMotion()
        for tick in range(60):
            bottom_mm = (tick - 29) * 500.0 + (2000.0 if leaps and tick > 30 else 0.0)
            reached_mm = {("C", "top"): 500.0 + tick * 500.0} | ({("C", "bottom"): bottom_mm} if tick >= 30 else {})
            inspected_mm = {camera: 500.0 for _, camera in reached_mm}
            now_ns = tick * STANDS_NS // 8
            line.follow(Findings(closed_ns=now_ns, reached_mm=reached_mm, inspected_mm=inspected_mm))
            assert line.is_at_head(3.0) is (tick < 6 or (not leaps and 31 <= tick <= 35))


def test_the_line_runs_wherever_frames_are_bad() -> None:
    """Strip that was missed under a camera that is there counts; so does what comes by again after a stop."""
    line = StripMotion()
    for tick in range(13):
        line.follow(Findings(closed_ns=tick * STANDS_NS // 8, reached_mm={("C", "top"): tick * 500.0}))
    assert line.speed_m_per_min == pytest.approx(120.0)
    again = Findings(closed_ns=10 * STANDS_NS, reached_mm={("C", "top"): 5000.0}, inspected_mm={"top": 0.0})
    line.follow(again)
    assert not line.stands


def test_a_dead_camera_does_not_keep_a_coil_at_its_head() -> None:
    """It saw the head, and nothing more for as long as another's strip ran on."""
    line = StripMotion()
    for second in range(60):
        follow_both(line, second, min(second, 30) * 1000.0, min(second, 2) * 1000.0)
    assert not line.is_at_head(6.0)


def test_a_camera_that_follows_keeps_a_coil_at_its_head() -> None:
    """As far down the line as it stands; on a line that stands nobody is dead, nor as it starts again."""
    line = StripMotion()
    for second in range(60):
        follow_both(line, second, min(second, 30) * 1000.0, min(max(0, second - 25), 5) * 1000.0)
    for second, (top_mm, bottom_mm) in enumerate([(30_000.0, 5000.0), (30_100.0, 5000.0), (30_100.0, 5100.0)], 60):
        follow_both(line, second, top_mm, bottom_mm)
        assert line.is_at_head(6.0)
