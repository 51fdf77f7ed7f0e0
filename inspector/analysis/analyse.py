"""From maps to detections: connected regions of one class in one frame, in millimetres. Pure.

Knows: geometry of a frame. Must not know: the frame before, the coil, or whom it concerns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from inspector.analysis.regions import Indices, Regions, regions
from inspector.config.camera import CameraSection
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Recipe
from inspector.records.stages import Analysed, Detection, Frame, Inspected, Judged, Loss, Span


class Analyse:
    """The stage: judged batches in, analysed batches out."""

    def __init__(self, cameras: Iterable[CameraSection]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}

    def __call__(self, judged: Judged) -> Analysed:
        """Analyse every frame of a batch, in arrival order."""
        arrivals: list[Inspected | Loss] = []
        plane = 0
        for arrival in judged.batch.arrivals:
            if isinstance(arrival, Frame):
                arrivals.append(self._inspect(judged, arrival, plane))
                plane += 1
            else:
                arrivals.append(arrival)
        return Analysed(tuple(arrivals), judged.batch.closed_ns)

    def _inspect(self, judged: Judged, frame: Frame, plane: int) -> Inspected:
        assert judged.maps is not None, "frames were judged"
        camera = self._cameras[frame.header.camera]
        mm_per_row = frame.header.mm_per_row or camera.mm_per_row
        found = detect(
            judged.maps.labels[plane],
            judged.maps.confidence[plane],
            judged.maps.presence[plane],
            judged.recipe,
            mm_per_px=camera.mm_per_px,
            mm_per_row=mm_per_row,
            offset_mm=camera.offset_mm,
        )
        return Inspected(frame, frame.header.height * mm_per_row, found, judged.recipe)


def detect(
    labels: Bytes2D,
    confidence: Bytes2D,
    presence: npt.NDArray[np.float32],
    recipe: Recipe,
    *,
    mm_per_px: float,
    mm_per_row: float,
    offset_mm: float = 0.0,
) -> tuple[Detection, ...]:
    """Find the connected regions (8-neighbourhood) of each class in one frame.

    A region below its class's minimum area or confidence is left out, unless it touches the first or last row: what
    it is part of may be larger and surer. `labels`, `confidence` (H, W) uint8; `presence` (C,) float32.
    """
    wanted = np.zeros(256, np.bool_)
    for kind in recipe.classes:
        wanted[kind.id] = presence[kind.id - 1] >= kind.threshold
    if not wanted.any():
        return ()
    found = regions(labels, confidence, wanted)
    area_mm2 = found.area * mm_per_px * mm_per_row
    min_area_mm2 = np.array([kind.min_area_mm2 for kind in recipe.classes])[found.label - 1]
    min_confidence = np.array([kind.min_confidence for kind in recipe.classes])[found.label - 1]
    may_go_on = (found.top == 0) | (found.bottom == labels.shape[0])
    told = np.flatnonzero(may_go_on | ((area_mm2 >= min_area_mm2) & (found.peak / 255 >= min_confidence)))
    scale = {"mm_per_px": mm_per_px, "mm_per_row": mm_per_row, "offset_mm": offset_mm}
    return tuple(_detections(found, told, labels.shape[0], **scale))


def _detections(
    found: Regions, told: Indices, height: int, *, mm_per_px: float, mm_per_row: float, offset_mm: float
) -> Iterator[Detection]:
    """Put the regions `told` of a map of `height` rows into millimetres."""
    # one take and one tolist for each fact: a look into an array for each region would cost more than all the rest
    columns = [getattr(found, name)[told].tolist() for name in found.__struct_fields__]
    for region in zip(*columns, strict=True):
        label, left, right, top, bottom, area, peak, head_left, head_right, tail_left, tail_right = region
        yield Detection(
            class_id=label,
            left_mm=offset_mm + left * mm_per_px,
            right_mm=offset_mm + right * mm_per_px,
            start_mm=top * mm_per_row,
            end_mm=bottom * mm_per_row,
            area_mm2=area * mm_per_px * mm_per_row,
            confidence=peak / 255,
            head=_span(head_left, head_right, mm_per_px, offset_mm) if top == 0 else None,
            tail=_span(tail_left, tail_right, mm_per_px, offset_mm) if bottom == height else None,
        )


def _span(left: int, right: int, mm_per_px: float, offset_mm: float) -> Span:
    return Span(offset_mm + left * mm_per_px, offset_mm + right * mm_per_px)
