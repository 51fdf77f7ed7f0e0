"""A camera's clock that is off, and frames that waited: which is which."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inspector.config.camera import CameraSection
from inspector.triggers.clock import CameraClock
from tests.inspector.triggers.test_triggers import RULE, off_mm
from tests.inspector.triggers.test_ways import OTHER, even
from tests.moving import CAMERA, EPOCH_NS, ROW_MM, Line

S = 1_000_000_000
LEARNT_S = 11


def behind_s(age_s: Callable[[float], float], *, lost_each_s: float = 1e9) -> list[float]:
    """How far a clock is taken to be off, each tenth of a second for 40 s."""
    clock, found = CameraClock(), list[float]()
    for tenth in range(400):
        s = tenth / 10
        clock.see(round(age_s(s) * S), round(s * S), is_next=bool(s % lost_each_s))
        found.append(clock.behind_ns / S)
    return found


@pytest.mark.parametrize("cameras", [(CAMERA,), (CAMERA, OTHER)])
@pytest.mark.parametrize("clock_s", [-5, -30])
def test_a_camera_whose_clock_is_slow(clock_s: int, cameras: tuple[CameraSection, ...]) -> None:
    """Once that is known, over restarts too, all is due, off by the latency at most, by its own strip."""
    line = Line(
        speed=even,
        seconds=20,
        cameras=cameras,
        clock_ns=clock_s * S,
        right=(OTHER.name,),
        latency_ms=20,
        each=40,
        restarts=(1200, 1300),
    )
    reported = [seen for seen in line.run(RULE) if (seen.at_ns - EPOCH_NS) / S > LEARNT_S]
    assert {seen.event.state for seen in reported} == {"armed", "due"}
    off = off_mm(reported)
    assert len(off) > 10 and all(-ROW_MM <= mm <= 200 + ROW_MM for mm in off)


def test_a_clock_that_is_off_is_known_by_the_least_age() -> None:
    """Slow, fast, and with frames that are late now and then; one that is right, or is off by less, is believed."""
    assert behind_s(lambda s: 5.0)[-1] == 5.0
    assert behind_s(lambda s: -5.0)[-1] == -5.0
    assert behind_s(lambda s: 5.0 + 0.4 * (s % 1))[-1] == 5.0
    assert {*behind_s(lambda s: 0.9), *behind_s(lambda s: 5.0 * (s % 4 < 3))} == {0.0}


def test_frames_that_waited_are_no_slow_clock() -> None:
    """What is made up for, at 3 % more than comes, what becomes more, and what is lost for want of room."""
    assert set(behind_s(lambda s: 20.0 - 0.03 * s)) == {0.0}
    assert set(behind_s(lambda s: 2.0 + 0.03 * s)) == {0.0}
    assert set(behind_s(lambda s: 5.0, lost_each_s=4)) == {0.0}


def test_a_clock_that_was_put_right_is_believed_at_once() -> None:
    """A frame that is younger than any can be disproves what was known."""
    found = behind_s(lambda s: 5.0 if s < 20 else 0.02)
    assert (found[199], found[200]) == (5.0, 0.0)
    found = behind_s(lambda s: -5.0 if s < 20 else 0.02)
    assert (found[199], found[200]) == (-5.0, 0.0)
