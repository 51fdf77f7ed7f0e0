"""Pictures of a coil's worst defects: from the archive, small, few, outlined where the network drew them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.archive.draft import Draft, entry
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import Store
from inspector.coil import pictures as module
from inspector.coil.pictures import MOST, SIDE_PX, pictures
from inspector.coil.seen import CoilHistory
from inspector.records.commands import Relabel
from inspector.records.events import Defect
from inspector.records.extent import Extent
from inspector.records.stages import Crop, Detection, Placed
from tests.coils_seen import seen
from tests.defects import any_defect
from tests.frames import header, inspected

ROWS, PX = 40, 60
SEEN = Detection(start_mm=0, end_mm=1, left_mm=0, right_mm=1, area_mm2=1, class_id=1, confidence=1)


def archived(folder: Path, defects: list[Defect], size: tuple[int, int] = (ROWS, PX)) -> Path:
    """An archive with a crop of each; the defect is a box of rows 10 to 14 and columns 20 to 30."""
    store = Store(ArchiveSection(path=str(folder / "archive")), "l", lambda: datetime.now(UTC))
    runs = np.array([[0, row, 20, 30] for row in range(10, 14)], np.int32)
    for number, defect in enumerate(defects):
        pixels = np.random.default_rng(number).integers(90, 110, size).astype(np.uint8)
        place = Extent(start_mm=0.0, end_mm=1.0, left_mm=0.0, right_mm=1.0, area_mm2=1.0)
        crop = Crop(0, 0, 0, 0, pixels, runs, place)
        frame = inspected(header(number), SEEN)
        draft = Draft(crop, frame, Placed("C", "top", 0.0))
        store.add(entry(draft, defect, 0, {draft.piece: defect.id}.__getitem__))
    store.close()
    return folder / "archive"


def coil(count: int) -> tuple[CoilHistory, list[Defect]]:
    """A coil with that many defects: each larger than the one before."""
    defects = [any_defect(id=f"C/{number}", area_mm2=float(number)) for number in range(count)]
    return seen(*defects), defects


def test_the_outline_lies_where_the_defect_is(tmp_path: Path) -> None:
    """Travel is to the right: rows of the crop are columns of the picture, and the outline goes around its pixels."""
    history, defects = coil(1)
    (crop,) = pictures(history, (), archived(tmp_path, defects)).crops.values()
    assert (crop.width, crop.height) == (ROWS, PX)
    drawn = cv2.imdecode(np.frombuffer(crop.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert drawn is not None and drawn.shape == (PX, ROWS)
    ((outline),) = crop.outlines
    across, down = zip(*outline, strict=True)
    assert (min(across), max(across), min(down), max(down)) == pytest.approx((10, 14, 20, 30), abs=0.6)


def test_only_the_worst_have_one_and_all_together_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number, sides and bytes are bounded; what is left over is the smallest."""
    history, defects = coil(MOST + 4)
    archive = archived(tmp_path, defects, size=(64, 512))
    found = pictures(history, (), archive)
    assert set(found.crops) == {defect.id for defect in defects[4:]}
    assert (found.note, found.values) == ("some", {"count": MOST, "all": MOST + 4})
    assert all(max(crop.width, crop.height) <= SIDE_PX for crop in found.crops.values())
    largest = max(len(crop.jpeg) for crop in found.crops.values())
    monkeypatch.setattr(module, "MOST_BYTES", 3 * largest)
    fewer = pictures(history, (), archive)
    assert 3 <= len(fewer.crops) <= 4 and defects[-1].id in fewer.crops


def test_why_there_is_none_is_reported(tmp_path: Path) -> None:
    """No archive, a folder that is none, and one without crops of this coil: each in its own words."""
    history, defects = coil(1)
    assert pictures(history, (), None).note == "no_archive"
    assert pictures(history, (), tmp_path).note == "not_archive"
    archive = archived(tmp_path, [any_defect(id="D/1", coil="C")])
    assert pictures(history, (), archive) == module.ReportPictures({}, "none")
    archive = archived(tmp_path, defects)
    for file in archive.glob("*/*/*/*.png"):
        file.write_bytes(b"damaged")
    assert not pictures(history, (), archive).crops


def test_a_person_s_label_stands_on_the_picture(tmp_path: Path) -> None:
    """Who looks at the report sees that somebody has looked before."""
    history, defects = coil(1)
    archive = archived(tmp_path, defects)
    store = Store(ArchiveSection(path=str(archive)), "l", lambda: datetime.now(UTC))
    order = Relabel(coil="C", defect=defects[0].id, label="sound", operator="Kim", reason="")
    assert store.relabel(order)[0].is_done
    store.close()
    assert [crop.label for crop in pictures(history, (), archive).crops.values()] == ["sound"]
