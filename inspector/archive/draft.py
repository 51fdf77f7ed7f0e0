"""A crop on its way into the archive, and its sidecar file. Pure.

Knows: the records of frames, detections and defects. Must not know: files, threads.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from inspector.archive import masks
from inspector.records.crop import SOUND, Region, Sidecar
from inspector.records.events import Defect
from inspector.records.extent import Extent
from inspector.records.stages import Crop, Inspected, Placed, piece_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_NS = 250_000_000_000 * 10**9
"""A clock that is set beyond the year 9892 is shown as that."""
NO_DEFECT = "sound"


class Draft(msgspec.Struct, frozen=True, eq=False):
    """A crop with the frame that it is of; what it shows may go on in frames to come."""

    crop: Crop
    inspected: Inspected
    placed: Placed

    @property
    def piece(self) -> str:
        """Id of the detection that it shows; of sound strip that of the frame."""
        number = self.crop.detection
        name = piece_id(self.placed.coil, self.inspected.frame.header, number or 0)
        return name if number is not None else f"{NO_DEFECT}/{name}"

    @property
    def area_px(self) -> int:
        """Pixels of the detection that it shows."""
        own = self.crop.runs[self.crop.runs[:, 0] == self.crop.detection]
        return int((own[:, 3] - own[:, 2]).sum())

    @property
    def end_mm(self) -> float:
        """Where it ends on the coil."""
        return self.placed.start_mm + self.crop.place.end_mm


class ArchiveEntry(msgspec.Struct, frozen=True, eq=False):
    """A crop that is ready for the archive: its defect is over."""

    draft: Draft
    defect: Defect | None
    """None: sound strip."""
    place: int
    """Which of the defect's crops."""
    owners: dict[int, str]
    """Ids of the defects that the detections in the crop are parts of, by the detections' places."""


def entry(draft: Draft, defect: Defect | None, place: int, owner: Callable[[str], str]) -> ArchiveEntry:
    """Make an entry of a draft; `owner` knows which defect a piece became a part of."""
    header, coil = draft.inspected.frame.header, draft.placed.coil
    seen = set(draft.crop.runs[:, 0].tolist())
    return ArchiveEntry(
        draft, defect, place, {number: owner(piece_id(coil, header, number)) for number in sorted(seen)}
    )


def sidecar(entry: ArchiveEntry, line: str, image: str) -> Sidecar:
    """Write down all that is known of an entry."""
    crop, inspected, placed = entry.draft.crop, entry.draft.inspected, entry.draft.placed
    header, recipe, defect = inspected.frame.header, inspected.recipe, entry.defect
    height, width = crop.pixels.shape
    names = {kind.id: kind.name for kind in recipe.classes}
    numbers = {kind.name: kind.id for kind in recipe.classes}
    return Sidecar(
        image=image,
        line=line,
        camera=header.camera,
        coil=placed.coil,
        side=placed.side,
        boot=header.boot,
        number=header.number,
        captured_ns=header.captured_ns,
        time=(EPOCH + timedelta(microseconds=min(header.captured_ns, LAST_NS) // 1000)).isoformat(),
        box_px=(crop.left_px, crop.top_px, width, height),
        place=Extent(**crop.place.moved(placed.start_mm).rounded()),
        mm_per_px=round(crop.place.width_mm / width, 6),
        mm_per_row=round(crop.place.length_mm / height, 6),
        defect=defect.id if defect else "",
        name=defect.name if defect else SOUND,
        class_id=numbers.get(defect.name, 0) if defect else 0,
        confidence=defect.confidence if defect else 0.0,
        extent=Extent(**{name: getattr(defect, name) for name in Extent.__struct_fields__}) if defect else None,
        recipe=str(recipe),
        classes=tuple(names[number] for number in sorted(names)),
        regions=tuple(_region(entry, number, names) for number in entry.owners),
        distance=None if inspected.distance is None else round(inspected.distance, 4),
    )


def _region(entry: ArchiveEntry, number: int, names: dict[int, str]) -> Region:
    crop, seen = entry.draft.crop, entry.draft.inspected.detections[number]
    mask = masks.draw(np.ascontiguousarray(crop.runs[crop.runs[:, 0] == number, 1:]), *crop.pixels.shape)
    owner = entry.owners[number]
    return Region(
        name=names[seen.class_id],
        class_id=seen.class_id,
        confidence=round(seen.confidence, 6),
        defect=owner,
        is_subject=entry.defect is not None and owner == entry.defect.id,
        box_px=masks.box(mask),
        counts=masks.to_counts(mask),
    )
