"""A coil carried on to the next machine: each step against its inverse, and a defect where it will lie there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.__main__ import main
from inspector.coil import file, transform
from inspector.coil.columns import Columns
from inspector.coil.marks import marks
from inspector.coil.record import record
from inspector.coil.seen import closed, opened
from inspector.coil.settings import GradingSection, LimitSection
from inspector.config.geometry import Span
from inspector.inquiry.transform import summed
from inspector.records.coil import Decided
from inspector.records.coil_file import CoilFile
from inspector.records.events import Alarm, Defect, Doubtful, Missed
from tests.coils_seen import seen
from tests.defects import any_defect, any_repeat

LENGTH_M = 100.0
PERCENT = st.floats(-50, 900)


@st.composite
def coils(draw: st.DrawFn) -> CoilFile:
    """A coil of 100 m with some defects, a gap and a weld."""
    defects = []
    for number in range(draw(st.integers(0, 5))):
        start_mm, left_mm = draw(st.floats(0, 99_000)), draw(st.floats(0, 900))
        defects.append(
            any_defect(
                id=str(number),
                side=draw(st.sampled_from(["top", "bottom"])),
                start_mm=start_mm,
                end_mm=start_mm + draw(st.floats(0.1, 1000)),
                left_mm=left_mm,
                right_mm=left_mm + draw(st.floats(0.1, 100)),
                area_mm2=draw(st.floats(0.1, 1e4)),
            )
        )
    gap = Missed(camera="top", coil="C", start_mm=1000.0, end_mm=2500.0, reasons={"lost": 1})
    doubt = Doubtful(camera="top", coil="C", start_mm=2000.0, end_mm=70_000.0, faults=("dark",))
    return coil(*defects, missed=[gap], doubtful=[doubt], welds_mm=(draw(st.floats(1, 99_000)),))


def coil(*defects: Defect, **facts: Any) -> CoilFile:
    """A coil's file."""
    made = seen(*defects, length_m=LENGTH_M, **facts)
    return closed(made, record(made))


def same(first: CoilFile, second: CoilFile) -> None:
    """Two coils are the same, but for the rounding of floating point."""
    pairs = zip(_numbers(msgspec.to_builtins(first)), _numbers(msgspec.to_builtins(second)), strict=True)
    for found, wanted in pairs:
        assert found == (pytest.approx(wanted, abs=1e-6, rel=1e-9) if isinstance(wanted, float) else wanted)


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in _numbers(value[key])]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _numbers(item)]
    return [value]


@given(coils(), PERCENT)
def test_elongation_has_an_inverse(made: CoilFile, percent: float) -> None:
    """Made longer and shorter again, the coil is as before."""
    back = 100 * (1 / (1 + percent / 100) - 1)
    same(transform.elongate(transform.elongate(made, percent), back), made)


@given(coils())
def test_reversal_and_turning_over_are_their_own_inverses(made: CoilFile) -> None:
    """Twice is as before; and both commute."""
    same(transform.reverse(transform.reverse(made)), made)
    same(transform.flip(transform.flip(made)), made)
    same(transform.flip(transform.reverse(made)), transform.reverse(transform.flip(made)))


@given(coils(), st.floats(-1000, 1000))
def test_a_shift_has_an_inverse(made: CoilFile, by_m: float) -> None:
    """There and back again."""
    same(transform.shift(transform.shift(made, by_m), -by_m), made)


@given(coils(), coils())
def test_a_weld_is_undone_by_crops(first: CoilFile, second: CoilFile) -> None:
    """Cut where it was welded, each coil has its defects where they were."""
    whole = transform.weld(first, second)
    assert 1000 * LENGTH_M in whole.welds_mm
    for piece, wanted in ((transform.crop(whole, 0, LENGTH_M), first), (transform.crop(whole, LENGTH_M, 200), second)):
        inside = [defect for defect in wanted.defects if defect.end_mm <= 1000 * LENGTH_M]
        ends = [(defect.start_mm, defect.end_mm) for defect in inside]
        found = [(defect.start_mm, defect.end_mm) for defect in piece.defects]
        for start_mm, end_mm in ends:
            assert any(abs(start_mm - begin_mm) < 1e-6 and abs(end_mm - stop_mm) < 1e-6 for begin_mm, stop_mm in found)


def test_coils_at_the_ends_go_with_them() -> None:
    """Reversed they change places, welded each coil keeps its outer one, and what is cut off is gone."""
    made = coil(before="B", after="D", welds_mm=(0.0, 1000 * LENGTH_M))
    turned, whole, piece = transform.reverse(made), transform.weld(made, coil(after="E")), transform.crop(made, 1, 2)
    assert [(file.before, file.after) for file in (turned, whole, piece)] == [("D", "B"), ("B", "E"), ("", "")]


def test_a_defect_lies_where_it_will() -> None:
    """Elongated by 100 %, reversed and turned over: the place is the one worked out by hand."""
    made = coil(any_defect(start_mm=10_000.0, end_mm=10_500.0, left_mm=100.0, right_mm=150.0))
    (moved,) = transform.elongate(made, 100).defects
    assert (moved.start_mm, moved.end_mm, moved.left_mm, moved.area_mm2) == (20_000.0, 21_000.0, 100.0, 2.0)
    (moved,) = transform.reverse(made).defects
    assert (moved.start_mm, moved.end_mm, moved.left_mm, moved.right_mm) == (89_500.0, 90_000.0, 850.0, 900.0)
    assert moved.side == "top"
    (moved,) = transform.flip(made).defects
    assert (moved.start_mm, moved.left_mm, moved.right_mm, moved.side) == (10_000.0, 850.0, 900.0, "bottom")


def test_what_was_not_surely_seen_goes_along() -> None:
    """Elongated, reversed, cut and welded: the metres of it are in the file, and in its record."""
    doubt = Doubtful(camera="top", coil="C", start_mm=10_000.0, end_mm=30_000.0, faults=("dark",))
    made = coil(doubtful=[doubt])

    def metres(file: CoilFile) -> list[tuple[float, float, float]]:
        (stretch,) = {(stretch.start_mm, stretch.end_mm) for stretch in file.doubtful} or {(0.0, 0.0)}
        sums = [(sums.start_m, sums.end_m, sums.doubtful_m) for sums in file.record.doubtful]
        assert not sums or sums[0][:2] == (stretch[0] / 1000, stretch[1] / 1000)
        return sums

    assert metres(transform.elongate(made, 100)) == [(20.0, 60.0, 40.0)]
    assert metres(transform.reverse(made)) == [(70.0, 90.0, 20.0)]
    assert metres(transform.crop(made, 20.0, 100.0)) == [(0.0, 10.0, 10.0)]
    assert metres(transform.crop(made, 30.0, 100.0)) == []
    assert metres(transform.weld(coil(), transform.named(made, "D"))) == [(110.0, 130.0, 20.0)]


def test_a_crop_cuts_what_lies_across_it() -> None:
    """A box that is cut keeps its share; what lies outside is gone; a piece that is none is refused."""
    made = coil(
        any_defect(id="cut", start_mm=9000.0, end_mm=11_000.0, area_mm2=8.0),
        any_defect(id="gone", start_mm=1.0, end_mm=2.0),
    )
    (kept,) = transform.crop(made, 10.0, 40.0).defects
    assert (kept.id, kept.start_mm, kept.end_mm, kept.area_mm2) == ("cut", 0.0, 1000.0, 4.0)
    assert transform.crop(made, 10.0, 40.0).record.length_m == 30.0
    with pytest.raises(ValueError, match="expected 0 <= from < to <= 100"):
        transform.crop(made, 10.0, 100.1)


def test_a_piece_counts_each_camera_once() -> None:
    """Also one whose side was corrected within the coil, and which stands there with both."""
    spans = tuple(Span(camera="a", side=side, left_mm=0.0, right_mm=1000.0) for side in ("top", "bottom"))
    assert summed(transform.crop(coil(spans=spans), 0, 50)).record.inspected_m == 50.0


def printed(state: str, *, first_mm: float = 500.0, period_mm: float = 700.0, number: int = 21) -> CoilFile:
    """A coil with the prints of a roll, and three alarms: of the first print, of the last, of missed strip."""
    prints = [
        any_defect(id=f"m{turn}", start_mm=at_mm, end_mm=at_mm + 6, left_mm=400.0, right_mm=410.0)
        for turn, at_mm in enumerate(first_mm + turn * period_mm for turn in range(number))
    ]
    newest = prints[-1 if state == "ended" else number // 2].id
    repeat = any_repeat(id="m0", state=state, period_mm=period_mm, marks=number, newest=newest, across_mm=405.0)
    raised = [
        Alarm(
            name=name, state="unacknowledged", priority="low", coil="C", camera="top", message="", count=1, defect_id=of
        )
        for name, of in (("roll", "m0"), ("roll", prints[-1].id), ("blind", ""))
    ]
    return coil(*prints, repeats=[repeat], alarms={"blind": 1, "roll": 2}, raised=raised)


def linked(made: CoilFile) -> set[str]:
    """Ids of the prints that the map links."""
    columns, places = Columns(made.defects), {defect.id: place for place, defect in enumerate(made.defects)}
    columns.freeze()
    return {made.defects[place].id for found in marks(columns, made.repeats, places) for place in found}


@pytest.mark.parametrize("state", ["new", "update", "ended"])
@given(begin_mm=st.integers(0, 90_000), length_mm=st.integers(1, 10_000))
def test_a_piece_keeps_what_repeats_on_it(state: str, begin_mm: int, length_mm: int) -> None:
    """With the prints that lie there, wherever the repeat began and ended; without any it is gone."""
    piece = transform.crop(printed(state), begin_mm / 1000, (begin_mm + length_mm) / 1000)
    assert [repeat.marks for repeat in piece.repeats] == ([len(piece.defects)] if piece.defects else [])
    assert linked(piece) == {defect.id for defect in piece.defects}
    limit = LimitSection(name="roll-marks", grade="hold", counts="repeats", max_count=0)
    made = record(opened(piece), [GradingSection(name="r", version="1", limit=(limit,))])
    assert made.grade == ("hold" if piece.defects else "release")


@pytest.mark.parametrize("state", ["new", "update", "ended"])
def test_a_coil_turned_around_keeps_its_links(state: str) -> None:
    """All prints of a repeat are linked however the coil is carried on; twice turned, it is as before."""
    made = printed(state)
    steps = [transform.reverse, transform.flip, lambda made: transform.elongate(made, 40), transform.reverse]
    for step in steps:
        made = step(made)
        assert len(linked(made)) == 21
    assert transform.reverse(transform.reverse(printed(state))).repeats == printed(state).repeats


@pytest.mark.parametrize("state", ["new", "update", "ended"])
@pytest.mark.parametrize(("cut_mm", "lost_mm", "repeats"), [(7000, 0, 1), (12_345, 0, 1), (7000, 350, 2)])
def test_a_roll_is_one_over_a_weld(state: str, cut_mm: int, lost_mm: int, repeats: int) -> None:
    """Cut and welded again, its prints are one repeat; where they go on out of step they stay two."""
    made = printed(state)
    first, second = transform.crop(made, 0, cut_mm / 1000), transform.crop(made, (cut_mm + lost_mm) / 1000, LENGTH_M)
    whole = transform.weld(first, second)
    assert len(whole.repeats) == repeats
    assert sum(repeat.marks for repeat in whole.repeats) == len(whole.defects) == len(linked(whole)) == 21


def test_a_piece_keeps_the_alarms_of_its_defects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And those of which nobody knows where they were raised, which are named; a weld adds up those of both."""
    made = printed("ended")
    assert transform.crop(made, 0, 5).record.alarms == {"blind": 1, "roll": 1}
    assert transform.crop(made, 2, 5).record.alarms == {"blind": 1}
    assert transform.unplaced(made) == ("blind",)
    older = msgspec.structs.replace(made, raised=())
    assert transform.crop(older, 2, 5).record.alarms == {"blind": 1, "roll": 2}
    assert transform.weld(made, older).record.alarms == {"blind": 2, "roll": 4}
    file.write(older, tmp_path / "in.json")
    assert main(["transform", str(tmp_path / "in.json"), "--crop", "2", "5", "--out", str(tmp_path / "out.json")]) == 0
    assert "is not known, kept: blind, roll" in capsys.readouterr().err


@given(coils(), PERCENT)
def test_steps_have_inverses_over_files(made: CoilFile, percent: float) -> None:
    """Written and read between, a coil is where it was: nothing rounds what the next step counts from."""

    def carried(made: CoilFile) -> CoilFile:
        return msgspec.json.decode(msgspec.json.encode(summed(made)), type=CoilFile)

    there = carried(transform.flip(transform.reverse(transform.elongate(carried(made), percent))))
    back = carried(transform.elongate(transform.reverse(transform.flip(there)), 100 * (1 / (1 + percent / 100) - 1)))
    assert back.length_mm == pytest.approx(made.length_mm, abs=1e-4)
    for found, wanted in zip(back.defects, made.defects, strict=True):
        assert (found.start_mm, found.end_mm) == pytest.approx((wanted.start_mm, wanted.end_mm), abs=1e-4)
        assert (found.left_mm, found.right_mm) == pytest.approx((wanted.left_mm, wanted.right_mm), abs=1e-4)
    assert back.welds_mm == pytest.approx(made.welds_mm, abs=1e-4)


def test_positions_are_written_as_people_read_them(tmp_path: Path) -> None:
    """A weld at 4.7 m of a piece is at 4700 mm, without the noise of floating point."""
    file.write(coil(welds_mm=(8200.0, 3500.0 + 1e-12)), tmp_path / "in.json")
    words = ["--crop", "3.3", "9.1", "--elongation", "10"]
    assert main(["transform", str(tmp_path / "in.json"), *words, "--out", str(tmp_path / "out.json")]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["welds_mm"] == [5390.0, 220.0]


def test_a_coil_that_runs_has_no_tail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not turned around, and nothing is welded to it; to be elongated it needs none."""
    running = seen(any_defect(start_mm=1000.0, end_mm=1100.0), is_over=False)
    file.write(closed(running, record(running)), tmp_path / "in.json")
    words = ["transform", str(tmp_path / "in.json"), "--out", str(tmp_path / "out.json")]
    assert main([*words, "--reverse"]) == 1
    assert main([*words, "--weld", str(tmp_path / "in.json")]) == 1
    assert capsys.readouterr().err.count("coil C still ran when its file was written") == 2
    assert main([*words, "--elongation", "2", "--flip"]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["record"]["is_partial"]


def test_a_weld_to_what_is_not_known_is_not_known() -> None:
    """A coil of which the journal no longer holds all makes no other whole."""
    broken = seen(is_whole=False)
    whole = transform.weld(coil(), closed(broken, record(broken)))
    assert not whole.record.is_whole


def test_a_decision_holds_for_a_weld_where_both_have_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people made of one coil is nothing that they made of the other, and who welds them reads so."""
    a, b, welded = (tmp_path / f"{name}.json" for name in "abc")
    for first, second, whole, words in (
        (["release"], ["block"], [], "--weld: people decided release and block of the two: neither is carried on."),
        (["block"], [], [], "--weld: people decided block and nothing of the two: neither is carried on."),
        (["hold", "release"], ["release"], ["hold", "release", "release"], ""),
    ):
        for path, grades in ((a, first), (b, second)):
            decided = [Decided(grade=grade, operator="Kim", reason="", time=f"{at}") for at, grade in enumerate(grades)]
            file.write(coil(decisions=tuple(decided)), path)
        assert main(["transform", str(a), "--weld", str(b), "--out", str(welded)]) == 0
        assert capsys.readouterr().err.strip() == words
        assert [made.grade for made in file.read(welded).record.decisions] == whole


def test_a_grade_is_of_the_coil_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another name changes nothing of it; whatever is done to the strip does, and that is not kept from who does it."""
    of = seen(any_defect(start_mm=1000.0, end_mm=1100.0))
    made = record(of, [GradingSection(name="g", version="1", limit=(LimitSection("any", "block", 0),))])
    file.write(closed(of, made), tmp_path / "in.json")
    words = ["transform", str(tmp_path / "in.json"), "--out", str(tmp_path / "out.json")]
    assert main([*words, "--name", "D"]) == 0
    named = file.read(tmp_path / "out.json").record
    assert (named.grade, named.grades) == (made.grade, made.grades)
    assert not capsys.readouterr().err
    assert main([*words, "--weld", str(tmp_path / "in.json")]) == 0
    assert file.read(tmp_path / "out.json").record.grade == "ungraded"
    assert capsys.readouterr().err.count("coil C: its grade, block, is not carried on") == 2


def test_steps_are_applied_as_they_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line crops before or after it reverses, as it is asked to; the sums follow."""
    file.write(coil(any_defect(start_mm=1000.0, end_mm=1100.0)), tmp_path / "in.json")
    out = tmp_path / "out.json"
    words = ["transform", str(tmp_path / "in.json"), "--out", str(out), "--name", "D"]
    assert main([*words, "--crop", "0", "10", "--reverse", "--elongation", "50"]) == 0
    made = json.loads(out.read_text())
    assert (made["record"]["coil"], made["record"]["length_m"], made["record"]["defects"]) == ("D", 15.0, 1)
    assert made["defects"][0]["start_mm"] == pytest.approx(8900 * 1.5)
    assert main([*words, "--reverse", "--crop", "0", "10"]) == 0
    assert json.loads(out.read_text())["record"]["defects"] == 0
    assert main([*words, "--crop", "5", "1"]) == 1
    assert "--crop: a piece from 5 to 1 m" in capsys.readouterr().err


@pytest.mark.parametrize("percent", ["nan", "inf", "-100", "1e30"])
def test_an_elongation_that_no_mill_makes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], percent: str
) -> None:
    """In words, and no file is written."""
    file.write(coil(any_defect(start_mm=1000.0, end_mm=1100.0)), tmp_path / "in.json")
    out = tmp_path / "out.json"
    assert main(["transform", str(tmp_path / "in.json"), f"--elongation={percent}", "--out", str(out)]) == 1
    assert "expected above -100" in capsys.readouterr().err
    assert not out.exists()


def test_a_new_name_is_one_that_a_coil_may_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As everywhere else that a coil is named."""
    with pytest.raises(SystemExit):
        main(["transform", "in.json", "--out", str(tmp_path / "out.json"), "--name", "../x"])
    assert "expected 1 to 64 letters" in capsys.readouterr().err


def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    """What is no file is never replaced: root would put a file in the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    file.save(pipe, b"whole")
    assert os.read(reader, 10) == b"whole"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_coil_turned_about_has_its_other_edge_at_the_left() -> None:
    """What a defect's distances from the strip's edges were of one side, they are of the other."""
    defect = any_defect(edge_mm=10.0, reach_mm=15.0, far_edge_mm=85.0, far_reach_mm=90.0)
    for turn in (transform.reverse, transform.flip):
        (turned,) = turn(coil(defect)).defects
        assert (turned.edge_mm, turned.reach_mm, turned.far_edge_mm, turned.far_reach_mm) == (85.0, 90.0, 10.0, 15.0)
