"""Pictures of a coil's worst defects for its report, from the archive: small, outlined, bounded in number and size.

Knows: which defects are worst, how a crop becomes a picture. Must not know: the page, the archive's files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from inspector.archive import masks
from inspector.archive.pictures import is_archive, of_defects
from inspector.coil.seen import CoilHistory
from inspector.config.severity import SeveritySection
from inspector.records.crop import Region, Sidecar
from inspector.records.frame import Bytes2D

MOST = 48
"""The worst defects have a picture each; the page shows twelve at once."""
MOST_BYTES = 3_000_000
"""All pictures together."""
SIDE_PX = 400
"""Longest side of a picture: twice what the page gives it."""
QUALITY = 82
"""JPEG's: grain stays grain."""
POINTS = 400
"""Of an outline, at most."""

Polygon = tuple[tuple[float, float], ...]


class ReportPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of a defect; travel is to the right, as on the map."""

    jpeg: bytes
    width: int
    height: int
    outlines: tuple[Polygon, ...]
    """The defect's outlines, each a list of points x, y, pixels."""
    label: str = ""
    """What a person says that it is; empty where none did."""


class ReportPictures(msgspec.Struct, frozen=True):
    """What the archive has."""

    crops: dict[str, ReportPicture]
    """By a defect's id."""
    note: str
    """What to report of them, why there are none or how many: a key of the catalogue behind `report.pictures.`."""
    values: dict[str, object] = {}
    """What is filled in there."""


def pictures(seen: CoilHistory, severities: Sequence[SeveritySection], archive: Path | None) -> ReportPictures:
    """Return pictures of the worst of a coil's defects, whose ids must have been kept with it."""
    if archive is None:
        return ReportPictures({}, "no_archive")
    if not is_archive(archive):
        return ReportPictures({}, "not_archive", {"name": archive.name})
    crops = chosen(archive, seen.passage.coil, [seen.ids[place] for place in worst(seen, severities)])
    if not crops:
        return ReportPictures({}, "none")
    return ReportPictures(
        crops, "all" if len(crops) == len(seen.ids) else "some", {"count": len(crops), "all": len(seen.ids)}
    )


def chosen(archive: Path, coil: str, ids: Sequence[str]) -> dict[str, ReportPicture]:
    """Pictures of some of a coil's defects by their ids, as many as there is room for."""
    crops: dict[str, ReportPicture] = {}
    left = MOST_BYTES
    for defect, pixels, facts in of_defects(archive, coil, ids):
        crop = picture(pixels, facts)
        left -= len(crop.jpeg)
        if left < 0:
            break
        crops[defect] = crop
    return crops


def worst(seen: CoilHistory, severities: Sequence[SeveritySection]) -> list[int]:
    """Places of the worst defects: by severity, then by area, as the page orders them."""
    levels = seen.columns.severities(severities)
    order = np.lexsort((-seen.columns.area_mm2, -levels))
    return [int(place) for place in order[:MOST]]


def picture(pixels: Bytes2D, facts: Sidecar) -> ReportPicture:
    """Turn a crop (H, W) so that travel is to the right, and make it small."""
    rows, px = pixels.shape
    scale = min(1.0, SIDE_PX / max(rows, px))
    size = max(1, round(rows * scale)), max(1, round(px * scale))
    small = cv2.resize(np.ascontiguousarray(pixels.T), size, interpolation=cv2.INTER_AREA)
    is_made, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert is_made, "8-bit grey pixels make a JPEG"
    own = [region for region in facts.regions if region.is_subject]
    outlines = tuple(outline for region in own for outline in _outlines(region, rows, px, scale))
    label = facts.label.name if facts.label else ""
    return ReportPicture(jpeg=jpeg.tobytes(), width=size[0], height=size[1], outlines=outlines, label=label)


def _outlines(region: Region, rows: int, px: int, scale: float) -> Iterator[Polygon]:
    """Outlines of a region, around the outer pixels' outer sides."""
    try:
        mask = masks.from_counts(region.counts, rows, px)
    except ValueError:
        return
    large = cv2.copyMakeBorder(np.ascontiguousarray(mask.T).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    found, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
    for contour in sorted(found, key=len, reverse=True):
        points = contour[:: 1 + len(contour) // POINTS, 0].astype(float) - 0.5
        yield tuple((round(x * scale, 1), round(y * scale, 1)) for x, y in points.tolist())
