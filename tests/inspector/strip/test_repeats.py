"""The stage that finds repeats among the defects of the line."""

import msgspec
import numpy as np
import pytest

from inspector.records.commands import Answer, Asked, RollsChanged
from inspector.records.events import CoilReport, Data, Defect, Repeat
from inspector.records.stages import Detection, Findings, Inspected
from inspector.strip.defects import LAG_MM
from inspector.strip.repeats import Repeats
from inspector.strip.settings import RepeatSection, RollSection
from inspector.strip.strip import Strip
from inspector.strip.tracks import LOST_AFTER
from inspector.words import counted
from tests.coils import CAMERAS, LENGTH_MM
from tests.defects import any_defect
from tests.frames import camera, findings, header, inspected

PERIOD_MM = 1500.0
ROLLS = (RollSection("bridle", 1500.0), RollSection("pinch", 700.0))


def mark(number: int, coil: str = "C", *, head_mm: float = 0.0) -> Defect:
    """The print of a roll's turn `number`, on a coil whose head is at `head_mm` of the line."""
    at_mm = number * PERIOD_MM - head_mm
    return any_defect(id=f"m{number}", coil=coil, start_mm=at_mm, end_mm=at_mm + 5, left_mm=400.0, right_mm=410.0)


def begins(coil: str) -> CoilReport:
    """A coil comes under the cameras."""
    return CoilReport(state="started", coil=coil, inspected_m=0, missed_m=0, frames=0, defects={})


def run(stage: Repeats, events: list[Data], *, coil: str = "C", reached_mm: float = 0.0) -> list[Repeat]:
    """One batch through the stage; what it added, and what is to follow."""
    added = through(stage, Findings(closed_ns=0, events=tuple(events), reached_mm={(coil, "top"): reached_mm}))
    assert all(isinstance(event, Repeat) for event in added)
    return [event for event in added if isinstance(event, Repeat)]


def through(stage: Repeats, batch: Findings) -> list[Data]:
    """One batch through the stage; what it added, and what is to follow."""
    after = stage(batch)
    assert after.events[: len(batch.events)] == batch.events
    more = stage.behind(after)
    return [*after.events[len(batch.events) :], *(more.events if more else ())]


def repeats_of(stage: Repeats, batch: Findings) -> list[Repeat]:
    """One batch through the stage; the repeats that it added, and that are to follow."""
    return [event for event in through(stage, batch) if isinstance(event, Repeat)]


def test_a_roll_mark_is_reported_and_the_roll_named() -> None:
    """New with its first convincing mark, then each time the marks have doubled."""
    stage = Repeats(RepeatSection(), ROLLS)
    found = run(stage, [begins("C"), *(mark(number) for number in range(20))])
    assert [event.state for event in found] == ["new", "update", "update"]
    assert found[0].marks <= 4 and found[1].marks == 2 * found[0].marks
    assert found[0].rolls == ("bridle",) and found[0].period_mm == pytest.approx(PERIOD_MM, abs=0.5)
    assert found[0].topic == "repeat.dark" and found[0].subject == "C"
    assert found[0].across_mm == 405.0 and found[0].confidence > 0.99


def test_it_goes_on_over_the_weld() -> None:
    """The first mark on the next coil is reported at once, under the same id."""
    stage = Repeats(RepeatSection(), ROLLS)
    before = run(stage, [begins("C"), *(mark(number) for number in range(8))], reached_mm=11_000.0)
    after = run(stage, [begins("D"), mark(8, "D", head_mm=11_000.0)], coil="D", reached_mm=2000.0)
    assert [(event.state, event.coil, event.marks) for event in after] == [("new", "D", 1)]
    assert {event.id for event in before + after} == {before[0].id}


@pytest.mark.parametrize("later", [0, 1])
@pytest.mark.parametrize("on_next", [0, 1, 4])
@pytest.mark.parametrize("late", range(9))
def test_marks_count_on_the_coil_that_they_lie_on(late: int, on_next: int, later: int) -> None:
    """A camera that lags brings the newest marks of a coil once the next has begun, at once or with later batches."""
    stage, found = Repeats(RepeatSection(), ROLLS), list[Repeat]()
    lagging = [*map(mark, range(8 - late, 8))]
    behind = [mark(8 + number, "D", head_mm=11_000.0 * later) for number in range(on_next)]
    batches: list[list[Data]] = [[begins("C"), *map(mark, range(8 - late))], [begins("D")], [*lagging], [*behind], []]
    for events in batches if later else [[data for batch in batches for data in batch]]:
        found += run(stage, events, reached_mm=11_000.0)
    found += run(stage, [], coil="D", reached_mm=1e6)
    of = {name: [event for event in found if event.coil == name] for name in "CD"}
    assert [event.state for event in of["C"]] == ["new", "update"]
    assert all(event.newest == f"m{event.marks - 1}" for event in of["C"])
    states = {0: ["ended"], 1: ["new", "ended"], 4: ["new", "update", "update", "ended"]}
    assert [event.state for event in of["D"]] == states[on_next]
    assert [event.marks for event in of["D"]] == [*[1, 2, 4][: len(of["D"]) - 1], on_next]
    assert len({event.id for event in found}) == 1


def test_a_roll_s_marks_on_pieces_that_lie_between_two_cameras() -> None:
    """The second camera sees them ten pieces later, each as long as it is: the roll is found from piece to piece."""
    stage, found = Repeats(RepeatSection(), ROLLS), list[Repeat]()
    long_mm = [1300.0 + 170.0 * (number % 3) for number in range(30)]
    heads_mm = [sum(long_mm[:number]) for number in range(30)]
    turns = {int(np.searchsorted(heads_mm, at * PERIOD_MM, "right")) - 1: at for at in range(20)}
    for newest, at in enumerate(range(-10, 20)):
        events, reached_mm = list[Data]([begins(f"P{newest}")]), {(f"P{newest}", "top"): long_mm[newest]}
        if at >= 0:
            events.append(msgspec.structs.replace(begins(f"P{at}"), inspected_m=1.0))
            events += [mark(turns[at], f"P{at}", head_mm=heads_mm[at])] if at in turns else []
            reached_mm[f"P{at}", "bottom"] = long_mm[at]
        found += repeats_of(stage, Findings(closed_ns=0, events=tuple(events), reached_mm=reached_mm))
    assert {event.id for event in found} == {"m0"} and {round(event.period_mm) for event in found} == {1500}
    assert len({event.coil for event in found}) > 10


def test_marks_that_convince_over_a_weld_count_each_on_its_coil() -> None:
    """Found with its first mark behind a weld, it has one there; the two before it lie on the other coil."""
    stage = Repeats(RepeatSection(), ROLLS)
    head_mm = 2 * PERIOD_MM - 100
    assert run(stage, [begins("C"), mark(0), mark(1)], reached_mm=head_mm) == []
    found = run(stage, [begins("D"), *(mark(number, "D", head_mm=head_mm) for number in range(2, 10))], coil="D")
    assert {event.coil for event in found} == {"D"}
    assert [(event.marks, event.newest) for event in found] == [(1, "m2"), (2, "m3"), (4, "m5"), (8, "m9")]


def test_a_repeat_is_of_the_coil_that_it_was_found_on() -> None:
    """Coils of one name are kept apart where the next has begun with the marks that convince."""
    stage = Repeats(RepeatSection(), ROLLS)
    goes_on = msgspec.structs.replace(begins("C"), inspected_m=1.0)
    found = run(stage, [begins("C"), *map(mark, range(5)), goes_on, begins("D"), begins("C")], reached_mm=1000.0)
    assert [(event.state, event.coil, event.coils_since) for event in found] == [("new", "C", 1)]
    found = run(stage, [*(mark(number, head_mm=7000.0) for number in range(5, 9))], reached_mm=6000.0)
    assert {event.coils_since for event in found} == {0}


@pytest.mark.parametrize("coils", [("C", "D"), (None, None)])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_flow_finds_it_over_a_weld(coils: tuple[str | None, str | None], size: int) -> None:
    """Strip and repeats together, the weld anywhere in a batch, coils named or not: it is one repeat."""
    every, before = 5, 43
    spot = Detection(class_id=1, start_mm=2.0, end_mm=4.0, left_mm=3.0, right_mm=5.0, area_mm2=4.0, confidence=0.9)
    frames = []
    for number in range(80):
        is_second = number >= before
        at_mm = (number - before * is_second) * LENGTH_MM
        regions = (spot,) if number % every == 0 else ()
        frames.append(inspected(header(number, coil=coils[is_second], start_mm=at_mm), *regions))
    strip, stage = Strip(CAMERAS[:1]), Repeats(RepeatSection(min_period_mm=50, along_mm=0.1, across_mm=1), ())
    batches = [findings(*frames[at : at + size]) for at in range(0, len(frames), size)]
    found = [event for batch in batches for event in repeats_of(stage, strip(batch))]
    assert {event.id for event in found} == {found[0].id}
    assert {event.period_mm for event in found} == {every * LENGTH_MM}
    assert [event.state for event in found].count("new") == 2
    assert not [event for event in found if event.state == "ended"]


def test_it_ends_when_the_marks_stay_away() -> None:
    """Sound strip for long enough ends it once, with all its marks."""
    stage = Repeats(RepeatSection(), ROLLS)
    run(stage, [begins("C"), *(mark(number) for number in range(8))], reached_mm=11_000.0)
    assert run(stage, [], reached_mm=7 * PERIOD_MM + LOST_AFTER * PERIOD_MM - 10) == []
    ended = run(stage, [], reached_mm=7 * PERIOD_MM + LOST_AFTER * PERIOD_MM + 100)
    assert [(event.state, event.marks) for event in ended] == [("ended", 8)]
    assert run(stage, [], reached_mm=1e6) == []


TURN = 5
"""Frames of `long_frame` in a turn of the roll."""
LAST_MARK = 200
"""The frame with the roll's last mark."""
SIDES = {"top": "top", "other": "top", "bottom": "bottom"}


def long_frame(camera: str, number: int, start_mm: float, *, marks: bool) -> Inspected:
    """A frame of 200 mm; one in each turn of a metre has a mark, at its end."""
    spot = Detection(class_id=1, start_mm=190, end_mm=198, left_mm=3, right_mm=5, area_mm2=9, confidence=0.9)
    facts = header(number, camera, coil="C", start_mm=start_mm, mm_per_row=20.0, side=SIDES[camera])
    return inspected(facts, *(spot,) * (marks and number % TURN == 0 and number <= LAST_MARK))


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("sender", "other", "behind"), [("top", "other", 0), ("bottom", "top", 150)])
def test_a_repeat_goes_on_while_its_marks_come_late(sender: str, other: str, behind: int, restarts: bool) -> None:
    """A dead camera on its side, or one that stands 30 m up the line on the other: one repeat, with each mark."""
    cameras = [camera(name, side=SIDES[name]) for name in (sender, other)]
    strip, stage = Strip(cameras), Repeats(RepeatSection(), ())
    found, waits = list[tuple[int, Repeat]](), 0 if behind else LAG_MM / 200
    for number in range(LAST_MARK + behind + 160):
        frames = [long_frame(sender, number - behind, 200.0 * (number - behind), marks=True)] * (number >= behind)
        ahead = [long_frame(other, number, 200.0 * number, marks=False)] * bool(behind)
        found += [(number, event) for event in repeats_of(stage, strip(findings(*ahead, *frames)))]
        if restarts and number % 60 == 59:
            states, strip, stage = (strip.state(), stage.state()), Strip(cameras), Repeats(RepeatSection(), ())
            strip.restore(states[0], 0)
            stage.restore(states[1], 0)
    assert len({event.id for _, event in found}) == 1
    assert [event.state for _, event in found] == ["new", *["update"] * (len(found) - 2), "ended"]
    assert found[-1][0] == behind + waits + LAST_MARK + LOST_AFTER * TURN
    assert found[-1][1].marks == LAST_MARK // TURN + 1


def test_one_wrong_position_ends_no_repeat() -> None:
    """A frame that claims to be 500 m farther on, and that the next one does not confirm, is no strip without marks."""
    strip, stage = Strip([camera()]), Repeats(RepeatSection(), ())
    at_mm = {number: 200.0 * number + 500_000.0 * (number == 102) for number in range(150)}
    batches = [findings(long_frame("top", number, mm, marks=True)) for number, mm in at_mm.items()]
    found = [event for batch in batches for event in repeats_of(stage, strip(batch))]
    assert {event.state for event in found[1:]} == {"update"} and found[-1].marks == 24


def test_a_side_without_a_camera_ends_its_repeats_with_the_line() -> None:
    """The last camera of a side was taken for dead: what repeated there is over once the line has gone on."""
    stage = Repeats(RepeatSection(), ROLLS)
    of_side = Findings(closed_ns=0, reached_mm={("C", "top"): 1e6}, settled_mm={("C", "top"): 11_000.0})
    found = repeats_of(stage, msgspec.structs.replace(of_side, events=(begins("C"), *map(mark, range(8)))))
    assert {event.state for event in found} == {"new", "update"} and repeats_of(stage, of_side) == []
    gone = msgspec.structs.replace(of_side, settled_mm={("C", "bottom"): 900.0})
    assert [event.state for event in repeats_of(stage, gone)] == ["ended"]


def test_what_is_found_ends_with_the_next_batch_at_the_earliest() -> None:
    """The strip behind its newest mark is lost, for more than six turns: an alarm sees it, and then its end."""
    strip, stage = Strip([camera()]), Repeats(RepeatSection(), ())
    frames = [long_frame("top", number, 200.0 * number, marks=number < 15) for number in [*range(11), *range(60, 63)]]
    states = [[event.state for event in repeats_of(stage, strip(findings(frame)))] for frame in frames]
    assert [state for state in states if state] == [["new"], ["ended"]]


def test_it_goes_on_after_a_restart() -> None:
    """Another process goes on with the state: the repeat is not found for a second time."""
    stage = Repeats(RepeatSection(), ROLLS)
    before = run(stage, [begins("C"), *(mark(number) for number in range(8))], reached_mm=11_000.0)
    after = Repeats(RepeatSection(), ROLLS)
    after.restore(stage.state(), 0)
    found = run(after, [mark(number) for number in range(8, 20)], reached_mm=30_000.0)
    assert [event.state for event in found] == ["update"]
    assert found[0].id == before[0].id and found[0].marks == 2 * before[-1].marks


@pytest.mark.parametrize("seen", [1, 2, 3])
def test_marks_of_before_a_restart_count(seen: int) -> None:
    """However many marks came before a restart, the repeat is found with the same mark as without one."""
    through, restarted = (Repeats(RepeatSection(), ROLLS) for _ in range(2))
    strewn = [
        any_defect(id=f"x{n}", start_mm=137.0 * n, end_mm=137.0 * n + 5, left_mm=31.0 * n, right_mm=31.0 * n + 9)
        for n in range(1, 9)
    ]
    before: list[Data] = [begins("C"), *(mark(number) for number in range(seen)), *strewn]
    assert run(through, before, reached_mm=4000.0) == run(restarted, before, reached_mm=4000.0)
    after = Repeats(RepeatSection(), ROLLS)
    after.restore(restarted.state(), 0)
    rest: list[Data] = [mark(number) for number in range(seen, 9)]
    found, expected = run(after, rest, reached_mm=12_000.0), run(through, rest, reached_mm=12_000.0)
    assert [(event.id, event.newest) for event in found] == [(event.id, event.newest) for event in expected] != []


def test_what_a_restart_keeps_is_bounded() -> None:
    """Strip as dirty as any keeps a few of its marks, their density, and how many chains were looked at."""
    stage = Repeats(RepeatSection(), ROLLS)
    rng = np.random.default_rng(1)
    along, across = np.sort(rng.uniform(0, 50_000, 5000)).tolist(), rng.uniform(0, 1000, 5000).tolist()
    dirt = [
        any_defect(id=f"x{n}", start_mm=at, end_mm=at + 5, left_mm=left, right_mm=left + 3)
        for n, (at, left) in enumerate(zip(along, across, strict=True))
    ]
    run(stage, [begins("C"), *dirt], reached_mm=50_000.0)
    assert len(stage.state()) < 40_000
    after = Repeats(RepeatSection(), ROLLS)
    after.restore(stage.state(), 0)
    assert after.state() == stage.state()


def test_the_search_comes_behind_the_batch() -> None:
    """A batch goes on as it came; what its marks show follows, at the time and place of the batch."""
    stage = Repeats(RepeatSection(), ROLLS)
    batch = Findings(closed_ns=7, events=(begins("C"), *map(mark, range(8))), reached_mm={("C", "top"): 11_000.0})
    assert stage(batch) is batch
    more = stage.behind(batch)
    assert more is not None and (more.closed_ns, more.reached_mm) == (7, batch.reached_mm)
    assert {event.newest for event in more.events if isinstance(event, Repeat)} == {"m2", "m5"}
    assert stage.behind(batch) is None


@pytest.mark.parametrize("searched", [0, 1, 2])
def test_marks_that_were_not_searched_yet_go_on_over_a_restart(searched: int) -> None:
    """Batches over two coils, the process killed before a search: the same repeats as without, in the same order."""
    batches: list[list[Data]] = [
        [begins("C"), *map(mark, range(3))],
        [*map(mark, range(3, 8)), begins("D"), mark(8, "D")],
        [mark(number, "D") for number in range(9, 17)],
    ]

    def taken(is_killed: bool) -> list[Data]:
        stage, found = Repeats(RepeatSection(), ROLLS), list[Data]()
        for number, events in enumerate(batches):
            after = stage(Findings(closed_ns=number, events=tuple(events)))
            if is_killed and number == searched:
                state, stage = stage.state(), Repeats(RepeatSection(), ROLLS)
                stage.restore(state, 0)
                continue
            more = stage.behind(after)
            found += more.events if more else ()
        more = stage.behind(after)
        return [*found, *(more.events if more else ())]

    assert taken(is_killed=True) == taken(is_killed=False) != []


def test_what_completes_a_coil_has_its_repeats_with_it() -> None:
    """The record of a coil that ends lacks none, for it is made once its end is on disk."""
    stage = Repeats(RepeatSection(), ROLLS)
    ends = CoilReport(state="ended", coil="C", inspected_m=11, missed_m=0, frames=9, defects={})
    batch = Findings(closed_ns=0, events=(begins("C"), *map(mark, range(8)), ends))
    assert [event.state for event in stage(batch).events if isinstance(event, Repeat)] == ["new", "update"]
    last = Repeats(RepeatSection(), ROLLS)
    after = last(Findings(closed_ns=0, is_last=True, events=(begins("C"), *map(mark, range(8)))))
    assert [event.state for event in after.events if isinstance(event, Repeat)] == ["new", "update"]


def test_a_state_of_0_2_is_read() -> None:
    """What an older version kept goes on: repeats under way, without marks that were free."""
    stage = Repeats(RepeatSection(), ROLLS)
    (first, *_) = run(stage, [begins("C"), *(mark(number) for number in range(8))], reached_mm=11_000.0)
    tree = msgspec.json.decode(stage.state())
    tree["tracks"] = tree.pop("search")["tracks"]
    del tree["settled_mm"]
    after = Repeats(RepeatSection(), ROLLS)
    after.restore(msgspec.json.encode(tree), 0)
    assert {event.id for event in run(after, [mark(number) for number in range(8, 20)])} == {first.id}


def test_long_and_unfinished_defects_are_no_marks() -> None:
    """A scratch that still goes on, or is longer than a turn, says nothing of rolls."""
    stage = Repeats(RepeatSection(), ROLLS)
    partial = [
        any_defect(id=f"p{n}", start_mm=n * PERIOD_MM, end_mm=n * PERIOD_MM + 5, is_partial=True) for n in range(9)
    ]
    long = [any_defect(id=f"l{n}", start_mm=n * PERIOD_MM, end_mm=n * PERIOD_MM + 400) for n in range(9)]
    assert run(stage, [begins("C"), *partial, *long]) == []


def test_an_unreadable_state_is_a_value_error() -> None:
    """What another version kept is refused in the one way that the daemon handles."""
    with pytest.raises(ValueError):
        Repeats(RepeatSection(), ()).restore(b'{"tracks": 3}', 0)


def change(stage: Repeats, roll: str | None) -> tuple[Answer, list[str]]:
    """Report that a roll was changed; return the answer and the repeats that ended."""
    asked = Asked(7, RollsChanged(roll=roll, operator="Kim"))
    after = stage(Findings(closed_ns=0, asked=(asked,)))
    ended = [event.id for event in after.events if isinstance(event, Repeat) and event.state == "ended"]
    return after.answers[7], ended


@pytest.mark.parametrize(("roll", "ends"), [("bridle", True), (None, True), ("pinch", False)])
def test_a_roll_change_ends_what_the_roll_printed(roll: str | None, ends: bool) -> None:
    """The repeats that the changed roll explains end, once; what another roll prints goes on."""
    stage = Repeats(RepeatSection(), ROLLS)
    (first, *_) = run(stage, [begins("C"), *(mark(number) for number in range(8))], reached_mm=11_000.0)
    answer, ended = change(stage, roll)
    assert ended == [first.id] * ends
    assert answer.is_done and answer.message == f"{roll or 'all rolls'} changed; {counted(int(ends), 'repeat')} ended"
    goes_on = run(stage, [mark(number) for number in range(8, 17)], reached_mm=25_000.0)
    assert goes_on[0].state == ("new" if ends else "update")
    assert (goes_on[0].id != first.id) is ends


def test_a_roll_that_the_line_has_not() -> None:
    """A mistyped name is refused with those that there are, and ends nothing."""
    stage = Repeats(RepeatSection(), ROLLS)
    run(stage, [begins("C"), *(mark(number) for number in range(8))], reached_mm=11_000.0)
    answer, ended = change(stage, "bridel")
    assert (answer.is_done, answer.message) == (False, "bridel: no such roll; expected one of bridle, pinch.")
    assert ended == []
    assert "none: the configuration has no [[roll]]" in change(Repeats(RepeatSection(), ()), "bridle")[0].message
