"""One alarm: its rule, its state, and the event of each change. Pure, stateful.

Laws: the state changes by the table in `states`, and each transition of the table that happens is one event.

Knows: one alarm. Must not know: the others, floods, sockets.
"""

from __future__ import annotations

import msgspec

from inspector.alarms import states, suppression
from inspector.alarms.clock import utc
from inspector.alarms.motion import StripMotion
from inspector.alarms.quantity import Noted
from inspector.alarms.rules import Condition, KeptCondition, Rest
from inspector.alarms.settings import AlarmSection
from inspector.alarms.standing import StandingReports
from inspector.alarms.states import STATES, Cause
from inspector.alarms.suppression import Expression, Holds
from inspector.records import events
from inspector.records.commands import AlarmStatus
from inspector.records.events import IsaState

PHRASES: dict[Cause, str] = {
    "acknowledge": "acknowledged",
    "shelve": "shelved until {until}",
    "expire": "the time of its shelving is over",
    "unshelve": "unshelved",
    "suppress": "suppressed",
    "unsuppress": "no longer suppressed",
    "in_service": "back in service",
    "retire": "back to normal: its rule is gone",
}
"""What people read of a change; of others the cause."""


MINUTE_NS = 60_000_000_000


class KeptAlarm(msgspec.Struct, frozen=True):
    """What an alarm has to know after a restart; times in nanoseconds since the UNIX epoch."""

    condition: KeptCondition
    state: IsaState
    is_met: bool
    since_ns: int
    until_ns: int
    operator: str
    reason: str
    suppressed: str
    aside_from: IsaState = "normal"
    """Where it was before it was put aside; 0.3 did not keep it."""
    left_min: int = 0
    """How much of its shelving is left, rounded up; 0.3 did not keep it."""
    raised: int = 0
    """How often it has become unacknowledged; 0.3 did not count it."""
    is_withheld: bool = False
    """Whether a flood withheld that; 0.3 did not keep it."""


class ConfiguredAlarm:
    """An alarm of the configuration."""

    def __init__(self, section: AlarmSection, standing: StandingReports) -> None:
        """`standing` is what stands, as all rules read it."""
        self.condition = Condition(section, standing)
        self.state: IsaState = "normal"
        self.suppressed = ""
        """Who suppressed it by a command; empty when none did."""
        self._aside_from: IsaState = "normal"
        """Where it was before it was put aside; `normal` while it is not."""
        self._is_met = False
        """The condition, its delays included."""
        self._since_ns = 0
        self._until_ns = 0
        """When the shelving ends."""
        self._operator = self._reason = ""
        """Who brought it into this state, and why."""
        self.raised = 0
        """How often it has become unacknowledged."""
        self.is_withheld = False
        """Whether a flood keeps that from horn and screen."""
        self._now_ns = 0
        self._expression = _expression(section)

    @property
    def section(self) -> AlarmSection:
        """The rule of today's configuration."""
        return self.condition.section

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self.section.name

    @property
    def is_active(self) -> bool:
        """Whether people see it as an alarm that is on."""
        return states.is_on(self.state)

    @property
    def depends_on(self) -> set[str]:
        """Alarms that its suppression asks about."""
        return {fact.name for fact in self._expression.facts()} - {""} if self._expression else set()

    def replace(self, section: AlarmSection) -> None:
        """Follow another rule from now on, in the same state."""
        self.condition.replace(section)
        self._expression = _expression(section)

    # --- what happens to it -----------------------------------------------------------------------------------

    def at(self, now_ns: int) -> None:
        """Note the time, UNIX nanoseconds."""
        self._now_ns = now_ns

    def set_clock(self, set_ns: int) -> None:
        """The calendar was set by so much: what is left of a shelving stays."""
        self._since_ns += set_ns if self._since_ns else 0
        self._until_ns += set_ns if self._until_ns else 0

    def follow(self, noted: Noted, line: StripMotion, holds: Holds) -> list[events.Alarm]:
        """Let time, the plant and the condition change it, in this order."""
        level = self.condition.follow(noted)
        changes = []
        if self.state == "shelved" and self._now_ns >= self._until_ns:
            changes += self.go("expire")
        is_suppressed = self.is_suppressed(line, holds)
        if is_suppressed:
            changes += self.go("suppress", self.suppressed, "" if self.suppressed else self.section.suppressed_by)
        elif is_suppressed is not None:
            changes += self.go("unsuppress")
        if level is not None:
            changes += self._follow_condition(is_met=level == "met")
        elif self._is_met and states.becomes(self.state, "met") == states.ANNOUNCED:
            # Nobody keeps it aside any more, and its off-delay runs.
            changes += self.go("met")
        return changes

    def is_suppressed(self, line: StripMotion, holds: Holds) -> bool | None:
        """Whether it is to be suppressed; None while that is unknown, just after a start."""
        if self.suppressed:
            return True
        if self._expression is None:
            return False
        if not line.is_known and any(fact.kind in ("stands", "slower") for fact in self._expression.facts()):
            return None
        return self._expression.holds(holds)

    def _follow_condition(self, *, is_met: bool) -> list[events.Alarm]:
        cause: Cause = "met" if is_met else "held" if self.section.latch else "gone"
        is_news, self._is_met = is_met != self._is_met, is_met
        if states.becomes(self.state, cause) == self.state and not is_news:
            return []  # on record already
        return self.go(cause)

    def shelve(self, minutes: float, operator: str, reason: str) -> list[events.Alarm]:
        """Put it aside for `minutes` from now, where the table says so."""
        if states.becomes(self.state, "shelve"):
            self._until_ns = self._now_ns + round(minutes * 60e9)
        return self.go("shelve", operator, reason)

    def go(self, cause: Cause, operator: str = "", reason: str = "") -> list[events.Alarm]:
        """Change the state for a cause, where the table says so; return the event of it."""
        as_left = states.left(self._aside_from, is_latching=self.section.latch)
        state = states.becomes(self.state, cause, as_left)
        if state is None:
            return []
        before, self.state = self.state, state
        if not states.is_aside(state):
            self._aside_from = "normal"
        elif not states.is_aside(before):
            self._aside_from = before
        if state != "shelved":
            self._until_ns = 0
        if before != state or cause == "shelve":
            self._since_ns, self._operator, self._reason = self._now_ns, operator, reason
        is_raised = state == states.ANNOUNCED != before
        self.raised += is_raised
        return [self._event(cause, operator, reason, is_raised=is_raised)]

    def rest(self, monotonic_ns: int) -> Rest:
        """How long it stays as it is, unless somebody puts it aside or back; one that is suppressed by what the strip
        does may change at any time.
        """
        if not self.condition.is_met and not self._is_met:
            return Rest()
        return self.condition.rest(monotonic_ns) if self._expression is None else Rest(until_ns=0)

    # --- what is reported of it -----------------------------------------------------------------------------------

    def status(self) -> AlarmStatus:
        """Where it stands."""
        condition = self.condition
        return AlarmStatus(
            name=self.name,
            isa_state=self.state,
            priority=self.section.priority,
            is_met=self._is_met,
            value=round(condition.value, 3),
            limit=self.section.limit,
            since=utc(self._since_ns),
            until=utc(self._until_ns),
            operator=self._operator,
            reason=self._reason,
            coil=condition.quantity.source.coil,
            message=condition.quantity.words() if condition.is_met else condition.quantity.words_of_return(),
            raised=self.raised,
            is_withheld=self.is_withheld,
        )

    def _event(self, cause: Cause, operator: str, reason: str, *, is_raised: bool) -> events.Alarm:
        section, source, value = self.section, self.condition.quantity.source, self.condition.value
        return events.Alarm(
            name=section.name,
            state=STATES[self.state].word,
            isa_state=self.state,
            cause=cause,
            priority=section.priority,
            coil=source.coil,
            camera=source.camera,
            message=self._message(cause, operator, reason),
            count=int(value),
            defect_id=source.id if self.state == "unacknowledged" else "",
            is_met=self._is_met,
            value=round(value, 3),
            limit=section.limit,
            operator=operator,
            reason=reason,
            until=utc(self._until_ns),
            annunciate=is_raised,
            coils_since=source.coils_since,
            raised=self.raised,
        )

    def _message(self, cause: Cause, operator: str, reason: str) -> str:
        if cause in ("met", "gone", "held"):
            return self._words(cause)
        unnamed = " by the operator" if cause == "acknowledge" else ""
        phrase = PHRASES.get(cause, _shown(cause)).format(until=utc(self._until_ns))
        return f"{phrase}{f' by {operator}' if operator else unnamed}{f': {reason}' if reason else ''}"

    def _words(self, cause: Cause) -> str:
        """What the condition does."""
        quantity = self.condition.quantity
        if self.state == "normal":
            return "back to normal"
        words = quantity.words() if cause == "met" else quantity.words_of_return()
        if states.is_aside(self.state):
            return f"{words}; {_shown(self.state)}"
        more = {"gone": "; not acknowledged", "held": "; stays until it is reset"}
        return words + more.get(cause, "")

    # --- over a restart -----------------------------------------------------------------------------------------

    def kept(self, monotonic_ns: int) -> KeptAlarm:
        """What is kept for a restart."""
        return KeptAlarm(
            self.condition.kept(monotonic_ns),
            self.state,
            self._is_met,
            self._since_ns,
            self._until_ns,
            self._operator,
            self._reason,
            self.suppressed,
            self._aside_from,
            -((self._now_ns - self._until_ns) // MINUTE_NS) if self._until_ns else 0,
            self.raised,
            self.is_withheld,
        )

    @classmethod
    def restored(cls, kept: KeptAlarm, standing: StandingReports, monotonic_ns: int, unix_ns: int) -> ConfiguredAlarm:
        """Take up what was kept: a shelving ends when it would have, and no later where the calendar was set back."""
        alarm = cls(kept.condition.section, standing)
        alarm.condition = Condition.restored(kept.condition, standing, monotonic_ns)
        alarm.state, alarm._is_met, alarm.suppressed = kept.state, kept.is_met, kept.suppressed
        alarm._since_ns = min(kept.since_ns, unix_ns)
        if kept.until_ns:
            left_ns = kept.left_min * MINUTE_NS or kept.until_ns - kept.since_ns
            alarm._until_ns = min(kept.until_ns, unix_ns + left_ns)
        alarm._operator, alarm._reason, alarm._aside_from = kept.operator, kept.reason, kept.aside_from
        alarm.raised, alarm.is_withheld = kept.raised, kept.is_withheld
        return alarm


def _expression(section: AlarmSection) -> Expression | None:
    return suppression.parse(section.suppressed_by) if section.suppressed_by else None


def _shown(word: str) -> str:
    return word.replace("_", " ")
