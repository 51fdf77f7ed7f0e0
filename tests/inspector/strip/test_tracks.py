"""Repeats found among planted roll marks, and none among marks strewn at random."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.strip.chances import Search
from inspector.strip.marks import Mark
from inspector.strip.track import RepeatingMark
from inspector.strip.tracks import LOST_AFTER, Tracks
from tests import dirty_strip

WIDTH_MM = 1500.0


def strewn(rng: np.random.Generator, count: int, length_mm: float) -> list[Mark]:
    """Random defects of four classes over the whole strip."""
    line_mm, across_mm = np.sort(rng.uniform(0, length_mm, count)), rng.uniform(0, WIDTH_MM, count)
    kinds = rng.integers(0, 4, count)
    return [
        Mark(f"random-{n}", f"class-{kinds[n]}", "top", float(across_mm[n]), float(line_mm[n])) for n in range(count)
    ]


def printed(
    rng: np.random.Generator, period_mm: float, turns: int, *, missed: float = 0.0, start_mm: float = 0.0
) -> list[Mark]:
    """Marks of one roll at 700 mm across, each found to a millimetre, a share of them missed."""
    marks = []
    at_mm = start_mm
    for turn in range(turns):
        if rng.random() >= missed:
            across_mm, line_mm = 700 + rng.normal(0, 1), at_mm + rng.normal(0, 1)
            marks.append(Mark(f"roll-{period_mm:.0f}-{turn}", "class-0", "top", float(across_mm), float(line_mm)))
        at_mm += period_mm * (1 + rng.normal(0, 0.0005))
    return marks


def run(repeats: Tracks, marks: list[Mark]) -> list[RepeatingMark]:
    """Add marks in the order of their positions; return all reports. That alone each gives the same is proven below."""
    found = repeats.add_all(sorted(marks, key=lambda mark: mark.line_mm))
    return [repeat for repeat in found if repeat is not None]


def marks_needed(repeats: Tracks, marks: list[Mark]) -> int:
    """Add marks in the order of their positions until a repeat is found; return how many it has."""
    return next(found.marks for found in repeats.add_all(sorted(marks, key=lambda mark: mark.line_mm)) if found)


@pytest.mark.parametrize("count", [200, pytest.param(20_000, marks=pytest.mark.long)])
def test_random_defects_show_no_repeat(count: int) -> None:
    """Ten clean coils of five kilometres and a dirty one show none."""
    rng = np.random.default_rng(count)
    for _ in range(10 if count < 1000 else 1):
        assert run(Tracks(), strewn(rng, count, 5e6)) == []


def test_the_fourth_mark_on_clean_strip_is_enough() -> None:
    """A roll is found by its fourth mark with 30 % missed, among 200 random defects on five kilometres."""
    rng = np.random.default_rng(1)
    turns = []
    for _ in range(50):
        period_mm = float(rng.uniform(600, 4000))
        marks = printed(rng, period_mm, 20, missed=0.3)
        found = run(Tracks(), marks + strewn(rng, 4, 1e5))
        assert found[0].marks <= 5
        turns.append(found[-1].period_mm / period_mm)
        assert turns[-1] == pytest.approx(round(turns[-1]), rel=2e-3)
    assert [round(turn) for turn in turns].count(
        1
    ) >= 49  # where each second mark was missed for long, it is the double


def test_missed_every_second_turn_is_the_double_period() -> None:
    """What prints every second turn only is reported as such: half of it would be a guess."""
    found = run(Tracks(), printed(np.random.default_rng(2), 2000.0, 10)[::2])
    assert found[-1].period_mm == pytest.approx(4000, rel=1e-3)


def test_marks_between_make_the_period_shorter() -> None:
    """A chain found at twice its period takes up the marks between once they are seen to repeat."""
    rng = np.random.default_rng(3)
    marks = printed(rng, 1500.0, 24)
    seen = [mark for turn, mark in enumerate(marks) if turn > 10 or turn % 2 == 0]
    found = run(Tracks(), seen)
    assert found[3].period_mm == pytest.approx(3000, rel=1e-3)
    assert found[-1].period_mm == pytest.approx(1500, rel=1e-3)
    assert found[-1].id == found[3].id


def test_a_roll_that_begins_and_ends_within_a_dirty_coil() -> None:
    """It is found by its sixth mark, and ends; what was strewn before and goes on behind it shows nothing."""
    rng = np.random.default_rng(9)
    marks, dirt = printed(rng, 900.0, 14, missed=0.2, start_mm=40_000.0), strewn(rng, 800, 2e5)
    repeats = Tracks()
    before = run(repeats, [mark for mark in dirt if mark.line_mm < 40_000.0])
    during = run(repeats, marks + [mark for mark in dirt if 40_000.0 <= mark.line_mm < 53_000.0])
    ended = repeats.end(60_000.0)
    after = run(repeats, [mark for mark in dirt if mark.line_mm >= 60_000.0])
    assert before == after == [] and during[0].marks <= 6
    assert [repeat.id for repeat in ended] == [during[0].id]


def test_a_torn_scratch_is_no_roll() -> None:
    """Pieces of scratches lie in one lane, here and there as far apart as a roll's marks: no repeat, on fifty coils."""
    rng = np.random.default_rng(10)
    for _ in range(50):
        assert run(Tracks(), dirty_strip.strewn(rng, 200, 5e6, dirty_strip.in_torn_scratches)) == []


@pytest.mark.parametrize("strew", dirty_strip.STREWN.values())
def test_clumps_show_no_repeat(strew: dirty_strip.Strew) -> None:
    """Clusters, dirty stretches and dirty edges are as dense as they are there."""
    assert run(Tracks(), dirty_strip.strewn(np.random.default_rng(11), 4000, 1e6, strew)) == []


@pytest.mark.long
def test_marks_that_are_alike_are_found_sooner() -> None:
    """Among dirt of which each has its own size, prints of one size need no more marks, and fewer on the whole."""
    needed = {}
    for is_sized in (False, True):
        rng = np.random.default_rng(12)
        needed[is_sized] = 0
        for _ in range(6):
            dirt = dirty_strip.strewn(rng, 2400, 6e4, is_sized=is_sized)
            roll = dirty_strip.printed(rng, 1500.0, 20_000.0, 700.0, kind=2, is_sized=is_sized)
            needed[is_sized] += marks_needed(Tracks(), roll + dirt)
    assert needed[True] < needed[False]


def test_two_rolls_in_one_lane_are_two_repeats() -> None:
    """Marks of two rolls at the same place across are distinguished by their periods."""
    rng = np.random.default_rng(4)
    found = run(Tracks(), printed(rng, 1000.0, 20) + printed(rng, 1370.0, 15, start_mm=333.0))
    periods = {repeat.id: repeat.period_mm for repeat in found}
    assert sorted(round(period_mm, -1) for period_mm in periods.values()) == [1000, 1370]


def test_the_same_mark_on_the_next_coil_is_reported_with_its_first_mark_there() -> None:
    """After a weld the repeat goes on under its id, new on that coil."""
    marks = printed(np.random.default_rng(5), 1200.0, 14)
    repeats = Tracks()
    before = run(repeats, marks[:8])
    repeats.coil()
    after = run(repeats, marks[8:])
    assert [repeat.is_new for repeat in after] == [True] + [False] * 5
    assert {repeat.id for repeat in before} == {repeat.id for repeat in after}
    assert after[0].marks == 1 and after[-1].marks == 6


def test_a_repeat_ends_when_its_mark_stays_away() -> None:
    """`end` names it once, after `LOST_AFTER` turns; a roll change forgets it at once."""
    repeats = Tracks()
    found = run(repeats, printed(np.random.default_rng(6), 1000.0, 6))
    assert repeats.end(5000.0 + LOST_AFTER * 1000.0) == []
    assert [repeat.id for repeat in repeats.end(5000.0 + LOST_AFTER * 1000.0 + 50.0)] == [found[0].id]
    assert repeats.end(1e6) == []
    run(repeats, printed(np.random.default_rng(6), 1000.0, 6))
    repeats.rolls_changed()
    assert repeats.add(Mark("next", "class-0", "top", 700.0, 6000.0)) is None


def test_other_classes_sides_and_places_do_not_help() -> None:
    """Marks that differ in class, side or place across never make a repeat together."""
    marks = printed(np.random.default_rng(7), 1000.0, 8)
    for changed in (
        [Mark(m.id, f"class-{n}", m.side, m.across_mm, m.line_mm) for n, m in enumerate(marks)],
        [
            Mark(m.id, m.name, "top" if n % 4 else "bottom", m.across_mm + 20 * n, m.line_mm)
            for n, m in enumerate(marks)
        ],
    ):
        assert run(Tracks(), changed) == []


def test_a_known_roll_is_found_sooner_on_dirty_strip() -> None:
    """A period of the roll table needs no more marks than one that nobody expects, and fewer on the whole."""
    needed = {}
    for known_mm in ((), (2000.0,)):
        rng = np.random.default_rng(8)
        search = Search(known_mm=known_mm)
        needed[known_mm] = [
            marks_needed(Tracks(search), printed(rng, 2000.0, 30, missed=0.3) + strewn(rng, 2400, 6e4))
            for _ in range(10)
        ]
    assert sum(needed[2000.0,]) < sum(needed[()])


@given(
    marks=st.lists(
        st.tuples(st.floats(0, 40), st.floats(0, 1e5), st.sampled_from("ab")), max_size=120, unique_by=lambda m: m[1]
    )
)
def test_a_mark_belongs_to_one_repeat(marks: list[tuple[float, float, str]]) -> None:
    """Whatever comes: each mark is the newest of one report at most, and counts rise by one."""
    repeats = Tracks()
    found = run(repeats, [Mark(f"{n}", name, "top", at, line) for n, (at, line, name) in enumerate(marks)])
    newest = [repeat.newest for repeat in found]
    assert len(newest) == len(set(newest))
    assert all(repeat.marks >= 3 and repeat.period_mm > 0 and 0 <= repeat.confidence <= 1 for repeat in found)


def test_a_mark_of_chance_at_half_a_turn_does_not_halve_the_period_for_good() -> None:
    """It fits where the roll's own are few; once the next ones come at whole turns alone, the period is the roll's."""
    turns = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    tracks = Tracks()
    found = [tracks.add(Mark(f"{turn}", "pitted", "top", 410.0, 2500.0 * turn)) for turn in turns]
    periods = [round(repeat.period_mm) for repeat in found if repeat]
    assert periods[0] == 1250 and periods[-1] == 2500
    assert found[-1] is not None and found[-1].turns == 9


@pytest.mark.parametrize("sign", [1, -1])
def test_one_mark_that_is_cut_off_ends_no_repeat(sign: int) -> None:
    """A mark whose head was not seen lies some millimetres off; those behind it go on with the same repeat."""
    off_mm = [-4.4, -3.1, -2.5, -3.1, -3.1, -2.5, -1.2, 5.0, -5.0, -3.1, -4.4, -4.4, -5.6, -3.8, -5.6, -6.2]  # measured
    marks = [Mark(f"{n}", "pitted", "top", 410.0, 1130.0 * n + sign * off) for n, off in enumerate(off_mm)]
    tracks = Tracks()
    found = [repeat for mark in marks if (repeat := tracks.add(mark))]
    assert {repeat.id for repeat in found} == {"0"} and found[-1].marks == len(marks)


@given(st.integers(min_value=0, max_value=2**32 - 1), st.sampled_from([400, 4000, 40_000]))
@settings(max_examples=15)
def test_marks_that_come_together_are_found_as_one_after_the_other(seed: int, count: int) -> None:
    """However many come at once: the same repeats, with the same marks, and the same is kept for a restart."""
    rng = np.random.default_rng(seed)
    marks = [
        *dirty_strip.strewn(rng, count // 100, 50_000, dirty_strip.in_torn_scratches),
        *dirty_strip.printed(rng, 700.0, 0.0, 600.0, turns=60, missed=0.2),
        *dirty_strip.printed(rng, 350.0, 9.0, 603.0, turns=90, missed=0.1),
        *dirty_strip.printed(rng, 330.0, 9.0, 610.0, turns=90, missed=0.1),
    ]
    marks.sort(key=lambda mark: mark.line_mm)
    alone, together = Tracks(), Tracks()
    one_by_one = [alone.add(mark) for mark in marks]
    found: list[RepeatingMark | None] = []
    while len(found) < len(marks):
        some = int(rng.integers(1, 150))
        found += together.add_all(marks[len(found) : len(found) + some])
    assert found == one_by_one and any(found)
    assert msgspec.json.encode(alone.kept()) == msgspec.json.encode(together.kept())
