"""Blur and a moved camera, against what is usual for a camera: on procedural steel, blurred and shifted for real."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from inspector.camera_health.settings import CameraHealthSection
from inspector.camera_health.sharpness import sharpness
from inspector.camera_health.watch import CameraHealth
from inspector.records.frame import Bytes2D
from inspector.simulator.sheet import Sheet
from tests.frames import camera
from tests.inspector.camera_health.test_watch import Line

LEARN = 256
LIMITS = CameraHealthSection(frames=16, learn_frames=LEARN, frozen_frames=0, silent_s=0)
OF_EDGES = msgspec.structs.replace(LIMITS, blurred_share=0)
"""Noise between two edges has no detail."""
LONG = 160
"""Frames after which whatever shows was reported."""
RNG = np.random.default_rng(5)


@cache
def coil(seed: int, count: int = 24) -> list[Bytes2D]:
    """Pictures along one coil, with defects and what looks like them."""
    sheet = Sheet(seed, defects_per_m=6, lookalikes_per_m=6)
    return [sheet.frame(7 * number).pixels for number in range(count)]


def sent(line: Line, pictures: Iterable[Bytes2D], count: int, **facts: Any) -> Line:
    """Send pictures again and again."""
    several = list(pictures)
    for number in range(count):
        line.send(several[number % len(several)], crc32=number, **facts)
    return line


def blurred(pictures: Iterable[Bytes2D], sigma_px: float, noise_grey: float = 1.0) -> list[Bytes2D]:
    """Put the lens out of focus; the sensor's noise stays as it is."""
    soft = (cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma_px) for picture in pictures)
    return [np.clip(picture + RNG.normal(0, noise_grey, picture.shape), 0, 255).astype(np.uint8) for picture in soft]


@pytest.mark.parametrize("sigma_px", [1.5, 2.0, 3.0, 4.0])
def test_a_lens_out_of_focus(sigma_px: float) -> None:
    """A blur of 1.5 pixels and more is raised, and returned once it is sharp again."""
    line = sent(Line(LIMITS), coil(1), LEARN + LONG)
    assert line.reported == []
    sent(line, blurred(coil(1), sigma_px), LONG)
    assert line.turns() == [("blurred", "raised", "out_of_specification")]
    sent(line, coil(1), LONG)
    assert line.turns()[1:] == [("blurred", "returned", "normal")]


def test_less_is_less_sharp() -> None:
    """What is measured falls with every half pixel of blur, with noise or without."""
    for noise_grey in (0.0, 1.0, 2.5):
        fine = [
            np.median([sharpness(picture) for picture in blurred(coil(2, 8), sigma_px, noise_grey)])
            for sigma_px in (0.3, 1.0, 1.5, 2.0, 3.0)
        ]
        assert fine == sorted(fine, reverse=True)


@pytest.mark.parametrize(
    "changed",
    [
        lambda picture: picture // 2,
        lambda picture: np.clip(picture * 1.6, 0, 255).astype(np.uint8),
        lambda picture: np.where(np.arange(picture.shape[1]) < 500, 3, picture).astype(np.uint8),
    ],
    ids=["dark", "bright", "edge"],
)
def test_light_and_edges_are_no_blur(changed: Callable[[Bytes2D], Bytes2D]) -> None:
    """Half the light, more light, and a strip that ends within the picture change nothing."""
    line = sent(Line(LIMITS), coil(3), LEARN + LONG)
    assert sent(line, [changed(picture) for picture in coil(3)], LONG).reported == []


def test_other_steel_is_no_blur() -> None:
    """A camera that has learnt one coil takes the others as they are: coarse, fine, streaky, smooth."""
    line = Line(LIMITS)
    for seed in range(4, 12):
        sent(line, coil(seed, 8), LEARN)
    assert line.reported == []


@pytest.mark.parametrize(
    "picture",
    [np.full((64, 512), 90, np.uint8), RNG.integers(80, 100, (64, 512), np.uint8), np.zeros((64, 100), np.uint8)],
    ids=["one grey", "noise alone", "narrow"],
)
def test_no_texture_says_nothing(picture: Bytes2D) -> None:
    """Where there is no texture, only noise or too few pixels, nobody can know."""
    assert sharpness(picture) is None


def edged(left_px: int, right_px: int) -> list[Bytes2D]:
    """Strip between two edges that wander by some pixels."""
    pictures = RNG.integers(90, 130, (16, 32, 400), np.uint8)
    for number, picture in enumerate(pictures):
        picture[:, : left_px + number % 5] //= 64
        picture[:, right_px + number % 3 :] //= 64
    return list(pictures)


def edge_line(edges: str) -> Line:
    """Two cameras, of which the first watches edges."""
    line = Line(OF_EDGES)
    line.health = CameraHealth([camera("top", edges=edges), camera("low")], OF_EDGES, lambda: 0)
    return line


def test_a_camera_that_was_moved() -> None:
    """The middle between both edges lies 60 mm aside: raised with its direction, returned once it is back."""
    line = sent(edge_line("both"), edged(70, 330), LEARN + LONG, coil="C1")
    sent(line, edged(130, 390), LONG, coil="C1")
    assert line.turns() == [("misaligned", "raised", "out_of_specification")]
    assert " mm right of its usual place" in line.reported[0].message
    sent(line, edged(90, 330), LONG, coil="C2")
    assert line.turns()[1:] == [("misaligned", "returned", "normal")]


def test_another_width_is_no_shift() -> None:
    """Both edges: the middle stays. One edge: it begins elsewhere on each coil, and counts within a coil."""
    for edges in ("both", "left"):
        line = sent(edge_line(edges), edged(70, 330), LEARN + LONG, coil="C1")
        assert sent(line, edged(20, 380), LEARN + LONG, coil="C2").reported == []
    sent(line, edged(90, 330), LONG, coil="C2")
    assert line.turns() == [("misaligned", "raised", "out_of_specification")]


def scaled_line(mm_per_px: float) -> Line:
    """A camera whose frames were scaled to 400 pixels of 1 mm."""
    line = Line(OF_EDGES)
    sections = [camera("top", edges="both", mm_per_px=mm_per_px, scale=True), camera("low")]
    line.health = CameraHealth(sections, OF_EDGES, lambda: 0)
    return line


@pytest.mark.parametrize("mm_per_px", [0.5, 2.0])
def test_a_shift_is_in_millimetres_where_frames_are_scaled(mm_per_px: float) -> None:
    """60 mm are raised and 30 are none, whatever the camera's own pixels are."""
    facts = {"width": round(400 / mm_per_px), "height": round(32 / mm_per_px)}
    for shift_px, raised in ((30, []), (60, [("misaligned", "raised", "out_of_specification")])):
        line = sent(scaled_line(mm_per_px), edged(70, 330), LEARN + LONG, **facts)
        assert sent(line, edged(70 + shift_px, 330 + shift_px), LONG, **facts).turns() == raised


def test_what_was_learnt_in_pixels_is_forgotten_where_frames_are_scaled() -> None:
    """Of before 0.4, once: a place that is half or twice as far off is no shift; what was learnt since is kept."""
    facts = {"width": 800, "height": 64}
    line = sent(scaled_line(0.5), edged(70, 330), LEARN + LONG, **facts)
    kept = msgspec.json.decode(line.health.state())
    del kept["top"]["is_scaled"]
    kept["top"]["learnt"]["place_mm"]["mean"] /= 2
    after = scaled_line(0.5)
    after.health.restore(msgspec.json.encode(kept), 0)
    assert sent(after, edged(70, 330), LEARN + LONG, **facts).reported == []
    again = scaled_line(0.5)
    again.health.restore(after.health.state(), 0)
    assert sent(again, edged(130, 390), LONG, **facts).turns() == [("misaligned", "raised", "out_of_specification")]


def test_a_small_shift_is_none() -> None:
    """Strip that runs 30 mm off its line is within `shift_mm`."""
    line = sent(edge_line("both"), edged(70, 330), LEARN + LONG)
    assert sent(line, edged(100, 360), LONG).reported == []


def test_what_is_usual_outlives_a_restart() -> None:
    """The camera after a restart is blurred by what was learnt before it; the fault itself is raised once."""
    line = sent(Line(LIMITS), coil(1), LEARN + LONG)
    after = Line(LIMITS)
    after.health.restore(line.health.state(), 0)
    sent(after, blurred(coil(1), 2.0), LONG)
    assert after.turns() == [("blurred", "raised", "out_of_specification")]
    again = Line(LIMITS)
    again.health.restore(after.health.state(), 0)
    assert sent(again, blurred(coil(1), 2.0), LONG).reported == []
    assert sent(again, coil(1), LONG).turns() == [("blurred", "returned", "normal")]


def test_off_forgets() -> None:
    """Switched off, what was usual is forgotten: on again, another lens is learnt as new."""
    line = sent(Line(LIMITS), coil(1), LEARN + LONG)
    off = CameraHealth([camera("top"), camera("low")], CameraHealthSection(blurred_share=0, shift_mm=0), lambda: 0)
    off.restore(line.health.state(), 0)
    line.health = CameraHealth([camera("top"), camera("low")], LIMITS, lambda: 0)
    line.health.restore(off.state(), 0)
    assert sent(line, blurred(coil(1), 2.0), LEARN + LONG).reported == []


def test_a_state_of_the_version_before() -> None:
    """Faults alone were kept: they stand, and learning begins."""
    line = Line(LIMITS)
    line.health.restore(b'{"top": ["dark"], "low": []}', 0)
    assert line.health.is_standing("top", "dark") and not line.health.is_standing("low", "dark")
