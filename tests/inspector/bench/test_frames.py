"""The frames of a bench, and what is stated of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inspector.bench.frames import images
from tests.frames import HEIGHT, RECIPE, WIDTH
from tests.images import encode


@pytest.mark.parametrize(("lying", "words"), [(1, "1 image"), (2, "2 images"), (5, "3 images")])
def test_images_are_counted_as_they_lie_there(lying: int, words: str, tmp_path: Path) -> None:
    """Three are wanted: a folder of fewer gives each again, and as many are stated as there are."""
    for number in range(lying):
        (tmp_path / f"{number}.png").write_bytes(encode(np.full((HEIGHT, WIDTH), number, np.uint8), ".png"))
    shots = images(RECIPE, tmp_path, 3)
    assert shots.source == f"{tmp_path}, {words} in turn"
    assert shots.pixels[:, 0, 0].tolist() == [number % lying for number in range(3)]
