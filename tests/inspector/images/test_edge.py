"""The strip's edge in a picture: found where there is one, and nowhere else."""

import numpy as np
import pytest

from inspector.images.edge import edges
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
