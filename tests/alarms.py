"""Alarms with a strip that one can run, a clock that one can set and operators who ask: for tests of them."""

from __future__ import annotations

from typing import Any

import msgspec

from inspector.alarms.alarms import Alarms
from inspector.alarms.settings import AlarmSection, FloodSection
from inspector.records import commands
from inspector.records.commands import AlarmStatus, Answer, Asked, Command
from inspector.records.events import Alarm, CameraStatus, CoilRecord, Data, Defect, Health, IsaState, Repeat
from inspector.records.stages import Findings
from tests.defects import any_defect, any_repeat, camera_status

MS = 1_000_000
UNIX_NS = 1_795_000_000_000_000_000
"""When the desk's clock stands at 0."""
SECTION = AlarmSection(name="scratches", classes=("scratch",), within_m=10.0, on_delay_ms=0, off_delay_ms=3000)
DEFECT = any_defect(
    name="scratch", start_mm=900.0, end_mm=1000.0, right_mm=10.0, area_mm2=50.0, confidence=0.9, recipe="test@1"
)
REPEAT = any_repeat(id="r", name="dent", period_mm=1570.8, newest="d3", rolls=("bridle-1",))
HEALTH = Health(state="reload_failed", message="line.toml: bad", recipe="r@1", version="1")


def section(**facts: Any) -> AlarmSection:
    """Make the rule for scratches, but for the facts given."""
    return msgspec.structs.replace(SECTION, **facts)


def defect(number: int = 1, **facts: Any) -> Defect:
    """Make a defect that meets the rule, but for the facts given."""
    return msgspec.structs.replace(DEFECT, id=str(number), **facts)


def repeat(**facts: Any) -> Repeat:
    """A repeat, but for these facts."""
    return msgspec.structs.replace(REPEAT, **facts)


def graded(grade: str, coil: str = "C") -> CoilRecord:
    """A coil's grade."""
    return CoilRecord(
        coil=coil,
        is_partial=False,
        is_whole=True,
        first_seq=1,
        started="",
        ended="",
        grade=grade,
        grades=(),
        length_m=1.0,
        inspected_m=1.0,
        missed_m=0.0,
        defects=0,
        classes=(),
        worst_metre=None,
        repeats=(),
        coverage=(),
        alarms={},
        crowded=0,
        recipes=(),
        decisions=(),
    )


def camera(status: str, name: str = "top") -> CameraStatus:
    """A camera's status."""
    return camera_status(status=status, camera=name, message="mean grey 2")


def states(changes: list[Alarm]) -> list[str]:
    """States that were reported."""
    return [change.isa_state for change in changes]


class Desk:
    """Alarms of one line."""

    def __init__(self, *sections: AlarmSection, flood: FloodSection | None = None) -> None:
        self.sections, self.flood = sections or (SECTION,), flood
        self.now_ms = 0
        self.start_ms = 0
        """When this process began: its monotonic clock stands at 0 then."""
        self.wrong_ms = 0
        """What its calendar is ahead of the true time."""
        self.alarms = self._begin(self.sections)
        self.reached_mm = {("C", "top"): 1000.0}
        self.left_mm: dict[tuple[str, str], float] = {}
        """How far coils had come that cameras leave with the next batch."""
        self.events: list[Data] = []
        """All that the alarms reported."""
        self.answer: Answer | None = None
        """To the last command."""

    def _begin(self, sections: tuple[AlarmSection, ...]) -> Alarms:
        return Alarms(
            sections,
            self.flood,
            unix_ns=lambda: UNIX_NS + (self.now_ms + self.wrong_ms) * MS,
            monotonic_ns=lambda: (self.now_ms - self.start_ms) * MS,
        )

    def follow(self, *found: Data, after_ms: float = 0, asked: tuple[Command, ...] = ()) -> list[Alarm]:
        """Pass on what was found and asked for, some time after the last; return the changes of state."""
        self.now_ms += int(after_ms)
        numbered = tuple(Asked(number, command) for number, command in enumerate(asked))
        before = Findings(
            events=found,
            reached_mm=self.reached_mm,
            left_mm=self.left_mm,
            closed_ns=(self.now_ms - self.start_ms) * MS,
            asked=numbered,
        )
        self.left_mm = {}
        after = self.alarms(before)
        assert after.events[: len(found)] == found
        assert msgspec.structs.replace(after, events=found, answers={}) == before
        self.events += after.events[len(found) :]
        self.answer = after.answers.get(len(asked) - 1)
        return [event for event in after.events[len(found) :] if isinstance(event, Alarm)]

    def ask(self, kind: type[commands.AlarmOrder], alarm: str = "scratches", **facts: Any) -> list[Alarm]:
        """Ask for something as Kim; return the changes of state."""
        command: Any = kind(alarm=alarm, operator=facts.pop("operator", "Kim"), **facts)
        return self.follow(asked=(command,))

    def status(self) -> AlarmStatus:
        """Where the first alarm stands, as whoever asks reads it; asking changes nothing."""
        assert self.follow(asked=(commands.ListAlarms(),)) == []
        assert self.answer is not None
        return self.answer.alarms[0]

    def refusal(self, kind: type[commands.AlarmOrder], alarm: str = "scratches", **facts: Any) -> str:
        """Ask for something that is refused; return why."""
        assert self.ask(kind, alarm, **facts) == []
        assert self.answer is not None and not self.answer.is_done
        return self.answer.message

    def replace(self, *sections: AlarmSection) -> None:
        """Pass on new rules, to go on with after a restart too."""
        self.sections = sections
        self.alarms.replace(sections)

    def restart(self, *sections: AlarmSection, after_ms: int = 1_000_000) -> None:
        """Begin again with what was kept, in a process whose clock begins at 0."""
        kept = self.alarms.state()
        self.now_ms += after_ms
        self.start_ms = self.now_ms
        self.alarms = self._begin(sections or self.sections)
        self.alarms.restore(kept, 0)

    def run_on(self, metres: float) -> None:
        """Let the strip run."""
        self.reached_mm = {key: reached_mm + metres * 1000 for key, reached_mm in self.reached_mm.items()}

    def weld(self, coil: str = "D", reached_mm: float = 100.0) -> None:
        """Have the camera on top leave its coil for the next, and come so far on it."""
        (left,) = [place for place in self.reached_mm if place[1] == "top"]
        self.left_mm[left] = self.reached_mm.pop(left)
        self.reached_mm[coil, "top"] = reached_mm

    def acknowledge(self) -> list[Alarm]:
        """Acknowledge the alarm; return the changes of state."""
        return self.ask(commands.Acknowledge)

    def meet(self, number: int = 1) -> list[Alarm]:
        """Have the condition met where the strip is now."""
        end_mm = self.reached_mm["C", "top"]
        return self.follow(defect(number, start_mm=end_mm - 100, end_mm=end_mm))

    def leave(self) -> list[Alarm]:
        """Have the condition gone, its delay included."""
        self.run_on(100)
        return [*self.follow(), *self.follow(after_ms=3000)]

    @property
    def state(self) -> IsaState:
        """Where the first alarm stands."""
        return self.alarms.states()[self.sections[0].name]
