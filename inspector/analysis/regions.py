"""Connected regions of equal labels in one map, by runs: pixels in, pixels out. Pure.

A run is a stretch of one label on one row. Runs are far fewer than pixels, and all that is asked of a region follows
from its runs, so the frame is read twice (labels, confidence) and never written. Everything is done to all runs at
once: the time grows with the number of runs, not with that of regions (measured figures: LOG.md).

Knows: labels and pixels. Must not know: millimetres, recipes, what a label means.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.records.frame import Bytes2D

Indices = NDArray[np.intp]

MOST_RUNS = 150
"""In a row of 1600 pixels, on average: what is torn more than that is noise, and putting it together would take longer
than the network does (measured figures: LOG.md)."""


class Runs(msgspec.Struct, frozen=True):
    """Runs in the order of their pixels; one array for each fact."""

    label: NDArray[np.uint8]
    row: Indices
    left: Indices
    right: Indices
    peak: NDArray[np.uint8]


class Regions(msgspec.Struct, frozen=True):
    """R regions in the order of their first pixels, row by row; one array of shape (R,) for each fact, in pixels."""

    label: NDArray[np.uint8]
    left: Indices
    right: Indices
    """Column after the last."""
    top: Indices
    bottom: Indices
    """Row after the last."""
    area: Indices
    peak: NDArray[np.uint8]
    """Highest confidence within the region."""
    runs: Runs
    """Of all regions."""
    number: Indices
    """Which region each run is of."""
    is_whole: bool
    """False where the map had more runs than `MOST_RUNS` allows: these are the regions of its first rows."""


def regions(labels: Bytes2D, confidence: Bytes2D, wanted: NDArray[np.bool_]) -> Regions:
    """Find the regions (8-neighbourhood) of every label for which `wanted` says so.

    `labels`, `confidence` (H, W) uint8; `wanted` (256,) bool.
    """
    width = labels.shape[1]
    runs, is_whole = _runs(labels, confidence, wanted)
    first = firsts(len(runs.label), *_touching(runs, width + 2))
    is_first = first == np.arange(len(first))
    number = (np.cumsum(is_first) - 1)[first]
    count = int(is_first.sum())
    left, right = _extent(number, runs.left, runs.right, count, width)
    bottom, peak = np.zeros(count, np.intp), np.zeros(count, np.uint8)
    np.maximum.at(bottom, number, runs.row + 1)
    np.maximum.at(peak, number, runs.peak)
    return Regions(
        label=runs.label[is_first],
        left=left,
        right=right,
        top=runs.row[is_first],
        bottom=bottom,
        area=np.bincount(number, weights=runs.right - runs.left, minlength=count).astype(np.intp),
        peak=peak,
        runs=runs,
        number=number,
        is_whole=is_whole,
    )


def _runs(labels: Bytes2D, confidence: Bytes2D, wanted: NDArray[np.bool_]) -> tuple[Runs, bool]:
    """Cut the map where its label changes and where a row begins; keep the wanted runs, and say if these are all."""
    width, flat = labels.shape[1], labels.reshape(-1)
    is_cut = np.empty(flat.size + 1, np.bool_)
    np.not_equal(flat[1:], flat[:-1], out=is_cut[1:-1])
    is_cut[::width] = True
    cuts = np.flatnonzero(is_cut)
    label = flat[cuts[:-1]]
    kept = np.flatnonzero(wanted[label])
    most = MOST_RUNS * labels.shape[0] * max(1600, width) // 1600
    is_whole = len(kept) <= most
    kept = kept[:most]
    start, end = cuts[kept], cuts[kept + 1]
    row, left = np.divmod(start, width)
    # reduceat takes the highest of [start, end) and of what lies between two runs; only the first is asked for
    bounds = np.stack((start, end), axis=1).reshape(-1)
    peak = np.maximum.reduceat(confidence.reshape(-1), bounds[: bounds.size - bool(kept.size and end[-1] == flat.size)])
    return Runs(label[kept], row, left, left + (end - start), peak[::2]), is_whole


def _touching(runs: Runs, stride: int) -> tuple[Indices, Indices]:
    """Pair each run with those of its label on the next row that touch it, corners included.

    Positions count `stride` a row, more than a row has, so that the end of one never touches the beginning of the next.
    """
    start, end = runs.row * stride + runs.left, runs.row * stride + runs.right
    lowest = np.searchsorted(end, start + stride, "left")
    count = np.searchsorted(start, end + stride, "right") - lowest
    upper = np.repeat(np.arange(len(count)), count)
    lower = np.arange(len(upper)) - np.repeat(np.cumsum(count) - count - lowest, count)
    same = runs.label[upper] == runs.label[lower]
    return upper[same], lower[same]


def firsts(count: int, upper: Indices, lower: Indices) -> Indices:
    """Name for each of `count` the first one that it is connected to, through any number of pairs.

    Every round hooks trees onto a neighbour that begins earlier and then flattens them (Shiloach and Vishkin, "An
    O(log n) parallel connectivity algorithm", 1982).
    """
    first = np.arange(count)
    while True:
        of_upper, of_lower = first[upper], first[lower]
        apart = of_upper != of_lower
        if not apart.any():
            return first
        upper, lower, of_upper, of_lower = upper[apart], lower[apart], of_upper[apart], of_lower[apart]
        np.minimum.at(first, np.maximum(of_upper, of_lower), np.minimum(of_upper, of_lower))
        while not np.array_equal(first, flatter := first[first]):
            first = flatter


def _extent(number: Indices, left: Indices, right: Indices, count: int, width: int) -> tuple[Indices, Indices]:
    """Lowest `left` and highest `right` of each region; `width` and 0 where it has none of these runs."""
    lowest, highest = np.full(count, width), np.zeros(count, np.intp)
    np.minimum.at(lowest, number, left)
    np.maximum.at(highest, number, right)
    return lowest, highest
