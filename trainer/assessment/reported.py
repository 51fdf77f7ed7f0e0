"""The pixels of a frame that belong to what the line would report of it, by the settings of the recipe's classes.

`inspector.analysis` tells regions, not their pixels: pictures and submissions need those. Both must agree; a test holds
them together.
"""

from __future__ import annotations

import cv2
import numpy as np

from inspector.records.frame import Bytes2D
from inspector.records.recipe import Maps, Recipe
from trainer.assessment.coil import Scale


def reported_labels(maps: Maps, card: Recipe, scale: Scale) -> Bytes2D:
    """Return labels (H, W) uint8 of one frame's maps (1, H, W), sound where the recipe's settings hold a region back.

    The frame is assessed by itself: a region at its edge is as large as it is seen. Pieces that the line joins over a
    gap are kept or held back each by itself here.
    """
    labels, confidence = maps.labels[0], maps.confidence[0]
    kept: Bytes2D = np.zeros_like(labels)
    for kind in card.classes:
        mask = (labels == kind.id).view(np.uint8)
        count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        if count == 1 or maps.presence[0, kind.id - 1] < kind.threshold:
            continue
        peaks = np.zeros(count, np.uint8)
        inside = mask.view(bool)
        np.maximum.at(peaks, numbers[inside], confidence[inside])
        areas_mm2 = stats[:, cv2.CC_STAT_AREA] * (scale.mm_per_px * scale.mm_per_row)
        lengths_mm = stats[:, cv2.CC_STAT_HEIGHT] * scale.mm_per_row
        each = zip(areas_mm2, lengths_mm, card.probabilities[peaks], strict=True)
        passes = np.array([kind.reports(*region) for region in each])
        passes[0] = False  # all that is not of this class
        kept[passes[numbers]] = kind.id
    return kept
