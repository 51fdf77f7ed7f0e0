"""Which of a map's regions their classes may report, as far as a frame shows. Pure.

Knows: regions, and what classes ask of them. Must not know: where a frame lies, what was seen before it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inspector.analysis.regions import Regions
from inspector.config.geometry import Seams
from inspector.records.recipe import Recipe

Flags = npt.NDArray[np.bool_]


def present(presence: npt.NDArray[np.float32], recipe: Recipe) -> Flags:
    """Return (256,) bool: whether the class of each label is in the frame at all; `presence` is (C,) or (C + 1,)."""
    labels = np.zeros(256, np.bool_)
    for kind in recipe.classes:
        labels[kind.id] = presence[kind.id - 1] >= kind.threshold
    return labels


def allowed(found: Regions, recipe: Recipe, px_mm2: float) -> Flags:
    """Return (R,) bool: whether each region is large enough and sure enough; `px_mm2`: strip that a pixel covers."""
    passes = np.zeros(len(found.label), np.bool_)
    for kind in recipe.classes:
        mine = found.label == kind.id
        passes[mine] = kind.may_report(found.area[mine] * px_mm2, recipe.probabilities[found.peak[mine]])
    return passes


def may_go_on(found: Regions, size: tuple[int, ...], seams: Seams = (False, False)) -> Flags:
    """Return (R,) bool: whether each region touches a side of its map, (H, W), beyond which another frame has more.

    Another frame goes on at the first row and the last, another camera's beyond `seams`.
    """
    rows, px = size
    touches: Flags = (found.top == 0) | (found.bottom == rows)
    for goes_on, reaches in zip(seams, (found.left == 0, found.right == px), strict=True):
        if goes_on:
            touches |= reaches
    return touches
