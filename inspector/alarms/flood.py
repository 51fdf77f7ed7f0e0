"""Floods: more alarms than an operator can answer (ISA-18.2: more than 10 in 10 minutes). Pure, stateful.

Laws: a flood decides what is announced, and nothing else: which alarms are raised and recorded does not depend on it.

Knows: when alarms were raised, and their priorities. Must not know: rules, states.
"""

from __future__ import annotations

from collections import deque

import msgspec

from inspector.alarms.settings import FloodSection
from inspector.records.events import Flood, FloodState, Priority

COUNTED = 1000
"""Alarms beyond a flood's limits that are still counted one by one."""


class KeptFlood(msgspec.Struct, frozen=True):
    """What has to be known after a restart; times in nanoseconds since the UNIX epoch."""

    raised_ns: tuple[int, ...] = ()
    is_flood: bool = False
    withheld: int = 0
    names: tuple[str, ...] = ()


class Floods:
    """Watches how often alarms are raised. Times are UNIX nanoseconds that never go back (see `Clock`)."""

    def __init__(self, section: FloodSection) -> None:
        self.section = section
        self._raised_ns: deque[int] = deque(maxlen=COUNTED + max(section.more_than, section.ends_below))
        self._is_flood = False
        self._withheld = 0
        self._names: list[str] = []

    def announces(self, name: str, priority: Priority, now_ns: int) -> bool:
        """Note that an alarm was raised; return whether it is announced."""
        self._raised_ns.append(now_ns)
        self._forget(now_ns)
        if len(self._raised_ns) > self.section.more_than or self._is_flood:
            if priority in self.section.announced:
                return True
            self._withheld += 1
            if name not in self._names:
                self._names.append(name)
            return False
        return True

    def look(self, now_ns: int, waiting: set[str]) -> Flood | None:
        """Report where a flood began or ended; `waiting` are the alarms that are not acknowledged."""
        self._forget(now_ns)
        raised = len(self._raised_ns)
        if not self._is_flood and raised > self.section.more_than:
            self._is_flood = True
            return self._event("started", waiting)
        if self._is_flood and raised < self.section.ends_below:
            event = self._event("ended", waiting)
            self._is_flood, self._withheld, self._names = False, 0, []
            return event
        return None

    def kept(self) -> KeptFlood:
        """What is kept for a restart."""
        return KeptFlood(tuple(self._raised_ns), self._is_flood, self._withheld, tuple(self._names))

    def go_on(self, kept: KeptFlood, now_ns: int) -> None:
        """Take up what was kept; what is to come by today's clock, which was set back meanwhile, counts no more."""
        self._raised_ns.extend(at_ns for at_ns in kept.raised_ns if at_ns <= now_ns)
        self._is_flood, self._withheld, self._names = kept.is_flood, kept.withheld, list(kept.names)

    def set_clock(self, set_ns: int) -> None:
        """The calendar was set by so much."""
        self._raised_ns = deque((at_ns + set_ns for at_ns in self._raised_ns), self._raised_ns.maxlen)

    def replace(self, section: FloodSection) -> None:
        """Follow other limits from now on."""
        self.section = section
        self._raised_ns = deque(self._raised_ns, COUNTED + max(section.more_than, section.ends_below))

    def _forget(self, now_ns: int) -> None:
        oldest_ns = now_ns - round(self.section.within_min * 60e9)
        while self._raised_ns and self._raised_ns[0] <= oldest_ns:
            self._raised_ns.popleft()

    def _event(self, state: FloodState, waiting: set[str]) -> Flood:
        standing = tuple(name for name in self._names if name in waiting)
        return Flood(
            state=state,
            raised=len(self._raised_ns),
            within_s=self.section.within_min * 60,
            withheld=self._withheld,
            standing=standing,
        )
