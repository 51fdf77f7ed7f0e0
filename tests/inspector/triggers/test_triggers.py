"""What is to be done when a defect comes to a place: reported ahead, exactly once, whatever the line does meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.config.camera import CameraSection
from inspector.records.events import Defect, Trigger
from inspector.records.stages import Findings
from inspector.strip.strip import Strip
from inspector.triggers.settings import TriggerSection
from inspector.triggers.triggers import MOST, Triggers
from tests.defects import any_defect
from tests.moving import CAMERA, EPOCH_NS, FRAME_MM, ROW_MM, Line, Reported, ramp, trigger_events

RULE = TriggerSection(name="shear", action="stop", position_m=20.0, before_m=5.0, delay_ms=35.0)


def triggers_by(
    clock: Callable[[], int], rules: Sequence[TriggerSection] = (RULE,), cameras: Sequence[CameraSection] = (CAMERA,)
) -> Triggers:
    """The stage, by a clock that a test has."""
    return Triggers(rules, cameras, unix_ns=clock, monotonic_ns=clock)


def last_words(reported: list[Reported]) -> Counter[str]:
    """How often each defect had one of the words after which nothing follows."""
    return Counter(report.event.defect_id for report in reported if report.event.state != "armed")


def off_mm(reported: list[Reported], state: str = "due") -> list[float]:
    """How far off the moments were."""
    return [report.off_mm for report in reported if report.event.state == state and report.off_mm is not None]


@pytest.mark.parametrize("m_per_s", [1, 10, 20])
def test_at_constant_speed_it_is_exact_to_a_row(m_per_s: float) -> None:
    """Whatever the speed, the strip is where it is to be when the action takes effect, its delay taken off."""
    line = Line(speed=lambda s: 1000.0 * m_per_s, seconds=3 + 40 / m_per_s)
    reported = line.run(RULE)
    off = off_mm(reported)
    assert len(off) > 10 and max(map(abs, off)) <= ROW_MM
    due = [report for report in reported if report.event.state == "due"]
    assert all(report.event.is_steady and report.event.due_ns > report.at_ns for report in due)
    assert all(report.event.speed_m_min == pytest.approx(60 * m_per_s, rel=1e-3) for report in due)
    assert set(last_words(reported).values()) == {1}


def test_a_clock_that_jitters_averages_out() -> None:
    """Times of exposure that are off by 20 us each cost less than a row at 20 m/s, and it is stated how much."""
    reported = Line(speed=lambda s: 20_000.0, seconds=6, jitter_us=20).run(RULE)
    pairs = [
        (abs(report.off_mm), report.event.within_mm)
        for report in reported
        if report.event.state == "due" and report.off_mm
    ]
    assert len(pairs) > 50 and max(off for off, _ in pairs) <= ROW_MM
    assert all(off <= within + ROW_MM for off, within in pairs)


@pytest.mark.parametrize("speed", [ramp(2000, 12_000, 5, 500), ramp(12_000, 4000, 3, 500)])
def test_while_the_speed_changes_it_says_how_exact_it_is(speed: object) -> None:
    """Up and down, the moment lies within what the event states, but for the first tenths of a second of a change."""
    reported = Line(speed=speed, seconds=18, jitter_us=20).run(RULE)  # type: ignore[arg-type]
    due = [report for report in reported if report.event.state == "due" and report.off_mm is not None]
    changing = [report for report in due if not report.event.is_steady]
    assert len(changing) > 30
    inside = [abs(report.off_mm or 0.0) <= report.event.within_mm + ROW_MM for report in changing]
    assert sum(inside) >= 0.95 * len(inside)
    assert sorted(map(abs, off_mm(reported)))[len(due) // 2] <= ROW_MM
    assert set(last_words(reported).values()) == {1}


@pytest.mark.parametrize("lead_ms", [0.0, 100.0, 333.0])
@pytest.mark.parametrize("mm_per_s", [1000.0, 7000.0, 20_000.0])
def test_it_leaves_as_early_as_its_way_takes(mm_per_s: float, lead_ms: float) -> None:
    """However the batches come: at the next one it would be later than `lead_ms` before its moment."""
    rule = msgspec.structs.replace(RULE, lead_ms=lead_ms)
    line = Line(speed=lambda s: mm_per_s, seconds=5 + 15_000 / mm_per_s)
    due = [report for report in line.run(rule) if report.event.state == "due"]
    pause_ns = 1e9 * FRAME_MM / mm_per_s
    ahead_ns = [report.event.due_ns - report.at_ns for report in due]
    assert len(ahead_ns) > 4
    assert lead_ms * 1e6 <= min(ahead_ns) and max(ahead_ns) <= max(lead_ms * 1e6, pause_ns) + pause_ns + 1e6


def test_nothing_is_due_while_the_strip_stands() -> None:
    """It comes to a stand, and what is waited for is due when the strip runs again, as exactly as ever."""
    line = Line(speed=lambda s: ramp(8000, 0, 3, 1000)(s) if s < 20 else ramp(0, 8000, 20, 1000)(s), seconds=30)
    reported = line.run(RULE)
    stood_ns = range(EPOCH_NS + 11_300_000_000, EPOCH_NS + 20_000_000_000)
    assert [report.event for report in reported if report.at_ns in stood_ns and report.event.state != "armed"] == []
    assert [report for report in reported if report.event.due_ns in stood_ns] == []
    after = [
        report
        for report in reported
        if report.at_ns > stood_ns.stop and report.event.state == "due" and report.off_mm is not None
    ]
    inside = [abs(report.off_mm or 0.0) <= report.event.within_mm + ROW_MM for report in after]
    assert len(after) > 20 and sum(inside) >= 0.95 * len(inside)


def test_what_has_passed_already_is_late_by_so_much() -> None:
    """A place that the defect passes before it is known: reported at once, with the millimetres, and once."""
    rule = TriggerSection(name="near", action="mark", position_m=0.5)
    reported = Line(speed=lambda s: 10_000.0, seconds=3).run(rule)
    late = [report.event for report in reported]
    assert {event.state for event in late} == {"late"}
    # known after 80 ms, at the end of its frame: 800 mm and what of the frame lies behind its begin, less 500 mm
    assert [event.late_mm for event in late[4:]] == pytest.approx(
        [800 + FRAME_MM - 40 - 500] * len(late[4:]), abs=ROW_MM
    )
    assert late[-1].message == f"mark: late by {late[-1].late_mm:.0f} mm"


def test_a_weld_and_restarts_change_nothing() -> None:
    """What lies on a coil that has left comes to its place behind the next coil, over kills too, to the row."""
    plain = Line(speed=lambda s: 10_000.0, seconds=8)
    welded = msgspec.structs.replace(plain, coil_frames=97)
    restarted = msgspec.structs.replace(welded, restarts=range(0, 2000, 5))
    through, over, again = (off_mm(line.run(RULE)) for line in (plain, welded, restarted))
    assert len(through) == len(over) == len(again)
    assert max(map(abs, over)) <= ROW_MM and sorted(map(abs, again))[len(again) // 2] <= ROW_MM
    reported = welded.run(RULE)
    behind = [report.event for report in reported if report.event.state == "due" and report.event.at_mm > 97 * FRAME_MM]
    assert behind and {event.coil for event in behind} >= {"C0", "C1"}


@settings(max_examples=25, deadline=None)
@given(
    speeds=st.lists(st.sampled_from([0.0, 300.0, 4000.0, 15_000.0]), min_size=1, max_size=6),
    coil_frames=st.integers(20, 200),
    restarts=st.sets(st.integers(0, 400), max_size=6),
    latency_ms=st.sampled_from([5.0, 80.0, 900.0]),
)
def test_each_defect_has_one_last_word(
    speeds: list[float], coil_frames: int, restarts: set[int], latency_ms: float
) -> None:
    """However the strip runs, wherever welds lie, whenever the inspector is killed: never twice, never forgotten."""
    line = Line(
        speed=lambda s: speeds[min(int(s), len(speeds) - 1)],
        seconds=len(speeds) + 1,
        latency_ms=latency_ms,
        coil_frames=coil_frames,
        restarts=sorted(restarts),
        each=3,
    )
    reported = line.run(RULE)
    assert set(last_words(reported).values()) <= {1}
    s, mm = line.positions()
    seen_mm = mm[s < s[-1] - latency_ms / 1e3 - 0.5]
    passed = [
        number
        for number in range(int((seen_mm.max() if len(seen_mm) else 0.0) // FRAME_MM))
        if number % 3 == 1 and number * FRAME_MM + 40 + 15_000 < seen_mm.max() - 2 * FRAME_MM
    ]
    assert len(last_words(reported)) >= len(passed)


def test_strip_that_runs_back_is_no_second_trigger() -> None:
    """Run on, back over the defect and on again: what was due stays reported, and what was not is due on the way on."""
    now_ns = EPOCH_NS
    strip, triggers = Strip([CAMERA]), triggers_by(lambda: now_ns)
    line, events = Line(speed=lambda s: 0.0, seconds=0, each=40), list[Trigger]()
    way = [*range(200), *range(199, 99, -1), *range(100, 300)]
    for count, place in enumerate(way):
        now_ns = EPOCH_NS + count * 12_800_000
        frame = line.frame(place, now_ns - 5_000_000)
        of = msgspec.structs.replace(frame.frame.header, number=count)
        frame = msgspec.structs.replace(frame, frame=msgspec.structs.replace(frame.frame, header=of))
        events += trigger_events(triggers(strip(Findings(arrivals=(frame,), closed_ns=now_ns))).events)
    last = [event for event in events if event.state != "armed"]
    assert len(last) == len({event.defect_id for event in last}) >= 4
    assert {event.state for event in last} == {"due"}


def test_the_first_frames_tell_little() -> None:
    """One frame tells no speed; a few tell one, with what it is worth; then it is known."""
    armed = [report.event for report in Line(speed=lambda s: 10_000.0, seconds=2, each=1).run(RULE)][:60]
    assert (armed[0].state, armed[0].due_ns, armed[0].speed_m_min) == ("armed", 0, 0.0)
    assert armed[0].message.endswith("nobody knows when: the strip stands, or nothing is known of it yet")
    assert armed[1].due_ns and not armed[1].is_steady and armed[1].within_mm > 1000
    assert armed[8].is_steady and armed[8].within_mm <= 1.0


@pytest.mark.parametrize(("wrong", "is_believed"), [(1, False), (2, True)])
def test_a_position_that_nothing_supports_triggers_nothing(wrong: int, is_believed: bool) -> None:
    """One frame that claims to be 500 m farther on is passed over; two that agree are believed, and all is late."""
    now_ns = EPOCH_NS
    strip, triggers = Strip([CAMERA]), triggers_by(lambda: now_ns)
    line, states = Line(speed=lambda s: 0.0, seconds=0, each=80), list[str]()
    for number in range(70):
        now_ns = EPOCH_NS + number * 12_800_000
        frame = line.frame(number, now_ns - 5_000_000)
        if 60 <= number < 60 + wrong:
            of = msgspec.structs.replace(frame.frame.header, start_mm=500_000.0 + number * FRAME_MM)
            frame = msgspec.structs.replace(frame, frame=msgspec.structs.replace(frame.frame, header=of))
        found = triggers(strip(Findings(arrivals=(frame,), closed_ns=now_ns)))
        states += [event.state for event in trigger_events(found.events)]
    assert states == ["armed", *["late"] * is_believed]


class Desk:
    """Triggers whose defects a test writes itself; a frame is seen each 10 ms, at 10 m/s."""

    def __init__(self, *rules: TriggerSection) -> None:
        self.now_ns, self.number = EPOCH_NS, 0
        self.rules = rules or (RULE,)
        self.strip, self.triggers = Strip([CAMERA]), triggers_by(lambda: self.now_ns, self.rules)
        self.line = Line(speed=lambda s: 0.0, seconds=0, each=10**9)
        self.events: list[Trigger] = []
        """All that was reported."""
        self.follow()

    def change(self, by: str, *rules: TriggerSection) -> None:
        """Go on with other rules."""
        if by == "reload":
            self.triggers.replace(rules, [CAMERA])
            return
        kept = self.triggers.state()
        self.triggers = triggers_by(lambda: self.now_ns, rules)
        self.triggers.restore(kept, 0)

    def follow(self, *defects: Defect, frames: int = 1) -> list[tuple[str, str, str]]:
        """Let frames pass, and report defects with the first; return rule, defect and state of what is reported."""
        reported: list[tuple[str, str, str]] = []
        for _ in range(frames):
            self.now_ns += 12_800_000
            frame = self.line.frame(self.number, self.now_ns - 5_000_000)
            self.number += 1
            found = self.strip(Findings(arrivals=(frame,), closed_ns=self.now_ns))
            found = msgspec.structs.replace(found, events=(*found.events, *defects))
            events = trigger_events(self.triggers(found).events)
            self.events += events
            reported += [(event.name, event.defect_id, event.state) for event in events]
            defects = ()
        return reported


def spot(number: int, **facts: object) -> Defect:
    """A defect of the strip that the desk's camera sees."""
    at_mm = float(facts.pop("start_mm", 100.0 * number))  # type: ignore[arg-type]
    return any_defect(id=f"d{number}", coil="C0", start_mm=at_mm, end_mm=at_mm + 20, camera="top", **facts)


def test_a_rule_takes_what_it_names() -> None:
    """Class, side, size, severity and confidence: what is below any of them triggers nothing."""
    rule = TriggerSection(
        name="cracks",
        action="slow",
        position_m=50.0,
        classes=("crack",),
        min_severity="major",
        min_length_mm=10,
        min_confidence=0.5,
        side="top",
    )
    good: dict[str, object] = {"name": "crack", "severity": "critical", "confidence": 0.8, "side": "top"}
    desk = Desk(rule)
    bad: list[dict[str, object]] = [{"name": "scratch"}, {"severity": "minor"}, {"confidence": 0.3}, {"side": "bottom"}]
    assert desk.follow(*(spot(n, **{**good, **flaw}) for n, flaw in enumerate(bad, 1))) == []
    assert desk.follow(spot(9, **good)) == [("cracks", "d9", "armed")]


def test_a_defect_that_grows_is_one_target() -> None:
    """New, updated and whole: armed once, and again only where its begin turned out to lie elsewhere."""
    desk = Desk()
    assert desk.follow(spot(1, is_partial=True)) == [("shear", "d1", "armed")]
    assert desk.follow(spot(1, is_partial=True, area_mm2=900.0)) == []
    assert desk.follow(spot(1, is_partial=True, start_mm=60.0)) == [("shear", "d1", "armed")]
    assert desk.follow(frames=200) == [("shear", "d1", "due")]
    assert desk.follow(spot(1)) == []


def test_what_becomes_part_of_another_leaves_it_to_that() -> None:
    """Two that meet are one trigger: void for the part, and none for the whole where the part had its own."""
    desk = Desk()
    desk.follow(spot(1, is_partial=True), spot(2, is_partial=True, start_mm=300.0))
    assert desk.follow(spot(2, part_of="d1")) == [("shear", "d2", "void")]
    assert desk.follow(frames=200) == [("shear", "d1", "due")]
    desk = Desk()
    desk.follow(spot(1, is_partial=True), spot(2, is_partial=True, start_mm=3000.0))
    assert desk.follow(frames=125) == [("shear", "d1", "due")]
    assert desk.follow(spot(1, part_of="d2")) == [("shear", "d2", "void")]
    assert desk.follow(spot(2), frames=200) == []


def test_a_reload_takes_rules_away_and_adds_some() -> None:
    """A rule that is gone waits for nothing; a new one takes what is reported from then on; one that moved goes on."""
    desk = Desk(RULE, TriggerSection(name="gone", action="mark", position_m=30.0))
    desk.follow(spot(1, is_partial=True))
    desk.triggers.replace(
        [msgspec.structs.replace(RULE, position_m=7.0), TriggerSection(name="new", action="slow", position_m=60.0)],
        [CAMERA],
    )
    reported = desk.follow(frames=60)
    assert reported == [("gone", "d1", "void"), ("shear", "d1", "armed"), ("shear", "d1", "due")]
    assert desk.events[-1].at_mm == 100.0 + 2000.0
    assert desk.follow(spot(1)) == [("new", "d1", "armed")]


@pytest.mark.parametrize("by", ["reload", "restart"])
def test_what_is_waited_for_goes_by_the_rule_of_today(by: str) -> None:
    """Another action, or another place, is announced again; what the rule asks for no more is void, as announced."""
    desk = Desk()
    desk.follow(spot(1, name="dark"), spot(2, name="bright"))
    mark = msgspec.structs.replace(RULE, action="mark", classes=("bright",))
    desk.change(by, mark)
    assert desk.follow(frames=2) == [("shear", "d1", "void"), ("shear", "d2", "armed")]
    assert [event.action for event in desk.events[-2:]] == ["stop", "mark"]
    desk.change(by, msgspec.structs.replace(mark, position_m=19.0))
    assert desk.follow(frames=2) == [("shear", "d2", "armed")]
    assert (desk.events[-1].action, desk.events[-1].at_mm) == ("mark", 200.0 + 14_000.0)
    desk.change(by, msgspec.structs.replace(mark, position_m=19.0, lead_ms=200.0))
    assert desk.follow(frames=200) == [("shear", "d2", "due")]
    assert desk.events[-1].action == "mark"


@pytest.mark.parametrize("by", ["reload", "restart"])
def test_what_grows_may_meet_a_rule_that_has_changed(by: str) -> None:
    """It is waited for as long as more of it may be seen, and void as its moment comes, or once it is whole: once."""
    desk = Desk()
    desk.follow(*(spot(number, is_partial=True, area_mm2=100.0) for number in (1, 2, 3)))
    desk.change(by, msgspec.structs.replace(RULE, action="slow", min_area_mm2=500.0))
    assert desk.follow(frames=2) == []
    large = spot(1, is_partial=True, area_mm2=900.0)
    assert desk.follow(large, spot(2, area_mm2=200.0)) == [("shear", "d1", "armed"), ("shear", "d2", "void")]
    assert sorted(desk.follow(frames=200)) == [("shear", "d1", "due"), ("shear", "d3", "void")]
    assert [event.action for event in desk.events if event.defect_id == "d1"] == ["stop", "slow", "slow"]
    assert desk.follow(spot(3, area_mm2=900.0), spot(1, area_mm2=900.0), frames=2) == []


@pytest.mark.parametrize("length", [16, 20])
@pytest.mark.parametrize("changed", [{}, {"action": "slow"}, {"position_m": 19.0}])
def test_a_state_of_before_goes_on(length: int, changed: dict[str, object]) -> None:
    """Kept by 0.3, which kept no place, or after it: what was announced is due, announced again if it is another."""
    desk = Desk()
    desk.follow(spot(1), spot(2))
    kept = msgspec.json.decode(desk.triggers.state())
    kept["targets"] = [[*target[:15], True, *target[16:]][:length] for target in kept["targets"]]
    del kept["rules"]
    desk.triggers = triggers_by(lambda: desk.now_ns, [msgspec.structs.replace(RULE, min_area_mm2=9e5, **changed)])
    desk.triggers.restore(msgspec.json.encode(kept), 0)
    is_another = "action" in changed or ("position_m" in changed and length > 16)
    assert sorted(desk.follow(frames=2)) == [("shear", "d1", "armed"), ("shear", "d2", "armed")] * is_another
    assert sorted(desk.follow(frames=200)) == [("shear", "d1", "due"), ("shear", "d2", "due")]


def test_so_many_are_waited_for_and_no_more() -> None:
    """A rule that half the strip meets: what finds no room is reported so, each, and memory stays bounded."""
    desk = Desk()
    reported = desk.follow(*(spot(n, start_mm=float(n % 100)) for n in range(MOST + 5)))
    assert Counter(state for _, _, state in reported) == {"armed": MOST, "void": 5}
    assert len(desk.triggers.state()) < 400 * MOST


def test_a_coil_that_nobody_saw_is_no_place() -> None:
    """A defect on a coil of which no frame was seen, as after a state that could not be read, is void, not guessed."""
    desk = Desk()
    assert desk.follow(msgspec.structs.replace(spot(1), coil="C9")) == [("shear", "d1", "void")]


@pytest.mark.parametrize("set_ms", [-3_600_000, -1000, -500, 150, 1000, 30_000, 70_000, 3_600_000])
@pytest.mark.parametrize(("latency_ms", "set_s"), [(20, 4.003), (80, 4.003), (300, 4.003), (80, 3.9999)])
def test_a_clock_that_is_set_makes_nothing_due_early_or_late(set_ms: int, latency_ms: float, set_s: float) -> None:
    """The host's, by which its cameras go: what is under way or waited for is as exact as before, by the new one.

    It is set before a frame, or before a tick: then all that is known is of before.
    """
    line = Line(speed=lambda s: 10_000.0, seconds=7, latency_ms=latency_ms, set_s=set_s, set_ns=set_ms * 1_000_000)
    reported = [report for report in line.run(RULE) if report.event.state != "armed"]
    assert {report.event.state for report in reported} == {"due"} and set(last_words(reported).values()) == {1}
    assert max(map(abs, off_mm(reported))) <= ROW_MM
    ahead_ns = [report.event.due_ns - line.unix_ns(report.at_ns) for report in reported]
    pause_ns = 1e9 * FRAME_MM / 10_000
    assert min(ahead_ns) > 0 and max(ahead_ns) <= RULE.lead_ms * 1e6 + 2 * pause_ns


@pytest.mark.parametrize("clock_ns", [-3_600_000_000_000, 3_600_000_000_000])
def test_a_camera_with_a_wrong_clock(clock_ns: int) -> None:
    """An hour off either way: the time of arrival takes its place, so the moment is off by the latency at most."""
    reported = Line(speed=lambda s: 10_000.0, seconds=6, clock_ns=clock_ns, latency_ms=20).run(RULE)
    off = off_mm(reported)
    assert len(off) > 10 and all(-ROW_MM <= mm <= 200 + ROW_MM for mm in off)


def test_a_state_of_another_kind_is_a_value_error() -> None:
    """What another version kept is refused in the one way that the daemon handles."""
    with pytest.raises(ValueError):
        Triggers([RULE], [CAMERA]).restore(b'{"targets": 3}', 0)
