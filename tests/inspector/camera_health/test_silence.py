"""Cameras of which nothing comes, or nothing that is inspected, while the line runs."""

from __future__ import annotations

import numpy as np
import pytest

from inspector.records.stages import Batch
from tests.frames import missing, rejected
from tests.inspector.camera_health.test_watch import LIMITS, NOISE, SECOND, Line, sound


def test_a_silent_camera() -> None:
    """One camera sends and the other does not: silent after 10 s, and no longer with its next frame."""
    line = Line()
    for pixels in sound(1200):
        line.send(pixels)
    assert line.turns() == [("silent", "raised", "failure")]
    assert line.reported[0].camera == "low"
    line.send(NOISE[0], "low")
    assert line.turns()[1:] == [("silent", "returned", "normal")]


@pytest.mark.parametrize("others", [True, False])
def test_a_camera_whose_frames_are_all_refused_is_not_silent(others: bool) -> None:
    """It sends: after 10 s that is reported with the reasons, with other cameras or without, until one is inspected."""
    line = Line()
    for count in range(1200):
        line.lose(rejected("size" if count % 3 else "crc", "low"))
        if others:
            line.send(NOISE[count % len(NOISE)])
    raised = [event for event in line.reported if event.camera == "low"]
    assert [(event.fault, event.state, event.status) for event in raised] == [("not_inspected", "raised", "failure")]
    assert "low sends frames, and none was inspected for 10 s" in raised[0].message
    assert "rejected as size (not the recipe's size); " in raised[0].message
    assert raised[0].message.endswith("rejected as crc (pixels damaged on their way)")
    line.send(NOISE[0], "low")
    assert line.reported[-1].message == "camera low sends frames that are inspected again"
    assert line.reported[-1].status == "normal"


def test_few_refused_frames_are_no_fault() -> None:
    """Nor are those that come again, those of a pause, nor less than `frames` in a row."""
    line = Line()
    for count in range(4000):
        line.lose(rejected("duplicate" if count % 2 else "credit", "low"))
        line.lose(rejected("crc"))
        if count % 400 == 0:
            line.send(NOISE[count % len(NOISE)])
    line.now_ns += 3600 * SECOND
    for count in range(LIMITS.frames):
        assert line.reported == []
        line.send(NOISE[count])
        line.now_ns += 4 * SECOND
        line.lose(rejected("crc", "low"))
    assert line.turns() == [("not_inspected", "raised", "failure")]


def test_frames_that_never_came_break_no_silence() -> None:
    """A silent camera sends once more with a refused frame, not with one that is only known to be lost."""
    line = Line()
    for pixels in sound(1200):
        line.send(pixels)
        line.lose(missing(1, "low"))
    assert line.turns() == [("silent", "raised", "failure")]
    line.lose(rejected("crc", "low"))
    assert line.turns()[1:] == [("silent", "returned", "normal")]


def test_messages_that_name_no_camera_are_named_with_a_silence() -> None:
    """A camera whose headers cannot be read is silent for us: its report names what was rejected meanwhile."""
    line = Line()
    for pixels in sound(1200):
        line.send(pixels)
        line.lose(rejected("version", ""))
    assert [event.message for event in line.reported] == [
        "camera low has sent nothing for 10 s while others did; messages that name no camera came, rejected as version "
        "(the header is of another version)"
    ]


def test_a_line_that_stands_has_no_fault() -> None:
    """Nobody sends: nobody is silent."""
    line = Line()
    for i in range(1000):
        line.take(Batch((), np.empty((0, 32, 48), np.uint8), (), i * SECOND))
    assert line.reported == []


def test_a_line_that_stood_has_no_fault_when_it_runs_again() -> None:
    """Whichever camera is first behind a pause, the others were not silent for so long; one that stays away is."""
    line = Line()
    for first, second in (("top", "low"), ("low", "top"), ("top", "low")):
        for pixels in sound():
            line.send(pixels, first)
            line.send(pixels, second)
        line.now_ns += 3600 * SECOND
    assert line.reported == []
    for pixels in sound(1200):
        line.send(pixels)
    assert line.turns() == [("silent", "raised", "failure")]
