"""From maps to detections: connected regions of one class in one frame, in millimetres. Pure.

Knows: geometry of a frame, and where those before it showed the strip's edges. Must not know: what else they showed,
the coil, or whom it concerns.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from inspector.analysis.allowed import kept, present
from inspector.analysis.follow import Followed
from inspector.analysis.own import own
from inspector.analysis.regions import Indices, Regions, regions
from inspector.analysis.settings import AnalysisSection
from inspector.analysis.shared import without_specks
from inspector.config.camera import CameraSection, Footprint
from inspector.config.geometry import Field, Seams, fields
from inspector.config.joins import ALL_USUAL, Gaps
from inspector.images.edge import edges
from inspector.records.frame import Bytes2D, Header
from inspector.records.recipe import Recipe
from inspector.records.stages import Crowd, Detection, Findings, Frame, Inferred, Inspected, Loss, Outline


class Analyse:
    """The stage that makes findings of inferred batches."""

    name = "analyse"

    def __init__(
        self, cameras: Iterable[CameraSection], section: AnalysisSection | None = None, gaps: Gaps = ALL_USUAL
    ) -> None:
        """`gaps`: between pieces of one defect, as those have them that put it together."""
        self._cameras, self._gaps = {camera.name: camera for camera in cameras}, gaps
        self._recipe: Recipe | None = None
        self._fields: dict[str, Field] = {}
        self._followed: dict[str, Followed] = {}
        self._section = section or AnalysisSection()

    def replace(self, cameras: Iterable[CameraSection]) -> None:
        """Go on with other calibrations of the same cameras; between two batches."""
        self._cameras = {camera.name: camera for camera in cameras}

    def __call__(self, inferred: Inferred) -> Findings:
        """Analyse every frame of a batch, in arrival order."""
        if inferred.recipe is not self._recipe:
            self._recipe, self._fields = inferred.recipe, fields(self._cameras.values(), inferred.recipe)
        arrivals: list[Inspected | Loss] = []
        labels, places = self._labels(inferred), itertools.count()
        for arrival in inferred.batch.arrivals:
            if isinstance(arrival, Frame):
                arrivals.append(self._inspect(inferred, labels, arrival, next(places)))
            else:
                arrivals.append(arrival)
        batch = inferred.batch
        return Findings(arrivals=tuple(arrivals), closed_ns=batch.closed_ns, receipts=batch.receipts)

    def _labels(self, inferred: Inferred) -> list[Bytes2D]:
        """Return the labels of each plane; of one that frames share without what is too little in all of it."""
        batch, maps, recipe = inferred.batch, inferred.maps, inferred.recipe
        if maps is None:
            return []
        labels = list(maps.labels)
        if len(batch.patches) == len(labels):
            return labels
        frames = {patch.plane: (patch, frame) for patch, frame in zip(batch.patches, batch.frames(), strict=True)}
        shared = Counter(patch.plane for patch in batch.patches)
        for plane, (rows, px) in enumerate(batch.sizes()):
            if shared[plane] > 1:
                patch, frame = frames[plane]
                camera = self._cameras[frame.header.camera]
                footprint = camera.footprint(frame.header, (patch.rows, px))  # others of it may be given up
                mine = own(self._fields[camera.name], footprint, px)
                if camera.mirror:
                    mine = mine.mirrored(px)
                whole = labels[plane][:rows, :px], maps.confidence[plane][:rows, :px], maps.presence[plane]
                labels[plane] = without_specks(*whole, recipe, footprint=footprint, gaps=self._gaps, mine=mine)
        return labels

    def _inspect(self, inferred: Inferred, planes: list[Bytes2D], frame: Frame, place: int) -> Inspected:
        """Analyse a frame, by its place among the batch's; `planes` are the labels of each."""
        assert inferred.maps is not None, "frames were inferred"
        maps, recipe, patch = inferred.maps, inferred.recipe, inferred.batch.patches[place]
        camera = self._cameras[frame.header.camera]
        rows, px = patch.rows, patch.px
        footprint = camera.footprint(frame.header, (rows, px))
        most = self._section.most_regions(recipe, rows, px)
        seen_rows = slice(patch.top, patch.top + rows)
        labels, confidence = planes[patch.plane][seen_rows, :px], maps.confidence[patch.plane][seen_rows, :px]
        if camera.mirror:
            labels, confidence = labels[:, ::-1], confidence[:, ::-1]
        mine = own(self._fields[camera.name], footprint, px)
        edge_mm = far_edge_mm = None
        if camera.edges != "none":
            left_px, right_px = self._edges(camera, frame.header, inferred.batch.picture(place))
            mine = mine.within(left_px, right_px)
            if left_px is not None:
                edge_mm = footprint.offset_mm + left_px * footprint.mm_per_px
            if right_px is not None:
                far_edge_mm = footprint.offset_mm + right_px * footprint.mm_per_px
            if mine.first_px >= mine.end_px:
                return Inspected(frame, (), recipe, edge_mm=edge_mm, far_edge_mm=far_edge_mm)
        if (mine.first_px, mine.end_px) != (0, px):
            columns = slice(mine.first_px, mine.end_px)
            labels, confidence = labels[:, columns], confidence[:, columns]
            footprint = msgspec.structs.replace(
                footprint, offset_mm=footprint.offset_mm + mine.first_px * footprint.mm_per_px
            )
        presence = maps.presence[patch.plane]
        seen = detect(
            labels, confidence, presence, recipe, footprint, max_regions=most, gaps=self._gaps, seams=mine.seams
        )
        if isinstance(seen, Crowd):
            return Inspected(frame, (), recipe, seen, edge_mm=edge_mm, far_edge_mm=far_edge_mm)
        distance = distance_of(presence, recipe)
        return Inspected(
            frame,
            seen.detections,
            recipe,
            outline=seen.outline,
            edge_mm=edge_mm,
            far_edge_mm=far_edge_mm,
            distance=distance,
        )

    def _edges(self, camera: CameraSection, header: Header, picture: Bytes2D) -> tuple[int | None, int | None]:
        """Find the edges that a camera watches, and follow them."""
        left, right = edges(picture[:, ::-1] if camera.mirror else picture)
        followed = self._followed.setdefault(camera.name, Followed())
        return followed.to(header, left if camera.watches("left") else None, right if camera.watches("right") else None)


class FrameDefects(msgspec.Struct, frozen=True):
    """What lies in one frame."""

    detections: tuple[Detection, ...]
    outline: Outline | None
    """None where there are no detections."""


NOTHING = FrameDefects((), None)


def detect(
    labels: Bytes2D,
    confidence: Bytes2D,
    presence: npt.NDArray[np.float32],
    recipe: Recipe,
    footprint: Footprint,
    *,
    max_regions: int,
    gaps: Gaps = ALL_USUAL,
    seams: Seams = (False, False),
) -> FrameDefects | Crowd:
    """Find the connected regions (8-neighbourhood) of each class in one frame; more than `max_regions` are a crowd.

    A region is left out where all that it is a piece of, by its class's gap, is below the minimum area or confidence,
    and nothing of that is so near the first or last row or one of the `seams` that more of it may lie beyond. Where
    more than `max_regions` would be kept for what lies near, each is looked at alone, as noise is. `labels`,
    `confidence` (H, W) uint8; `presence` (C,) float32.
    """
    wanted = present(presence, recipe)
    if not wanted.any():
        return NOTHING
    found = regions(labels, confidence, wanted)
    ways = [np.flatnonzero(flags) for flags in kept(found, labels.shape, recipe, footprint, gaps=gaps, seams=seams)]
    places = next((way for way in ways if len(way) <= max_regions), None)
    if places is None or not found.is_whole:
        counted = ways[-1] if found.is_whole else np.arange(len(found.label))
        return _crowd(found, counted, wanted[labels], recipe, footprint)
    return (
        FrameDefects(tuple(_detections(found, places, recipe, footprint)), _outline(found, places, footprint))
        if len(places)
        else NOTHING
    )


def _crowd(
    found: Regions, kept: Indices, covered: npt.NDArray[np.bool_], recipe: Recipe, footprint: Footprint
) -> Crowd:
    """Sum up the regions `kept`; box and area are of all pixels `covered` (H, W)."""
    counts = np.bincount(found.label[kept], minlength=256)
    rows, columns = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
    return Crowd(
        start_mm=int(rows[0]) * footprint.mm_per_row,
        end_mm=(int(rows[-1]) + 1) * footprint.mm_per_row,
        left_mm=footprint.offset_mm + int(columns[0]) * footprint.mm_per_px,
        right_mm=footprint.offset_mm + (int(columns[-1]) + 1) * footprint.mm_per_px,
        area_mm2=int(np.count_nonzero(covered)) * footprint.mm_per_px * footprint.mm_per_row,
        regions={kind.name: int(counts[kind.id]) for kind in recipe.classes if counts[kind.id]},
        confidence=float(recipe.probabilities[found.peak[kept].max()]),
    )


def _detections(found: Regions, kept: Indices, recipe: Recipe, footprint: Footprint) -> Iterator[Detection]:
    """Put the regions `kept` into millimetres."""
    mm_per_px, mm_per_row, offset_mm = footprint.mm_per_px, footprint.mm_per_row, footprint.offset_mm
    probabilities: list[float] = recipe.probabilities.tolist()
    boxes = np.stack((found.top, found.bottom, found.left, found.right, found.area, found.label, found.peak))[:, kept]
    for top, bottom, left, right, area, label, peak in boxes.T.tolist():
        yield Detection(
            class_id=label,
            start_mm=top * mm_per_row,
            end_mm=bottom * mm_per_row,
            left_mm=offset_mm + left * mm_per_px,
            right_mm=offset_mm + right * mm_per_px,
            area_mm2=area * mm_per_px * mm_per_row,
            confidence=probabilities[peak],
        )


def _outline(found: Regions, kept: Indices, footprint: Footprint) -> Outline:
    """Put the runs of the regions `kept` into millimetres."""
    place = np.full(len(found.label), -1, np.intp)
    place[kept] = np.arange(len(kept))
    of = place[found.number]
    mine = of >= 0
    runs, mm_per_row = found.runs, footprint.mm_per_row
    along = np.stack((runs.row, runs.row + 1), axis=1)[mine] * mm_per_row
    across = footprint.offset_mm + np.stack((runs.left, runs.right), axis=1)[mine] * footprint.mm_per_px
    return Outline(of[mine], np.concatenate((along, across), axis=1))


def distance_of(presence: npt.NDArray[np.float32], recipe: Recipe) -> float | None:
    """How far a frame is from what the recipe was taught, of its presence (C + 1,); None where that is not measured."""
    if not recipe.measures_distance:
        return None
    distance = float(presence[len(recipe.classes)])
    return distance if math.isfinite(distance) and distance >= 0 else None
