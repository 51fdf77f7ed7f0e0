"""Which of a map's regions may be pieces of one defect, as far as the map shows. Pure.

Regions of a class belong together where their boxes lie no farther apart than the class's gap: that is all which the
line joins, as that goes by pixels, and what else lies within the box of a slanted scratch. Nothing may be lost here.

Knows: regions, gaps. Must not know: what is large or sure enough, other maps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.analysis.regions import Indices, Regions, firsts
from inspector.config.camera import Footprint
from inspector.config.joins import USUAL, Gaps
from inspector.records.recipe import Recipe

MOST_PAIRS = 100_000
"""Of regions of a class that lie one above another but for the gap: any 400 have fewer, and what has more is noise."""

ANY = 1e9
"""Rows or pixels: more than a frame has."""


class Reach(NamedTuple):
    """How many rows, and how many columns, may lie between two pieces."""

    rows: int
    px: int


Reaches = Mapping[int, Reach]
"""By class id."""


def reaches(recipe: Recipe, gaps: Gaps, footprint: Footprint) -> Reaches:
    """Return the gaps of a recipe's classes in a frame's pixels; a part of a pixel across counts as one."""
    found = {}
    for kind in recipe.classes:
        along_mm, across_mm = gaps.get(kind.name, USUAL).reach_mm
        rows, px = min(along_mm / footprint.mm_per_row, ANY), min(across_mm / footprint.mm_per_px, ANY)
        found[kind.id] = Reach(math.floor(rows), math.ceil(px))
    return found


def of_labels(reach: Reaches, labels: NDArray[np.integer[Any]]) -> tuple[Indices, Indices]:
    """Return the rows and the columns that may lie between each region and the next piece; `labels` (R,)."""
    by_label = np.zeros((256, 2), np.intp)
    for label, within in reach.items():
        by_label[label] = within
    rows, px = by_label[labels].T
    return rows, px


def together(found: Regions, reach: Reaches) -> Regions:
    """Return each region with the box, the area and the peak of all that it may be a piece of.

    Of more pairs than `MOST_PAIRS` each is left apart.
    """
    label, width = found.label.astype(np.intp), int(found.right.max(initial=0)) + 1
    rows, px = of_labels(reach, label)
    begin = 2 * label * width + found.left
    order = np.argsort(begin, kind="stable")
    behind = np.searchsorted(begin[order], (2 * label * width + found.right + np.minimum(px, width))[order], "right")
    count = behind - np.arange(len(order)) - 1
    if count.sum() > MOST_PAIRS:
        return found
    left = np.repeat(np.arange(len(order)), count)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
    left, right = order[left], order[right]
    apart = np.maximum(found.top[right] - found.bottom[left], found.top[left] - found.bottom[right])
    near = apart <= rows[left]
    return _summed(found, firsts(len(order), left[near], right[near]))


def _summed(found: Regions, of: Indices) -> Regions:
    """Give each region the facts of all whose first one, `of` (R,), is the same."""
    area = np.bincount(of, weights=found.area, minlength=len(of)).astype(np.intp)
    top, left, bottom, right, peak = (
        facts.copy() for facts in (found.top, found.left, found.bottom, found.right, found.peak)
    )
    np.minimum.at(top, of, found.top)
    np.minimum.at(left, of, found.left)
    np.maximum.at(bottom, of, found.bottom)
    np.maximum.at(right, of, found.right)
    np.maximum.at(peak, of, found.peak)
    return msgspec.structs.replace(
        found, top=top[of], left=left[of], bottom=bottom[of], right=right[of], area=area[of], peak=peak[of]
    )
