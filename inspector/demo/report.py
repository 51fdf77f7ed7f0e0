"""The demo's coil report, with pictures cut from what its camera kept of the strip.

Knows: the thumbnail's scale. Must not know: how a report is laid out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from inspector import recipe
from inspector.coil import file, report
from inspector.coil.record import record
from inspector.coil.seen import CoilHistory, gather
from inspector.config.geometry import spans
from inspector.events.history import History
from inspector.records.events import CoilRecord, Defect
from inspector.records.frame import Bytes2D
from inspector.service import line
from inspector.simulator.sheet import MM_PER_PX
from inspector.simulator.thumbnail import SHRINK

PICTURES = 60
"""The largest defects have one: more than a page shows at once."""
MARGIN_MM, LEAST_MM = 40.0, 160.0
MOST_MM = 1600.0
PX_MM = SHRINK * MM_PER_PX


def write_report(coil: str, config: Path, thumbnail: Bytes2D, path: Path) -> CoilRecord:
    """Write a coil's HTML report from the journal of a configuration; return its record.

    Raises: InspectorError.
    """
    settings = line.load(config)
    card = recipe.read_card(recipe.find(settings.recipe.path, config.parent))
    with History(Path(settings.journal.path)) as history:
        seen = gather(history, history.coil(coil), spans(settings.camera, card), keep=True)
    made = record(seen, settings.grading, settings.severity)
    page = report.html(
        seen,
        made,
        settings.grading,
        settings.severity,
        classes=[kind.name for kind in card.classes],
        crops=dict(_crops(seen, thumbnail)),
        note=f"Procedural steel, a simulation. Pictures: from the camera's overview, {PX_MM:g} mm a pixel.",
    )
    file.save(path, page)
    return made


def _crops(seen: CoilHistory, thumbnail: Bytes2D) -> Iterator[tuple[str, report.ReportPicture]]:
    largest = sorted(seen.defects, key=lambda defect: -defect.area_mm2)
    for defect in largest[:PICTURES]:
        if defect.length_mm <= MOST_MM and (crop := _crop(defect, thumbnail)):
            yield defect.id, crop


def _crop(defect: Defect, thumbnail: Bytes2D) -> report.ReportPicture | None:
    """Cut a defect out with a margin, and turn it so that travel is to the right."""
    along = _reach(defect.start_mm, defect.end_mm, len(thumbnail))
    across = _reach(defect.left_mm, defect.right_mm, thumbnail.shape[1])
    cut = np.ascontiguousarray(thumbnail[along.start : along.stop, across.start : across.stop].T)
    is_written, png = cv2.imencode(".png", cut) if cut.size else (False, None)
    if not is_written or png is None:
        return None
    return report.ReportPicture(
        png=png.tobytes(),
        width=cut.shape[1],
        height=cut.shape[0],
        box=(
            defect.start_mm / PX_MM - along.start,
            defect.left_mm / PX_MM - across.start,
            defect.length_mm / PX_MM,
            defect.width_mm / PX_MM,
        ),
    )


def _reach(start_mm: float, end_mm: float, most_px: int) -> range:
    reach_mm = max(LEAST_MM, end_mm - start_mm + 2 * MARGIN_MM) / 2
    middle_mm = (start_mm + end_mm) / 2
    first, last = round((middle_mm - reach_mm) / PX_MM), round((middle_mm + reach_mm) / PX_MM)
    return range(max(0, first), max(0, min(most_px, last)))
