"""Prints of a damaged roll on procedural steel, and the file that says what was planted."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from inspector.errors import InspectorError
from inspector.simulator import planted
from inspector.simulator.rolls import RollMark
from inspector.simulator.sheet import MM_PER_PX, Sheet

MARK = RollMark(period_mm=1257.0, across_mm=400.0, first_mm=300.0)
SHEET = Sheet(5, width_px=800, marks=[MARK])


def test_prints_are_alike_and_lie_a_turn_apart() -> None:
    """Each print has the same pixels' mask, begins in the row that is nearest, and is planted as `pitted`."""
    prints = [defect for defect in SHEET.planted(0, 8000) if SHEET.is_print(defect)]
    assert [defect.start_mm for defect in prints] == [
        round((300.0 + turn * 1257.0) / MM_PER_PX) * MM_PER_PX for turn in range(7)
    ]
    assert len({(defect.class_id, defect.length_mm, defect.left_mm, defect.area_mm2) for defect in prints}) == 1
    assert len({defect.number for defect in SHEET.planted(0, 8000)}) == len(SHEET.planted(0, 8000))


def test_labels_and_windows_show_them() -> None:
    """The labels hold each print where it is planted, and a window begins anywhere: also within a print."""
    whole = SHEET.strip(0, 7000)
    for defect in SHEET.planted(0, 3000):
        rows = slice(round(defect.start_mm / MM_PER_PX), round(defect.end_mm / MM_PER_PX))
        columns = slice(round(defect.left_mm / MM_PER_PX), round(defect.right_mm / MM_PER_PX))
        assert (whole.labels[rows, columns] == defect.class_id).sum() * MM_PER_PX**2 == defect.area_mm2
    part = pickle.loads(pickle.dumps(SHEET)).strip(500, 100)
    assert np.array_equal(part.pixels, whole.pixels[500:600]) and np.array_equal(part.labels, whole.labels[500:600])


def test_nothing_else_lies_on_a_print() -> None:
    """Defects make room, and without marks the steel is what it was."""
    crowded = Sheet(5, width_px=800, marks=[MARK], defects_per_m=20)
    for defect in crowded.planted(0, 20_000):
        for neighbour in crowded.planted(defect.start_mm, defect.end_mm):
            apart = neighbour.right_mm < defect.left_mm or neighbour.left_mm > defect.right_mm
            assert neighbour == defect or apart or not crowded.is_print(defect)
    assert not any(map(Sheet(5, width_px=800).is_print, Sheet(5, width_px=800).planted(0, 20_000)))


def test_a_roll_prints_on_over_a_weld() -> None:
    """On the next coil the prints go on in step, wherever the weld lies."""
    for length_mm in (100.0, 4000.0, 4071.0, 9999.9):
        first = MARK.starts_mm(0, length_mm)
        second = [length_mm + start_mm for start_mm in MARK.after(length_mm).starts_mm(0, 5000)]
        assert np.allclose(first + second, MARK.starts_mm(0, length_mm + 5000))


def test_what_was_planted_is_written_and_read_again(tmp_path: Path) -> None:
    """The file holds the coil, what was lost of it, its defects and prints; a file that is none is refused."""
    rows = planted.rows("C", SHEET, 0.0, 4000.0, (1000.0, 1160.0))
    planted.write(rows, tmp_path / "planted.csv")
    assert planted.read(tmp_path / "planted.csv") == rows
    assert [row.what for row in rows][:2] == ["coil", "lost"]
    assert [row.planted(0).start_mm for row in rows if row.is_defect] == sorted(
        defect.start_mm for defect in SHEET.planted(0.0, 4000.0)
    )
    coarse = planted.rows("C", Sheet(5, mm_per_px=2.0, mm_per_row=1.5), 0.0, 4000.0, None)
    planted.write(coarse, tmp_path / "planted.csv")
    read = planted.read(tmp_path / "planted.csv")
    assert {(row.mm_per_px, row.mm_per_row) for row in read} == {(2.0, 1.5)}, "how far off a found one may lie"
    before = [line.rsplit(",", 2)[0] for line in (tmp_path / "planted.csv").read_text().splitlines()]
    (tmp_path / "planted.csv").write_text("\n".join(before))
    assert [(row.start_mm, row.mm_per_px) for row in planted.read(tmp_path / "planted.csv")] == [
        (row.start_mm, 0.625) for row in coarse
    ], "a file of 0.3"
    (tmp_path / "planted.csv").write_text("coil,what\nC,defect\n")
    with pytest.raises(InspectorError, match="replay --planted"):
        planted.read(tmp_path / "planted.csv")


def test_a_weld_cuts_off_what_lies_over_it() -> None:
    """What of a defect lies on the coil is planted there, with its share of the area."""
    (whole,) = (defect for defect in SHEET.planted(0.0, 3000.0) if defect.end_mm > 3000.0)
    (cut,) = (row for row in planted.rows("C", SHEET, 0.0, 3000.0, None) if row.start_mm == whole.start_mm)
    assert cut.end_mm == 3000.0
    assert cut.area_mm2 == pytest.approx(whole.area_mm2 * cut.length_mm / whole.length_mm, abs=0.01)


def test_what_began_before_the_first_row_is_cut_off() -> None:
    """Of a coil that begins later on, nothing is planted that was never sent."""
    (whole,) = (defect for defect in SHEET.planted(0.0, 4000.0) if defect.start_mm < 3000.0 < defect.end_mm)
    coil, cut, *_ = planted.rows("C", SHEET, 3000.0, 4000.0, None)
    assert (coil.start_mm, cut.start_mm, cut.end_mm) == (3000.0, 3000.0, whole.end_mm)
    assert cut.area_mm2 == pytest.approx(whole.area_mm2 * cut.length_mm / whole.length_mm, abs=0.01)
