"""Whether a frame has a defect that its recipe would report: what a screen's misses are counted by. Pure.

Knows: one frame's maps. Must not know: screens, cameras, the frame before.
"""

from __future__ import annotations

import numpy as np

from inspector.analysis.allowed import Flags, allowed, may_go_on
from inspector.analysis.pieces import reaches, together
from inspector.analysis.regions import regions
from inspector.config.camera import Footprint
from inspector.config.joins import ALL_USUAL, Gaps
from inspector.records.confidence import encode
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Maps, Recipe


def finds(maps: Maps, recipe: Recipe, gaps: Gaps = ALL_USUAL) -> Flags:
    """Return (N,) bool: whether each frame has a pixel that its class reports, were there enough of them.

    Where the class asks for a probability, a region of the frame must have it, with all that it is a piece of by the
    class's gap, at the scale the recipe was taught at, or touch the first or last row, where it may go on; what goes on
    beyond a gap there, or under the next camera, is not known here. The pixel decides where the scale is not known.
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
        found[place] = _has_probable(maps.labels[place], maps.confidence[place], likely[place], recipe, gaps)
    return found


def _has_probable(labels: Bytes2D, confidence: Bytes2D, likely: Flags, recipe: Recipe, gaps: Gaps) -> bool:
    """Whether a frame has something of a `likely` class (C,) that is reported."""
    wanted = np.zeros(256, np.bool_)
    wanted[[kind.id for kind, is_likely in zip(recipe.classes, likely, strict=True) if is_likely]] = True
    found = regions(labels, confidence, wanted)
    if not found.is_whole:
        return True
    mm_per_px = recipe.mm_per_px
    footprint = Footprint(mm_per_px, mm_per_px, 0.0, "", len(labels) * mm_per_px)
    found, px_mm2 = together(found, reaches(recipe, gaps, footprint)), mm_per_px**2
    passes = allowed(found, recipe, px_mm2)
    if (passes & may_go_on(found, labels.shape)).any():
        return True
    lengths_mm, peaks = (found.bottom - found.top) * mm_per_px, recipe.probabilities[found.peak]
    return any(
        recipe.classes[found.label[region] - 1].reports(found.area[region] * px_mm2, lengths_mm[region], peaks[region])
        for region in np.flatnonzero(passes)
    )
