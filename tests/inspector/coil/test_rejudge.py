"""The past run again: what the rules of then would have raised is what they raised."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from inspector.alarms.alarms import Alarms
from inspector.alarms.rules import Rest
from inspector.alarms.settings import AlarmSection, FloodSection
from inspector.coil.record import record
from inspector.coil.rejudge import again, recorded
from inspector.records.commands import Acknowledge, Asked
from inspector.records.envelope import Event
from inspector.records.events import Alarm, CoilRecord, Data, Missed
from inspector.records.stages import Findings
from tests.coil_journals import reported
from tests.coils_seen import seen
from tests.defects import any_crowded, any_defect, any_repeat, camera_status

BEGAN_S = 1_790_000_000
FRAME_MM, FRAME_NS = 160.0, 32_000_000
"""A frame a batch, at 5 m/s."""
FRAMES = 375
"""60 m a coil."""
RULES = (
    AlarmSection(name="defects", count=2, within_m=3),
    AlarmSection(name="area", kind="area", area_mm2=300, within_m=3),
    AlarmSection(name="density", kind="density", per_m=1.0, within_m=2),
    AlarmSection(name="missed", kind="missed", missed_m=0.3, within_m=3),
    AlarmSection(name="crowded", kind="crowded", within_m=3),
    AlarmSection(name="repeat", kind="repeat"),
    AlarmSection(name="health", kind="health"),
    AlarmSection(name="grade", kind="grade"),
    AlarmSection(name="late", count=1, within_m=4, on_delay_ms=500),
    AlarmSection(name="soon", count=1, within_m=2, suppressed_by="first 9 m of coil"),
)


class Line:
    """A line whose operator acknowledges each alarm at once."""

    def __init__(self, rules: Sequence[AlarmSection]) -> None:
        self.past: list[Event] = []
        self._alarms = Alarms(rules, FloodSection(), unix_ns=lambda: 0, monotonic_ns=lambda: 0)
        self._now_ns = 0
        self._unanswered: list[str] = []

    @property
    def seq(self) -> int:
        """Number of the next event."""
        return len(self.past) + 1

    def goes_on(self, *events: Data, **facts: object) -> None:
        """Record a batch."""
        self._now_ns += FRAME_NS
        asked = tuple(Asked(n, Acknowledge(alarm=name, operator="Kim")) for n, name in enumerate(self._unanswered))
        findings = Findings(closed_ns=self._now_ns, events=events, asked=asked)
        found = self._alarms(msgspec.structs.replace(findings, **facts)).events
        alarms = [data for data in found if isinstance(data, Alarm)]
        self._unanswered = [alarm.name for alarm in alarms if (alarm.state, alarm.cause) == ("unacknowledged", "met")]
        time = datetime.fromtimestamp(BEGAN_S + self._now_ns / 1e9, UTC).isoformat()
        for data in found:
            named = {"id": f"e-{self.seq}", "source": "l", "type": "t", "time": time, "subject": "-", "epoch": "e"}
            self.past.append(Event(seq=self.seq, topicseq=self.seq, data=data, **named))

    def waits(self, seconds: int) -> None:
        """Record nothing for a while."""
        self._now_ns += seconds * 10**9

    def runs(self, coil: str, chance: random.Random) -> CoilRecord:
        """Have a coil pass, with all that rules ask about; return its record."""
        for _ in range(FRAMES // 5):  # the line's tick
            self.goes_on()
        first_seq, place = self.seq, (coil, "top")
        self.goes_on(reported(coil, "started"), reached_mm={place: 0.0})
        for frame in range(FRAMES):
            events = strewn(coil, frame, chance)
            self.goes_on(*events, reached_mm={place: (frame + 1) * FRAME_MM}, inspected_mm={"top": FRAME_MM})
        long_mm = FRAMES * FRAME_MM
        self.goes_on(reported(coil, "ended", long_mm / 1000), left_mm={place: long_mm})
        grade = chance.choice(("release", "hold"))
        made = msgspec.structs.replace(record(seen()), coil=coil, first_seq=first_seq, grade=grade)
        self.goes_on(made)
        return made


def strewn(coil: str, frame: int, chance: random.Random) -> Iterator[Data]:
    """Yield what a frame brings."""
    start_mm = frame * FRAME_MM
    facts: dict[str, Any] = {"coil": coil, "start_mm": start_mm, "end_mm": start_mm + FRAME_MM}
    for number in range(chance.choices((0, 1, 3), (40, 2, 1))[0]):
        end_mm = start_mm + chance.uniform(20, FRAME_MM)
        place: dict[str, Any] = {"coil": coil, "start_mm": end_mm - 20, "end_mm": end_mm}
        yield any_defect(id=f"{coil}{frame}-{number}", area_mm2=chance.uniform(50, 250), **place)
    if chance.random() < 0.02:
        yield Missed(camera="top", reasons={"lost": 1}, **facts)
    if chance.random() < 0.01:
        yield any_crowded(**facts)
    if chance.random() < 0.02:
        yield any_repeat(coil=coil, state=chance.choice(("new", "ended")))
    if chance.random() < 0.02:
        raised = chance.random() < 0.5
        yield camera_status(state="raised" if raised else "returned", status="failure" if raised else "normal")


@pytest.mark.parametrize("seed", range(3))
def test_the_same_rules_give_the_same_alarms(seed: int) -> None:
    """Of each kind, on random coils: what the alarms themselves recorded, and each pause, moves no strip."""
    line, chance = Line(RULES), random.Random(seed)
    made = [line.runs(coil, chance) for coil in "ABC"]
    then = recorded(line.past, made)
    assert {name for _, name in then} >= {rule.name for rule in RULES} - {"grade"}
    assert again(line.past, RULES, FloodSection(), made, {"top": 0.0}) == then


DELAYED = (
    *RULES,
    AlarmSection(name="deadband", count=2, within_m=1, deadband=1, off_delay_ms=0),
    AlarmSection(name="stays", kind="missed", missed_m=0.1, within_m=1000),
    AlarmSection(name="brief", kind="missed", missed_m=0.16, within_m=1, on_delay_ms=100, off_delay_ms=100),
    AlarmSection(name="other", kind="area", within_m=2, suppressed_by="alarm late", off_delay_ms=100),
)


@pytest.mark.parametrize("seed", range(2))
def test_looks_that_are_left_out_change_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same alarms as if each step were looked at, whatever windows and delays run out, and strip that stands."""
    line, chance = Line(DELAYED), random.Random(seed)
    made = [line.runs(coil, chance) for coil in "AB"]
    found = again(line.past, DELAYED, FloodSection(), made, {"top": 0.0})
    assert {name for _, name in found} >= {"deadband", "stays", "brief", "other"}
    monkeypatch.setattr(Alarms, "rest", lambda _: Rest(until_ns=0))
    assert again(line.past, DELAYED, FloodSection(), made, {"top": 0.0}) == found


def test_a_fault_that_stands_counts_on_each_of_many_plates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suppressed at each plate's head it is raised again behind it, though a plate passes within a second."""
    line = Line(())
    line.goes_on(camera_status())
    line.waits(5)
    line.goes_on(reported("0", "started"))
    for number in range(10):
        line.waits(1)
        line.goes_on(reported(str(number), "ended", 4.5), reported(str(number + 1), "started"))
    rules = (AlarmSection(name="camera", kind="health", suppressed_by="first 1 m of coil"),)
    found = again(line.past, rules, FloodSection(), [], {"top": 0.0})
    assert found[0, "camera"] == 11
    monkeypatch.setattr(Alarms, "rest", lambda _: Rest(until_ns=0))
    assert again(line.past, rules, FloodSection(), [], {"top": 0.0}) == found


@pytest.mark.parametrize("within_m", [50.0, 1000.0])
def test_alarms_look_when_something_can_change(within_m: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten defects, each 10 s after the last: once a second and around what leaves a window, met all the time or not."""
    line = Line(())
    line.goes_on(reported("A", "started"))
    for number in range(1, 11):
        line.waits(10)
        line.goes_on(any_defect(id=str(number), coil="A", start_mm=number * 20_000.0 - 20, end_mm=number * 20_000.0))
    looks: list[int] = []
    follow = Alarms.__call__

    def look(alarms: Alarms, findings: Findings) -> Findings:
        looks.append(findings.closed_ns)
        return follow(alarms, findings)

    monkeypatch.setattr(Alarms, "__call__", look)
    rules = (AlarmSection(name="defects", count=4, within_m=within_m), AlarmSection(name="missed", kind="missed"))
    raised = again(line.past, rules, FloodSection(), [], {"top": 0.0})
    assert raised == ({(0, "defects"): 1} if within_m == 1000 else {})
    assert 100 <= len(looks) <= 140
