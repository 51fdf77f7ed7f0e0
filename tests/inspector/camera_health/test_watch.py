"""Faults of cameras from frames one by one: raised after enough of them, returned after enough good ones, once each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from inspector.camera_health.settings import CameraHealthSection
from inspector.camera_health.watch import CameraHealth
from inspector.records.events import CameraStatus
from inspector.records.frame import Bytes2D
from inspector.records.stages import Batch, Findings, Frame, Loss, whole
from tests.frames import camera, header, inspected

LIMITS = CameraHealthSection(frames=8)
SECOND = 1_000_000_000
NOISE = np.random.default_rng(1).integers(90, 130, (64, 32, 48), np.uint8)


class Line:
    """Two cameras, and what is reported of them."""

    def __init__(self, limits: CameraHealthSection = LIMITS) -> None:
        self.health = CameraHealth([camera("top"), camera("low")], limits, lambda: 0)
        self.now_ns = SECOND
        self.number = 0
        self.reported: list[CameraStatus] = []
        self.doubts: list[dict[str, bool]] = []

    def send(self, pixels: Bytes2D, name: str = "top", age_s: float = 0.0, **facts: Any) -> None:
        """One frame; each pictures' own checksum unless it is given."""
        self.now_ns += SECOND // 100
        self.number += 1
        own = {"crc32": hash(pixels.tobytes()) % 2**32, "captured_ns": self.now_ns - int(age_s * SECOND)}
        facts = {"height": pixels.shape[0], "width": pixels.shape[1], **own, **facts}
        frame = Frame(header(self.number, name, **facts), self.now_ns)
        batch = Batch((frame,), pixels[None], whole(pixels[None]), self.now_ns)
        self.take(batch)

    def lose(self, loss: Loss) -> None:
        """One frame that is not inspected."""
        self.now_ns += SECOND // 100
        self.take(Batch((loss,), np.empty((0, 32, 48), np.uint8), (), self.now_ns))

    def drop(self, name: str = "top", age_s: float = 0.0, **facts: Any) -> None:
        """One whole frame that is given up."""
        self.number += 1
        came_ns = self.now_ns
        of = header(self.number, name, captured_ns=came_ns - int(age_s * SECOND), **facts)
        self.lose(Loss("dropped", "too_old", name, 1, of, came_ns))

    def take(self, batch: Batch) -> None:
        seen = tuple(inspected(frame.header) for frame in batch.frames())
        found = self.health(batch, Findings(arrivals=(*seen, *batch.losses()), closed_ns=batch.closed_ns))
        self.doubts += [frame.doubts for frame in found.inspected]
        self.reported += [event for event in found.events if isinstance(event, CameraStatus)]

    def turns(self) -> list[tuple[str, str, str]]:
        """What was reported: fault, state, status of the camera."""
        return [(event.fault, event.state, event.status) for event in self.reported]


def sound(count: int = 40) -> Iterable[Bytes2D]:
    """Pictures as they are: each with noise of its own."""
    return (NOISE[i % len(NOISE)] for i in range(count))


def test_sound_frames_are_no_fault() -> None:
    """Nothing is reported of a camera that is well."""
    line = Line()
    for pixels in sound(200):
        line.send(pixels)
    assert line.reported == []


@pytest.mark.parametrize(
    ("fault", "status", "picture"),
    [
        ("frozen", "failure", NOISE[0]),
        ("dark", "failure", NOISE[1] // 64),
        ("saturated", "out_of_specification", np.where(NOISE[2] > 95, 255, 250).astype(np.uint8)),
        ("flat", "failure", np.full((32, 48), 128, np.uint8)),
    ],
)
def test_a_picture_that_cannot_be(fault: str, status: str, picture: Bytes2D) -> None:
    """A faulty picture is raised once, with the status of NE 107, and returned once sound frames come again."""
    line = Line()
    for pixels in sound():
        line.send(pixels)
    for i in range(40):
        line.send(picture, crc32=7 if fault == "frozen" else i)
    assert line.turns() == [(fault, "raised", status)]
    shown = [doubts.get(fault) for doubts in line.doubts[40:]]
    assert shown[0] is (None if fault == "frozen" else False) and shown[1] is False and shown[8:] == [True] * 32
    for pixels in sound():
        line.send(pixels)
    assert line.turns()[1:] == [(fault, "returned", "normal")]
    assert line.doubts[:40] == [{}] * 40 and line.doubts[-1] == {}


def test_a_strip_without_texture_is_not_frozen() -> None:
    """The same grey all over, the same bytes each time: flat, as no sensor sends this, but not frozen."""
    line = Line()
    for _ in range(100):
        line.send(np.full((32, 48), 128, np.uint8))
    assert line.turns() == [("flat", "raised", "failure")]


@pytest.mark.parametrize("repeats", [6, 7])
def test_frozen_from_the_eighth_on(repeats: int) -> None:
    """Seven frames of the same bytes are none, as a replay may hold some; the eighth is."""
    line = Line()
    for _ in range(1 + repeats):
        line.send(NOISE[0])
    assert len(line.reported) == (repeats == 7)


def test_a_clock_that_is_off() -> None:
    """A time of capture an hour away from that of arrival, either way, is raised and returned; a single one is not."""
    for age_s in (3600.0, -3600.0):
        line = Line()
        line.send(NOISE[0], age_s=age_s)
        for pixels in sound():
            line.send(pixels)
        assert line.reported == []
        for pixels in sound():
            line.send(pixels, age_s=age_s)
        for pixels in sound():
            line.send(pixels)
        assert line.turns() == [("clock", "raised", "maintenance_required"), ("clock", "returned", "normal")]
        assert not any(stands for doubts in line.doubts for stands in doubts.values())


@pytest.mark.parametrize(("step_mm", "fault"), [(0.0, "encoder_standing"), (-5.0, "encoder_backwards"), (10.0, None)])
def test_an_encoder_that_cannot_be(step_mm: float, fault: str | None) -> None:
    """Frames come, and the position stays or falls; another coil begins anywhere."""
    line = Line()
    for i, pixels in enumerate(sound(20)):
        line.send(pixels, coil="C", start_mm=1000 + step_mm * i, mm_per_row=1.0)
    assert [event.fault for event in line.reported] == ([fault] if fault else [])


def test_an_encoder_that_runs_again_is_reported_in_words() -> None:
    """The end of a fault reads as plainly as its beginning."""
    line = Line()
    for number, pixels in enumerate(sound(20)):
        line.send(pixels, coil="C", start_mm=1000 - 5 * number, mm_per_row=1.0)
    for number, pixels in enumerate(sound(20)):
        line.send(pixels, coil="C", start_mm=1000 + 10 * number, mm_per_row=1.0)
    assert [event.state for event in line.reported] == ["raised", "returned"]
    assert line.reported[1].message == f"camera {line.reported[1].camera} has an encoder that no longer runs backwards"


def test_a_camera_with_another_boot_in_each_frame() -> None:
    """Nobody can count what it loses: that is reported, and a frozen picture is still seen. One restart is no fault."""
    line = Line()
    for number, pixels in enumerate(sound(80)):
        line.send(pixels, boot="a" if number < 40 else "b")
    assert line.reported == []
    for number in range(40):
        line.send(NOISE[0], boot=f"b{number}")
    assert sorted(fault for fault, _, _ in line.turns()) == ["frozen", "restarting"]
    for pixels in sound():
        line.send(pixels, boot="c")
    assert sorted(turn[:2] for turn in line.turns()[2:]) == [("frozen", "returned"), ("restarting", "returned")]


def test_the_clock_of_a_camera_whose_frames_are_dropped() -> None:
    """Too old by a wrong clock, none is inspected: the clock is named, and once it is right that is over."""
    line = Line()
    for _ in range(40):
        line.drop(age_s=60.0)
    assert line.turns() == [("clock", "raised", "maintenance_required")]
    assert "captured 60.0 s before the frame came" in line.reported[0].message
    for pixels in sound():
        line.send(pixels)
    assert line.turns()[1:] == [("clock", "returned", "normal")]


def test_dropped_frames_say_nothing_of_pictures() -> None:
    """Of a frame that was given up only the header is known: no fault of pictures shows in it, and none ends."""
    line = Line()
    for pixels in sound():
        line.send(pixels // 64)
    for _ in range(40):
        line.drop(crc32=7)
    assert line.turns() == [("dark", "raised", "failure")]


def test_the_gravest_status_counts() -> None:
    """With two faults a camera has the graver one's status, until that is gone."""
    line = Line()
    for pixels in sound():
        line.send(pixels, age_s=100)
    for pixels in sound():
        line.send(pixels // 64, age_s=100)
    for pixels in sound():
        line.send(pixels, age_s=100)
    assert [status for _, _, status in line.turns()] == ["maintenance_required", "failure", "maintenance_required"]


def test_a_restart_reports_nothing_twice() -> None:
    """What stood before a restart still stands after it, and is returned when it is gone."""
    line, after = Line(), Line()
    for pixels in sound():
        line.send(pixels // 64)
    after.health.restore(line.health.state(), 0)
    assert after.health.is_standing("top", "dark")
    for pixels in sound():
        after.send(pixels // 64)
    assert after.reported == []
    for pixels in sound():
        after.send(pixels)
    assert after.turns() == [("dark", "returned", "normal")]


def test_what_stands_can_be_asked_for() -> None:
    """After a restart too: each fault, with the status of its camera."""
    line, after = Line(), Line()
    for pixels in sound():
        line.send(pixels // 64, age_s=100)
    after.health.restore(line.health.state(), 0)
    stands = [(event.camera, event.fault, event.state, event.status) for event in after.health.standing()]
    assert stands == [("top", "clock", "raised", "failure"), ("top", "dark", "raised", "failure")]


def test_a_state_that_cannot_be_read() -> None:
    """Another version's state is refused, and nothing stands."""
    line = Line()
    with pytest.raises(ValueError, match="melted"):
        line.health.restore(b'{"top": ["melted"]}', 0)
    assert not line.health.is_standing("top", "dark")


def test_what_is_not_watched() -> None:
    """Limits at their ends switch each fault off."""
    limits = CameraHealthSection(
        frames=1, frozen_frames=0, dark_grey=0, saturated_percent=100, flat_grey=0, clock_s=0, silent_s=0
    )
    line = Line(limits)
    for picture in (NOISE[0], NOISE[0] * 0, np.full_like(NOISE[0], 255)):
        for _ in range(2000):
            line.send(picture, age_s=100)
    assert line.reported == []


def test_the_strip_s_edge_is_lost() -> None:
    """A camera that watches the strip's edge says when its pictures no longer show it, and when they do again."""
    line = Line()
    line.health = CameraHealth([camera("top", edges="left"), camera("low")], LIMITS, lambda: 0)
    for shows_edge in (True, False, True):
        for pixels in sound(60):
            picture = pixels // 4 + 120
            picture[:, : 12 * shows_edge] = pixels[:, : 12 * shows_edge] // 64
            line.send(picture.astype(np.uint8))
    expected = [("edge_lost", "raised", "out_of_specification"), ("edge_lost", "returned", "normal")]
    assert line.turns() == expected
