"""What became of what was planted: the pieces of the show, right to one row, and both coils as one strip."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from inspector import recipe
from inspector.demo.plan import COILS, FRAME_M, ROLL_ACROSS_MM, ROLL_MM, WIDTH_PX, plan
from inspector.demo.received import Received
from inspector.demo.ribbon import MISSED, NOT_SEEN, NOT_YET, SIGNS, WELD, RibbonMark, RibbonStrip, draw
from inspector.demo.tally import ROW_MM, Tally
from inspector.records.events import Defect, Missed
from inspector.records.extent import Extent
from inspector.simulator import planted
from inspector.simulator.rolls import RollMark
from inspector.simulator.sheet import Sheet
from tests.defects import any_defect, any_repeat

CARD = recipe.read_card(recipe.find("steel-r34", Path()))
STRIP = plan(140)
FRAME_MM = 1000 * FRAME_M
LENGTHS_MM = [frames * FRAME_MM for frames in STRIP.frames]


@pytest.fixture(scope="module")
def truth() -> list[planted.PlantedRow]:
    """What the demo plants, on a strip of 22.4 m."""
    assert STRIP.lost
    mark = RollMark(period_mm=ROLL_MM, across_mm=ROLL_ACROSS_MM, first_mm=ROLL_MM / 2)
    lost_mm = STRIP.lost[0] * FRAME_MM, STRIP.lost[1] * FRAME_MM
    rows = []
    for number, coil in enumerate(COILS):
        sheet = Sheet(1 + number, width_px=WIDTH_PX, marks=[mark])
        rows += planted.rows(coil, sheet, 0.0, LENGTHS_MM[number], None if number else lost_mm)
        mark = mark.after(LENGTHS_MM[number])
    return rows


def perfect(truth: list[planted.PlantedRow]) -> Received:
    """All that was planted, reported exactly."""
    received = Received(COILS)
    for number, row in enumerate(truth):
        if row.is_defect:
            facts = {name: getattr(row, name) for name in (*Extent.__struct_fields__, "coil", "name")}
            received.defects[f"{number}"] = any_defect(id=f"{number}", **facts)
        elif row.what == planted.LOST:
            gap = Missed(camera="top", coil=row.coil, start_mm=row.start_mm, end_mm=row.end_mm, reasons={"lost": 6})
            received.missed.append(gap)
    for coil, length_mm in zip(COILS, LENGTHS_MM, strict=True):
        received.lengths_m[coil] = length_mm / 1000
        roll = {"name": "pitted", "across_mm": ROLL_ACROSS_MM, "period_mm": ROLL_MM, "rolls": ("bridle-2",)}
        received.repeats[coil, "1"] = any_repeat(coil=coil, marks=5, **roll)
    return received


def wrong(truth: list[planted.PlantedRow], received: Received) -> list[str]:
    """Names of the pieces that are not right."""
    return [piece.name for piece in Tally(truth, received, CARD).pieces() if not piece.is_right]


def test_all_is_right_where_all_was_found(truth: list[planted.PlantedRow]) -> None:
    """Every piece is on the strip, and each is right; every defect is found, or lies where nobody saw it."""
    tally = Tally(truth, perfect(truth), CARD)
    names = [piece.name for piece in tally.pieces()]
    assert names == ["wide camera", "long scratches", "roll mark", "camera gap", "weld"]
    assert all(piece.is_right for piece in tally.pieces())
    total = tally.strip_score().total
    assert (total.missed, total.confused, total.false) == (0, 0, 0) and total.found > 20
    assert tally.placed() is not None and tally.placed().most == 0.0  # type: ignore[union-attr]


def test_nine_in_ten_begins_are_as_right_as_is_stated(truth: list[planted.PlantedRow]) -> None:
    """Each number of defects has such a bound, and half of them theirs."""
    received = perfect(truth)
    everything = [row for row in truth if row.is_defect and row.name != "pitted"]
    for count in (1, 5, 7, 12):
        received.defects = {
            f"{rows}": any_defect(
                id=f"{rows}", name=row.name, coil=row.coil, start_mm=row.start_mm + rows * ROW_MM,
                end_mm=row.end_mm + rows * ROW_MM, left_mm=row.left_mm, right_mm=row.right_mm,
            )
            for rows, row in enumerate(everything[:count], 1)
        }  # fmt: skip
        placed = Tally(truth, received, CARD).placed()
        assert placed is not None and placed.count == count
        assert (round(placed.half), round(placed.most)) == (math.ceil(count / 2), math.ceil(0.9 * count))


def test_more_than_a_row_is_wrong(truth: list[planted.PlantedRow]) -> None:
    """A gap, a weld and a roll's distance that are off by more than one row, or missing, are not passed over."""
    received = perfect(truth)
    received.missed = [msgspec.structs.replace(received.missed[0], start_mm=received.missed[0].start_mm - 2 * ROW_MM)]
    assert wrong(truth, received) == ["camera gap"]
    received = perfect(truth)
    received.lengths_m[COILS[0]] += 2 * ROW_MM / 1000
    assert wrong(truth, received) == ["weld"]
    received.lengths_m.clear()
    assert wrong(truth, received) == ["weld"]
    received = perfect(truth)
    key = COILS[1], "1"
    received.repeats[key] = msgspec.structs.replace(received.repeats[key], period_mm=ROLL_MM + 2 * ROW_MM)
    assert wrong(truth, received) == ["roll mark"]
    received.repeats.clear()
    received.missed.clear()
    assert wrong(truth, received) == ["roll mark", "camera gap"]


def test_a_scratch_in_pieces_is_not_right(truth: list[planted.PlantedRow]) -> None:
    """One defect for each scratch: two that overlap it are one too many, none is one too few."""
    for change in ("split", "away"):
        received = perfect(truth)
        longest = max(
            (whole for whole in received.defects.values() if whole.name == "scratch"), key=lambda whole: whole.length_mm
        )
        if change == "split":
            received.defects["half"] = msgspec.structs.replace(longest, id="half", end_mm=longest.start_mm + 50)
        else:
            del received.defects[longest.id]
        assert "long scratches" in wrong(truth, received)


def test_both_coils_lie_behind_each_other(truth: list[planted.PlantedRow]) -> None:
    """On the strip the second coil's defects lie behind the first coil's length, and what was missed once."""
    tally = Tally(truth, perfect(truth), CARD)
    score = tally.strip_score()
    assert max(defect.start_mm for defect in score.found) > LENGTHS_MM[0]
    assert len(score.found) == sum(len(part.found) for part in tally.scores.values())
    assert [gap.coil for gap in tally.strip_missed()] == [COILS[0]]


@pytest.mark.parametrize("frames", [0, 1, 2, 7, 15, 70, 4000])
def test_a_strip_of_any_length_can_be_planned(frames: int) -> None:
    """Both coils have a frame at least, and what is lost lies within the first, neither its head nor its tail."""
    made = plan(frames)
    assert sum(made.frames) == max(2, frames) and min(made.frames) >= 1
    assert made.lost is None or 0 < made.lost[0] < made.lost[1] < made.frames[0] - 1
    assert (made.lost is None) == (made.frames[0] < 8)


def test_the_ribbon_shows_signs_where_things_lie() -> None:
    """Class, gap, weld, what was not found and what has not passed yet: each has its sign and its place."""
    defect: Defect = any_defect(start_mm=1000.0, end_mm=2000.0, left_mm=0.0, right_mm=20.0)
    away = any_defect(start_mm=6000.0, end_mm=6010.0, left_mm=990.0, right_mm=1000.0)
    strip = RibbonStrip(
        length_mm=10_000.0, width_mm=1000.0, reached_mm=8000.0, heads=(("A", 0.0), ("B", 5000.0)),
        marks=[RibbonMark(defect, 3), RibbonMark(away, 0)], missed=[(3000.0, 4000.0)],
    )  # fmt: skip
    names, first, *_, last, scale = draw(strip, 104, colour=False)
    assert names.index("A") == 2 and names.index("B") == 52
    assert first[12:23] == SIGNS[2] * 11 and first[32:42] == NOT_SEEN * 10 and first[52] == WELD
    assert last[62] == MISSED and last[82:102] == NOT_YET * 20
    assert scale.index("0 m", 10) == 52
    assert draw(strip, 20, colour=False) == []
    assert "\x1b[" in "".join(draw(strip, 104, colour=True))
