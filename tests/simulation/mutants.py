"""Faults planted in the inspector, each a line of it changed: what shows that the simulation would find them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import numpy as np

from inspector import wire
from inspector.alarms.alarm import ConfiguredAlarm
from inspector.alarms.alarms import Alarms
from inspector.alarms.standing import StandingReports
from inspector.analysis import analyse
from inspector.analysis.own import Own
from inspector.camera.kept import KeptFrames
from inspector.events import journal, retention, segments
from inspector.intake.accept import Accept
from inspector.intake.batching import BatchTiming
from inspector.intake.counts import Claims
from inspector.intake.deadline import Deadline
from inspector.intake.grants import Grants
from inspector.intake.overload import Policy
from inspector.intake.receipts import Known, Receipts
from inspector.records.stages import Batch, Findings
from inspector.service.backlog import Backlog
from inspector.service.recorder import RecordedFindings, Recorder
from inspector.strip.defects import Assembly
from inspector.strip.geometry import CameraTravel, Place
from inspector.strip.ledger import CoilLane, CoilSums
from inspector.strip.repeats import Repeats
from inspector.strip.strip import Strip
from inspector.strip.tracks import Tracks
from inspector.triggers.triggers import Triggers
from tests.simulation.run import TIERS, Failure, Tally, attempt, worlds

MOST_S = 60.0
"""Within this a fault must be found."""
STALLED = {"greet": 16, "full": 4}
DISK_FULL = {"full": 24, "kill": 12}
"""How often steps come for a fault that it takes these to find."""


class Mutant(NamedTuple):
    """A fault: what of the inspector is replaced, by what."""

    owner: Any
    name: str
    make: Callable[[Any], Any]
    """Makes the replacement of what is there."""
    kinds: Mapping[str, int] = {}
    """Kinds of steps that come more often, where it takes a rare one."""
    tier: str = "s"
    """Which schedules find it."""


def _off_by_one(settle: Any) -> Any:
    return lambda self, first, believed: max(0, settle(self, first, believed) - 1)


def _forgotten_reason(lose: Any) -> Any:
    def one(self: CoilLane, reason: Any, count: int, now_ns: int) -> None:
        if not self.reasons:
            lose(self, reason, count, now_ns)
        self.accounted_mm += 1.0 if len(self.reasons) > 1 or self.reasons.get(reason, 0) > count else 0.0

    return one


def _uncounted(miss: Any) -> Any:
    def one(self: CoilSums, *facts: Any, **others: Any) -> Any:
        before_mm = self.missed_mm
        event = miss(self, *facts, **others)
        self.missed_mm = before_mm
        return event

    return one


def _stale(go_on: Any) -> Any:
    def one(self: CameraTravel, header: Any, place: Place, length_mm: float) -> None:
        before_mm = self.placed_mm
        go_on(self, header, place, length_mm)
        self.placed_mm = before_mm or self.placed_mm

    return one


def _dropped_transition(go: Any) -> Any:
    return lambda self, cause, *facts: go(self, cause, *facts)[: cause != "gone"]


def _numbers_again(numbers: Any) -> Any:
    def one(segment: Any, start: int) -> Any:
        epoch, last, counts = numbers(segment, start)
        return epoch, last, {root: count - (root == "missed.") for root, count in counts.items()}

    return one


def _without_last(leave: Any) -> Any:
    def one(self: Accept, now_ns: int) -> Batch:
        batch = leave(self, now_ns)
        is_full = len(batch.pixels) == self._filling.most > 1
        return msgspec.structs.replace(batch, arrivals=batch.arrivals[:-1]) if is_full else batch

    return one


def _eager(is_past: Any) -> Any:
    return lambda self, header, received_ns, now_ns, unix_ns: is_past(
        msgspec.structs.replace(self, max_age_ns=self.max_age_ns * 9 // 10), header, received_ns, now_ns, unix_ns
    )


def _early(record: Any) -> Any:
    def one(self: Recorder, group: Any, reports: Any = ()) -> RecordedFindings:
        waiting = self.__dict__.setdefault("late", [])
        recorded = record(self, waiting, reports)
        self.__dict__["late"] = [*group]
        return recorded._replace(group=group)

    return one


def _newest(gone: Any) -> Any:
    return lambda sizes, ended_s, **facts: [max(sizes)] if gone(sizes, ended_s, **facts) else []


def _synchronous(mode: str) -> Callable[[Any], Any]:
    def make(make_durable: Any) -> Any:
        def one(segment: Any) -> None:
            make_durable(segment)
            segment.execute(f"PRAGMA synchronous = {mode}")

        return one

    return make


def _after_its_end(_: Any) -> Any:
    return lambda self, camera: self._grants[camera].under_way < 2 * self._frames


def _stateless(begin: Any) -> Any:
    return lambda self, start, epoch, counts, states: begin(self, start, epoch, counts, {})


def _any_boot(forget: Any) -> Any:
    def one(self: KeptFrames, boot: str, first: int, last: int, now_ns: int) -> Any:
        gone = forget(self, boot, first, last, now_ns)
        return gone + forget(self, boot, last + 1, last + 1, now_ns)

    return one


def _unmoved(call: Any) -> Any:
    def one(self: Deadline, batch: Batch) -> Batch:
        pixels = batch.pixels.copy()
        shed = call(self, batch)
        return shed if shed is batch else msgspec.structs.replace(shed, pixels=pixels[: len(shed.pixels)])

    return one


def _shifted(own: Any) -> Any:
    def one(*facts: Any) -> Own:
        mine: Own = own(*facts)
        return msgspec.structs.replace(mine, first_px=mine.first_px + 4)

    return one


def _blank(_: Any) -> Any:
    return lambda labels, *facts, **named: np.zeros_like(labels)


def _without_first(leave: Any) -> Any:
    return lambda self, camera, joins: leave(self, camera, joins)[1:]


def _without_first_event(events: Any) -> Any:
    return lambda self: events(self)[1:]


def _never_new(event: Any) -> Any:
    return lambda self, found, state: event(self, found, "update" if state == "new" else state)


def _without_tracks(resume: Any) -> Any:
    return lambda self, kept: resume(self, msgspec.structs.replace(kept, tracks=[]))


def _unannounced(restore: Any) -> Any:
    def one(self: Repeats, state: bytes, now_ns: int) -> None:
        restore(self, msgspec.json.encode({**msgspec.json.decode(state), "announced": {}}), now_ns)

    return one


def _without_respite(end: Any) -> Any:
    return lambda self, line_mm, of_side=None, but=(): end(self, line_mm, of_side)


def _alone(follow: Any) -> Any:
    def one(self: StandingReports, event: Any) -> None:
        self.faults = [fault for fault in self.faults if event.state == "raised"]
        follow(self, event)

    return one


def _nothing(_: Any) -> Any:
    return lambda *facts: None


def _same(call: Any) -> Any:
    def one(self: Receipts, findings: Findings) -> Findings:
        return findings

    return one


MUTANTS: Mapping[str, Mutant] = {
    "one frame fewer is missing": Mutant(Claims, "settle", _off_by_one),
    "the ledger forgets to merge losses": Mutant(CoilLane, "lose", _forgotten_reason),
    "missed strip is not counted": Mutant(CoilSums, "miss", _uncounted),
    "a duplicate is not recognised after a restart": Mutant(Known, "load", _nothing),
    "the strip's state is not restored": Mutant(Strip, "restore", _nothing),
    "alarms are not restored": Mutant(Alarms, "restore", _nothing),
    "a stale position is kept": Mutant(CameraTravel, "go_on", _stale),
    "an alarm's return is not reported": Mutant(ConfiguredAlarm, "go", _dropped_transition),
    "a topic's number is used again": Mutant(segments, "numbers", _numbers_again, tier="d"),
    "a full batch leaves its last arrival out": Mutant(Accept, "leave", _without_last),
    "the deadline is a tenth too eager": Mutant(Policy, "is_past", _eager),
    "pixels of frames that stay do not move up": Mutant(Deadline, "__call__", _unmoved),
    "a batch waits for ever": Mutant(
        BatchTiming, "left_ns", lambda _: lambda self, now_ns, wanted=True: int(self.frames < self.max_frames)
    ),
    "frames are acknowledged before the commit": Mutant(Recorder, "record", _early),
    "receipts are not kept": Mutant(Receipts, "__call__", _same),
    "a session that is over takes frames": Mutant(Grants, "has_room", _after_its_end, STALLED, "d"),
    "a header that cannot be read is not answered": Mutant(wire, "read_identity", _nothing),
    "the camera forgets one frame too many": Mutant(KeptFrames, "_forget", _any_boot),
    "the analysis leaves the first columns out": Mutant(analyse, "own", _shifted),
    "nothing is seen in planes that frames share": Mutant(analyse, "without_specks", _blank),
    "a coil ends without its last defect": Mutant(Assembly, "leave", _without_first),
    "what waits for a full disk loses its first event": Mutant(Backlog, "events", _without_first_event),
    "triggers are not restored": Mutant(Triggers, "restore", _nothing, tier="r"),
    "a trigger's last word is forgotten": Mutant(Triggers, "_finish", _nothing),
    "what stood before a start stands for ever": Mutant(Alarms, "settle", lambda _: lambda *facts: [], DISK_FULL, "d"),
    "the end of a fault is that of all": Mutant(StandingReports, "_follow_fault", _alone, DISK_FULL, "d"),
    "repeats are not restored": Mutant(Repeats, "restore", _nothing, tier="r"),
    "a repeat under way is forgotten at a restart": Mutant(Tracks, "resume", _without_tracks, tier="r"),
    "what was reported of repeats is forgotten at a restart": Mutant(Repeats, "restore", _unannounced, tier="r"),
    "a repeat begins as if it had been reported": Mutant(Repeats, "_event", _never_new, tier="r"),
    "a repeat ends with the batch that finds it": Mutant(
        Tracks, "end", _without_respite, {"shoot": 90, "outage": 4}, "r"
    ),
    "retention takes the newest file": Mutant(retention, "gone", _newest, {"say": 60}, "d"),
    "the next file begins without states": Mutant(segments.JournalFolder, "begin", _stateless, {"say": 20}, "d"),
    "synchronous is NORMAL": Mutant(segments, "make_durable", _synchronous("NORMAL"), tier="p"),
    "synchronous is OFF": Mutant(segments, "make_durable", _synchronous("OFF"), tier="p"),
}
"""By what is wrong."""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The fault is there meanwhile, under every name that the modules have for it."""
    before = getattr(mutant.owner, mutant.name)
    replaced = mutant.make(before)
    owners = [mutant.owner]
    if mutant.owner in (segments, retention):
        from inspector.events import resume

        owners += [module for module in (journal, resume) if getattr(module, mutant.name, None) is before]
    for owner in owners:
        setattr(owner, mutant.name, replaced)
    try:
        yield
    finally:
        for owner in owners:
            setattr(owner, mutant.name, before)


class Caught(NamedTuple):
    """How a fault was found."""

    failure: Failure | None
    schedules: int
    cpu_s: float
    wall_s: float


def hunt(mutant: Mutant, first_seed: int, most_s: float = MOST_S) -> Caught:
    """Run schedules until one fails."""
    tally, began_s, cpu_s = Tally(), time.monotonic(), time.process_time()
    failure: Failure | None = None
    tier = TIERS[mutant.tier]
    with worlds(tier.on_disk) as make, planted(mutant):
        seed = first_seed
        while failure is None and time.monotonic() - began_s < most_s:
            failure = attempt(make, tier.draw(seed, mutant.kinds), tally)
            seed += 1
    return Caught(failure, tally.schedules, time.process_time() - cpu_s, time.monotonic() - began_s)
