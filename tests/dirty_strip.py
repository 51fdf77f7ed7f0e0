"""Strip with defects at random places, evenly or in clumps, and the marks that rolls print among them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inspector.strip.marks import Mark

COIL_MM, WIDTH_MM = 5e6, 1500.0
CLASSES = 4
SIZES = (  # median width and length in millimetres, deviation of their logarithms, their correlation
    (13.0, 22.0, 0.34, 0.47, 0.41),
    (8.5, 67.0, 0.36, 0.36, 0.33),
    (18.0, 36.0, 1.07, 0.85, 0.25),
    (56.0, 44.0, 0.82, 0.70, 0.72),
)
"""Of Severstal's four classes, from 3 651 whole defects of the true masks of 2 500 frames, at 0.5 mm a pixel."""
ALIKE = 0.2
"""How much the width and the length of one roll's prints vary (log-normal): a mark of 20 pixels whose outline is
uncertain by 2 on either side, as the true masks' are, varies by 0.14 to 0.2."""
CLUMP = 8.0
"""Defects of a clump on the mean."""
BAND_MM = 60.0
Floats = NDArray[np.float64]
Places = tuple[Floats, Floats, NDArray[np.intp]]
"""Positions along and across, and classes."""
Strew = Callable[[np.random.Generator, int, float], Places]


def evenly(rng: np.random.Generator, count: int, length_mm: float) -> Places:
    """Places along and across, each as likely as another."""
    return rng.uniform(0, length_mm, count), rng.uniform(0, WIDTH_MM, count), rng.integers(0, CLASSES, count)


def in_clusters(rng: np.random.Generator, count: int, length_mm: float) -> Places:
    """Clusters of 8 defects on the mean, within 1 m along and 100 mm across (Neyman-Scott, Thomas's kind)."""
    return _clumps(rng, count, length_mm, (500.0, 50.0))


def in_dirty_stretches(rng: np.random.Generator, count: int, length_mm: float) -> Places:
    """Half of all defects on a fiftieth of the length: stretches of 5 m, over the whole width."""
    number = max(1, round(length_mm / 5000 / 50))
    half = count // 2
    begins = rng.uniform(0, length_mm - 5000, number)[rng.integers(0, number, half)]
    along, across, kinds = evenly(rng, count, length_mm)
    along[:half] = begins + rng.uniform(0, 5000, half)
    return along, across, kinds


def in_edge_bands(rng: np.random.Generator, count: int, length_mm: float) -> Places:
    """Half of all defects within 60 mm of the edges."""
    along, across, kinds = evenly(rng, count, length_mm)
    half = count // 2
    within = rng.uniform(0, BAND_MM, half)
    across[:half] = np.where(rng.random(half) < 0.5, within, WIDTH_MM - within)
    return along, across, kinds


def in_torn_scratches(rng: np.random.Generator, count: int, length_mm: float) -> Places:
    """Half of all defects are pieces of scratches along the strip, 8 on the mean within some 3 m, 2 mm across."""
    half = count // 2
    torn, even = _clumps(rng, half, length_mm, (1000.0, 1.0)), evenly(rng, count - half, length_mm)
    along, across, kinds = (np.concatenate(both) for both in zip(torn, even, strict=True))
    return along, across, kinds


STREWN: dict[str, Strew] = {
    "evenly": evenly,
    "in clusters": in_clusters,
    "half in dirty stretches": in_dirty_stretches,
    "half in edge bands": in_edge_bands,
    "half in torn scratches": in_torn_scratches,
}


def strewn(
    rng: np.random.Generator, count: int, length_mm: float, strew: Strew = evenly, *, is_sized: bool = True
) -> list[Mark]:
    """Random defects of four classes in the order of their positions; all of a clump have one class."""
    line_mm, across_mm, kinds = strew(rng, count, length_mm)
    sizes = sizes_of(rng, kinds) if is_sized else np.zeros((len(kinds), 2))
    return [
        Mark(f"random-{n}", f"{kinds[n]}", "top", float(across_mm[n]), float(line_mm[n]), *sizes[n].tolist())
        for n in np.argsort(line_mm).tolist()
    ]


def sizes_of(rng: np.random.Generator, kinds: NDArray[np.intp]) -> Floats:
    """Width and length of defects of some classes: (N, 2)."""
    width, length, wide, long, both = np.array(SIZES)[kinds].T
    first, second = rng.normal(size=(2, len(kinds)))
    logs = wide * first, long * (both * first + np.sqrt(1 - both**2) * second)
    found: Floats = np.stack((width * np.exp(logs[0]), length * np.exp(logs[1])), axis=1)
    return found


def printed(
    rng: np.random.Generator,
    period_mm: float,
    start_mm: float,
    across_mm: float,
    *,
    turns: int = 30,
    missed: float = 0.3,
    noise: float = 1.0,
    kind: int = 0,
    is_sized: bool = True,
) -> list[Mark]:
    """Marks of one roll, found to 1 mm along and across (standard deviation), its turns to 0.05 %; times `noise`."""
    seen = np.flatnonzero(rng.random(turns) >= missed)
    at_mm = start_mm + np.cumsum(period_mm * (1 + rng.normal(0, 0.0005 * noise, turns)))[seen]
    line_mm = at_mm + rng.normal(0, noise, len(seen))
    across = across_mm + rng.normal(0, noise, len(seen))
    size = sizes_of(rng, np.array([kind]))[0]
    sizes = size * np.exp(rng.normal(0, ALIKE, (len(seen), 2))) if is_sized else np.zeros((len(seen), 2))
    return [
        Mark(f"roll-{n}", f"{kind}", "top", float(across[n]), float(line_mm[n]), *sizes[n].tolist())
        for n in range(len(seen))
    ]


def _clumps(rng: np.random.Generator, count: int, length_mm: float, spread_mm: tuple[float, float]) -> Places:
    clumps = max(1, round(count / CLUMP))
    of = rng.integers(0, clumps, count)
    along = rng.uniform(0, length_mm, clumps)[of] + rng.normal(0, spread_mm[0], count)
    across = rng.uniform(0, WIDTH_MM, clumps)[of] + rng.normal(0, spread_mm[1], count)
    kinds = rng.integers(0, CLASSES, clumps)[of]
    return np.clip(along, 0, length_mm), np.clip(across, 0, math.nextafter(WIDTH_MM, 0)), kinds
