"""When the condition of an alarm is met: its quantity has reached the limit, and for long enough. Pure, stateful.

Knows: one rule, its quantity, since when the condition is met or gone. Must not know: states, operators.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import msgspec

from inspector.alarms.quantity import DIGITS, KeptQuantity, Noted, Quantity
from inspector.alarms.settings import AlarmSection
from inspector.alarms.standing import StandingReports


class KeptCondition(msgspec.Struct, frozen=True):
    """What a condition has to know after a restart."""

    section: AlarmSection
    quantity: KeptQuantity = msgspec.field(name="measure")  # its name in the journals of 0.2
    is_met: bool
    before_ns: int
    """For how long, but no longer than the delays: time beyond them changes nothing."""


class Rest(NamedTuple):
    """How long nothing changes of itself, whatever batches come in which nothing is found."""

    until_ns: float = math.inf
    """On the clock of the batches."""
    way_mm: float = math.inf
    """How far the strip may come meanwhile, under any camera."""


class Condition:
    """A rule's condition: met while the quantity is at the limit or above, and gone once it is below the deadband."""

    def __init__(self, section: AlarmSection, standing: StandingReports) -> None:
        self.section = section
        self.quantity = Quantity(section, standing)
        self.is_met = False
        self.value = 0.0
        """The quantity after the last batch."""
        self._since_ns = 0
        """Since when the condition is met, or gone."""
        self._is_awaited = False
        """Whether it is met, and its on-delay runs: so it does to its end where a coil ends meanwhile."""

    def follow(self, noted: Noted) -> Literal["met", "gone"] | None:
        """Take in what was found; return what it comes to, once that has lasted for the delay."""
        self.quantity.follow(noted, is_awaited=self._is_awaited)
        now_ns = noted.findings.closed_ns
        self.value = self.quantity.value
        section = self.section
        is_met = self.value >= round(section.limit - (section.deadband if self.is_met else 0.0), DIGITS)
        if is_met != self.is_met:
            self.is_met, self._since_ns = is_met, now_ns
        delay_ms = section.on_delay_ms if is_met else section.off_delay_ms
        is_delayed = now_ns - self._since_ns < delay_ms * 1_000_000
        self._is_awaited = is_met and is_delayed
        if is_delayed:
            return None
        return "met" if is_met else "gone"

    def rest(self, now_ns: int) -> Rest:
        """How long it stays as it is: until its delay is over, or what meets it begins to leave the window."""
        section = self.section
        over_ns = self._since_ns + 1_000_000 * (section.on_delay_ms if self.is_met else section.off_delay_ms)
        until_ns = over_ns if now_ns < over_ns else math.inf
        return Rest(until_ns, self.quantity.rest_mm() if self.is_met else math.inf)

    def replace(self, section: AlarmSection) -> None:
        """Follow another rule from now on."""
        if section != self.section:
            self.section = section
            self.quantity.replace(section)

    def kept(self, now_ns: int) -> KeptCondition:
        """What is kept for a restart; of a line that stands it stays the same."""
        delay_ns = 1_000_000 * max(self.section.on_delay_ms, self.section.off_delay_ms)
        before_ns = min(now_ns - self._since_ns, delay_ns)
        return KeptCondition(self.section, self.quantity.kept(), self.is_met, before_ns)

    @classmethod
    def restored(cls, kept: KeptCondition, standing: StandingReports, now_ns: int) -> Condition:
        """Take up what was kept, now."""
        condition = cls(kept.section, standing)
        condition.quantity.go_on(kept.quantity)
        condition.is_met, condition._since_ns = kept.is_met, now_ns - kept.before_ns
        condition._is_awaited = kept.is_met and kept.before_ns < kept.section.on_delay_ms * 1_000_000
        condition.value = condition.quantity.value
        return condition
