"""A repeat's marks among the defects of its coil: all of its own, and none of another repeat's."""

from __future__ import annotations

import pytest

from inspector.coil import transform
from inspector.coil.columns import Columns
from inspector.coil.marks import marks
from inspector.coil.record import record
from inspector.coil.seen import closed
from inspector.records.coil_file import CoilFile
from inspector.records.events import Defect, Repeat
from tests.coils_seen import seen
from tests.defects import any_defect, any_repeat

LENGTH_M, PERIOD_MM = 60.0, 1885.0


def prints(name: str, *turns: int, at_mm: float = 1000.0) -> list[Defect]:
    """The marks that a roll leaves at some of its turns."""
    begins_mm = {turn: at_mm + turn * PERIOD_MM for turn in turns}
    return [
        any_defect(id=f"{name}{turn}", start_mm=mm, end_mm=mm + 9, left_mm=430, right_mm=438)
        for turn, mm in begins_mm.items()
    ]


def repeat(first: str, newest: str, state: str = "update", period_mm: float = PERIOD_MM) -> Repeat:
    """What was reported of them."""
    return any_repeat(id=first, state=state, across_mm=434.0, period_mm=period_mm, marks=9, newest=newest)


def found(defects: list[Defect], *repeats: Repeat) -> list[list[str]]:
    """The ids of each repeat's marks."""
    columns, places = Columns(defects), {defect.id: place for place, defect in enumerate(defects)}
    columns.freeze()
    return [[defects[place].id for place in line] for line in marks(columns, repeats, places)]


def test_marks_of_a_repeat_are_found_again() -> None:
    """From the newest mark back, over missing ones, and no defect that lies elsewhere."""
    turns = (0, 1, 2, 4, 5, 6, 9, 10, 11)
    defects = [*prints("m", *turns), any_defect(id="else", start_mm=9000, end_mm=15_400, left_mm=700, right_mm=706)]
    all_of_it = [f"m{turn}" for turn in turns]
    assert found(defects, repeat("m0", "m11")) == [all_of_it]
    assert found(defects, repeat("m0", "m5")) == [all_of_it]  # what came after the last report is there too
    assert found(defects, repeat("m0", "m5", "ended")) == [["m0", "m1", "m2", "m4", "m5"]]
    assert found(defects, repeat("m0", "gone")) == [[]]


@pytest.mark.parametrize("state", ["new", "update", "ended"])
@pytest.mark.parametrize("is_turned", [False, True])
def test_a_roll_that_was_changed_leaves_two_repeats(state: str, *, is_turned: bool) -> None:
    """The same mark at the same place, which goes on after the change: each mark is of one of them, in step or not."""
    before, after = [f"m{turn}" for turn in range(7)], [f"m{turn}" for turn in range(7, 15)]
    defects = prints("m", *range(15))
    newest = after[-1] if state == "ended" else after[2]
    repeats = [repeat("m0", "m6", "ended"), repeat("m7", newest, state, PERIOD_MM * 1.0005)]
    if is_turned:
        made = seen(*defects, length_m=LENGTH_M, repeats=repeats)
        turned: CoilFile = transform.reverse(closed(made, record(made)))
        defects, repeats = list(turned.defects), list(turned.repeats)
        before, after = before[::-1], after[::-1]
    assert found(defects, *repeats) == [before, after]


def test_two_marks_of_one_roll_keep_theirs() -> None:
    """Of the same class at the same place across, half a turn apart: neither ends where the other one lies."""
    defects = [*prints("a", *range(12)), *prints("b", *range(12), at_mm=1000.0 + PERIOD_MM / 2)]
    both = found(defects, repeat("a0", "a6"), repeat("b0", "b6"))
    assert both == [[f"a{turn}" for turn in range(12)], [f"b{turn}" for turn in range(12)]]


def test_what_came_over_from_the_coil_before_ends_at_its_newest() -> None:
    """Its first mark lies on the other coil; a repeat that begins behind it takes none of its marks that are known."""
    defects = prints("m", *range(3, 12))
    before, after = found(defects, repeat("m0", "m6", "ended"), repeat("m7", "m11"))
    assert (before, after) == ([f"m{turn}" for turn in range(3, 7)], [f"m{turn}" for turn in range(7, 12)])
