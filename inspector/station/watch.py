"""One line as it is shown: what its follower brings, passed on to its browsers ten times a second.

Knows: the messages that browsers receive besides events. Must not know: HTTP. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from inspector.config.geometry import SIDES, Span
from inspector.errors import InspectorError
from inspector.records.envelope import Event
from inspector.records.events import CoilRecord, Health
from inspector.station import lines
from inspector.station.backdrop import Backdrop
from inspector.station.follow import Follower
from inspector.station.kept import PublishedEvent
from inspector.station.lines import Line
from inspector.station.own_faults import OwnFaults
from inspector.station.sides import NamedSides
from inspector.station.stream import LineStream, json, message
from inspector.station.turns import Turns

if TYPE_CHECKING:
    from inspector.station.coils import Coils

TICK_S = 0.1
TICKS_NOW = 10
"""Gauges, and the sign that the station lives, come once in this number of ticks."""
SILENT_S = 2.5
"""The line gives a heartbeat each second: after so long without one it does not answer."""
LARGE = 5000
"""Defects of a coil that takes time to read."""
IN_FORCE = ("started", "reloaded")
"""The line has read its file: most of it only a start puts into force."""


class Watch:
    """A line that is watched, from `start` to `close`."""

    def __init__(self, line: Line, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.own_faults = OwnFaults()
        self.follower = Follower(line, self.own_faults, clock_s)
        self.stream = LineStream(self._stands, self.follower.counted)
        self.backdrop = Backdrop()
        self.turns = Turns()
        self._warming: asyncio.Task[None] | None = None
        self._line = line
        self._sides = NamedSides()
        self._task: asyncio.Task[None] | None = None
        self._was_answering = False
        self._unshown = 0
        """Events that could not be passed on."""
        self._owes_all = False
        """What stands may have been lost with them: browsers are to be sent it once more."""

    @property
    def line(self) -> Line:
        """The line, by its file as it was read last."""
        return self._line

    @cached_property
    def coils(self) -> Coils:
        """Its coils as pages show them; what reads them is loaded when they are first asked for."""
        from inspector.station.coils import Coils

        return Coils()

    def start(self) -> None:
        """Begin to follow and to pass on."""
        self.follower.start()
        self._task = asyncio.create_task(self._pump())

    async def close(self) -> None:
        """End all of it."""
        if self._task:
            self._task.cancel()
        self.stream.close()
        await asyncio.to_thread(self.follower.close)

    def is_answering(self) -> bool:
        """Whether the line has given a sign of life lately."""
        return self.follower.silent_s() < SILENT_S

    async def _pump(self) -> None:
        for tick in itertools.count():
            await self.step(tick)
            await asyncio.sleep(TICK_S)

    async def step(self, tick: int) -> None:
        """Pass on what has come since the last tick; what cannot be is logged, and counts as lost."""
        taken = self.follower.take()
        try:
            await self._pass_on(taken, tick)
            taken = []
            if self._owes_all:
                self.stream.take((), self._stands())
                self._owes_all = False
        except Exception as error:  # one event, or one fault here, must not end the line's pages
            self._unshown += len(taken)
            self._owes_all = True
            self.own_faults.note(self._line.name, error)

    async def _pass_on(self, taken: list[tuple[Event, PublishedEvent]], tick: int) -> None:
        also = b""
        if any(isinstance(event.data, Health) and event.data.state in IN_FORCE for event, _ in taken):
            also += await self._reread()
        before = self._spans()
        self._sides.take(event for event, _ in taken)
        if self._spans() != before:
            also += self._facts()
        self._warm([event.data for event, _ in taken if isinstance(event.data, CoilRecord)])
        if self.follower.is_changed.is_set():
            self.follower.is_changed.clear()
            also += self._standing()
        if tick % TICKS_NOW == 0 or self._was_answering != self.is_answering():  # a loss is reported at once
            self._was_answering = self.is_answering()
            also += self._now()
        self.stream.take(taken, also)

    def _warm(self, records: list[CoilRecord]) -> None:
        """Read the newest large coil before it is asked for."""
        if records and records[-1].defects >= LARGE and (self._warming is None or self._warming.done()):
            self._warming = asyncio.create_task(self._read(records[-1]))

    async def _read(self, record: CoilRecord) -> None:
        with contextlib.suppress(InspectorError):  # who asks for it gets the reason
            await asyncio.to_thread(self.coils.shown, self._line, record.coil, record.first_seq)

    async def _reread(self) -> bytes:
        """Read the line's file again: cameras, classes, rules, archive and where to ask may be others now."""
        try:
            made = await asyncio.to_thread(lines.read, self._line.config, self._line.key)
        except InspectorError:  # it was changed again; the daemon reports that
            return b""
        if made.spans != self._line.spans:
            self._sides = NamedSides()
        self._line = self.follower.line = msgspec.structs.replace(made, name=self._line.name)  # pages know it by that
        return self._facts()

    # --- messages -------------------------------------------------------------------------------------------

    def _stands(self) -> bytes:
        return self._facts() + self._standing() + self._now()

    def _spans(self) -> tuple[Span, ...]:
        return self._sides.of(self._line.spans)

    def _facts(self) -> bytes:
        spans = self._spans()
        sides = [
            {
                "name": side,
                "left": min(span.left_mm for span in spans if span.side == side),
                "right": max(span.right_mm for span in spans if span.side == side),
            }
            for side in SIDES
            if any(span.side == side for span in spans)
        ]
        facts = {"line": self._line.name, "classes": self._line.classes, "sides": sides, "cameras": spans}
        return message("line", json(facts))

    def _standing(self) -> bytes:
        return message("alarms", json(self.follower.standing))

    def _now(self) -> bytes:
        facts = {
            "utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "is_answering": self.is_answering(),
            "is_measured": self.follower.is_measured(),
            "fault": self.follower.fault or self.own_faults.last,
            "lost": self.follower.lost + self._unshown,
            "journal_fault": self.follower.journal_fault,
            "browsers": len(self.stream),
            "gauges": self.follower.gauges,
        }
        return message("now", json(facts))
