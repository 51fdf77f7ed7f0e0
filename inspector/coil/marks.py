"""Which defects are the prints of a repeating mark: found again by class, place across and period. Pure.

Repeats name the mark that was the newest when they were reported; the others lie whole periods off. A mark may be
missing, and those that came later were not reported one by one.

Knows: columns, repeats. Must not know: how repeats are found, how they are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspector.coil.columns import SIDES, Columns, Floats, Ints
from inspector.records.events import Repeat

ACROSS_MM = 8.0
ALONG_MM = 4.0
STRETCH = 0.003
"""How far prints may lie off: what the search itself allows, twice, as its settings may be wider."""
SKIPPED = 4
"""Number of turns in a row that may have left no print."""


def marks(columns: Columns, repeat: Repeat, places: Mapping[str, int]) -> list[int]:
    """Return the places of a repeat's marks among the defects, along the coil.

    `places` are those of the defects by their ids; empty where the newest mark is not among them.
    """
    newest = places.get(repeat.newest)
    if newest is None or repeat.period_mm <= 0:
        return []
    middle_mm = (columns.left_mm + columns.right_mm) / 2
    side = SIDES.index(repeat.side) if repeat.side in SIDES else 0
    is_near = np.abs(middle_mm - repeat.across_mm) <= ACROSS_MM
    near: Ints = np.flatnonzero(columns.of([repeat.name]) & (columns.side == side) & is_near)
    near = near[np.argsort(columns.start_mm[near], kind="stable")]
    starts_mm = columns.start_mm[near]
    newest_mm = float(columns.start_mm[newest])
    behind = [] if repeat.state == "ended" else _on(starts_mm, newest_mm, repeat.period_mm)
    before = _on(starts_mm, newest_mm, -repeat.period_mm)
    return [*(int(near[place]) for place in before[::-1]), newest, *(int(near[place]) for place in behind)]


def _on(starts_mm: Floats, at_mm: float, step_mm: float) -> list[int]:
    """Go on from a mark by whole periods for as long as there is one; against the travel where the step is negative."""
    found: list[int] = []
    while (following := _next(starts_mm, at_mm, step_mm)) is not None:
        found.append(following)
        at_mm = float(starts_mm[following])
    return found


def _next(starts_mm: Floats, at_mm: float, step_mm: float) -> int | None:
    for turns in range(1, SKIPPED + 1):
        wanted_mm, reach_mm = at_mm + turns * step_mm, ALONG_MM + turns * abs(step_mm) * STRETCH
        first, last = np.searchsorted(starts_mm, (wanted_mm - reach_mm, wanted_mm + reach_mm))
        if first < last:
            return int(first + np.argmin(np.abs(starts_mm[first:last] - wanted_mm)))
    return None
