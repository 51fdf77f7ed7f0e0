"""The strip's edge in a picture: found where there is one, and nowhere else."""

import numpy as np
import pytest

from inspector.images.edge import SOLID_PX, edges
from inspector.records.frame import Bytes2D
from inspector.simulator.sheet import Sheet


@pytest.mark.parametrize(("first", "end"), [(0, 200), (37, 200), (0, 151), (1, 199), (51, 149), (60, 90)])
def test_a_light_strip_on_a_dark_ground(first: int, end: int) -> None:
    """Each edge lies where light begins or ends, noise or not; strip that fills the picture has none."""
    random = np.random.default_rng(1)
    picture = random.integers(0, 4, (64, 200)).astype(np.uint8)
    picture[:, first:end] = random.integers(90, 130, (64, end - first))
    picture[3, :] = 0  # a defect across
    assert edges(picture) == ((first or None), (end if end < 200 else None))


def test_light_that_falls_off_is_no_edge() -> None:
    """Strip that fills the picture has none where its sides have a third of its light."""
    profile = 40 + 80 * np.sin(np.linspace(0, np.pi, 200))
    profile[60:140] = 120
    assert edges(np.tile(profile.astype(np.uint8), (64, 1))) == (None, None)


@pytest.mark.parametrize(("dim", "slope"), [(12, 0.1), (16, 0.15), (28, 0.3)])
def test_dim_strip_is_no_ground(dim: int, slope: float) -> None:
    """Real strip has a quarter of its light, or less, at the side of a picture: without a step it is strip."""
    profile = np.minimum(dim + slope * np.arange(1600), 110)
    picture = np.tile(profile.astype(np.uint8), (64, 1))
    assert edges(picture) == (None, None)
    picture[:, :60] = 3
    assert edges(picture)[0] == pytest.approx(60, abs=1)


@pytest.mark.parametrize(
    ("ground", "rim", "slope", "level"), [(4, 16, 0.3, 110), (4, 20, 0.6, 200), (11, 40, 0.5, 160)]
)
def test_strip_is_dim_next_to_its_edge(ground: int, rim: int, slope: float, level: int) -> None:
    """Nothing of it is cut off, noise or not, though it is as light as strip only farther in."""
    profile = np.minimum(rim + slope * np.arange(-60, 1540), level)
    profile[:60] = ground
    picture = np.clip(np.random.default_rng(1).normal(profile, 3, (256, 1600)), 0, 255).astype(np.uint8)
    assert edges(picture) == (pytest.approx(60, abs=SOLID_PX), None)


@pytest.mark.parametrize("glare", [0.0, 0.12, 0.2, 0.45, 0.6])
@pytest.mark.parametrize(("first", "end"), [(100, 1500), (0, 1200), (400, 1000), (700, 1000)])
def test_glare_is_no_strip(first: int, end: int, glare: float) -> None:
    """A band many times lighter than the strip, however wide, leaves the strip's own edges where they are."""
    picture = _glaring(first, end, glare)
    assert edges(picture) == ((first or None), end)


@pytest.mark.parametrize("glare", [0.0, 0.12, 0.2, 0.45])
def test_glare_on_strip_that_fills_the_picture(glare: float) -> None:
    """What is dark next to it is not dark enough for ground. Over half of a picture it would be strip."""
    assert edges(_glaring(0, 1600, glare)) == (None, None)


def _glaring(first: int, end: int, share: float) -> Bytes2D:
    random = np.random.default_rng(2)
    greys = np.full(1600, 8.0)
    greys[first:end] = 45
    greys[first + 30 : first + 30 + round(share * (end - first))] = 230
    return np.clip(random.normal(greys, 4, (64, 1600)), 0, 255).astype(np.uint8)


def test_no_light() -> None:
    """In the dark nobody knows where the strip is."""
    assert edges(np.zeros((64, 200), np.uint8)) == (None, None)


@pytest.mark.parametrize("seed", range(4))
def test_simulated_strip(seed: int) -> None:
    """On simulated steel the edges are those it was drawn with, and none where it fills the picture."""
    sheet = Sheet(seed)
    left_px, right_px = sheet._steel.edges_px(0, 256)
    left, right = edges(sheet.frame(0).pixels)
    if left_px.min() > 6:
        assert left == pytest.approx(float(np.median(left_px)), abs=6)
    if left_px.max() < -6:
        assert left is None
    if right_px.max() < 1594:
        assert right == pytest.approx(float(np.median(right_px)), abs=6)
