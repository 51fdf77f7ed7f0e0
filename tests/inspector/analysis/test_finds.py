"""What a screen's misses are counted by: frames of which the line would report something."""

import msgspec
import numpy as np
import pytest

from inspector.analysis.finds import finds
from inspector.config.joins import JoinGap
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Certainty, Maps, Recipe
from tests.frames import HEIGHT, RECIPE, WIDTH

SMALL = Certainty(constant=4.0, log_odds=0.0, log_area=-1.0, log_length=0.0)
"""Half of those of 55 mm2 are right, fewer of larger ones."""


def asking(mm_per_px: float = 1.0, least: float = 0.5) -> Recipe:
    """A recipe whose dark defects must be probable, and whose bright ones need not."""
    dark, bright = RECIPE.classes
    dark = msgspec.structs.replace(dark, min_confidence=0.6, min_probability=least, certainty=SMALL)
    return msgspec.structs.replace(RECIPE, classes=(dark, bright), mm_per_px=mm_per_px)


def seen(*labels: int, rows: int, columns: int, confidence: int = 200, first: int = 1) -> Maps:
    """A frame for each label, with a region of it of this size, from this row on."""
    maps: Bytes3D = np.zeros((len(labels), HEIGHT, WIDTH), np.uint8)
    presence = np.zeros((len(labels), 2), np.float32)
    for place, label in enumerate(labels):
        maps[place, first : first + rows, :columns] = label
        if label:
            presence[place, label - 1] = confidence / 255
    return Maps(maps, np.where(maps, confidence, 0).astype(np.uint8), presence)


@pytest.mark.parametrize(
    ("recipe", "rows", "confidence", "expected"),
    [
        (RECIPE, 8, 200, [True, True, False]),
        (asking(), 3, 200, [True, True, False]),
        (asking(), 8, 200, [False, True, False]),
        (asking(), 3, 140, [False, True, False]),
        (asking(mm_per_px=0.5), 8, 200, [True, True, False]),
        (asking(mm_per_px=0.0), 8, 200, [True, True, False]),
    ],
)
def test_a_frame_has_a_find_where_its_defects_are_reported(
    recipe: Recipe, rows: int, confidence: int, expected: list[bool]
) -> None:
    """A dark region counts if it is as probable as its class asks, at the recipe's scale; a bright one always."""
    assert finds(seen(1, 2, 0, rows=rows, columns=9, confidence=confidence), recipe).tolist() == expected


@pytest.mark.parametrize(("gap_mm", "is_found"), [(4.0, True), (3.0, False)])
def test_pieces_are_as_probable_as_all_that_lies_near(gap_mm: float, is_found: bool) -> None:
    """Two regions of 24 mm2, 4 mm apart, are one that is probable enough, as the line has it, or two that are not."""
    maps = seen(1, rows=4, columns=16)
    maps.labels[0, :, 6:10] = 0
    likelier = Certainty(constant=-3.5, log_odds=0.0, log_area=1.0, log_length=0.0)
    dark = msgspec.structs.replace(asking().classes[0], certainty=likelier)
    by = msgspec.structs.replace(asking(), classes=(dark, RECIPE.classes[1]))
    assert finds(maps, by, {"dark": JoinGap(0.0, gap_mm)}).tolist() == [is_found]


@pytest.mark.parametrize("first", [0, HEIGHT - 8])
def test_a_region_at_the_frames_edge_may_go_on(first: int) -> None:
    """What another frame cuts off may be part of one that is reported, if its best pixel is sure enough."""
    assert finds(seen(1, rows=8, columns=9, first=first), asking()).tolist() == [True]
    assert finds(seen(1, rows=8, columns=9, first=first, confidence=140), asking()).tolist() == [False]


def test_noise_that_is_not_looked_through_is_a_find() -> None:
    """More runs than are put together: nobody knows what they hide."""
    maps = seen(1, rows=1, columns=1, first=4)
    torn = np.zeros((1, 400, 1600), np.uint8)
    torn[:, 1:-1, 1:-1:2] = 1
    noise = Maps(torn, torn * np.uint8(140), maps.presence)
    assert finds(noise, msgspec.structs.replace(asking(least=0.99), height=400, width=1600)).tolist() == [True]


def test_a_presence_that_is_no_number_is_no_find() -> None:
    """NaN is reported elsewhere."""
    maps = seen(1, rows=3, columns=3)
    maps.presence[:] = np.nan
    assert finds(maps, asking()).tolist() == [False]
