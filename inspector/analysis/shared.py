"""A plane that several frames share: what is too little in all of it is nothing in any of its frames. Pure.

Cut at a joint, a speck lies at the edge of its frames and would be kept, as what may go on there. The plane shows
whether it does, but for what goes on in the next plane, or under the next camera.

Knows: a plane's maps. Must not know: frames, where they lie.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inspector.analysis.allowed import kept, present
from inspector.analysis.own import Own
from inspector.analysis.regions import regions
from inspector.config.camera import Footprint
from inspector.config.joins import Gaps
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Recipe


def without_specks(
    labels: Bytes2D,
    confidence: Bytes2D,
    presence: npt.NDArray[np.float32],
    recipe: Recipe,
    *,
    footprint: Footprint,
    gaps: Gaps,
    mine: Own,
) -> Bytes2D:
    """Return labels without what lies wholly inside the plane and is surely no piece of what its class reports.

    `labels`, `confidence` (H, W) uint8; `presence` (C,) float32; `mine`: the plane's columns that its camera answers
    for, of which alone regions are looked at.
    """
    wanted = present(presence, recipe)
    if not wanted.any():
        return labels
    columns = slice(mine.first_px, mine.end_px)
    seen = labels[:, columns]
    found = regions(seen, confidence[:, columns], wanted)
    is_kept = kept(found, seen.shape, recipe, footprint, gaps=gaps, seams=mine.seams).perhaps
    if is_kept.all() or not found.is_whole:
        return labels
    cleared, runs = labels.copy(), found.runs
    own = cleared[:, columns]
    for run in np.flatnonzero(~is_kept[found.number]):
        own[runs.row[run], runs.left[run] : runs.right[run]] = 0
    return cleared
