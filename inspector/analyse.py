"""From maps to detections: connected regions of one class in one frame, in millimetres. Pure.

Knows: geometry of a frame. Must not know: the frame before, the coil, or whom it concerns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from inspector.config import CameraSection
from inspector.records import (
    Analysed,
    Bytes2D,
    DefectClass,
    Detection,
    Frame,
    Inspected,
    Judged,
    Loss,
    Recipe,
    Span,
)


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
    found: list[Detection] = []
    for kind in recipe.classes:
        if presence[kind.id - 1] >= kind.threshold:
            found += _regions(labels, confidence, kind, mm_per_px, mm_per_row, offset_mm=offset_mm)
    return tuple(found)


def _regions(
    labels: Bytes2D,
    confidence: Bytes2D,
    kind: DefectClass,
    mm_per_px: float,
    mm_per_row: float,
    *,
    offset_mm: float,
) -> Iterator[Detection]:
    mask = (labels == kind.id).view(np.uint8)
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for number in range(1, count):
        x, y, width, height, area_px = (int(value) for value in stats[number])
        area_mm2 = area_px * mm_per_px * mm_per_row
        head, tail = y == 0, y + height == labels.shape[0]
        is_whole = not (head or tail)
        if is_whole and area_mm2 < kind.min_area_mm2:
            continue
        region = numbers[y : y + height, x : x + width] == number
        peak = int(confidence[y : y + height, x : x + width][region].max()) / 255
        if is_whole and peak < kind.min_confidence:
            continue
        left_mm = offset_mm + x * mm_per_px
        yield Detection(
            class_id=kind.id,
            left_mm=left_mm,
            right_mm=left_mm + width * mm_per_px,
            start_mm=y * mm_per_row,
            end_mm=(y + height) * mm_per_row,
            area_mm2=area_mm2,
            confidence=peak,
            head=_span(region[0], left_mm, mm_per_px) if head else None,
            tail=_span(region[-1], left_mm, mm_per_px) if tail else None,
        )


def _span(row: npt.NDArray[np.bool_], left_mm: float, mm_per_px: float) -> Span:
    columns = np.flatnonzero(row)
    return Span(left_mm + int(columns[0]) * mm_per_px, left_mm + int(columns[-1] + 1) * mm_per_px)
