"""Which of a map's regions their classes may report, as far as a frame shows. Pure.

Knows: regions, what classes ask of them and how far apart pieces of one defect lie, in the strip's measure. Must not
know: where on the coil a frame lies, what was seen before it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inspector.analysis.pieces import Reaches, of_labels, reaches, together
from inspector.analysis.regions import Regions
from inspector.config.camera import Footprint
from inspector.config.geometry import Seams
from inspector.config.joins import Gaps
from inspector.records.recipe import Recipe

Flags = npt.NDArray[np.bool_]


class Reportable(NamedTuple):
    """Which regions of a map may be a part of what their class reports: (R,) each, every one with those below it."""

    perhaps: Flags
    """With those whose next piece may lie beyond a side: no farther from it than the class's gap."""
    together: Flags
    """Large and sure enough with all that they may be pieces of."""
    alone: Flags
    """Large and sure enough, or at a side where the region itself may go on."""


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


def may_go_on(
    found: Regions, size: tuple[int, ...], seams: Seams = (False, False), reach: Reaches | None = None
) -> Flags:
    """Return (R,) bool: whether each region touches a side of its map, (H, W), beyond which another frame has more.

    Another frame goes on at the first row and the last, another camera's beyond `seams`. With `reach`: or lies within
    that of it.
    """
    (rows, px), (far_rows, far_px) = size, of_labels(reach or {}, found.label)
    touches: Flags = (found.top <= far_rows) | (found.bottom >= rows - far_rows)
    for goes_on, is_near in zip(seams, (found.left <= far_px, found.right >= px - far_px), strict=True):
        if goes_on:
            touches |= is_near
    return touches


def kept(
    found: Regions,
    size: tuple[int, ...],
    recipe: Recipe,
    footprint: Footprint,
    *,
    gaps: Gaps,
    seams: Seams = (False, False),
) -> Reportable:
    """Return which regions of a map, (H, W), may be a part of what is reported; all are alone where it is not whole."""
    px_mm2 = footprint.mm_per_px * footprint.mm_per_row
    alone = allowed(found, recipe, px_mm2) | may_go_on(found, size, seams)
    if alone.all() or not found.is_whole:
        return Reportable(alone, alone, alone)
    reach = reaches(recipe, gaps, footprint)
    every = together(found, reach)
    joined = alone | allowed(every, recipe, px_mm2)
    return Reportable(joined | may_go_on(every, size, seams, reach), joined, alone)
