"""What was planted, as a file: the truth that a coil's defects are compared with (`inspector replay --planted`).

Knows: the file's columns. Must not know: how steel is drawn, what was found.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import msgspec

from inspector.errors import InspectorError
from inspector.records.extent import Extent
from inspector.simulator.sheet import CLASSES, MM_PER_PX, Planted, Sheet

COIL, DEFECT, PRINT, LOST = "coil", "defect", "print", "lost"
"""Kinds of rows: the whole coil, a defect, a print of a damaged roll (a defect too), strip that was never sent."""
COLUMNS = ("coil", "what", "name", *Extent.__struct_fields__, "mm_per_px", "mm_per_row")


class PlantedRow(Extent, frozen=True, kw_only=True):
    """One row."""

    coil: str
    what: str
    name: str
    """The class; empty where it is no defect."""
    mm_per_px: float = MM_PER_PX
    """Of its strip's pixels across; files of 0.3 lack it, and that of rows."""
    mm_per_row: float = MM_PER_PX

    @property
    def is_defect(self) -> bool:
        """Whether it is something that an inspector should find."""
        return self.what in (DEFECT, PRINT)

    def planted(self, number: int, behind_mm: float = 0.0) -> Planted:
        """The defect, on strip that begins `behind_mm` before its coil."""
        return Planted(
            number,
            CLASSES.index(self.name) + 1,
            start_mm=behind_mm + self.start_mm,
            end_mm=behind_mm + self.end_mm,
            left_mm=self.left_mm,
            right_mm=self.right_mm,
            area_mm2=self.area_mm2,
        )


def rows(
    coil: str, sheet: Sheet, start_mm: float, end_mm: float, lost_mm: tuple[float, float] | None
) -> list[PlantedRow]:
    """Write down one coil of procedural steel between two positions."""
    right_mm = sheet.width_px * sheet.mm_per_px
    whole = Extent(start_mm=start_mm, end_mm=end_mm, left_mm=0.0, right_mm=right_mm, area_mm2=0.0)
    scale = (sheet.mm_per_px, sheet.mm_per_row)
    found = [_row(coil, COIL, "", whole, scale)]
    if lost_mm is not None and lost_mm[0] < end_mm and lost_mm[1] > start_mm:
        from_mm, to_mm = max(start_mm, lost_mm[0]), min(end_mm, lost_mm[1])
        found.append(_row(coil, LOST, "", msgspec.structs.replace(whole, start_mm=from_mm, end_mm=to_mm), scale))
    for defect in sorted(sheet.planted(start_mm, end_mm), key=lambda defect: defect.start_mm):
        what = PRINT if sheet.is_print(defect) else DEFECT
        found.append(_row(coil, what, CLASSES[defect.class_id - 1], _cut(defect, start_mm, end_mm), scale))
    return found


def _cut(defect: Planted, start_mm: float, end_mm: float) -> Extent:
    """What of a defect was sent: the weld cuts it off, and so does the first row of a coil that begins later on."""
    start_mm, end_mm = max(start_mm, defect.start_mm), min(end_mm, defect.end_mm)
    share = (end_mm - start_mm) / defect.length_mm
    return Extent(
        start_mm=start_mm,
        end_mm=end_mm,
        left_mm=defect.left_mm,
        right_mm=defect.right_mm,
        area_mm2=share * defect.area_mm2,
    )


def write(rows: Iterable[PlantedRow], path: Path) -> None:
    """Write the file.

    Raises: InspectorError when it cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    except OSError as error:
        raise InspectorError(f"{path}: {error.strerror}. Name a file in a folder that may be written to.") from error


def read(path: Path) -> list[PlantedRow]:
    """Read the file.

    Raises: InspectorError when it cannot be read, or is none.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return msgspec.convert(list(csv.DictReader(file)), list[PlantedRow], strict=False)
    except OSError as error:
        raise InspectorError(f"{path}: {error.strerror}; expected what `inspector replay --planted` wrote.") from error
    except (ValueError, csv.Error) as error:
        raise InspectorError(f"{path}: {error}. Give a file that `inspector replay --planted` wrote.") from error


def _row(coil: str, what: str, name: str, extent: Extent, scale: tuple[float, float]) -> PlantedRow:
    places = {field: round(getattr(extent, field), 4) for field in Extent.__struct_fields__}
    return PlantedRow(coil=coil, what=what, name=name, mm_per_px=scale[0], mm_per_row=scale[1], **places)
