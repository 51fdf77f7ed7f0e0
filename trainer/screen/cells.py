"""What a screen is taught of a frame: for each cell of 8 x 8 pixels whether a defect is there, and which.

Knows frames and what a full recipe finds in them. Must not know networks that learn.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from inspector.engines.segmenter import Segmenter
from inspector.records.recipe import Recipe
from trainer.data.samples import UNKNOWN, Frames, Plane
from trainer.recipe.evaluate import pad
from trainer.screen.network import CELL_PX

Cells = npt.NDArray[np.int16]
"""(H / 8, W / 8): 0 sound, 1 and up the number of a defect, -1 not to be learnt from."""
UNSURE = -1
SAY_EVERY = 500


def teach(frames: Frames, count: int, full: tuple[Recipe, Segmenter] | None, say: Callable[[str], None]) -> list[Cells]:
    """Return the cells of the first `count` frames; a defect that the full recipe does not find teaches nothing.

    Raises: DataError, EngineError.
    """
    taught: list[Cells] = []
    for index in range(count):
        sample = frames[index]
        found = None
        if full and (sample.labels > 0).any():
            card, engine = full
            engine.submit(pad(sample, card.height, card.width)[None])
            height_px, width_px = sample.labels.shape
            found = engine.result().labels[0][:height_px, :width_px]
        taught.append(cells_of(sample.labels, found))
        if (index + 1) % SAY_EVERY == 0:
            say(f"looked at {index + 1} of {count} frames")
    return taught


def cells_of(labels: Plane, found: Plane | None = None) -> Cells:
    """Return the cells of labels (H, W) uint8; `found`, of the same shape, is what the full recipe labels.

    Cells next to a defect's are unsure: its outline is drawn by hand, or by a rule.
    """
    known = labels != UNKNOWN
    is_defect = _pooled((labels > 0) & known)
    count, numbers = cv2.connectedComponents(is_defect.astype(np.uint8), connectivity=8)
    cells = numbers.astype(np.int16)
    near = cv2.dilate(is_defect.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~is_defect
    cells[near | (_pooled(~known) & ~is_defect)] = UNSURE
    if found is not None:
        seen = np.zeros(count, bool)
        seen[numbers[_pooled((found == labels) & (labels > 0))]] = True
        seen[0] = True
        cells[~seen[numbers]] = UNSURE
    return cells


def _pooled(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which cells hold a pixel of the mask."""
    rows, columns = (-(-side // CELL_PX) for side in mask.shape)
    whole = np.zeros((rows * CELL_PX, columns * CELL_PX), np.bool_)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(whole.reshape(rows, CELL_PX, columns, CELL_PX).any((1, 3)))
