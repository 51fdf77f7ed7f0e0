"""Whether a frame has a defect that its recipe would report: what a screen's misses are counted by. Pure.

Knows: one frame's maps. Must not know: screens, cameras, the frame before.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inspector.analysis.regions import regions
from inspector.records.confidence import encode
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Maps, Recipe

Flags = npt.NDArray[np.bool_]


def finds(maps: Maps, recipe: Recipe) -> Flags:
    """Return (N,) bool: whether each frame has a pixel that its class reports, were there enough of them.

    Where the class asks for a probability, a region of the frame must have it, at the scale the recipe was taught at,
    or touch the first or last row, where it may go on. Pieces that the line joins over a gap count each by itself. The
    pixel decides where the scale is not known.
    """
    classes = recipe.classes
    known = np.nan_to_num(maps.presence[:, : len(classes)], nan=0.0)
    reached = known >= np.array([kind.threshold for kind in classes], np.float32)
    least = np.array([kind.min_confidence for kind in classes])
    likely: Flags = reached & (recipe.probabilities[encode(known, recipe.confidence)] >= least)
    asks = np.array([bool(kind.min_probability) for kind in classes])
    if not recipe.mm_per_px or not asks.any():
        return np.asarray(likely.any(1), np.bool_)
    found: Flags = np.asarray(likely[:, ~asks].any(1), np.bool_)
    for place in np.flatnonzero(likely.any(1) & ~found):
        found[place] = _has_probable(maps.labels[place], maps.confidence[place], likely[place], recipe)
    return found


def _has_probable(labels: Bytes2D, confidence: Bytes2D, likely: Flags, recipe: Recipe) -> bool:
    """Whether a frame has a region of a `likely` class (C,) that is reported."""
    kinds = [kind for kind, is_likely in zip(recipe.classes, likely, strict=True) if is_likely]
    wanted = np.zeros(256, np.bool_)
    wanted[[kind.id for kind in kinds]] = True
    seen = regions(labels, confidence, wanted)
    area_mm2, length_mm = seen.area * recipe.mm_per_px**2, (seen.bottom - seen.top) * recipe.mm_per_px
    peak = recipe.probabilities[seen.peak]
    goes_on = (seen.top == 0) | (seen.bottom == len(labels))
    found = np.zeros(len(peak), np.bool_)
    for kind in kinds:
        mine = seen.label == kind.id
        found[mine] |= kind.reports(area_mm2[mine], length_mm[mine], peak[mine])
        found[mine] |= goes_on[mine] & kind.may_report(area_mm2[mine], peak[mine])
    return bool(found.any()) or not seen.is_whole
