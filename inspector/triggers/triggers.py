"""Triggers: what is to be done when a defect comes to a place down the line, reported ahead. Pure, stateful.

Laws: each rule reports `due`, `late` or `void` exactly once of a defect that meets it, over restarts of the inspector
too. `due` leaves before its moment wherever there was time. What stands still triggers nothing; what was passed before
it was known is `late`, by N millimetres. A defect that becomes a part of another leaves it to that one. What is waited
for goes by the rules of today: a reload or a restart that changes a rule changes what is announced.

Knows: defects, the motion of the strip, the rules; UNIX time, passed in. Must not know: sockets, what acts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from queue import SimpleQueue

import msgspec

from inspector.config.camera import CameraSection
from inspector.records.events import Data, Defect, Trigger, TriggerState
from inspector.records.extent import Extent
from inspector.records.stages import Findings
from inspector.triggers.motion import Forecast
from inspector.triggers.settings import TriggerSection
from inspector.triggers.ways import Way, Ways

MOST = 1000
"""Defects that are waited for at once; a rule that more of the strip meets is no call to act."""
CALLS = 16
"""Calls by whose pauses it is known when the next one comes."""
NEAR_MM = 0.05
"""Positions are reported to a tenth of a millimetre."""
M = 1000.0


class Target(msgspec.Struct, array_like=True):
    """A defect that a rule waits for."""

    rule: str
    armed_action: str
    """As it was reported; its rule's until then."""
    defect_id: str
    name: str
    """Class of the defect."""
    severity: str
    coil: str
    side: str
    camera: str
    start_mm: float
    end_mm: float
    left_mm: float
    right_mm: float
    is_whole: bool
    """Nothing more will be reported of it."""
    is_estimated: bool
    line_mm: float = 0.0
    """Where its begin lies along its camera's line."""
    was_armed: bool = False
    """It was reported, by a state of 0.3, which kept neither where nor what follows: `restore` fills that in."""
    armed_at_mm: float | None = None
    """Where the action takes effect, as it was reported; None until then, and since the defect lies elsewhere."""
    is_asked: bool = True
    """Its rule asks for it; one that a reload has changed may again, once more of the defect is seen."""
    area_mm2: float = 1_000_000.0
    confidence: float = 1.0

    def follow(self, defect: Defect, rule: TriggerSection) -> None:
        """Take in what is known of the defect by now."""
        if abs(defect.start_mm - self.start_mm) > NEAR_MM:
            self.line_mm += defect.start_mm - self.start_mm
            self.armed_at_mm = None
        for name in GROWS:
            setattr(self, name, getattr(defect, name))
        self.is_asked = self.is_asked or rule.meets(defect)

    def is_armed(self, action: str, at_mm: float) -> bool:
        """Whether it was reported so."""
        is_there = self.armed_at_mm is not None and abs(at_mm - self.armed_at_mm) <= NEAR_MM
        return is_there and self.armed_action == action

    def meets(self, rule: TriggerSection) -> bool:
        """Whether a rule asks for the defect, as far as it is known."""
        extent = Extent(
            start_mm=self.start_mm,
            end_mm=self.end_mm,
            left_mm=self.left_mm,
            right_mm=self.right_mm,
            area_mm2=self.area_mm2,
        )
        return rule.asks_for(self.name, self.side, extent, severity=self.severity, confidence=self.confidence)


GROWS = ("severity", "start_mm", "end_mm", "left_mm", "right_mm", "is_whole", "area_mm2", "confidence")
"""What of a defect changes from one report to the next."""


def _target(rule: TriggerSection, defect: Defect) -> Target:
    facts = {name: getattr(defect, name) for name in (*GROWS, "name", "coil", "side", "camera", "is_estimated")}
    return Target(rule=rule.name, armed_action=rule.action, defect_id=defect.id, **facts)


class _Call(msgspec.Struct, frozen=True):
    """What holds for all targets at one call: asked for each, a thousand of them would take a core."""

    now_ns: int
    stands: bool
    pause_ns: int
    """How long it may be until the next call: the longest pause of late."""


class _Moment(msgspec.Struct, frozen=True):
    """What is known of when a target's action is to be done."""

    state: TriggerState
    forecast: Forecast | None = None
    there_ns: int | None = None
    """When the strip is where the action takes effect."""
    due_ns: int = 0
    to_go_mm: float = 0.0
    late_mm: float = 0.0
    speed: float = 0.0
    """mm/s."""
    is_steady: bool = False

    @property
    def captured_ns(self) -> int:
        """When the newest row was exposed that the forecast is of."""
        return self.forecast.at_ns if self.forecast else 0

    @property
    def within_mm(self) -> float:
        """How exact it is."""
        return self.forecast.within_mm(self.there_ns) if self.forecast and self.there_ns else 0.0


class _State(msgspec.Struct):
    """What goes on after a restart."""

    ways: dict[str, Way] = {}
    targets: list[Target] = []
    done: dict[str, list[str]] = {}
    """Rules that have reported their last of a defect which is still reported, by its id."""
    rules: dict[str, TriggerSection] = {}
    """By which the targets are waited for; 0.3 did not keep them."""


class Triggers:
    """The stage that adds `trigger` events."""

    name = "triggers"

    def __init__(
        self,
        sections: Iterable[TriggerSection],
        cameras: Iterable[CameraSection],
        *,
        unix_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`unix_ns` is the clock by which cameras name exposures; nobody sets the other. Each batch asks both."""
        self._unix_ns, self._monotonic_ns = unix_ns, monotonic_ns
        self._rules = {section.name: section for section in sections}
        self._cameras = {camera.name: camera for camera in cameras}
        self._ways = Ways(self._cameras)
        self._state = _State(ways=self._ways.by_camera)
        self._inbox: SimpleQueue[tuple[dict[str, TriggerSection], dict[str, CameraSection]]] = SimpleQueue()
        self._calls: deque[int] = deque(maxlen=CALLS)

    def replace(self, sections: Iterable[TriggerSection], cameras: Iterable[CameraSection]) -> None:
        """Pass on new rules; what a rule of the same name waits for stays. Any thread may."""
        self._inbox.put(({section.name: section for section in sections}, {camera.name: camera for camera in cameras}))

    def __call__(self, findings: Findings) -> Findings:
        """Follow the strip, take in defects, and report what is due before the next call."""
        now_ns, steady_ns = self._unix_ns(), self._monotonic_ns()
        self._calls.append(steady_ns)
        events: list[Data] = []
        while not self._inbox.empty():
            self._rules, self._cameras = self._inbox.get()
            self._ways.replace(self._cameras)
        self._drop_removed(events)
        self._follow_rules()
        self._ways.follow(findings, now_ns, steady_ns)
        for event in findings.events:
            if isinstance(event, Defect):
                self._look(event, events)
        if self._state.targets:
            call = _Call(now_ns, self._ways.stands(now_ns), self._pause_ns())
            self._state.targets = [target for target in self._state.targets if self._waits(target, call, events)]
        return msgspec.structs.replace(findings, events=(*findings.events, *events)) if events else findings

    def state(self) -> bytes:
        """Where the strip lies, what is waited for, and what was reported."""
        return msgspec.json.encode(self._state)

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with what was waited for; nothing is reported twice.

        Raises: ValueError when it cannot be read.
        """
        self._state = msgspec.json.decode(state, type=_State)
        for target in self._state.targets:
            if target.was_armed and target.armed_at_mm is None:
                target.armed_at_mm = self._at_mm(target)
            target.was_armed = False
        self._ways.restore(self._state.ways)
        self._state.ways = self._ways.by_camera

    # --- defects ----------------------------------------------------------------------------------------------

    def _look(self, defect: Defect, events: list[Data]) -> None:
        """See which rules a defect meets, now that it is as it is."""
        done = self._state.done
        if defect.part_of:
            self._drop(lambda target: target.defect_id == defect.id, f"it is a part of {defect.part_of}", events)
            given = done.pop(defect.id, [])
            self._drop(
                lambda target: target.rule in given and target.defect_id == defect.part_of,
                f"its part {defect.id} had its trigger",
                events,
            )
            for name in given:
                self._finish(name, defect.part_of)
            return
        waiting = {target.rule: target for target in self._state.targets if target.defect_id == defect.id}
        for rule in self._rules.values():
            if rule.name in waiting:
                waiting[rule.name].follow(defect, rule)
            elif rule.name not in done.get(defect.id, ()) and rule.meets(defect):
                self._add(rule, defect, events)
        if defect.is_whole:  # nothing more is reported of it
            done.pop(defect.id, None)

    def _add(self, rule: TriggerSection, defect: Defect, events: list[Data]) -> None:
        target, way = _target(rule, defect), self._ways.by_camera.get(defect.camera)
        line_mm = way.place_mm(defect.coil, defect.start_mm) if way else None
        if line_mm is not None and len(self._state.targets) < MOST:
            target.line_mm = line_mm
            self._state.targets.append(target)
            return
        why = f"{MOST} others are waited for" if line_mm is not None else "where its coil lies on the line is not known"
        events.append(self._event(target, _Moment("void"), why))
        self._finish(rule.name, defect.id)

    def _finish(self, rule: str, defect_id: str) -> None:
        """Note that a rule has reported its last of a defect that may be reported again."""
        done = self._state.done.setdefault(defect_id, [])
        if rule not in done:
            done.append(rule)

    def _drop_removed(self, events: list[Data]) -> None:
        """Wait no more for what has no rule any more, or no camera under which its strip could be followed."""
        self._drop(lambda target: target.rule not in self._rules, "its rule was removed", events)
        for target in self._state.targets:
            if target.camera not in self._cameras and not target.is_whole:
                self._finish(target.rule, target.defect_id)
        self._drop(lambda target: target.camera not in self._cameras, "its camera was removed", events)

    def _follow_rules(self) -> None:
        """Wait by the rules as they are now; where one was another, look at all that it waits for."""
        before, self._state.rules = self._state.rules, self._rules
        changed = {name for name, rule in self._rules.items() if before.get(name, rule) != rule}
        for target in self._state.targets if changed else ():
            if target.rule in changed:
                target.is_asked = target.meets(self._rules[target.rule])

    def _drop(self, is_gone: Callable[[Target], bool], why: str, events: list[Data]) -> None:
        """Wait no more for some."""
        for target in self._state.targets:
            if is_gone(target):
                events.append(self._event(target, _Moment("void"), why))
        self._state.targets = [target for target in self._state.targets if not is_gone(target)]

    # --- the moment -------------------------------------------------------------------------------------------

    def _waits(self, target: Target, call: _Call, events: list[Data]) -> bool:
        """Report what there is to report of a target; return whether it is still waited for."""
        moment, action = self._moment(target, call), self._rules[target.rule].action
        at_mm = self._at_mm(target)
        waits = moment.state == "armed" and (target.is_asked or not target.is_whole)
        if not (target.is_asked or waits):
            events.append(self._event(target, _Moment("void"), "its rule asks for it no more"))
        elif target.is_asked and not (waits and target.is_armed(action, at_mm)):
            target.armed_action, target.armed_at_mm = action, at_mm
            events.append(self._event(target, moment, _words(target, moment, call.now_ns)))
        if not (waits or target.is_whole):
            self._finish(target.rule, target.defect_id)
        return waits

    def _moment(self, target: Target, call: _Call) -> _Moment:
        """Say when the action is to be done, by what is known now."""
        forecast = self._ways.motion(target.camera).forecast()
        if forecast is None:  # nothing came since a restart
            return _Moment("armed")
        rule = self._rules[target.rule]
        delay_ns = round(rule.delay_ms * 1e6)
        effect_mm = target.line_mm + self._ahead_mm(target)
        there_ns = None if call.stands else forecast.when_ns(effect_mm)
        past_mm = (forecast.line_mm if call.stands else forecast.place_mm(call.now_ns + delay_ns)) - effect_mm
        due_ns = there_ns - delay_ns if there_ns else 0
        state: TriggerState = "armed"
        if past_mm > NEAR_MM or (call.stands and past_mm >= 0):
            state = "late"
        elif due_ns and due_ns - call.now_ns <= max(round(rule.lead_ms * 1e6), call.pause_ns) + call.pause_ns:
            state = "due"  # else too late next time
        return _Moment(
            state=state,
            forecast=forecast,
            there_ns=there_ns,
            due_ns=due_ns,
            to_go_mm=effect_mm - forecast.line_mm,
            late_mm=past_mm if state == "late" else 0.0,
            speed=0.0 if call.stands else forecast.speed,
            is_steady=forecast.is_steady and not call.stands,
        )

    def _at_mm(self, target: Target) -> float:
        """Where on its coil, or on one behind it, the action takes effect."""
        return target.start_mm + self._ahead_mm(target)

    def _ahead_mm(self, target: Target) -> float:
        """How far the strip runs from where the defect is seen to where the action takes effect; 0 without a rule."""
        rule, camera = self._rules.get(target.rule), self._cameras.get(target.camera)
        return M * (rule.position_m - (camera.station_m if camera else 0.0) - rule.before_m) if rule else 0.0

    def _pause_ns(self) -> int:
        return max((after - before for before, after in pairwise(self._calls)), default=0)

    def _event(self, target: Target, moment: _Moment, message: str) -> Trigger:
        return Trigger(
            name=target.rule,
            state=moment.state,
            action=target.armed_action,
            defect_id=target.defect_id,
            defect=target.name,
            severity=target.severity,
            coil=target.coil,
            side=target.side,
            camera=target.camera,
            start_mm=target.start_mm,
            end_mm=target.end_mm,
            left_mm=target.left_mm,
            right_mm=target.right_mm,
            at_mm=round(self._at_mm(target), 1),
            to_go_mm=round(moment.to_go_mm, 1),
            captured_ns=moment.captured_ns,
            due_ns=moment.due_ns,
            speed_m_min=round(moment.speed * 0.06, 3),
            is_steady=moment.is_steady,
            within_mm=round(moment.within_mm, 1),
            late_mm=round(moment.late_mm, 1),
            is_estimated=target.is_estimated,
            message=message,
        )


def _words(target: Target, moment: _Moment, now_ns: int) -> str:
    """Put it into words."""
    if moment.state == "late":
        return f"{target.armed_action}: late by {moment.late_mm:.0f} mm"
    if not moment.due_ns:
        why = (
            "at this rate the strip stands before"
            if moment.speed
            else "the strip stands, or nothing is known of it yet"
        )
        return f"{target.armed_action}: {moment.to_go_mm / M:.3f} m to go, nobody knows when: {why}"
    changing = "" if moment.is_steady else ", while the speed changes"
    return (
        f"{target.armed_action}: {moment.to_go_mm / M:.3f} m to go, in {(moment.due_ns - now_ns) / 1e9:.3f} s at "
        f"{moment.speed * 0.06:.0f} m/min, within {moment.within_mm:.1f} mm{changing}"
    )
