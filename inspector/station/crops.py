"""Pictures of a defect, from the archive: where they lie in it, with outlines to draw.

Knows: the archive's files and its store's names. Must not know: HTTP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from inspector.archive.masks import from_counts
from inspector.archive.store import LABELLED, SEEN, sidecars
from inspector.records.crop import Region, Sidecar

MOST = 12
"""Pictures of one defect that are shown."""


def of_defect(archive: Path, coil: str, defect: str) -> list[dict[str, Any]]:
    """Facts of a defect's pictures along the strip: where the file lies, its place, outlines in pixels."""
    found: dict[str, tuple[Path, Sidecar]] = {}
    try:
        paths = sidecars(archive, coil, defect)
    except (OSError, ValueError):  # a name that no file can have
        return []
    for path in paths:
        try:
            facts = msgspec.json.decode(path.read_bytes(), type=Sidecar)
        except (OSError, ValueError):  # it went meanwhile, or is damaged
            continue
        if facts.defect == defect:
            found[path.name] = path, facts
    ordered = sorted(found.values(), key=lambda crop: crop[1].place.start_mm)
    return [_facts(archive, path, facts) for path, facts in ordered[:MOST]]


def picture(archive: Path, name: str) -> Path | None:
    """The file of a picture, by its name as `of_defect` gave it; None when it is no picture of this archive."""
    try:
        path = (archive / name).resolve()
        inside = any(path.is_relative_to((archive / kind).resolve()) for kind in (SEEN, LABELLED))
        is_picture = inside and path.suffix == ".png" and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return path if is_picture else None


def _facts(archive: Path, path: Path, facts: Sidecar) -> dict[str, Any]:
    return {
        "image": str(path.with_suffix(".png").relative_to(archive)),
        "width": facts.box_px[2],
        "height": facts.box_px[3],
        "mm_per_px": facts.mm_per_px,
        "mm_per_row": facts.mm_per_row,
        "start_mm": facts.place.start_mm,
        "left_mm": facts.place.left_mm,
        "name": facts.name,
        "confidence": facts.confidence,
        "time": facts.time,
        "camera": facts.camera,
        "label": facts.label,
        "regions": [
            {
                "name": region.name,
                "is_subject": region.is_subject,
                "lines": outlines(region, facts.box_px[3], facts.box_px[2]),
            }
            for region in facts.regions
        ],
    }


def outlines(region: Region, height: int, width: int) -> list[list[int]]:
    """A region's outline as closed lines: x, y, x, y ... in pixels of the crop."""
    mask = from_counts(region.counts, height, width)
    lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [[int(at) for at in line.ravel()] for line in lines]
